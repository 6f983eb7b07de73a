import { InfraError, messageOf } from '../errors.ts';
import { readStack } from '../resolve/deployed.ts';
import { Template } from '../resolve/template.ts';
import type { Deployment } from './apply.ts';
import { remove } from './deploy.ts';
import { healthText, type TargetHealth } from './target-health.ts';
import type { StackEvent } from './toolkit-host.ts';

/** What is known of a deployment that failed. */
export interface Failure {
  readonly cause: unknown;
  /** It was the creation of the stack, so that nothing may be left behind. */
  readonly created: boolean;
  readonly failures: readonly StackEvent[];
  readonly unhealthy: readonly TargetHealth[];
}

/** Clears away what a failed creation leaves, and says in plain words what happened and how things stand now. */
export async function rolledBack(deployment: Deployment, failure: Failure): Promise<InfraError> {
  const { cause, failures, unhealthy, created } = failure;
  if (cause instanceof InfraError) {
    return cause;
  }
  const [first] = failures;
  const problems = [
    first === undefined
      ? `the deployment of ${deployment.stack} failed: ${messageOf(cause)}`
      : `the deployment of ${deployment.stack} failed at ${first.type} ${first.id}: ${first.reason}`,
    ...unhealthy.map(healthText),
    await outcome(deployment, created),
  ];
  return new InfraError('APPLY_FAILED', problems, { cause });
}

async function outcome(deployment: Deployment, created: boolean): Promise<string> {
  const { clients, stack, account, region } = deployment;
  const left = await readStack(clients, stack);
  if (left === undefined) {
    return 'nothing was left behind';
  }
  if (!created) {
    const engine = new Template(left.template).engine();
    return `it was rolled back: what was deployed before (${engine ?? 'nothing'}) stands as it was; the stack is ${left.status}`;
  }
  try {
    await remove({ stack, account, region, onEvent: () => undefined });
    return 'it was rolled back, and the empty stack was removed: nothing was left behind';
  } catch (error) {
    return `the stack ${stack} could not be removed (${messageOf(error)}); run sluice destroy`;
  }
}
