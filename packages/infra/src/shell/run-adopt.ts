import { prepare } from '../actions/prepare.ts';
import { adopt } from '../apply/adopt.ts';
import { destroyClients } from '../aws/clients.ts';
import { InfraError } from '../errors.ts';
import { outputsText } from '../text/outputs-text.ts';
import { ask } from './questions.ts';
import { eachProxy } from './each-proxy.ts';
import { flag, requestOf, writeJson, type CommandLine } from './command-line.ts';
import { interruptible } from './interruptible.ts';

/**
 * `sluice aws adopt`: adopts a proxy that another tool created, in place; its endpoint does not change.
 * @returns 0; 1 if it was not approved, or could not be adopted
 */
export async function runAdopt(line: CommandLine): Promise<number> {
  return eachProxy(one)(line);
}

async function one(line: CommandLine): Promise<number> {
  return interruptible(line, async () => {
    const prepared = await prepare(requestOf(line), { deep: false, replace: false, adopt: true });
    try {
      const adopted = await adopt(prepared, {
        write: (text) => {
          line.stderr.write(`${text}\n`);
        },
        approve: async () => {
          if (flag(line, 'autoApprove')) {
            return;
          }
          if ((await ask(line, 'adopt it? Only yes is accepted: ')) !== 'yes') {
            throw new InfraError(
              'APPLY_REFUSED',
              'not approved: nothing was changed; use --auto-approve where there is no terminal',
            );
          }
        },
      });
      if (flag(line, 'json')) {
        writeJson(line, { version: 1, ...adopted });
      } else {
        line.stdout.write(outputsText(adopted.outputs));
      }
      return 0;
    } finally {
      destroyClients(prepared.clients);
    }
  });
}
