import { settingsTable as daemon } from '@sluice/proxy/settings';
import { endpointFields, secretFields } from './nested.ts';
import type { InputSpec, ValuesOf } from './spec.ts';
import { retentionDays } from './retention.ts';
import { shapes } from './shapes.ts';

/** A tag, group or instance name as AWS takes it. */
const arn = (service: string): NonNullable<InputSpec['pattern']> => ({
  expression: new RegExp(`^arn:aws[a-z-]*:${service}:`),
  shape: `an ARN that begins with arn:aws:${service}:`,
});

/** The nine inputs of the original Terraform project, by its names. */
const nine = {
  aws_account_id: {
    type: 'string',
    required: true,
    pattern: { expression: /^\d{12}$/, shape: 'twelve digits, in quotes' },
    doc: 'The AWS account that holds the database. The credentials in use must belong to it.',
  },
  aws_region: {
    type: 'string',
    required: true,
    doc: 'The region of the database, for example eu-central-1.',
  },
  vpc_id: {
    type: 'string',
    required: true,
    pattern: { expression: /^vpc-[0-9a-f]{8,17}$/, shape: 'vpc- and 8 to 17 hexadecimal digits' },
    doc: 'The VPC of the database; the proxy is placed in it.',
  },
  vpc_subnet_filter_tag: {
    type: 'map',
    default: {},
    min: 1,
    doc: 'The proxy is placed in the subnets of the VPC that have all these tags; they must cover at least two zones. Not needed with SubnetIds.',
  },
  rds_instance_id: {
    type: 'string',
    pattern: {
      expression: /^[a-zA-Z](?:-?[a-zA-Z0-9]+)*$/,
      shape: 'letters, digits and single hyphens, a letter first',
    },
    max: 63,
    doc: 'The identifier of the existing RDS PostgreSQL instance. The proxy is named after it. Not needed with DBClusterIdentifier.',
  },
  rds_proxy_role: {
    type: 'string',
    doc: 'The name (or ARN) of the IAM role with which RDS Proxy reads the secret. Not needed with CreateRole, which then generates a name. Engine sluice creates its own task roles and does not use this one.',
  },
  rds_security_group_name: {
    type: 'string',
    doc: 'The name of the proxy’s security group: it must allow the proxy to reach the database, and clients to reach the proxy. Not needed with SecurityGroupIds.',
  },
  rds_secret_name: {
    type: 'string',
    doc: 'The name (or complete ARN) of the Secrets Manager secret with the user name and password of the database. Not needed with DefaultAuthScheme = "IAM_AUTH".',
  },
  rds_proxy_tags: {
    type: 'map',
    default: {},
    max: 50,
    doc: 'Tags for the resources that are created.',
  },
} as const satisfies Record<string, InputSpec>;

/**
 * The inputs of both engines, with the names from RDS Proxy; ranges and defaults are the daemon's where it has them.
 */
const shared = {
  engine: {
    type: 'string',
    default: 'rds-proxy',
    choices: ['rds-proxy', 'sluice'],
    doc: 'What runs in front of the database: the managed Amazon RDS Proxy, or Sluice on ECS Fargate behind an internal Network Load Balancer.',
  },
  RequireTLS: { type: 'boolean', default: true, doc: 'Clients without TLS are refused.' },
  IdleClientTimeout: {
    type: 'integer',
    default: daemon.IdleClientTimeout.default,
    min: daemon.IdleClientTimeout.min,
    max: daemon.IdleClientTimeout.max,
    unit: 's',
    doc: 'A client connection that has sent nothing for this long is closed.',
  },
  MaxConnectionsPercent: {
    type: 'integer',
    default: daemon.MaxConnectionsPercent.default,
    min: daemon.MaxConnectionsPercent.min,
    max: daemon.MaxConnectionsPercent.max,
    unit: '%',
    doc: 'The maximum number of database connections, as a share of max_connections of the database.',
  },
  MaxIdleConnectionsPercent: {
    type: 'integer',
    default: 50,
    min: daemon.MaxIdleConnectionsPercent.min,
    max: daemon.MaxIdleConnectionsPercent.max,
    unit: '%',
    doc: 'The maximum number of idle database connections that are kept, as a share of max_connections; not above MaxConnectionsPercent. Half of that when not given.',
  },
  ConnectionBorrowTimeout: {
    type: 'integer',
    default: daemon.ConnectionBorrowTimeout.default,
    min: daemon.ConnectionBorrowTimeout.min,
    max: daemon.ConnectionBorrowTimeout.max,
    unit: 's',
    doc: 'How long a client waits for a database connection before it gets an error.',
  },
  InitQuery: {
    type: 'string',
    sensitive: true,
    doc: 'SQL that runs once on each new database connection; several statements with semicolons. No secrets: it can be read back.',
  },
  DebugLogging: {
    type: 'boolean',
    default: daemon.DebugLogging.default,
    doc: 'Log the text of statements. This may expose data.',
  },
  DefaultAuthScheme: {
    type: 'string',
    default: 'NONE',
    choices: ['NONE', 'IAM_AUTH'],
    doc: 'IAM_AUTH: IAM tokens from clients and for the database (end-to-end), secrets optional. NONE: passwords from secrets. With engine sluice, clients sign tokens for the host name of the database.',
  },
  IAMAuth: {
    type: 'string',
    default: 'DISABLED',
    choices: ['DISABLED', 'REQUIRED'],
    doc: 'Whether clients must log in with an IAM token instead of a password. With engine sluice, they sign it for the host name of the database, the proxy uses tokens as well, and each database user needs the role rds_iam.',
  },
  ClientPasswordAuthType: {
    type: 'string',
    default: 'POSTGRES_SCRAM_SHA_256',
    choices: ['POSTGRES_SCRAM_SHA_256', 'POSTGRES_MD5'],
    doc: 'How clients prove that they know their password.',
  },
  Auth: {
    type: 'objects',
    fields: secretFields,
    doc: 'More secrets, one for each additional database user.',
  },
  DBProxyName: {
    type: 'string',
    pattern: {
      expression: /^[a-zA-Z](?:-?[a-zA-Z0-9]+)*$/,
      shape: 'letters, digits and single hyphens, a letter first',
    },
    max: 63,
    doc: 'The name of the proxy, if it is not rds_instance_id.',
  },
  DBClusterIdentifier: {
    type: 'string',
    doc: 'The cluster to put the proxy in front of (Aurora, Multi-AZ cluster); rds_instance_id may then name a member of it, or be omitted.',
  },
  Workspace: {
    type: 'string',
    pattern: {
      expression: /^[a-zA-Z0-9](?:-?[a-zA-Z0-9]+)*$/,
      shape: 'letters, digits and single hyphens',
    },
    max: 20,
    doc: 'Deploys another copy of the same inputs, as with Terraform’s workspaces: this name is appended to the names of the stack and the proxy, so that copies do not collide.',
  },
  EndpointNetworkType: {
    type: 'string',
    default: 'IPV4',
    choices: ['IPV4', 'IPV6', 'DUAL'],
    doc: 'The IP version that clients use. Fixed at creation with rds-proxy; engine sluice supports IPV4 and DUAL.',
  },
  SubnetIds: {
    type: 'strings',
    pattern: shapes.subnet,
    default: [],
    doc: 'The subnets by id, instead of vpc_subnet_filter_tag: in a VPC shared by another account the tags are not visible.',
  },
  SecurityGroupIds: {
    type: 'strings',
    pattern: shapes.securityGroup,
    default: [],
    doc: 'The security groups of the proxy by id, instead of rds_security_group_name.',
  },
  CreateSecurityGroup: {
    type: 'boolean',
    default: false,
    doc: 'Create a security group named rds_security_group_name for the proxy, instead of using an existing one.',
  },
  ClientCidrs: {
    type: 'strings',
    pattern: shapes.cidr,
    default: [],
    doc: 'Address ranges of clients that the created security group admits. The security rules reject 0.0.0.0/0.',
  },
  ClientSecurityGroupIds: {
    type: 'strings',
    pattern: shapes.securityGroup,
    default: [],
    doc: 'Security groups of clients that the created security group admits.',
  },
  AllowDatabaseIngress: {
    type: 'boolean',
    doc: 'Add a rule to the database’s security groups that admits the created group; destroy removes it. It changes existing groups, so engine rds-proxy does it only when this is true (with CreateSecurityGroup). Engine sluice does it unless this is false, because its tasks have a new group that the database does not know.',
  },
  LogRetentionInDays: {
    type: 'integer',
    default: 90,
    choices: retentionDays,
    unit: 'd',
    doc: 'How long the logs are kept.',
  },
  ManageLogGroup: {
    type: 'boolean',
    default: true,
    doc: 'Whether the stack creates the log group and sets its retention; false leaves it to its owner, or to AWS.',
  },
  LogKmsKeyArn: {
    type: 'string',
    pattern: arn('kms'),
    doc: 'Your own KMS key, to encrypt the logs with.',
  },
  AlarmTopicArn: {
    type: 'string',
    pattern: arn('sns'),
    engine: 'sluice',
    doc: 'The SNS topic that alarms are sent to. Engine rds-proxy creates no alarms.',
  },
  StackName: {
    type: 'string',
    pattern: {
      expression: /^[a-zA-Z][-a-zA-Z0-9]{0,127}$/,
      shape: 'letters, digits and hyphens, a letter first, at most 128',
    },
    doc: 'The name of the CloudFormation stack. When not given: sluice- followed by rds_instance_id.',
  },
  StackTags: {
    type: 'map',
    default: {},
    max: 50,
    doc: 'Tags of the CloudFormation stack, which CloudFormation also puts on the resources that it creates.',
  },
  StackTopicArns: {
    type: 'strings',
    default: [],
    pattern: arn('sns'),
    doc: 'The SNS topics to which CloudFormation publishes the events of the stack, at most 5.',
  },
  CloudFormationRoleArn: {
    type: 'string',
    pattern: arn('iam'),
    doc: 'The role that CloudFormation assumes, instead of using the caller’s permissions.',
  },
  TerminationProtection: {
    type: 'boolean',
    default: false,
    doc: 'CloudFormation refuses to delete the stack, and destroy says so.',
  },
  RetainOnDelete: {
    type: 'boolean',
    default: false,
    doc: 'The resources stay when the stack is deleted (DeletionPolicy Retain); destroy deletes only the stack.',
  },
  TemplateBucket: {
    type: 'string',
    doc: 'An S3 bucket for a template larger than the 51,200 bytes that CloudFormation accepts directly.',
  },
  PermissionsBoundaryArn: {
    type: 'string',
    pattern: arn('iam'),
    doc: 'The permissions boundary of every role that is created.',
  },
  RolePath: {
    type: 'string',
    pattern: { expression: /^\/(?:[!-~]+\/)*$/, shape: 'a path that begins and ends with a slash' },
    doc: 'The path of every role and policy that is created, for example /platform/.',
  },
  RoleMaxSessionDuration: {
    type: 'integer',
    default: 3600,
    min: 3600,
    max: 43_200,
    unit: 's',
    doc: 'The longest session of every role that is created. AWS’s own services, the only ones that may assume these roles, are not limited by it; set it if a policy of your organization checks the value.',
  },
  DnsName: {
    type: 'string',
    pattern: {
      expression: /^(?=.{1,253}$)(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/i,
      shape: 'a full host name such as orders.db.example.com',
    },
    doc: 'Your own host name for the endpoint, in HostedZoneId: it stays when the proxy is replaced or the engine changes. Engine sluice gets an alias record (a CNAME when EndpointNetworkType is DUAL); RDS Proxy gets a CNAME, since Route 53 has no alias for it. Clients that check the host name need a certificate with this name (engine sluice), or verify-ca (rds-proxy).',
  },
  HostedZoneId: {
    type: 'string',
    pattern: {
      expression: /^Z[A-Z0-9]{1,31}$/,
      shape: 'Z and up to 31 capital letters and digits',
    },
    doc: 'The Route 53 hosted zone of DnsName.',
  },
  OutputParameterPrefix: {
    type: 'string',
    pattern: {
      expression: /^\/(?:[a-zA-Z0-9_.-]+\/)*[a-zA-Z0-9_.-]+$/,
      shape: 'a path such as /orders/proxy',
    },
    doc: 'Also writes the outputs as SSM parameters below this path: PREFIX/endpoint, PREFIX/port, …',
  },
  DeploymentTimeout: {
    type: 'integer',
    min: 1,
    max: 86_400,
    unit: 's',
    doc: 'How long apply, destroy and --wait wait for CloudFormation. CloudFormation then continues on its own, and --wait resumes. When not given: as long as it takes.',
  },
  TargetTimeout: {
    type: 'integer',
    default: 60,
    min: 0,
    max: 3600,
    unit: 's',
    doc: 'How long apply waits for the targets to become available after CloudFormation has finished.',
  },
  VerifyTimeout: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 300,
    unit: 's',
    doc: 'How long apply --verify tries to connect.',
  },
  AwsProfile: {
    type: 'string',
    doc: 'The profile in ~/.aws/config to use, instead of AWS_PROFILE.',
  },
  AssumeRoleArn: {
    type: 'string',
    pattern: arn('iam'),
    doc: 'A role to assume for every call, for example a pipeline’s role in another account.',
  },
  Acknowledge: {
    type: 'map',
    default: {},
    doc: 'Violated security rules to acknowledge, each with the reason: { "SLUICE-TLS" = "a test database" }.',
  },
} as const satisfies Record<string, InputSpec>;

/** The inputs that only the managed RDS Proxy has. */
const managed = {
  CreateRole: {
    type: 'boolean',
    default: false,
    engine: 'rds-proxy',
    doc: 'Create the role named rds_proxy_role with the minimum permissions, instead of using an existing one.',
  },
  DBProxyEndpoints: {
    type: 'objects',
    fields: endpointFields,
    engine: 'rds-proxy',
    doc: 'More endpoints, for example a read-only one for a cluster.',
  },
  LogGroupClass: {
    type: 'string',
    default: 'STANDARD',
    choices: ['STANDARD', 'INFREQUENT_ACCESS'],
    engine: 'rds-proxy',
    doc: 'The class of the log group: INFREQUENT_ACCESS costs half, without subscriptions and metric filters. Fixed when the group is created. The group of engine sluice is always STANDARD: autoscaling needs the metrics in its logs, which CloudWatch does not extract from the other class.',
  },
  TargetConnectionNetworkType: {
    type: 'string',
    default: 'IPV4',
    choices: ['IPV4', 'IPV6'],
    engine: 'rds-proxy',
    doc: 'The IP version of connections to the database. Fixed at creation.',
  },
} as const satisfies Record<string, InputSpec>;

/** The inputs that only Sluice on ECS has. */
const sluice = {
  ContainerImage: {
    type: 'string',
    engine: 'sluice',
    doc: 'The image of the daemon, built from the Dockerfile of this project and pushed to a registry, for example 123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0.',
  },
  TlsSecretName: {
    type: 'string',
    sensitive: true,
    engine: 'sluice',
    doc: 'The secret with the certificate and private key that clients see: JSON with the keys certificate and private_key, both PEM.',
  },
  ImagePullThrough: {
    type: 'boolean',
    default: false,
    engine: 'sluice',
    doc: 'ContainerImage is in an ECR pull-through cache: the task execution role may import it from upstream.',
  },
  ImageCredentialsSecretName: {
    type: 'string',
    engine: 'sluice',
    doc: 'The secret with the user name and password of a private registry other than ECR.',
  },
  TargetTls: {
    type: 'string',
    default: 'verify-full',
    choices: ['verify-full', 'require'],
    engine: 'sluice',
    doc: 'How tasks verify the database’s certificate: verify-full checks it against Amazon’s certificate authorities, which are in the image; require does not check it.',
  },
  PrivateLinkPrincipals: {
    type: 'strings',
    default: [],
    pattern: {
      expression: /^(?:\*|arn:aws[a-z-]*:iam::\d{12}:.+)$/,
      shape: 'an IAM ARN such as arn:aws:iam::210987654321:root',
    },
    engine: 'sluice',
    doc: 'Who may reach the endpoint through PrivateLink from another VPC or account; with at least one an endpoint service is created.',
  },
  EcsClusterName: {
    type: 'string',
    pattern: {
      expression: /^[a-zA-Z0-9_-]{1,255}$/,
      shape: 'letters, digits, hyphens and underscores',
    },
    engine: 'sluice',
    doc: 'Your own ECS cluster for the tasks, by its name, instead of one that the stack creates; destroy keeps it. Fixed at creation.',
  },
  BalancerAddresses: {
    type: 'map',
    default: {},
    engine: 'sluice',
    doc: 'Fixed addresses of the load balancer, by the id of its subnet, one subnet in each zone: { "subnet-0…" = "10.20.1.10" } for private IPv4 addresses, or Elastic IPs, { "subnet-0…" = "eipalloc-0…" }, which put it into these public subnets and make it reachable from the internet. The address of a subnet is fixed at creation.',
  },
  CpuArchitecture: {
    type: 'string',
    default: 'ARM64',
    choices: ['ARM64', 'X86_64'],
    engine: 'sluice',
    doc: 'The processor architecture of the tasks, for which the image must be built.',
  },
  FargateSpotWeight: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 1000,
    engine: 'sluice',
    doc: 'Of the tasks above FargateBase, the share that runs on Fargate Spot, relative to FargateWeight: 3 and 1 mean three of four. AWS reclaims a Spot task with two minutes of notice.',
  },
  FargateWeight: {
    type: 'integer',
    default: 1,
    min: 0,
    max: 1000,
    engine: 'sluice',
    doc: 'The share of tasks above FargateBase that runs on demand, relative to FargateSpotWeight.',
  },
  FargateBase: {
    type: 'integer',
    default: 2,
    min: 0,
    max: 100,
    engine: 'sluice',
    doc: 'The tasks that run on demand before the weights apply.',
  },
  EnableExecuteCommand: {
    type: 'boolean',
    default: false,
    engine: 'sluice',
    doc: 'ECS Exec: a caller with ecs:ExecuteCommand can run commands in a task. The root file system of the tasks is then writable, as ECS Exec requires. The image has no shell; aws ecs execute-command --command "/usr/local/bin/sluice health" works.',
  },
  TaskCpu: {
    type: 'integer',
    default: 512,
    choices: [256, 512, 1024, 2048, 4096],
    unit: 'CPU units',
    engine: 'sluice',
    doc: 'CPU of one task; 1024 units are one vCPU, which is the most that its single process can use. More load needs more tasks, not larger ones.',
  },
  TaskMemory: {
    type: 'integer',
    default: 1024,
    min: 512,
    max: 30_720,
    unit: 'MiB',
    engine: 'sluice',
    doc: 'Memory of one task; Fargate allows certain sizes for each TaskCpu.',
  },
  MinTasks: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 100,
    engine: 'sluice',
    doc: 'The minimum number of tasks; two or more survive the loss of a zone.',
  },
  MaxTasks: {
    type: 'integer',
    default: 4,
    min: 1,
    max: 100,
    engine: 'sluice',
    doc: 'The maximum number of tasks that autoscaling may start. A rolling deployment runs twice as many for a while.',
  },
  PoolSize: {
    type: 'integer',
    min: 1,
    max: 10_000,
    unit: 'connections',
    engine: 'sluice',
    doc: 'The maximum number of database connections of one task. When not given: as many as the share of max_connections allows.',
  },
  SluiceSettings: {
    type: 'map',
    default: {},
    engine: 'sluice',
    doc: 'More settings of the daemon, by name.',
  },
} as const satisfies Record<string, InputSpec>;

/** Every input, once. */
export const inputTable = { ...nine, ...shared, ...managed, ...sluice } as const;

/** The nine inputs' names, in the order of the original project. */
export const nineInputs: readonly string[] = Object.keys(nine);

/** The type of the inputs after parsing, with defaults filled in. */
export type Inputs = ValuesOf<typeof inputTable>;
