import { settingsTable as daemon } from '@sluice/proxy/settings';
import { endpointFields, secretFields } from './nested.ts';
import type { InputSpec, ValuesOf } from './spec.ts';
import { retentionDays } from './retention.ts';

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
    doc: 'The VPC of the database; the proxy stands in the same one.',
  },
  vpc_subnet_filter_tag: {
    type: 'map',
    required: true,
    min: 1,
    doc: 'Tags that a subnet of the VPC must all carry for the proxy to stand in it. At least two zones must remain.',
  },
  rds_instance_id: {
    type: 'string',
    required: true,
    pattern: {
      expression: /^[a-zA-Z](?:-?[a-zA-Z0-9]+)*$/,
      shape: 'letters, digits and single hyphens, a letter first',
    },
    min: 1,
    max: 63,
    doc: 'The identifier of the existing RDS PostgreSQL instance. The proxy is named after it.',
  },
  rds_proxy_role: {
    type: 'string',
    required: true,
    doc: 'The name (or ARN) of the IAM role by which RDS Proxy reads the secret. Engine sluice makes task roles of its own and leaves this one alone.',
  },
  rds_security_group_name: {
    type: 'string',
    required: true,
    doc: 'The name of the security group that the proxy wears: it may reach the database, and clients may reach it.',
  },
  rds_secret_name: {
    type: 'string',
    required: true,
    doc: 'The name (or complete ARN) of the Secrets Manager secret with the user name and password of the database.',
  },
  rds_proxy_tags: {
    type: 'map',
    default: {},
    max: 50,
    doc: 'Tags for what is made.',
  },
} as const satisfies Record<string, InputSpec>;

/** What either engine can be told, by the names that RDS Proxy gives it; ranges and defaults are the daemon's where it has them. */
const shared = {
  engine: {
    type: 'string',
    default: 'rds-proxy',
    choices: ['rds-proxy', 'sluice'],
    doc: 'What stands in front of the database: the managed Amazon RDS Proxy, or Sluice on ECS Fargate behind an internal Network Load Balancer.',
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
    doc: 'The most database connections, as a share of max_connections of the database.',
  },
  MaxIdleConnectionsPercent: {
    type: 'integer',
    default: 50,
    min: daemon.MaxIdleConnectionsPercent.min,
    max: daemon.MaxIdleConnectionsPercent.max,
    unit: '%',
    doc: 'The most idle database connections that are kept, as a share of max_connections; not above MaxConnectionsPercent. Half of that when not given.',
  },
  ConnectionBorrowTimeout: {
    type: 'integer',
    default: daemon.ConnectionBorrowTimeout.default,
    min: daemon.ConnectionBorrowTimeout.min,
    max: daemon.ConnectionBorrowTimeout.max,
    unit: 's',
    doc: 'How long a client waits for a database connection before it is told that there is none.',
  },
  InitQuery: {
    type: 'string',
    doc: 'SQL that runs once on each new database connection; several statements with semicolons. No secrets: it can be read back.',
  },
  DebugLogging: {
    type: 'boolean',
    default: daemon.DebugLogging.default,
    doc: 'Log the text of statements. May expose data.',
  },
  DefaultAuthScheme: {
    type: 'string',
    default: 'NONE',
    choices: ['NONE', 'IAM_AUTH'],
    doc: 'IAM_AUTH: IAM on both legs (end-to-end), secrets optional. NONE: passwords from secrets.',
  },
  IAMAuth: {
    type: 'string',
    default: 'DISABLED',
    choices: ['DISABLED', 'REQUIRED'],
    doc: 'Whether clients must log in with an IAM token instead of a password.',
  },
  ClientPasswordAuthType: {
    type: 'string',
    default: 'POSTGRES_SCRAM_SHA_256',
    choices: ['POSTGRES_SCRAM_SHA_256', 'POSTGRES_MD5'],
    doc: 'How clients prove their password.',
  },
  Auth: {
    type: 'objects',
    fields: secretFields,
    doc: 'More secrets, one for each further database user.',
  },
  DBProxyName: {
    type: 'string',
    pattern: {
      expression: /^[a-zA-Z](?:-?[a-zA-Z0-9]+)*$/,
      shape: 'letters, digits and single hyphens, a letter first',
    },
    min: 1,
    max: 63,
    doc: 'The name of the proxy, when it must differ from rds_instance_id.',
  },
  DBClusterIdentifier: {
    type: 'string',
    doc: 'The cluster to put the proxy in front of, when the instance is a member of one (Aurora, Multi-AZ cluster).',
  },
  CreateSecurityGroup: {
    type: 'boolean',
    default: false,
    doc: 'Make a security group named rds_security_group_name for the proxy, instead of using one that is there.',
  },
  ClientCidrs: {
    type: 'strings',
    default: [],
    doc: 'Address ranges of clients that the made security group lets in. 0.0.0.0/0 is refused by the security rules.',
  },
  ClientSecurityGroupIds: {
    type: 'strings',
    default: [],
    doc: 'Security groups of clients that the made security group lets in.',
  },
  AllowDatabaseIngress: {
    type: 'boolean',
    default: false,
    doc: 'Add a rule to the security groups of the database that lets the made group in. It changes groups that were given, so it must be asked for; destroy removes the rule.',
  },
  LogRetentionInDays: {
    type: 'integer',
    default: 90,
    choices: retentionDays,
    unit: 'd',
    doc: 'How long the logs are kept.',
  },
  LogKmsKeyArn: {
    type: 'string',
    pattern: arn('kms'),
    doc: 'A KMS key of your own to encrypt the logs with.',
  },
  AlarmTopicArn: {
    type: 'string',
    pattern: arn('sns'),
    doc: 'The SNS topic that alarms are sent to.',
  },
  StackName: {
    type: 'string',
    pattern: {
      expression: /^[a-zA-Z][-a-zA-Z0-9]{0,127}$/,
      shape: 'letters, digits and hyphens, a letter first, at most 128',
    },
    doc: 'The name of the CloudFormation stack; sluice- and rds_instance_id when not given.',
  },
  Acknowledge: {
    type: 'map',
    default: {},
    doc: 'Security rules that may be broken, each with the reason: { "SLUICE-TLS" = "a test database" }.',
  },
} as const satisfies Record<string, InputSpec>;

/** What only the managed RDS Proxy takes. */
const managed = {
  CreateRole: {
    type: 'boolean',
    default: false,
    engine: 'rds-proxy',
    doc: 'Make the role named rds_proxy_role with the least rights needed, instead of using one that is there.',
  },
  DBProxyEndpoints: {
    type: 'objects',
    fields: endpointFields,
    engine: 'rds-proxy',
    doc: 'More endpoints, for example a read-only one for a cluster.',
  },
  EndpointNetworkType: {
    type: 'string',
    default: 'IPV4',
    choices: ['IPV4', 'IPV6', 'DUAL'],
    engine: 'rds-proxy',
    doc: 'The IP version that clients use. Fixed at creation.',
  },
  TargetConnectionNetworkType: {
    type: 'string',
    default: 'IPV4',
    choices: ['IPV4', 'IPV6'],
    engine: 'rds-proxy',
    doc: 'The IP version towards the database. Fixed at creation.',
  },
} as const satisfies Record<string, InputSpec>;

/** What only Sluice on ECS takes. */
const sluice = {
  ContainerImage: {
    type: 'string',
    engine: 'sluice',
    doc: 'The image of the daemon, built from the Dockerfile of this project and pushed to a registry, for example 123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0.',
  },
  TlsSecretName: {
    type: 'string',
    engine: 'sluice',
    doc: 'The secret with the certificate and private key that clients see: JSON with the keys certificate and private_key, both PEM.',
  },
  TaskCpu: {
    type: 'integer',
    default: 512,
    choices: [256, 512, 1024, 2048, 4096],
    unit: 'CPU units',
    engine: 'sluice',
    doc: 'CPU of one task; 1024 are one vCPU.',
  },
  TaskMemory: {
    type: 'integer',
    default: 1024,
    min: 512,
    max: 30_720,
    unit: 'MiB',
    engine: 'sluice',
    doc: 'Memory of one task; Fargate takes certain sizes for each TaskCpu.',
  },
  MinTasks: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 100,
    engine: 'sluice',
    doc: 'The fewest tasks; two or more survive the loss of a zone.',
  },
  MaxTasks: {
    type: 'integer',
    default: 4,
    min: 1,
    max: 100,
    engine: 'sluice',
    doc: 'The most tasks that autoscaling may start. A rolling deployment runs twice as many for a while.',
  },
  PoolSize: {
    type: 'integer',
    min: 1,
    max: 10_000,
    unit: 'connections',
    engine: 'sluice',
    doc: 'The most database connections of one task; what the budget allows when not given.',
  },
  SluiceSettings: {
    type: 'map',
    default: {},
    engine: 'sluice',
    doc: 'Further settings of the daemon, by their names.',
  },
} as const satisfies Record<string, InputSpec>;

/** Every input, once. */
export const inputTable = { ...nine, ...shared, ...managed, ...sluice } as const;

export type InputName = keyof typeof inputTable;

/** The nine inputs' names, in the order of the original project. */
export const nineInputs: readonly string[] = Object.keys(nine);

/** What the nine inputs and the options come to, after parsing and with defaults filled in. */
export type Inputs = ValuesOf<typeof inputTable>;
