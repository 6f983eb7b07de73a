import { createInterface } from 'node:readline/promises';
import { withDeployed, type DeployedWork } from '../actions/deployed.ts';
import { connectedClients } from '../apply/connected-clients.ts';
import { remove } from '../apply/deploy.ts';
import { Progress } from '../apply/progress.ts';
import { settle } from '../apply/settle.ts';
import { InfraError, messageOf } from '../errors.ts';
import { changesBetween } from '../plan/changes.ts';
import { readStack } from '../resolve/deployed.ts';
import { baseName } from '../resolve/names.ts';
import { Template } from '../resolve/template.ts';
import { counted } from '../text/counted.ts';
import { flag, requestOf, writeJson, type CommandLine } from './command-line.ts';
import { interruptible } from './interruptible.ts';

/**
 * `sluice destroy`: removes what apply has made, and nothing that was there before.
 * @returns 0; 1 when it was refused or failed half-way
 */
export async function runDestroy(line: CommandLine): Promise<number> {
  return interruptible(line, async () => {
    const removed = await withDeployed(
      requestOf(line),
      (deployed) => destroy(line, deployed),
      true,
    );
    if (flag(line, 'json')) {
      writeJson(line, { removed });
    } else {
      line.stdout.write(
        removed.length === 0
          ? 'removed the empty stack; nothing else was touched\n'
          : `removed ${counted(removed.length, 'resource')}; nothing else was touched\n`,
      );
    }
    return 0;
  });
}

async function destroy(line: CommandLine, deployed: DeployedWork): Promise<string[]> {
  const { inputs, clients, stack } = deployed;
  const write = (text: string): void => {
    line.stderr.write(`${text}\n`);
  };
  const name = new Template(stack.template).proxyName() ?? baseName(inputs);
  const changes = await changesBetween(stack.template, {});
  const removed = changes.map((change) => `${change.type} ${change.id}`);
  write(`destroy removes ${name} and what belongs to it:`);
  const progress = new Progress(write);
  progress.begin(changes);
  write(
    `  keeps   the database ${inputs.rds_instance_id}, and every role, secret, group and subnet that was given`,
  );
  try {
    await refuseWhileConnected(line, deployed, write);
    await confirm(line, name);
    await settle(clients, stack.name, write);
    await remove({
      stack: stack.name,
      account: inputs.aws_account_id,
      region: inputs.aws_region,
      onEvent: progress.event.bind(progress),
    });
  } catch (error) {
    if (error instanceof InfraError) {
      throw error;
    }
    if ((await readStack(clients, stack.name).catch(() => stack)) === undefined) {
      // It went away between two looks of the toolkit.
      return removed;
    }
    const [first] = progress.failures;
    throw new InfraError(
      'DESTROY_FAILED',
      `the removal of ${stack.name} failed${first === undefined ? `: ${messageOf(error)}` : ` at ${first.type} ${first.id}: ${first.reason}`}; mend that and run sluice destroy again`,
      { cause: error },
    );
  } finally {
    progress.end();
  }
  const left = await readStack(clients, stack.name).catch(() => undefined);
  if (left !== undefined) {
    throw new InfraError(
      'DESTROY_FAILED',
      `${stack.name} is still there (${left.status}: ${left.reason ?? 'no reason given'}); run sluice destroy again`,
    );
  }
  return removed;
}

async function refuseWhileConnected(
  line: CommandLine,
  { clients, stack }: DeployedWork,
  write: (text: string) => void,
): Promise<void> {
  const connected = await connectedClients(clients, stack).catch((error: unknown) => {
    write(`  the number of connected clients could not be read: ${messageOf(error)}`);
    return undefined;
  });
  if (connected === undefined || connected === 0) {
    return;
  }
  if (!flag(line, 'force')) {
    throw new InfraError(
      'DESTROY_REFUSED',
      `${connected} clients were connected in the last five minutes; move them away first, or say --force to cut them off`,
    );
  }
  write(`  ${connected} clients are connected and will be cut off`);
}

/** The name must be given: by --confirm, or typed at the terminal. */
async function confirm(line: CommandLine, name: string): Promise<void> {
  const given = line.options['confirm'];
  const typed = typeof given === 'string' ? given : await ask(line, name);
  if (typed !== name) {
    throw new InfraError(
      'DESTROY_REFUSED',
      typed === undefined
        ? `destroy needs the name of the proxy: say --confirm ${name}`
        : `"${typed}" is not the name of the proxy, ${name}; nothing was removed`,
    );
  }
}

async function ask(line: CommandLine, name: string): Promise<string | undefined> {
  if (!process.stdin.isTTY) {
    return undefined;
  }
  const questions = createInterface({ input: process.stdin, output: line.stderr });
  try {
    return await questions.question(`type ${name} to remove it: `);
  } finally {
    questions.close();
  }
}
