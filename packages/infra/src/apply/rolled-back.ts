import { ListChangeSetsCommand } from '@aws-sdk/client-cloudformation';
import { explainFailure, isAwsFailure } from '../aws/failure.ts';
import { InfraError, messageOf, type InfraErrorCode } from '../errors.ts';
import { isBuilt, readStack } from '../resolve/deployed.ts';
import { Template } from '../resolve/template.ts';
import type { Deployment } from './deployment.ts';
import { remove } from './deploy.ts';
import { healthText, type TargetHealth } from './target-health.ts';
import type { StackEvent } from './toolkit-host.ts';

/** What is known about a failed deployment. */
export interface Failure {
  readonly cause: unknown;
  /** The name of the change set that was to be run. */
  readonly changeSet: string;
  /** Whether it created the stack, so that nothing may remain. */
  readonly created: boolean;
  /** Whether CloudFormation had started to change something. */
  readonly began: boolean;
  readonly failures: readonly StackEvent[];
  readonly unhealthy: readonly TargetHealth[];
}

/** Removes the remains of a failed creation, and says in plain words what happened and what the state is now. */
export async function rolledBack(deployment: Deployment, failure: Failure): Promise<InfraError> {
  const { cause, failures, unhealthy } = failure;
  if (cause instanceof InfraError) {
    return cause;
  }
  const { code, detail } = reason(deployment, cause, failures[0]);
  const problems = [
    detail,
    ...unhealthy.map(healthText),
    await outcome(deployment, failure).catch(
      (error: unknown) =>
        `the state of ${deployment.stack} could not be read (${messageOf(error)}); CloudFormation continues on its own: run sluice aws apply --wait to resume`,
    ),
  ];
  return new InfraError(code, problems, { cause });
}

/**
 * The reason is a resource that could not be created; without one it is the error that stopped the deployment itself.
 */
function reason(
  { stack, region }: Deployment,
  cause: unknown,
  first: StackEvent | undefined,
): { readonly code: InfraErrorCode; readonly detail: string } {
  if (first !== undefined) {
    const detail = `the deployment of ${stack} failed at ${first.type} ${first.id}: ${first.reason}`;
    return { code: 'APPLY_FAILED', detail };
  }
  if (!isAwsFailure(cause)) {
    return {
      code: 'APPLY_FAILED',
      detail: `the deployment of ${stack} failed: ${messageOf(cause)}`,
    };
  }
  const { code, message } = explainFailure(cause, `the deployment of ${stack}`, region);
  return { code: code === 'AWS_FAILED' ? 'APPLY_FAILED' : code, detail: message };
}

async function outcome(
  deployment: Deployment,
  { changeSet, created, began }: Failure,
): Promise<string> {
  const { clients, stack, account, region } = deployment;
  const left = await readStack(clients, stack);
  if (left === undefined) {
    return 'nothing was left behind';
  }
  if (left.status.endsWith('_IN_PROGRESS') && left.status !== 'REVIEW_IN_PROGRESS') {
    return `CloudFormation continues on its own (${stack} is ${left.status}): run sluice aws apply --wait to resume`;
  }
  if (!created) {
    const engine = new Template(left.template).engine() ?? 'nothing';
    return `${began ? 'it was rolled back' : 'nothing was started'}: what was deployed before (${engine}) is unchanged; the stack is ${left.status}`;
  }
  if (isBuilt(left.status)) {
    return `${stack} is ${left.status}: run sluice aws apply again`;
  }
  if (left.status === 'REVIEW_IN_PROGRESS' && (await othersWait(deployment, left.id, changeSet))) {
    return `${stack} waits for the review of another change set, and was left as it is`;
  }
  try {
    await remove({
      stack,
      account,
      region,
      roleArn: deployment.roleArn,
      credentials: clients.credentials,
      onEvent: () => undefined,
    });
    return `${began ? 'it was rolled back' : 'nothing was started'}, and the empty stack was removed: nothing was left behind`;
  } catch (error) {
    return `the stack ${stack} could not be removed (${messageOf(error)}); run sluice aws destroy`;
  }
}

/** A stack in review may hold another user's change set, which would be deleted with it. */
async function othersWait(
  { clients, stack }: Deployment,
  id: string,
  own: string,
): Promise<boolean> {
  const { Summaries = [] } = await clients.cloudFormation
    .send(new ListChangeSetsCommand({ StackName: stack }))
    .catch(() => ({ Summaries: [] }));
  return Summaries.some(
    (summary) =>
      summary.ExecutionStatus === 'AVAILABLE' &&
      summary.StackId === id &&
      summary.ChangeSetName !== own,
  );
}
