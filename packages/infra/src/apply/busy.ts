import { InfraError, messageOf } from '../errors.ts';
import { record } from '../values.ts';

/** What CloudFormation answers to the second of two deployments of one stack. */
const busyMessages = [
  /_IN_PROGRESS state and can ?not be updated/i,
  /already exists and cannot be created again/i,
  /cannot be executed in its current (?:execution )?status/i,
  /ChangeSet \[.*\] does not exist/i,
];

const names = new Set([
  'ChangeSetNotFound',
  'ChangeSetNotFoundException',
  'InvalidChangeSetStatus',
]);

/** Whether a deployment failed because another one of the same stack started first. */
export function lostRace(error: unknown): boolean {
  const { name, code } = record(error);
  return (
    names.has(String(name)) ||
    names.has(String(code)) ||
    busyMessages.some((expression) => expression.test(messageOf(error)))
  );
}

/** The error of the second of two deployments. */
export function busyError(stack: string, detail: string, cause?: unknown): InfraError {
  return new InfraError(
    'STACK_BUSY',
    `${stack}: ${detail}; nothing was changed. Wait for the other deployment, plan again, and apply`,
    cause === undefined ? undefined : { cause },
  );
}
