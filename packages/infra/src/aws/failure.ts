import { InfraError, messageOf, type InfraErrorCode } from '../errors.ts';
import { isRecord, record } from '../values.ts';

/** The kinds of failures of AWS calls. */
export type FailureKind =
  'missing' | 'denied' | 'credentials' | 'unreachable' | 'throttled' | 'other';

const names: readonly (readonly [FailureKind, RegExp])[] = [
  [
    'credentials',
    /^(?:CredentialsProviderError|ExpiredToken(?:Exception)?|RequestExpired|UnrecognizedClientException|InvalidClientTokenId|AuthFailure|SignatureDoesNotMatch|TokenProviderError|InvalidSignatureException|IncompleteSignature|TokenRefreshRequired)$/,
  ],
  ['denied', /^(?:AccessDenied(?:Exception)?|UnauthorizedOperation|NotAuthorized)$/],
  [
    'throttled',
    /^(?:Throttling(?:Exception)?|TooManyRequestsException|RequestLimitExceeded|ThrottledException)$/,
  ],
  ['missing', /(?:NotFound|NotFoundFault|NotFoundException|NoSuchEntity(?:Exception)?)$/],
  [
    'unreachable',
    /^(?:TimeoutError|NetworkingError|ENOTFOUND|ECONN\w*|EAI_\w*|EHOST\w*|ENET\w*|ETIMEDOUT)$/,
  ],
];

/** Classifies an error that an AWS call threw. */
export function failureKind(error: unknown): FailureKind {
  const { name, code } = record(error);
  const text = [name, code].filter((value) => typeof value === 'string');
  const sorted = names.find(([, expression]) => text.some((value) => expression.test(value)));
  if (sorted !== undefined) {
    return sorted[0];
  }
  // EC2 spells it InvalidVpcID.NotFound; CloudFormation says it only in the message.
  return /\.NotFound$|does not exist/.test(`${text.join(' ')} ${messageOf(error)}`)
    ? 'missing'
    : 'other';
}

const codes: Readonly<Record<FailureKind, InfraErrorCode>> = {
  credentials: 'AWS_CREDENTIALS',
  denied: 'AWS_DENIED',
  unreachable: 'AWS_UNREACHABLE',
  throttled: 'AWS_FAILED',
  missing: 'AWS_FAILED',
  other: 'AWS_FAILED',
};

/** Whether an error comes from AWS or the network, and not from a bug of ours. */
export function isAwsFailure(error: unknown): boolean {
  return isRecord(error) && ('$metadata' in error || failureKind(error) !== 'other');
}

/**
 * Explains an AWS failure in plain words.
 * @param action the call, as IAM writes it: `rds:DescribeDBProxies`
 */
export function explainFailure(error: unknown, action: string, region: string): InfraError {
  if (error instanceof InfraError) {
    return error;
  }
  const kind = failureKind(error);
  const detail = detailOf(error);
  const name = error instanceof Error ? error.name : 'Error';
  return new InfraError(codes[kind], sentence(kind, { action, region, detail, name }), {
    cause: error,
  });
}

/**
 * The message of AWS, or a note that the SDK cannot read the response (an error page of a gateway, an answer of an
 * emulator).
 */
function detailOf(error: unknown): string {
  const text = messageOf(error).replaceAll(/\s+/g, ' ').trim();
  if (!/Deserialization error/.test(text)) {
    return text;
  }
  const status = record(record(error)['$metadata'])['httpStatusCode'];
  const shown = typeof status === 'number' ? ` (HTTP status ${status})` : '';
  return `what answered is not AWS’s API${shown}`;
}

interface FailureContext {
  readonly action: string;
  readonly region: string;
  readonly detail: string;
  readonly name: string;
}

function sentence(kind: FailureKind, { action, region, detail, name }: FailureContext): string {
  switch (kind) {
    case 'credentials':
      return /expired/i.test(`${name} ${detail}`)
        ? `the AWS credentials have expired (${action} in ${region}: ${detail}); log in again, for example with aws sso login`
        : `AWS rejects the credentials, or there are none (${action} in ${region}: ${detail}); set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with aws sso login`;
    case 'denied':
      return `the caller is not allowed to call ${action} in ${region} (${detail}); let its policy allow the action`;
    case 'unreachable':
      return `AWS does not answer ${action} in ${region} (${detail}); check the network, and that the region ${region} is one that the account has enabled`;
    case 'throttled':
      return `AWS throttles ${action} in ${region} (${detail}), even after five attempts; wait a minute and run the command again`;
    default:
      return `${action} failed in ${region}: ${detail === '' ? name : detail}`;
  }
}
