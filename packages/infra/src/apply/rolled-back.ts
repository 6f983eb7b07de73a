import { explainFailure, isAwsFailure } from '../aws/failure.ts';
import { InfraError, messageOf, type InfraErrorCode } from '../errors.ts';
import { isBuilt, readStack } from '../resolve/deployed.ts';
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
  /** CloudFormation had begun to change something. */
  readonly began: boolean;
  readonly failures: readonly StackEvent[];
  readonly unhealthy: readonly TargetHealth[];
}

/** Clears away what a failed creation leaves, and says in plain words what happened and how things stand now. */
export async function rolledBack(deployment: Deployment, failure: Failure): Promise<InfraError> {
  const { cause, failures, unhealthy } = failure;
  if (cause instanceof InfraError) {
    return cause;
  }
  const { code, told } = reason(deployment, cause, failures[0]);
  const problems = [
    told,
    ...unhealthy.map(healthText),
    await outcome(deployment, failure).catch(
      (error: unknown) =>
        `how ${deployment.stack} stands could not be read (${messageOf(error)}); what CloudFormation has begun goes on: run sluice apply again, which takes it up where it is`,
    ),
  ];
  return new InfraError(code, problems, { cause });
}

/** A resource that could not be made is the reason; without one it is whatever stopped the deployment itself. */
function reason(
  { stack, region }: Deployment,
  cause: unknown,
  first: StackEvent | undefined,
): { readonly code: InfraErrorCode; readonly told: string } {
  if (first !== undefined) {
    const told = `the deployment of ${stack} failed at ${first.type} ${first.id}: ${first.reason}`;
    return { code: 'APPLY_FAILED', told };
  }
  if (!isAwsFailure(cause)) {
    return { code: 'APPLY_FAILED', told: `the deployment of ${stack} failed: ${messageOf(cause)}` };
  }
  const { code, message } = explainFailure(cause, `the deployment of ${stack}`, region);
  return { code: code === 'AWS_FAILED' ? 'APPLY_FAILED' : code, told: message };
}

async function outcome(deployment: Deployment, { created, began }: Failure): Promise<string> {
  const { clients, stack, account, region } = deployment;
  const left = await readStack(clients, stack);
  if (left === undefined) {
    return 'nothing was left behind';
  }
  if (left.status.endsWith('_IN_PROGRESS') && left.status !== 'REVIEW_IN_PROGRESS') {
    return `CloudFormation goes on by itself (${stack} is ${left.status}): run sluice apply again, which takes it up where it is`;
  }
  if (!created) {
    const engine = new Template(left.template).engine() ?? 'nothing';
    return `${began ? 'it was rolled back' : 'nothing was begun'}: what was deployed before (${engine}) stands as it was; the stack is ${left.status}`;
  }
  if (isBuilt(left.status)) {
    return `${stack} is ${left.status}: run sluice apply again`;
  }
  try {
    await remove({ stack, account, region, onEvent: () => undefined });
    return `${began ? 'it was rolled back' : 'nothing was begun'}, and the empty stack was removed: nothing was left behind`;
  } catch (error) {
    return `the stack ${stack} could not be removed (${messageOf(error)}); run sluice destroy`;
  }
}
