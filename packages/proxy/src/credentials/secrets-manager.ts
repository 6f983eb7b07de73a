import type {
  GetSecretValueCommand,
  SecretsManagerClient,
  SecretsManagerClientConfig,
} from '@aws-sdk/client-secrets-manager';
import { ProxyError } from '../errors.ts';
import { AwsClients } from './aws-clients.ts';

/** A database user, as RDS and its rotation keep one in a secret; other keys are of no interest here. */
export interface UserSecret {
  readonly username: string;
  readonly password: string;
}

/** How long one call may take, in milliseconds; a start or a login waits for it. */
const timeout = 5000;

/** Reads database users out of AWS Secrets Manager. The AWS SDK is loaded when the first one is read, and only then. */
export class SecretsManager {
  readonly #services = new AwsClients(open);

  /**
   * The user of a secret. Throws SECRET with the reason when it cannot be read or holds none.
   * @param id name or complete ARN; an ARN also says the region, which AWS_REGION or the profile say otherwise
   */
  async read(id: string): Promise<UserSecret> {
    try {
      const { client, Command } = await this.#services.for(id);
      const answer = await client.send(new Command({ SecretId: id }), {
        abortSignal: AbortSignal.timeout(timeout),
      });
      return userOf(answer.SecretString);
    } catch (error) {
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      throw new ProxyError('SECRET', { secret: id, why }, error);
    }
  }

  /** Closes the connections to AWS. */
  close(): void {
    this.#services.close();
  }
}

async function open(config: SecretsManagerClientConfig): Promise<{
  readonly client: SecretsManagerClient;
  readonly Command: typeof GetSecretValueCommand;
}> {
  const { GetSecretValueCommand: Command, SecretsManagerClient: Client } =
    await import('@aws-sdk/client-secrets-manager');
  return { client: new Client(config), Command };
}

function userOf(text: string | undefined): UserSecret {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    // The message of the parser would quote the secret.
    throw new Error('its value is not JSON');
  }
  if (
    typeof value === 'object' &&
    value !== null &&
    'username' in value &&
    'password' in value &&
    typeof value.username === 'string' &&
    typeof value.password === 'string' &&
    value.username !== '' &&
    value.password !== ''
  ) {
    return { username: value.username, password: value.password };
  }
  throw new Error('its value has no username and password');
}
