import { setTimeout as wait } from 'node:timers/promises';
import type { Clients } from '../aws/clients.ts';
import { readStack } from '../resolve/deployed.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { elapsed } from './progress.ts';

/** The time between two reads of a busy stack, in milliseconds. */
const interval = 5000;

/** Whether CloudFormation is changing the stack. A stack in review only waits for its change set to be run. */
export function isBusy(stack: DeployedStack | undefined): stack is DeployedStack {
  return stack?.status.endsWith('_IN_PROGRESS') === true && stack.status !== 'REVIEW_IN_PROGRESS';
}

/**
 * Waits until a running deployment has ended: an interrupted apply continues in CloudFormation, and the next apply
 * waits for it.
 */
export async function settle(
  clients: Clients,
  stack: string,
  write: (line: string) => void,
  pause: number = interval,
): Promise<void> {
  const started = Date.now();
  let last = '';
  for (;;) {
    const deployed = await readStack(clients, stack);
    if (!isBusy(deployed)) {
      return;
    }
    const { status } = deployed;
    if (status !== last) {
      write(`${elapsed(Date.now() - started).padStart(7)}  ${stack} is ${status}; waiting for it`);
      last = status;
    }
    await wait(pause);
  }
}
