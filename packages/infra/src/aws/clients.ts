import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { EC2Client } from '@aws-sdk/client-ec2';
import { ECSClient } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { IAMClient } from '@aws-sdk/client-iam';
import { KMSClient } from '@aws-sdk/client-kms';
import { RDSClient } from '@aws-sdk/client-rds';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { STSClient } from '@aws-sdk/client-sts';

/** One AWS client per service, all for one region and with the caller's credentials. */
export interface Clients {
  readonly cloudFormation: CloudFormationClient;
  readonly cloudWatch: CloudWatchClient;
  readonly ec2: EC2Client;
  readonly ecs: ECSClient;
  readonly elb: ElasticLoadBalancingV2Client;
  readonly iam: IAMClient;
  /** For policy simulation, which is a help and not a need: it gives up at once. */
  readonly simulation: IAMClient;
  readonly kms: KMSClient;
  readonly logs: CloudWatchLogsClient;
  readonly rds: RDSClient;
  readonly scaling: ApplicationAutoScalingClient;
  readonly secrets: SecretsManagerClient;
  readonly quotas: ServiceQuotasClient;
  readonly sts: STSClient;
}

/** Where to send calls, when not to AWS itself. */
export interface ClientOptions {
  readonly region: string;
  /** An emulator's address; AWS_ENDPOINT_URL is honoured without it. */
  readonly endpoint?: string;
}

/** Makes the clients. Throttled calls are tried again by the SDK, at growing distances, five times in all. */
export function createClients(options: ClientOptions): Clients {
  const config = { ...options, maxAttempts: 5 };
  return {
    cloudFormation: new CloudFormationClient(config),
    cloudWatch: new CloudWatchClient(config),
    ec2: new EC2Client(config),
    ecs: new ECSClient(config),
    elb: new ElasticLoadBalancingV2Client(config),
    iam: new IAMClient(config),
    simulation: new IAMClient({ ...config, maxAttempts: 1 }),
    kms: new KMSClient(config),
    logs: new CloudWatchLogsClient(config),
    rds: new RDSClient(config),
    scaling: new ApplicationAutoScalingClient(config),
    secrets: new SecretsManagerClient(config),
    quotas: new ServiceQuotasClient({ ...config, maxAttempts: 1 }),
    sts: new STSClient(config),
  };
}

/** Closes the sockets of all clients. */
export function destroyClients(clients: Clients): void {
  for (const client of Object.values(clients) as readonly { destroy(): void }[]) {
    client.destroy();
  }
}
