import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { LogGroupClass } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ManagedProxyTarget } from './managed-proxy-target.ts';
import type { SharedProxyProps } from './shared-proxy-props.ts';

/** One database user: its secret, and how clients log in as that user. */
export interface ManagedProxyAuth {
  /** The secret with the user name and password. */
  readonly secret: ISecret;
  /** The purpose of this user. @default - none */
  readonly description?: string;
  /** Whether clients must use an IAM token. @default 'DISABLED' */
  readonly iamAuth?: 'DISABLED' | 'REQUIRED';
  /** How clients prove their password. @default 'POSTGRES_SCRAM_SHA_256' */
  readonly clientPasswordAuthType?: 'POSTGRES_SCRAM_SHA_256' | 'POSTGRES_MD5';
}

/** The properties of a managed proxy, apart from its database. */
export interface ManagedProxyOptions extends SharedProxyProps {
  /** The VPC of the database. */
  readonly vpc: IVpc;
  /** The subnets of the proxy, in at least two zones. @default - the private subnets of the VPC */
  readonly vpcSubnets?: SubnetSelection;
  /** The security groups of the proxy. @default - a new one with access to the database */
  readonly securityGroups?: readonly ISecurityGroup[];
  /** The database users. @default - none, which needs defaultAuthScheme IAM_AUTH */
  readonly auth?: readonly ManagedProxyAuth[];
  /** The role with which RDS reads the secrets. @default - a new one that may read exactly these secrets */
  readonly role?: IRole;
  /** The name. @default - the id of the construct */
  readonly dbProxyName?: string;
  /** The IP version that clients use; fixed at creation. @default 'IPV4' */
  readonly endpointNetworkType?: 'IPV4' | 'IPV6' | 'DUAL';
  /** The IP version for connections to the database; fixed at creation. @default 'IPV4' */
  readonly targetConnectionNetworkType?: 'IPV4' | 'IPV6';
  /** The class of the log group, fixed at creation. @default LogGroupClass.STANDARD */
  readonly logGroupClass?: LogGroupClass;
  /**
   * Whether the construct creates the target group. Not for an adopted proxy, whose target group CloudFormation cannot
   * import.
   * @default true
   */
  readonly createTargetGroup?: boolean;
  /** Tags of the proxy. The target group gets none, because cfn-lint and some regions refuse them. @default - none */
  readonly tags?: Readonly<Record<string, string>>;
}

export interface ManagedProxyProps extends ManagedProxyOptions {
  /** The database. */
  readonly target: ManagedProxyTarget;
}

/** The options of an additional endpoint. */
export interface ManagedProxyEndpointOptions {
  /** The name. @default - the id of the construct */
  readonly dbProxyEndpointName?: string;
  /** READ_ONLY: connections go to the readers of a cluster. @default 'READ_WRITE' */
  readonly targetRole?: 'READ_WRITE' | 'READ_ONLY';
  /** The subnets of the endpoint. @default - those of the proxy */
  readonly subnetIds?: readonly string[];
  /** The ids of the endpoint's security groups. @default - those of the proxy */
  readonly securityGroupIds?: readonly string[];
  /** The IP version that clients use. @default - that of the proxy */
  readonly endpointNetworkType?: 'IPV4' | 'IPV6' | 'DUAL';
  /** More tags in addition to those of the proxy. @default - none */
  readonly tags?: Readonly<Record<string, string>>;
}
