import { withDeployed } from '../actions/deployed.ts';
import { plannedDrift } from '../plan/plan.ts';
import { driftLines } from '../text/plan-text.ts';
import { styler } from '../text/style.ts';
import { eachProxy } from './each-proxy.ts';
import { flag, guarded, requestOf, writeJson, type CommandLine } from './command-line.ts';

/**
 * `sluice aws drift`: what has been changed outside this tool since the last apply.
 * @returns 0; with --detailed-exitcode 2 if there is drift
 */
export async function runDrift(line: CommandLine): Promise<number> {
  return eachProxy(one)(line);
}

async function one(line: CommandLine): Promise<number> {
  return guarded(line, async () => {
    const { drift, unread, name } = await withDeployed(
      requestOf(line),
      async ({ clients, stack }) => ({
        ...(await plannedDrift(clients, stack)),
        name: stack.name,
      }),
    );
    if (flag(line, 'json')) {
      writeJson(line, { version: 1, stack: name, drift, unread });
    } else {
      const lines =
        drift.length === 0
          ? [
              `${name}: no drift, ${unread.length === 0 ? 'everything is' : 'what could be read is'} as it was applied`,
            ]
          : [
              ...driftLines(drift, styler(line.stdout)),
              'sluice aws apply restores what can be restored; CloudFormation itself does not detect drift of a proxy.',
            ];
      line.stdout.write(`${[...lines, ...unread].join('\n')}\n`);
    }
    return drift.length > 0 && flag(line, 'detailedExitcode') ? 2 : 0;
  });
}
