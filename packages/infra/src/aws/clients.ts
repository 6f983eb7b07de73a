import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { EC2Client } from '@aws-sdk/client-ec2';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ECSClient } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { IAMClient } from '@aws-sdk/client-iam';
import { KMSClient } from '@aws-sdk/client-kms';
import { RDSClient } from '@aws-sdk/client-rds';
import { Route53Client } from '@aws-sdk/client-route-53';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { fromNodeProviderChain, fromTemporaryCredentials } from '@aws-sdk/credential-providers';

type CredentialProvider = ReturnType<typeof fromNodeProviderChain>;

/** One AWS client per service, all for one region and with the caller's credentials. */
export interface Clients {
  readonly cloudFormation: CloudFormationClient;
  readonly cloudWatch: CloudWatchClient;
  readonly ec2: EC2Client;
  readonly ecr: ECRClient;
  readonly ecs: ECSClient;
  readonly elb: ElasticLoadBalancingV2Client;
  readonly iam: IAMClient;
  /** For policy simulation, which is optional: it gives up at once. */
  readonly simulation: IAMClient;
  readonly kms: KMSClient;
  readonly logs: CloudWatchLogsClient;
  readonly rds: RDSClient;
  readonly route53: Route53Client;
  readonly scaling: ApplicationAutoScalingClient;
  readonly secrets: SecretsManagerClient;
  readonly quotas: ServiceQuotasClient;
  readonly ssm: SSMClient;
  readonly sts: STSClient;
  /** The source of the credentials, if it is not only the environment. */
  readonly credentials?: CredentialProvider;
}

/** Where to send calls, if not to AWS itself. */
export interface ClientOptions {
  readonly region: string;
  /** The address of an emulator. @default - AWS_ENDPOINT_URL, or AWS itself */
  readonly endpoint?: string;
  /** A profile from the shared configuration. */
  readonly profile?: string | undefined;
  /** A role to assume for every call. */
  readonly role?: string | undefined;
}

/** Creates the clients. The SDK retries throttled calls with increasing delays, up to five attempts. */
export function createClients(options: ClientOptions): Clients {
  const { region, endpoint } = options;
  const credentials = credentialsOf(options);
  const config = {
    region,
    maxAttempts: 5,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
  return {
    cloudFormation: new CloudFormationClient(config),
    cloudWatch: new CloudWatchClient(config),
    ec2: new EC2Client(config),
    ecr: new ECRClient(config),
    ecs: new ECSClient(config),
    elb: new ElasticLoadBalancingV2Client(config),
    iam: new IAMClient(config),
    simulation: new IAMClient({ ...config, maxAttempts: 1 }),
    kms: new KMSClient(config),
    logs: new CloudWatchLogsClient(config),
    rds: new RDSClient(config),
    route53: new Route53Client(config),
    scaling: new ApplicationAutoScalingClient(config),
    secrets: new SecretsManagerClient(config),
    quotas: new ServiceQuotasClient({ ...config, maxAttempts: 1 }),
    ssm: new SSMClient(config),
    sts: new STSClient(config),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

/**
 * The profile's credentials, or those of a role that is assumed with them. Undefined if there is neither: the SDK then
 * searches by itself.
 */
function credentialsOf({ region, profile, role }: ClientOptions): CredentialProvider | undefined {
  const chain =
    profile === undefined
      ? undefined
      : fromNodeProviderChain({ profile, clientConfig: { region } });
  const own =
    role === undefined
      ? chain
      : fromTemporaryCredentials({
          params: { RoleArn: role, RoleSessionName: 'sluice' },
          clientConfig: { region },
          ...(chain === undefined ? {} : { masterCredentials: chain }),
        });
  return own === undefined ? undefined : shared(own);
}

/** How long before their expiry credentials are renewed, in milliseconds. */
const margin = 5 * 60_000;

/**
 * All clients use the same credentials. Otherwise each one would assume the role, or run the profile's command, by
 * itself.
 */
function shared(provider: CredentialProvider): CredentialProvider {
  let current: ReturnType<CredentialProvider> | undefined;
  let expires = Infinity;
  const ask: CredentialProvider = async (options) => {
    const identity = await provider(options);
    expires = identity.expiration?.getTime() ?? Infinity;
    return identity;
  };
  return (options) => {
    if (current === undefined || expires - Date.now() < margin) {
      expires = Infinity;
      current = ask(options);
      current.catch(() => {
        current = undefined;
      });
    }
    return current;
  };
}

/** Closes the sockets of all clients. */
export function destroyClients(clients: Clients): void {
  for (const client of Object.values<unknown>({ ...clients })) {
    if (isClosable(client)) {
      client.destroy();
    }
  }
}

function isClosable(value: unknown): value is { destroy(): void } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'destroy' in value &&
    typeof value.destroy === 'function'
  );
}
