import { setTimeout as wait } from 'node:timers/promises';
import type { Clients } from '../aws/clients.ts';
import { readStack } from '../resolve/deployed.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { elapsed } from './progress.ts';

/** Between two looks at a busy stack, in milliseconds. */
const interval = 5000;

/** Whether CloudFormation is at work on the stack; one in review only waits for somebody to say so. */
export function isBusy(stack: DeployedStack | undefined): stack is DeployedStack {
  return stack?.status.endsWith('_IN_PROGRESS') === true && stack.status !== 'REVIEW_IN_PROGRESS';
}

/**
 * Waits until a deployment that is under way has ended: an apply that was interrupted goes on in CloudFormation, and
 * the next one takes up where it is.
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
