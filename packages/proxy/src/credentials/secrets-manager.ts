import type {
  GetSecretValueCommand,
  ListSecretsCommand,
  SecretsManagerClient,
  SecretsManagerClientConfig,
} from '@aws-sdk/client-secrets-manager';
import { ProxyError } from '../errors.ts';
import { AwsClients } from './aws-clients.ts';
import { optionalPackage } from './optional-package.ts';
import { namedMessageOf } from '../error-message.ts';

/** The timeout of one call, in milliseconds; a start or a login waits for it. */
const timeout = 5000;

/**
 * The staging labels of Secrets Manager: during a rotation the next version is pending; afterwards the previous one
 * stays.
 */
export type Stage = 'AWSCURRENT' | 'AWSPENDING' | 'AWSPREVIOUS';

/** A version of a secret. */
export interface SecretVersion {
  readonly versionId: string;
  /** When it was created, in milliseconds since 1970. */
  readonly created: number;
  readonly text: string;
}

/** A filter for secrets: by name prefix, or by tag. */
export type SecretFilter =
  { readonly prefix: string } | { readonly tag: string; readonly value: string | undefined };

/** Reads AWS Secrets Manager. The AWS SDK is loaded for the first secret. */
export class SecretsManager {
  readonly #services = new AwsClients(open);

  /**
   * A version of a secret; null if no version has that label (one always has AWSCURRENT). Throws SECRET with the reason
   * if it cannot be read.
   * @param id name or complete ARN. An ARN contains the region; for a name, AWS_REGION or the profile determine it
   */
  async read(id: string, stage: Stage): Promise<SecretVersion | null> {
    try {
      const { client, Get } = await this.#services.for(id);
      const answer = await client.send(new Get({ SecretId: id, VersionStage: stage }), {
        abortSignal: AbortSignal.timeout(timeout),
      });
      return {
        versionId: answer.VersionId ?? '',
        created: answer.CreatedDate?.getTime() ?? 0,
        text: answer.SecretString ?? '',
      };
    } catch (error) {
      if (stage !== 'AWSCURRENT' && isAbsent(error)) return null;
      throw secretError(id, error);
    }
  }

  /** The ARNs of the secrets that match a filter. Throws SECRET. */
  async list(filter: SecretFilter): Promise<readonly string[]> {
    const name = filterName(filter);
    try {
      const { client, List } = await this.#services.for('');
      const arns: string[] = [];
      let NextToken: string | undefined;
      do {
        const answer = await client.send(
          new List({
            Filters: [
              'prefix' in filter
                ? { Key: 'name', Values: [filter.prefix] }
                : { Key: 'tag-key', Values: [filter.tag] },
            ],
            MaxResults: 100,
            ...(NextToken === undefined ? {} : { NextToken }),
          }),
          { abortSignal: AbortSignal.timeout(timeout) },
        );
        // AWS filters match words within values, and prefixes of keys, so the results are filtered again.
        for (const { ARN, Name, Tags, DeletedDate } of answer.SecretList ?? []) {
          const fits =
            'prefix' in filter
              ? Name?.startsWith(filter.prefix) === true
              : Tags?.some(
                  ({ Key, Value }) =>
                    Key === filter.tag && (filter.value === undefined || Value === filter.value),
                ) === true;
          if (ARN !== undefined && fits && DeletedDate === undefined) arns.push(ARN);
        }
        ({ NextToken } = answer);
      } while (NextToken !== undefined);
      return arns;
    } catch (error) {
      throw secretError(name, error);
    }
  }

  /** Closes the connections to AWS. */
  close(): void {
    this.#services.close();
  }
}

/** A filter as text. */
export function filterName(filter: SecretFilter): string {
  if ('prefix' in filter) return `${filter.prefix}*`;
  return filter.value === undefined ? `tag ${filter.tag}` : `tag ${filter.tag}=${filter.value}`;
}

/** Whether Secrets Manager was unavailable, rather than the secret invalid. */
export function isStoreDown(error: unknown): boolean {
  const cause = error instanceof ProxyError ? error.cause : error;
  if (!(cause instanceof Error)) return false;
  const { name, $fault, $metadata, code } = cause as Error & {
    readonly $fault?: string;
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly code?: string;
  };
  if (/Throttling|TooManyRequests|InternalService|ServiceUnavailable/.test(name)) return true;
  if ($fault === 'server' || ($metadata?.httpStatusCode ?? 0) >= 500) return true;
  if ($fault === 'client' || $metadata?.httpStatusCode !== undefined) return false;
  return code !== undefined || name === 'TimeoutError' || name === 'AbortError';
}

/** No version has the label, or it has no value yet. */
function isAbsent(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'ResourceNotFoundException' || error.name === 'InvalidRequestException')
  );
}

function secretError(secret: string, error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  const why = namedMessageOf(error);
  return new ProxyError('SECRET', { secret, why }, error);
}

async function open(config: SecretsManagerClientConfig): Promise<{
  readonly client: SecretsManagerClient;
  readonly Get: typeof GetSecretValueCommand;
  readonly List: typeof ListSecretsCommand;
}> {
  const {
    GetSecretValueCommand: Get,
    ListSecretsCommand: List,
    SecretsManagerClient: Client,
  } = await optionalPackage(
    '@aws-sdk/client-secrets-manager',
    () => import('@aws-sdk/client-secrets-manager'),
  );
  return { client: new Client(config), Get, List };
}
