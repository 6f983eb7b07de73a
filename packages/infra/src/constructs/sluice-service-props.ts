import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { SubnetMapping } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type { ContainerImage, ICluster } from 'aws-cdk-lib/aws-ecs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { ManagedProxyAuth } from './managed-proxy-props.ts';
import type { SharedProxyProps } from './shared-proxy-props.ts';

/** The database behind the service. */
export interface SluiceTarget {
  /** Its host name; for a cluster, that of the writer. */
  readonly host: string;
  /** @default 5432 */
  readonly port?: number;
  /** Its security groups, to which the tasks may connect. */
  readonly securityGroups: readonly ISecurityGroup[];
  /**
   * Its resource id (db-… or cluster-…), to which rds-db:connect refers; needed with IAM tokens. @default - not known
   */
  readonly resourceId?: string;
  /**
   * max_connections of the database, against which the connection budget is checked at synth. @default - not checked
   */
  readonly maxConnections?: number;
}

/** How the tasks are distributed over Fargate and Fargate Spot. */
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
  /** The subnets of the tasks, in at least two zones. @default - the private subnets of the VPC */
  readonly vpcSubnets?: SubnetSelection;
  /** The subnets of the load balancer: one per zone. @default - the first of the tasks' subnets in each zone */
  readonly balancerSubnets?: SubnetSelection;
  /**
   * Fixed addresses of the load balancer, one subnet per zone, instead of balancerSubnets: private IPv4 addresses, or
   * Elastic IPs of public subnets, which make it reachable from the internet. @default - AWS assigns addresses, and the
   * load balancer is internal
   */
  readonly balancerAddresses?: readonly SubnetMapping[];
  /**
   * Security groups of the load balancer besides its own; their inbound rules decide who may connect. The tasks do not
   * get them. @default - none
   */
  readonly securityGroups?: readonly ISecurityGroup[];
  /** The ECS cluster of the tasks. @default - a new one with Container Insights */
  readonly cluster?: ICluster;
  /** Tasks on Fargate Spot; an existing cluster needs both capacity providers. @default - every task is on demand */
  readonly spot?: SluiceSpot;
  /** The processor architecture of the tasks and of the image. @default 'ARM64' */
  readonly cpuArchitecture?: 'ARM64' | 'X86_64';
  /** ECS Exec. It makes the root file system of the tasks writable. @default false */
  readonly enableExecuteCommand?: boolean;
  /** The image of the daemon, from this project's Dockerfile. */
  readonly image: ContainerImage;
  /** The ARN of the ECR repository that tasks pull from. @default - a registry that needs no permissions */
  readonly imageRepositoryArn?: string;
  /** The credentials of a private registry, which the role that starts tasks may read. @default - none */
  readonly imageCredentials?: ISecret;
  /** Whether that repository is a pull-through cache. @default false */
  readonly imagePullThrough?: boolean;
  /** How tasks verify the certificate of the database. @default 'verify-full' */
  readonly targetTls?: 'verify-full' | 'require';
  /**
   * Whether the tasks' group is admitted to the security groups of the database, as far as those are mutable. @default
   * false
   */
  readonly allowDatabaseIngress?: boolean;
  /** Whether the load balancer has IPv6 addresses as well. @default false */
  readonly dualStack?: boolean;
  /** Who may connect to the endpoint through PrivateLink; IAM ARNs. @default - nobody: there is no endpoint service */
  readonly privateLinkPrincipals?: readonly string[];
  /**
   * The initial number of tasks; autoscaling changes it from then on. Omit it in later updates.
   * @default - minTasks
   */
  readonly desiredTasks?: number | 'keep';
  readonly target: SluiceTarget;
  /** The database users. @default - none, which needs defaultAuthScheme IAM_AUTH and the setting HealthCheckUser */
  readonly auth?: readonly ManagedProxyAuth[];
  /** The certificate and key that clients see: JSON with certificate and private_key, both PEM. */
  readonly tlsSecret: ISecret;
  /**
   * The name of the load balancer and the service; cluster and dashboard are called sluice- and this name. At most 32
   * characters.
   */
  readonly serviceName: string;
  /**
   * The maximum number of database connections of one pool of one task. @default - what the budget allows, or no
   * separate limit
   */
  readonly poolSize?: number;
  /** More settings of the daemon, by name. @default - none */
  readonly settings?: Readonly<Record<string, string>>;
  /** CPU units of one task; 1024 units are one vCPU. @default 512 */
  readonly cpu?: number;
  /** Memory of one task. @default 1024 */
  readonly memoryLimitMiB?: number;
  /** @default 2 */
  readonly minTasks?: number;
  /** The maximum of autoscaling; a rolling deployment runs twice as many for a while. @default 4 */
  readonly maxTasks?: number;
  /** Where alarms are sent. @default - nowhere: they appear only in the console */
  readonly alarmTopic?: ITopic;
}
