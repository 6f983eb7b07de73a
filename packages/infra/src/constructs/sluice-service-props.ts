import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { SubnetMapping } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type { ContainerImage, ICluster } from 'aws-cdk-lib/aws-ecs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { ManagedProxyAuth } from './managed-proxy-props.ts';
import type { SharedProxyProps } from './shared-proxy-props.ts';

/** The database behind the service. */
export interface SluiceTarget {
  /** Its host name; of a cluster, the writer's. */
  readonly host: string;
  /** @default 5432 */
  readonly port?: number;
  /** Its security groups, which the tasks may reach. */
  readonly securityGroups: readonly ISecurityGroup[];
  /** Its resource id (db-… or cluster-…), to which rds-db:connect refers; needed with IAM tokens. @default - not known */
  readonly resourceId?: string;
  /** max_connections, to check the budget of connections at synth. @default - not checked */
  readonly maxConnections?: number;
}

/** How the tasks are spread over Fargate and Fargate Spot. */
export interface SluiceSpot {
  /** The share of the tasks above the base that runs on Spot, relative to onDemandWeight; at least 1. */
  readonly weight: number;
  /** The share that runs on demand. @default 1 */
  readonly onDemandWeight?: number;
  /** The tasks that run on demand before the weights apply. @default 2 */
  readonly onDemandBase?: number;
}

export interface SluiceServiceProps extends SharedProxyProps {
  /** The VPC of the database. */
  readonly vpc: IVpc;
  /** The subnets of the tasks; at least two zones. @default - the private subnets of the VPC */
  readonly vpcSubnets?: SubnetSelection;
  /** The subnets of the load balancer: one per zone. @default - of those of the tasks, the first of each zone */
  readonly balancerSubnets?: SubnetSelection;
  /**
   * Fixed addresses of the load balancer, one subnet per zone, in place of balancerSubnets: private IPv4 addresses, or
   * Elastic IPs of public subnets, which put it on the internet. @default - AWS gives it addresses, and it is internal
   */
  readonly balancerAddresses?: readonly SubnetMapping[];
  /** Security groups of the load balancer besides its own: their inbound rules say who may connect. The tasks do not have them. @default - none */
  readonly securityGroups?: readonly ISecurityGroup[];
  /** The ECS cluster of the tasks. @default - one of the service's own, with Container Insights */
  readonly cluster?: ICluster;
  /** Tasks on Fargate Spot; a cluster that is given needs both capacity providers. @default - every task is on demand */
  readonly spot?: SluiceSpot;
  /** The processor of the tasks, which the image must be for. @default 'ARM64' */
  readonly cpuArchitecture?: 'ARM64' | 'X86_64';
  /** ECS Exec, for which the root file system of the tasks is writable. @default false */
  readonly enableExecuteCommand?: boolean;
  /** The image of the daemon, from this project's Dockerfile. */
  readonly image: ContainerImage;
  /** The registry that tasks pull from, as an ECR repository's ARN. @default - a registry that needs no rights */
  readonly imageRepositoryArn?: string;
  /** The credentials of a private registry, which the role that starts tasks may read. @default - none */
  readonly imageCredentials?: ISecret;
  /** Whether that repository is a pull-through cache. @default false */
  readonly imagePullThrough?: boolean;
  /** How the certificate of the database is checked. @default 'verify-full' */
  readonly targetTls?: 'verify-full' | 'require';
  /** Whether the tasks' group is let into the groups of the database, where those may be changed. @default false */
  readonly allowDatabaseIngress?: boolean;
  /** Whether the balancer has IPv6 addresses as well. @default false */
  readonly dualStack?: boolean;
  /** Who may reach the endpoint by PrivateLink; IAM ARNs. @default - nobody: no endpoint service is made */
  readonly privateLinkPrincipals?: readonly string[];
  /**
   * How many tasks the service starts with; autoscaling goes on from there. Leave it out of later updates.
   * @default - minTasks
   */
  readonly desiredTasks?: number | 'keep';
  readonly target: SluiceTarget;
  /** The database users. @default - none, which needs defaultAuthScheme IAM_AUTH and the setting HealthCheckUser */
  readonly auth?: readonly ManagedProxyAuth[];
  /** The certificate and key that clients see: JSON with certificate and private_key, both PEM. */
  readonly tlsSecret: ISecret;
  /** The name of balancer and service, and with sluice- before it of cluster and dashboard; at most 32 characters. */
  readonly serviceName: string;
  /** The most database connections of one pool of one task. @default - what the budget allows, or no limit of its own */
  readonly poolSize?: number;
  /** Further settings of the daemon, by their names. @default - none */
  readonly settings?: Readonly<Record<string, string>>;
  /** CPU units of one task; 1024 are a vCPU. @default 512 */
  readonly cpu?: number;
  /** Memory of one task. @default 1024 */
  readonly memoryLimitMiB?: number;
  /** @default 2 */
  readonly minTasks?: number;
  /** The most that autoscaling may start; a rolling deployment runs twice as many for a while. @default 4 */
  readonly maxTasks?: number;
  /** Where alarms are sent. @default - nowhere: they show in the console only */
  readonly alarmTopic?: ITopic;
}
