import { checkInputs } from '../src/inputs/read.ts';
import type { Inputs } from '../src/inputs/table.ts';
import type { Subject } from '../src/preflight/check.ts';
import type { Facts, SecurityGroup } from '../src/resolve/facts.ts';
import { checkResolved, type Resolved } from '../src/resolve/resolved.ts';

/** The nine inputs, as plain values. */
export const nine = {
  aws_account_id: '123456789012',
  aws_region: 'eu-central-1',
  vpc_id: 'vpc-0123456789abcdef0',
  vpc_subnet_filter_tag: { Name: 'private' },
  rds_instance_id: 'orders',
  rds_proxy_role: 'orders-proxy-role',
  rds_security_group_name: 'orders-proxy',
  rds_secret_name: 'orders-database',
} as const;

/** The inputs that engine sluice needs in addition to the nine. */
export const sluiceInputs = {
  engine: 'sluice',
  ContainerImage: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0',
  TlsSecretName: 'orders-tls',
} as const;

export const secretArn =
  'arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders-database-AbCdEf';

/** The nine inputs and more, checked. */
export function inputsWith(more: Readonly<Record<string, unknown>> = {}): Inputs {
  return checkInputs({ ...nine, ...more });
}

/** The ids of the resources in the nine inputs. */
export function resolvedWith(more: Readonly<Record<string, unknown>> = {}): Resolved {
  return checkResolved(
    {
      subnet_ids: ['subnet-0b000000000000000', 'subnet-0a000000000000000'],
      security_group_ids: ['sg-0a000000000000000'],
      role_arn: 'arn:aws:iam::123456789012:role/orders-proxy-role',
      secret_arns: {
        'orders-database': secretArn,
        'orders-tls': secretArn.replace('database', 'tls'),
      },
      vpc_cidrs: ['10.20.0.0/16'],
      database_host: 'orders.abc.eu-central-1.rds.amazonaws.com',
      database_resource_id: 'db-ABC',
      database_security_group_ids: ['sg-0d000000000000000'],
      database_vcpus: 2,
      max_connections: 400,
      ...more,
    },
    'test',
  );
}

const database = {
  identifier: 'orders',
  resourceId: 'db-ABC',
  engine: 'postgres',
  engineVersion: '17.2',
  status: 'available',
  instanceClass: 'db.m6g.large',
  host: 'orders.abc.eu-central-1.rds.amazonaws.com',
  port: 5432,
  vpcId: nine.vpc_id as string,
  securityGroupIds: ['sg-d'],
  parameterGroup: 'orders',
};

export const proxyGroup: SecurityGroup = {
  id: 'sg-p',
  name: 'orders-proxy',
  ingress: [
    {
      protocol: 'tcp',
      fromPort: 5432,
      toPort: 5432,
      cidrs: ['10.20.0.0/16'],
      groups: [],
      prefixLists: [],
    },
  ],
  egress: [
    { protocol: 'tcp', fromPort: 5432, toPort: 5432, cidrs: [], groups: ['sg-d'], prefixLists: [] },
  ],
};

export const databaseGroup: SecurityGroup = {
  id: 'sg-d',
  name: 'orders-database',
  ingress: [
    { protocol: 'tcp', fromPort: 5432, toPort: 5432, cidrs: [], groups: ['sg-p'], prefixLists: [] },
  ],
  egress: [],
};

/** Facts with which every check passes. */
export const goodFacts: Facts = {
  caller: { found: { account: nine.aws_account_id, arn: 'arn:aws:iam::123456789012:user/ops' } },
  database: { found: database },
  databaseNames: [],
  capacity: { found: { vcpus: 2, memoryMiB: 8192 } },
  cluster: { absent: 'not queried', detail: 'no cluster' },
  clusterNames: [],
  clusterParameters: { absent: 'not queried', detail: 'no cluster' },
  vpc: { found: { id: nine.vpc_id, tenancy: 'default', cidrs: ['10.20.0.0/16'] } },
  subnets: {
    found: [
      {
        id: 'subnet-b',
        zone: 'eu-central-1b',
        zoneId: 'euc1-az3',
        freeAddresses: 200,
        tags: { Name: 'private' },
      },
      {
        id: 'subnet-a',
        zone: 'eu-central-1a',
        zoneId: 'euc1-az2',
        freeAddresses: 200,
        tags: { Name: 'private' },
      },
      {
        id: 'subnet-c',
        zone: 'eu-central-1a',
        zoneId: 'euc1-az2',
        freeAddresses: 200,
        tags: { Name: 'public', Environment: 'prod' },
      },
    ],
  },
  namedGroups: { found: [proxyGroup] },
  groupNames: ['orders-proxy', 'orders-database', 'default'],
  databaseGroups: { found: [databaseGroup] },
  role: {
    found: {
      name: 'orders-proxy-role',
      arn: 'arn:aws:iam::123456789012:role/orders-proxy-role',
      trust: {
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'rds.amazonaws.com' },
            Action: 'sts:AssumeRole',
          },
        ],
      },
    },
  },
  roleRights: { found: { [`secretsmanager:GetSecretValue on ${secretArn}`]: 'allowed' } },
  secrets: {
    'orders-database': {
      found: { name: 'orders-database', arn: secretArn, hasCurrent: true, rotates: false },
    },
  },
  keys: {},
  tlsSecret: { absent: 'not queried', detail: 'no TlsSecretName is given' },
  imageSecret: { absent: 'not queried', detail: 'none is given' },
  certificate: { found: { problems: [], names: ['orders.db.example.com'], ends: '2099-01-01' } },
  image: { found: { repository: 'sluice', reference: '0.1.0', digest: 'sha256:0' } },
  wayOut: {
    found: { routes: { 'subnet-a': 'nat-1', 'subnet-b': 'nat-1' }, endpoints: [] },
  },
  ecsCluster: { absent: 'not queried', detail: 'no EcsClusterName is given' },
  fixedAddresses: { absent: 'not queried', detail: 'no BalancerAddresses are given' },
  logKey: { absent: 'not queried', detail: 'no key is given' },
  parameters: { found: { 'rds.force_ssl': '1', max_connections: '400' } },
  proxies: { found: [] },
  proxyQuota: { found: 20 },
  logGroups: { found: [] },
  stack: { absent: 'missing', detail: 'none' },
  callerRights: { found: { 'rds:CreateDBProxy on *': 'allowed' } },
  deep: {
    found: [
      {
        secret: 'orders-database',
        user: 'app',
        hasPassword: true,
        json: true,
        login: {
          found: {
            passwordKind: 'scram-sha-256',
            maxConnections: 400,
            reserved: 3,
            roleLimit: -1,
            inUse: 20,
            tls: true,
          },
        },
      },
    ],
  },
};

/** A subject that passes every check, with these changes. */
export function subjectWith(
  facts: Partial<Facts> = {},
  inputs: Readonly<Record<string, unknown>> = {},
): Subject {
  return { inputs: inputsWith(inputs), facts: { ...goodFacts, ...facts } };
}

/** The database of the good facts, with these changes. */
export function databaseWith(
  more: Partial<typeof database> & Record<string, unknown>,
): Facts['database'] {
  return { found: { ...database, ...more } };
}
