export { messageOf } from '@sluice/proxy/error-message';

/**
 * A problem that the user has to fix: bad inputs, missing permissions, a failed check. Shown without a stack trace;
 * exit code 1.
 */
export class InfraError extends Error {
  override readonly name = 'InfraError';
  /** Stable name of the kind of problem, for scripts: `INPUTS_INVALID`, `AWS_DENIED`, … */
  readonly code: InfraErrorCode;
  /** Every problem found, in one or two sentences each: what, with which value, what to do. */
  readonly problems: readonly string[];

  constructor(
    code: InfraErrorCode,
    problems: string | readonly string[],
    options?: { readonly cause?: unknown },
  ) {
    const list = typeof problems === 'string' ? [problems] : problems;
    super(list.join('\n'), options);
    this.code = code;
    this.problems = list;
  }
}

/** Every kind of problem that the infrastructure commands report, and when it occurs. */
export const infraErrorCodes = {
  USAGE: 'the command line cannot be understood',
  INPUTS_INVALID: 'an input is unknown, missing, of the wrong type or out of range',
  INPUTS_UNREADABLE: 'an inputs file is missing or cannot be parsed',
  AWS_CREDENTIALS: 'AWS credentials are missing, wrong or expired',
  AWS_DENIED: 'the caller lacks a permission that is needed',
  AWS_UNREACHABLE: 'an AWS endpoint does not answer',
  AWS_FAILED: 'an AWS call failed for another reason',
  PREFLIGHT_FAILED: 'a preflight check found a problem that would make the apply fail',
  SECURITY_VIOLATION: 'a security rule is violated and not acknowledged',
  PLAN_STALE: 'a saved plan no longer matches what is deployed',
  STACK_BUSY: 'another deployment of the same stack is in progress, or happened since the plan',
  APPLY_REFUSED:
    'an apply was not approved, or would remove an endpoint without --replace or while clients may be connected',
  APPLY_FAILED: 'the deployment failed and was rolled back',
  TIMED_OUT: 'CloudFormation is not finished after DeploymentTimeout; it continues on its own',
  DESTROY_REFUSED: 'destroy was not confirmed, or clients are connected',
  DESTROY_FAILED: 'the removal failed halfway',
  NOT_DEPLOYED: 'nothing is deployed for these inputs',
  VERIFY_FAILED: 'the endpoint could not be used after the deployment',
} as const;

export type InfraErrorCode = keyof typeof infraErrorCodes;
