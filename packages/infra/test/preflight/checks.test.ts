import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Status } from '../../src/preflight/check.ts';
import { checks, preflight } from '../../src/preflight/run.ts';
import {
  found,
  type Cluster,
  type DeployedStack,
  type Facts,
  type FixedAddress,
  type Subnet,
} from '../../src/resolve/facts.ts';
import {
  databaseGroup,
  databaseWith,
  goodFacts,
  nine,
  proxyGroup,
  secretArn,
  sluiceInputs,
  subjectWith,
} from '../subject.ts';

/** One problem, and what the check says about it. */
interface Case {
  readonly code: string;
  readonly when: string;
  readonly facts?: Partial<Facts>;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly status: Status;
  readonly found: RegExp;
  readonly fix?: RegExp;
}

const missing = { absent: 'missing', detail: 'found none' } as const;
const denied = { absent: 'denied', detail: 'not allowed' } as const;

function stack(status: string, reason = 'a reason'): Partial<Facts> {
  const found: DeployedStack = {
    id: 'id',
    name: 'sluice-orders',
    status,
    reason,
    outputs: {},
    tags: {},
    template: {},
  };
  return { stack: { found } };
}

function proxies(more: object): Partial<Facts> {
  return {
    proxies: {
      found: [
        {
          name: 'orders',
          arn: 'arn',
          status: 'available',
          endpoint: 'e',
          tags: {},
          targets: [],
          ...more,
        },
      ],
    },
  };
}

/** A key of the secret with this policy. */
function keyWith(policy: object): Partial<Facts> {
  return { keys: { k: { found: { arn: 'arn', state: 'Enabled', awsManaged: false, policy } } } };
}

function trust(statement: object): Partial<Facts> {
  return { role: { found: { name: 'r', arn: 'arn', trust: { Statement: [statement] } } } };
}

const trusted = {
  Effect: 'Allow',
  Principal: { Service: ['rds.amazonaws.com'] },
  Action: 'sts:AssumeRole',
};

function login(more: object): Partial<Facts> {
  const { deep } = goodFacts;
  const [first] = 'found' in deep ? deep.found : [];
  assert.ok(first !== undefined && 'found' in first.login);
  return { deep: { found: [{ ...first, login: { found: { ...first.login.found, ...more } } }] } };
}

function secret(more: object): Partial<Facts> {
  return {
    secrets: {
      'orders-database': {
        found: {
          name: 'orders-database',
          arn: secretArn,
          hasCurrent: true,
          rotates: false,
          ...more,
        },
      },
    },
  };
}

const cluster: Cluster = {
  identifier: 'ex-aurora',
  engine: 'aurora-postgresql',
  engineVersion: '15.5',
  status: 'available',
  host: 'ex-aurora.cluster-abc.eu-central-1.rds.amazonaws.com',
  port: 5432,
  securityGroupIds: ['sg-d'],
  members: [{ id: 'ex-aurora-1', writer: true }],
  resourceId: 'cluster-ABC',
  vpcId: nine.vpc_id,
  parameterGroup: 'ex-aurora',
};

/** Addresses of a load balancer in the two zones. */
const fixedAddresses = {
  'subnet-0a000000000000000': '10.20.1.10',
  'subnet-0b000000000000000': '10.20.2.10',
};
const elasticIps = {
  'subnet-0a000000000000000': 'eipalloc-0a000000',
  'subnet-0b000000000000000': 'eipalloc-0b000000',
};

/** The subnets of these addresses, a third in the zone of the first, and what AWS knows about the addresses. */
function addressed(known: readonly FixedAddress[] = []): Partial<Facts> {
  const subnet = (name: string, zone: string, cidr: string): Subnet => ({
    id: `subnet-0${name}000000000000000`,
    zone: `eu-central-1${zone}`,
    zoneId: zone,
    freeAddresses: 200,
    cidr,
    tags: { Name: 'private' },
  });
  return {
    subnets: {
      found: [
        subnet('a', 'a', '10.20.1.0/24'),
        subnet('b', 'b', '10.20.2.0/24'),
        subnet('c', 'a', '10.20.3.0/24'),
      ],
    },
    fixedAddresses: { found: known },
    wayOut: {
      found: {
        routes: {
          'subnet-0a000000000000000': 'igw-1',
          'subnet-0b000000000000000': 'igw-1',
          'subnet-0c000000000000000': 'nat-1',
        },
        endpoints: [],
      },
    },
  };
}

const free = Object.values(elasticIps).map((address) => ({ address }));

/** A stack whose load balancer has these properties. */
function balancerOf(properties: object): Partial<Facts> {
  const resource = { Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', Properties: properties };
  return deployedWith({ B: resource });
}

function deployedWith(resources: object): Partial<Facts> {
  return {
    stack: {
      found: {
        id: 'x',
        name: 'sluice-orders',
        status: 'CREATE_COMPLETE',
        outputs: {},
        tags: {},
        template: { Resources: resources },
      },
    },
  };
}

function ownLogGroup(LogGroupName: string): Partial<Facts> {
  return deployedWith({ L: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName } } });
}

function logGroupOf(name: string, kind = 'STANDARD'): Partial<Facts> {
  return { logGroups: { found: [{ name, class: kind }] } };
}

function builtFor(architecture: string): Partial<Facts> {
  return {
    image: {
      found: {
        repository: 'sluice',
        reference: '0.1.0',
        digest: 'sha256:0',
        architectures: [architecture],
      },
    },
  };
}

const address = (
  when: string,
  BalancerAddresses: object,
  facts: Partial<Facts>,
  found: RegExp,
  status: Case['status'] = 'failed',
): Case => ({
  code: 'PF30',
  when,
  inputs: { ...sluiceInputs, BalancerAddresses },
  facts,
  status,
  found,
});

const addressCases: readonly Case[] = [
  address(
    'private addresses are free',
    fixedAddresses,
    addressed(),
    /10\.20\.1\.10 in subnet-0a/,
    'passed',
  ),
  address('Elastic IPs are free', elasticIps, addressed(free), /eipalloc-0a/, 'passed'),
  address(
    'a private address is in use',
    fixedAddresses,
    addressed([{ address: '10.20.2.10', usedBy: 'eni-1' }]),
    /10\.20\.2\.10 is used by eni-1/,
  ),
  address(
    'the balancer itself has the address',
    fixedAddresses,
    {
      ...addressed([{ address: '10.20.2.10', usedBy: 'eni-1' }]),
      ...balancerOf({
        SubnetMappings: Object.entries(fixedAddresses).map(([SubnetId, PrivateIPv4Address]) => ({
          SubnetId,
          PrivateIPv4Address,
        })),
      }),
    },
    /10\.20\.1\.10/,
    'passed',
  ),
  address(
    'the address of a subnet is changed',
    fixedAddresses,
    {
      ...addressed(),
      ...balancerOf({
        SubnetMappings: [
          { SubnetId: 'subnet-0a000000000000000', PrivateIPv4Address: '10.20.1.11' },
          { SubnetId: 'subnet-0b000000000000000', PrivateIPv4Address: '10.20.2.10' },
        ],
      }),
    },
    /has 10\.20\.1\.11 in subnet-0a\d+, which cannot become 10\.20\.1\.10/,
  ),
  address(
    'AWS has chosen the address of a subnet',
    fixedAddresses,
    { ...addressed(), ...balancerOf({ Subnets: ['subnet-0a000000000000000'] }) },
    /has an address that AWS chose in subnet-0a/,
  ),
  address(
    'an address is of another subnet',
    { ...fixedAddresses, 'subnet-0a000000000000000': '10.20.2.11' },
    addressed(),
    /10\.20\.2\.11 cannot be used in subnet-0a\d+ \(10\.20\.1\.0\/24\)/,
  ),
  ...['10.20.1.0', '10.20.1.3', '10.20.1.255'].map((reserved) =>
    address(
      `AWS keeps ${reserved} for itself`,
      { ...fixedAddresses, 'subnet-0a000000000000000': reserved },
      addressed(),
      /AWS reserves the first four addresses and the last/,
    ),
  ),
  ...['10.20.1.4', '10.20.1.254'].map((usable) =>
    address(
      `${usable} is the first or last that can be used`,
      { ...fixedAddresses, 'subnet-0a000000000000000': usable },
      addressed(),
      /in subnet-0a/,
      'passed',
    ),
  ),
  address(
    'two subnets are in one zone',
    { 'subnet-0a000000000000000': '10.20.1.10', 'subnet-0c000000000000000': '10.20.3.10' },
    addressed(),
    /2 subnets in 1 zone \(a\); a load balancer accepts one subnet per zone/,
  ),
  address(
    'a subnet is not of the VPC',
    { ...fixedAddresses, 'subnet-0d000000000000000': '10.20.4.10' },
    addressed(),
    /has no subnet subnet-0d/,
  ),
  address(
    'an Elastic IP is missing',
    elasticIps,
    addressed(free.slice(1)),
    /there is no Elastic IP eipalloc-0a000000 in eu-central-1/,
  ),
  address(
    'an Elastic IP is in use',
    elasticIps,
    addressed([...free.slice(1), { address: 'eipalloc-0a000000', usedBy: 'i-1' }]),
    /eipalloc-0a000000 is used by i-1/,
  ),
  address(
    'an Elastic IP is in a private subnet',
    {
      'subnet-0b000000000000000': 'eipalloc-0b000000',
      'subnet-0c000000000000000': 'eipalloc-0a000000',
    },
    addressed(free),
    /subnet-0c\d+ has no default route to an internet gateway/,
  ),
];

const cases: readonly Case[] = [
  {
    code: 'PF01',
    when: 'the credentials belong to another account',
    facts: { caller: { found: { account: '999999999999', arn: 'arn:other' } } },
    status: 'failed',
    found: /belong to account 999999999999/,
    fix: /AWS_PROFILE/,
  },
  {
    code: 'PF02',
    when: 'there is no such instance, and another has a similar name',
    facts: { database: missing, databaseNames: ['orders1', 'users'] },
    status: 'failed',
    found: /eu-central-1 has no instance orders/,
    fix: /did you mean orders1\?/,
  },
  {
    code: 'PF02',
    when: 'it is not PostgreSQL',
    facts: { database: databaseWith({ engine: 'mysql' }) },
    status: 'failed',
    found: /is not PostgreSQL/,
  },
  {
    code: 'PF02',
    when: 'it is a read replica',
    facts: { database: databaseWith({ replicaOf: 'main' }) },
    status: 'failed',
    found: /read replica of main/,
    fix: /rds_instance_id to main/,
  },
  {
    code: 'PF02',
    when: 'it is stopped',
    facts: { database: databaseWith({ status: 'stopped' }) },
    status: 'failed',
    found: /not usable now/,
  },
  {
    code: 'PF02',
    when: 'it is a member of a cluster',
    facts: { database: databaseWith({ clusterId: 'main' }) },
    status: 'failed',
    found: /member of the cluster main/,
    fix: /DBClusterIdentifier = "main"/,
  },
  {
    code: 'PF02',
    when: 'the cluster does not exist',
    facts: { cluster: missing },
    inputs: { DBClusterIdentifier: 'main' },
    status: 'failed',
    found: /found none/,
  },
  {
    code: 'PF03',
    when: 'the database is in another VPC',
    facts: { database: databaseWith({ vpcId: 'vpc-other' }) },
    status: 'failed',
    found: /is in vpc-other/,
    fix: /set vpc_id to vpc-other/,
  },
  {
    code: 'PF03',
    when: 'the VPC has dedicated tenancy',
    facts: { vpc: { found: { id: nine.vpc_id, tenancy: 'dedicated', cidrs: [] } } },
    status: 'failed',
    found: /dedicated tenancy/,
    fix: /engine = "sluice"/,
  },
  {
    code: 'PF04',
    when: 'one of the given subnets does not exist, and two others do',
    inputs: {
      SubnetIds: [
        'subnet-0a000000000000000',
        'subnet-0b000000000000000',
        'subnet-0e000000000000000',
      ],
    },
    facts: {
      subnets: {
        found: ['a', 'b'].map((zone) => ({
          id: `subnet-0${zone}000000000000000`,
          zone: `eu-central-1${zone}`,
          zoneId: `euc1-az${zone}`,
          freeAddresses: 200,
          tags: {},
        })),
      },
    },
    status: 'failed',
    found: /has no subnet subnet-0e000000000000000/,
    fix: /every subnet must be of the VPC/,
  },
  {
    code: 'PF08',
    when: 'the role of that name has another path than the ARN',
    inputs: { rds_proxy_role: 'arn:aws:iam::123456789012:role/x/orders-proxy-role' },
    status: 'failed',
    found:
      /there is no role .*:role\/x\/orders-proxy-role; .* is arn:aws:iam::123456789012:role\/orders/,
  },
  {
    code: 'PF04',
    when: 'one tag of two matches nothing',
    inputs: { vpc_subnet_filter_tag: { Name: 'private', Environment: 'testing' } },
    status: 'failed',
    found:
      /Name=private matches 2 subnets, Environment=testing none \(values of Environment there: prod\)/,
  },
  {
    code: 'PF04',
    when: 'all subnets are in one zone',
    inputs: { vpc_subnet_filter_tag: { Name: 'public' } },
    status: 'failed',
    found: /1 subnets in 1 zone/,
  },
  {
    code: 'PF04',
    when: 'a zone is one where RDS Proxy does not run',
    facts: {
      subnets: {
        found: ['use1-az1', 'use1-az2', 'use1-az3'].map((zoneId, index) => ({
          id: `subnet-${index}`,
          zone: zoneId,
          zoneId,
          freeAddresses: 100,
          tags: { Name: 'private' },
        })),
      },
    },
    status: 'warning',
    found: /left out: subnet-2 in use1-az3/,
  },
  {
    code: 'PF05',
    when: 'a subnet has no free address',
    facts: {
      subnets: {
        found: ['a', 'b'].map((id) => ({
          id,
          zone: id,
          zoneId: id,
          freeAddresses: id === 'a' ? 0 : 100,
          tags: { Name: 'private' },
        })),
      },
    },
    status: 'failed',
    found: /a has 0/,
  },
  {
    code: 'PF05',
    when: 'fewer are free than a large database needs',
    facts: {
      database: databaseWith({ instanceClass: 'db.r6g.24xlarge' }),
      subnets: {
        found: ['a', 'b'].map((id) => ({
          id,
          zone: id,
          zoneId: id,
          freeAddresses: 20,
          tags: { Name: 'private' },
        })),
      },
    },
    status: 'warning',
    found: /110 are recommended/,
  },
  {
    code: 'PF06',
    when: 'no group has the name, and another has a similar one',
    facts: { namedGroups: { found: [] }, groupNames: ['order-proxy'] },
    status: 'failed',
    found: /no security group named orders-proxy; did you mean order-proxy\?/,
  },
  {
    code: 'PF06',
    when: 'two groups have the name',
    facts: { namedGroups: { found: [proxyGroup, { ...proxyGroup, id: 'sg-q' }] } },
    status: 'failed',
    found: /2 groups: sg-p, sg-q/,
  },
  {
    code: 'PF06',
    when: 'the group to create exists already',
    inputs: { CreateSecurityGroup: true },
    status: 'failed',
    found: /already has a group orders-proxy/,
  },
  {
    code: 'PF07',
    when: 'the proxy’s group permits no connections to the database',
    facts: { namedGroups: { found: [{ ...proxyGroup, egress: [] }] } },
    status: 'failed',
    found: /outward .* is closed/,
    fix: /outbound rule to sg-p: TCP 5432 to sg-d/,
  },
  {
    code: 'PF07',
    when: 'the database’s group permits no connections',
    facts: { databaseGroups: { found: [{ ...databaseGroup, ingress: [] }] } },
    status: 'failed',
    found: /into the database .* is closed/,
    fix: /inbound rule to sg-d: TCP 5432 from sg-p/,
  },
  {
    code: 'PF07',
    when: 'no client can reach the proxy',
    facts: { namedGroups: { found: [{ ...proxyGroup, ingress: [] }] } },
    status: 'failed',
    found: /no client can reach the proxy/,
  },
  {
    code: 'PF07',
    when: 'the rule is for a range with only a part of the VPC',
    facts: {
      namedGroups: {
        found: [
          {
            ...proxyGroup,
            egress: [{ protocol: '-1', cidrs: ['10.20.1.0/24'], groups: [], prefixLists: [] }],
          },
        ],
      },
    },
    status: 'warning',
    found: /only partly open/,
  },
  {
    code: 'PF07',
    when: 'the database does not admit the group to create',
    facts: { namedGroups: { found: [] } },
    inputs: { CreateSecurityGroup: true, ClientCidrs: ['10.0.0.0/8'] },
    status: 'failed',
    found: /from the new group is closed/,
    fix: /AllowDatabaseIngress = true/,
  },
  {
    code: 'PF08',
    when: 'the role does not exist',
    facts: { role: missing },
    status: 'failed',
    found: /found none/,
    fix: /CreateRole = true/,
  },
  {
    code: 'PF08',
    when: 'the role trusts somebody else',
    facts: trust({ ...trusted, Principal: { Service: 'ec2.amazonaws.com' } }),
    status: 'failed',
    found: /does not let rds\.amazonaws\.com/,
  },
  {
    code: 'PF08',
    when: 'the role’s trust is for another account',
    facts: trust({
      ...trusted,
      Condition: { StringEquals: { 'aws:SourceAccount': '111111111111' } },
    }),
    status: 'failed',
    found: /does not let rds.amazonaws.com in account 123456789012 assume it/,
  },
  {
    code: 'PF09',
    when: 'the role may not read the secret',
    facts: { roleRights: { found: { 'secretsmanager:GetSecretValue on x': 'implicitDeny' } } },
    status: 'failed',
    found: /implicitDeny/,
    fix: /kms:ViaService/,
  },
  {
    code: 'PF09',
    when: 'the key of the secret is disabled',
    facts: {
      keys: { k: { found: { arn: 'arn', state: 'Disabled', awsManaged: false } } },
    },
    status: 'failed',
    found: /key k of the secret is Disabled/,
  },
  {
    code: 'PF09',
    when: 'the policy of the key permits only somebody else to decrypt',
    facts: keyWith({
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: 'arn:aws:iam::123456789012:role/other' },
          Action: 'kms:*',
        },
      ],
    }),
    status: 'failed',
    found: /policy of the key k does not let .*role\/orders-proxy-role decrypt/,
    fix: /kms:Decrypt to the role, or to the account/,
  },
  {
    code: 'PF09',
    when: 'the policy of the key permits the account to decrypt only through another service',
    facts: keyWith({
      Statement: {
        Effect: 'Allow',
        Principal: { AWS: '123456789012' },
        Action: 'kms:Decrypt',
        Condition: { StringEquals: { 'kms:ViaService': 's3.eu-central-1.amazonaws.com' } },
      },
    }),
    status: 'failed',
    found: /policy of the key k/,
  },
  {
    code: 'PF09',
    when: 'the secret’s own policy denies the role',
    facts: secret({
      policy: {
        Statement: [{ Effect: 'Deny', Principal: '*', Action: 'secretsmanager:Get*' }],
      },
    }),
    status: 'failed',
    found: /resource policy of orders-database denies .*orders-proxy-role to read it/,
  },
  {
    code: 'PF09',
    when: 'the caller is not allowed to simulate',
    facts: { roleRights: denied },
    status: 'skipped',
    found: /unknown/,
  },
  {
    code: 'PF10',
    when: 'the secret does not exist',
    facts: { secrets: { 'orders-database': missing } },
    status: 'failed',
    found: /found none/,
  },
  {
    code: 'PF10',
    when: 'the secret is scheduled for deletion',
    facts: secret({ deletedOn: '2026-12-01' }),
    status: 'failed',
    found: /scheduled for deletion on 2026-12-01/,
    fix: /restore-secret/,
  },
  {
    code: 'PF10',
    when: 'the secret has no current version',
    facts: secret({ hasCurrent: false }),
    status: 'failed',
    found: /AWSCURRENT/,
  },
  {
    code: 'PF11',
    when: 'the secret is not JSON',
    facts: {
      deep: {
        found: [
          {
            secret: 'orders-database',
            json: false,
            hasPassword: false,
            login: { absent: 'not queried', detail: 'no' },
          },
        ],
      },
    },
    status: 'failed',
    found: /not a JSON object/,
  },
  {
    code: 'PF11',
    when: 'the secret has no password',
    facts: {
      deep: {
        found: [
          {
            secret: 'orders-database',
            json: true,
            user: 'app',
            hasPassword: false,
            login: { absent: 'not queried', detail: 'no' },
          },
        ],
      },
    },
    status: 'failed',
    found: /has no password/,
  },
  {
    code: 'PF12',
    when: 'the password is wrong',
    facts: {
      deep: {
        found: [
          {
            secret: 'orders-database',
            json: true,
            user: 'app',
            hasPassword: true,
            login: { absent: 'failed', detail: 'password authentication failed for user "app"' },
          },
        ],
      },
    },
    status: 'failed',
    found: /refuses the login/,
  },
  {
    code: 'PF12',
    when: 'the database is unreachable from here',
    facts: {
      deep: {
        found: [
          {
            secret: 'orders-database',
            json: true,
            user: 'app',
            hasPassword: true,
            login: { absent: 'failed', detail: 'timeout expired' },
          },
        ],
      },
    },
    status: 'warning',
    found: /cannot be reached from here/,
    fix: /inside the VPC/,
  },
  {
    code: 'PF12',
    when: 'the database is full',
    facts: login({ inUse: 400 }),
    status: 'failed',
    found: /none is free/,
  },
  {
    code: 'PF12',
    when: 'the role has a connection limit',
    facts: login({ roleLimit: 10 }),
    status: 'warning',
    found: /own limit is 10/,
  },
  {
    code: 'PF13',
    when: 'the database accepts connections without TLS',
    facts: { parameters: { found: { 'rds.force_ssl': '0' } } },
    status: 'warning',
    found: /rds\.force_ssl is 0/,
    fix: /to 1 in the parameter group/,
  },
  {
    code: 'PF13',
    when: 'an old version has the default',
    facts: { parameters: { found: {} }, database: databaseWith({ engineVersion: '14.9' }) },
    status: 'warning',
    found: /0 before PostgreSQL 15/,
  },
  {
    code: 'PF14',
    when: 'another owner’s proxy has the name',
    facts: proxies({}),
    status: 'failed',
    found: /does not belong to the stack/,
    fix: /another DBProxyName/,
  },
  {
    code: 'PF14',
    when: 'a proxy of ours was retained, and its stack was deleted',
    facts: proxies({ tags: { 'sluice:stack': 'sluice-orders' } }),
    status: 'failed',
    found: /does not belong to the stack/,
    fix: /sluice aws adopt/,
  },
  {
    code: 'PF14',
    when: 'the proxy belongs to the stack',
    facts: {
      ...proxies({}),
      stack: {
        found: {
          id: 'id',
          name: 'sluice-orders',
          status: 'CREATE_COMPLETE',
          outputs: {},
          tags: {},
          template: {
            Resources: { P: { Type: 'AWS::RDS::DBProxy', Properties: { DBProxyName: 'orders' } } },
          },
        },
      },
    },
    status: 'passed',
    found: /this stack’s own proxy \(available\)/,
  },
  {
    code: 'PF14',
    when: 'the name is too long for a load balancer',
    inputs: { ...sluiceInputs, DBProxyName: 'a'.repeat(40) },
    status: 'failed',
    found: /at most 32/,
  },
  {
    code: 'PF15',
    when: 'the quota is used up',
    facts: { ...proxies({ name: 'other' }), proxyQuota: { found: 1 } },
    status: 'failed',
    found: /1 of 1 proxies/,
  },
  {
    code: 'PF16',
    when: 'the log group exists already',
    facts: { logGroups: { found: [{ name: '/aws/rds/proxy/orders', class: 'STANDARD' }] } },
    status: 'passed',
    found: /exists already, so it stays outside the stack/,
  },
  {
    code: 'PF17',
    when: 'another proxy of the database has a share too',
    facts: proxies({ name: 'old', targets: ['orders'], maxConnectionsPercent: 60 }),
    status: 'warning',
    found: /160 % of max_connections: old 60 %, this one 100 %/,
  },
  {
    code: 'PF17',
    when: 'the pools of all tasks do not fit',
    inputs: { ...sluiceInputs, PoolSize: 100 },
    status: 'failed',
    found:
      /2 tasks × 100 connections = 200 of 400 in steady state, 400 while deploying; at most 8 tasks .* take 800; the share is 400/,
    fix: /PoolSize to at most 50/,
  },
  {
    code: 'PF18',
    when: 'there are too many tags beside our own',
    inputs: {
      rds_proxy_tags: Object.fromEntries(Array.from({ length: 49 }, (_, i) => [`k${i}`, 'v'])),
    },
    status: 'failed',
    found: /49 tags are given/,
  },
  {
    code: 'PF19',
    when: 'an earlier creation failed',
    facts: stack('ROLLBACK_COMPLETE'),
    status: 'warning',
    found: /an earlier creation failed \(a reason\)/,
  },
  {
    code: 'PF19',
    when: 'an earlier creation failed without a reason',
    facts: stack('ROLLBACK_COMPLETE', ''),
    status: 'warning',
    found: /an earlier creation failed$/,
  },
  {
    code: 'PF19',
    when: 'another deployment is in progress',
    facts: stack('UPDATE_IN_PROGRESS'),
    status: 'warning',
    found: /UPDATE_IN_PROGRESS/,
    fix: /--wait/,
  },
  {
    code: 'PF19',
    when: 'a rollback failed',
    facts: stack('UPDATE_ROLLBACK_FAILED'),
    status: 'failed',
    found: /UPDATE_ROLLBACK_FAILED/,
    fix: /continue-update-rollback/,
  },
  {
    code: 'PF19',
    when: 'the stack may not be read',
    facts: { stack: denied },
    status: 'failed',
    found: /could not be read/,
  },
  {
    code: 'PF20',
    when: 'the caller is not allowed to pass the role',
    facts: { callerRights: { found: { 'iam:PassRole on r': 'implicitDeny' } } },
    status: 'failed',
    found: /iam:PassRole on r: implicitDeny/,
  },
  {
    code: 'PF02',
    when: 'the cluster is another database’s, and the instance in none',
    inputs: { DBClusterIdentifier: 'ex-aurora' },
    facts: { cluster: { found: cluster } },
    status: 'failed',
    found: /orders is in no cluster, DBClusterIdentifier is ex-aurora: another database/,
  },
  {
    code: 'PF02',
    when: 'the instance is a member of another cluster',
    inputs: { DBClusterIdentifier: 'ex-aurora' },
    facts: { cluster: { found: cluster }, database: databaseWith({ clusterId: 'other-aurora' }) },
    status: 'failed',
    found: /a member of the cluster other-aurora, DBClusterIdentifier is ex-aurora/,
  },
  {
    code: 'PF02',
    when: 'a cluster is given as an instance',
    facts: { database: missing, clusterNames: ['orders'] },
    status: 'failed',
    found: /orders is a cluster, not an instance/,
    fix: /set DBClusterIdentifier = "orders"/,
  },
  {
    code: 'PF02',
    when: 'the cluster is stopped',
    inputs: { DBClusterIdentifier: 'ex-aurora' },
    facts: {
      cluster: { found: { ...cluster, status: 'stopped' } },
      database: databaseWith({ clusterId: 'ex-aurora' }),
    },
    status: 'failed',
    found: /the cluster ex-aurora is stopped/,
  },
  ...['9.6.24', '8.4'].map((engineVersion): Case => ({
    code: 'PF02',
    when: `RDS Proxy does not support version ${engineVersion}`,
    facts: { database: databaseWith({ engineVersion }) },
    status: 'failed',
    found: /RDS Proxy supports PostgreSQL 10 and later/,
  })),
  ...['storage-optimization', 'stopped', 'rebooting', 'upgrading'].map((status): Case => ({
    code: 'PF02',
    when: `the database is in the state ${status}, in which RDS registers no target`,
    facts: { database: databaseWith({ status }) },
    status: 'failed',
    found: /is not usable now/,
  })),
  ...(
    [
      ['aurora-postgresql', '15.5', undefined, 'warning', /0 before Aurora PostgreSQL 17/],
      ['aurora-postgresql', '17.4', undefined, 'passed', /1 since Aurora PostgreSQL 17/],
      ['aurora-postgresql', '15.5', '1', 'passed', /is 1/],
      ['aurora-postgresql', '15.5', '0', 'warning', /is 0/],
    ] as const
  ).map(([engine, engineVersion, value, status, detail]): Case => ({
    code: 'PF13',
    when: `${engine} ${engineVersion} has rds.force_ssl ${value ?? 'at its default'} in the cluster’s group`,
    inputs: { DBClusterIdentifier: 'ex-aurora' },
    facts: {
      database: databaseWith({ engine, engineVersion, clusterId: 'ex-aurora' }),
      cluster: { found: cluster },
      // The value of the instance's group does not count.
      parameters: { found: { 'rds.force_ssl': '1' } },
      clusterParameters: { found: value === undefined ? {} : { 'rds.force_ssl': value } },
    },
    status,
    found: detail,
  })),
  ...(
    [
      ['a Statement that is one object', trusted, 'passed'],
      ['an action in capitals', { ...trusted, Action: 'STS:AssumeRole' }, 'passed'],
      ['an action with a star', { ...trusted, Action: 'sts:Assume*' }, 'passed'],
      [
        'a principal in a list',
        { ...trusted, Principal: { Service: ['rds.amazonaws.com', 'x'] } },
        'passed',
      ],
      [
        'StringLike on the account',
        { ...trusted, Condition: { StringLike: { 'aws:SourceAccount': '1234*' } } },
        'passed',
      ],
      [
        'a condition key in other case',
        { ...trusted, Condition: { StringEquals: { 'AWS:sourceaccount': nine.aws_account_id } } },
        'passed',
      ],
      [
        'ArnLike on the proxies of the account',
        {
          ...trusted,
          Condition: {
            ArnLike: { 'aws:SourceArn': 'arn:aws:rds:eu-central-1:123456789012:db-proxy:*' },
          },
        },
        'passed',
      ],
      [
        'a condition that cannot be judged here',
        { ...trusted, Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1' } } },
        'warning',
      ],
      [
        'NotPrincipal',
        { Effect: 'Allow', NotPrincipal: { Service: 'rds.amazonaws.com' }, Action: '*' },
        'failed',
      ],
      [
        'StringNotEquals on this very account',
        {
          ...trusted,
          Condition: { StringNotEquals: { 'aws:SourceAccount': nine.aws_account_id } },
        },
        'failed',
      ],
      ['an explicit deny beside the allow', [trusted, { ...trusted, Effect: 'Deny' }], 'failed'],
      [
        'a deny that is for others',
        [
          trusted,
          {
            ...trusted,
            Effect: 'Deny',
            Condition: { StringNotEquals: { 'aws:SourceAccount': nine.aws_account_id } },
          },
        ],
        'passed',
      ],
    ] as const
  ).map(([when, Statement, status]): Case => ({
    code: 'PF08',
    when: `the trust policy has ${when}`,
    facts: { role: { found: { name: 'r', arn: 'arn', trust: { Statement } } } },
    status,
    found: /./,
  })),
  {
    code: 'PF09',
    when: 'nothing was simulated',
    facts: { roleRights: { found: {} } },
    status: 'skipped',
    found: /nothing was simulated/,
  },
  {
    code: 'PF20',
    when: 'nothing was simulated',
    facts: { callerRights: { found: {} } },
    status: 'skipped',
    found: /nothing was simulated/,
  },
  {
    code: 'PF19',
    when: 'the stack is another database’s',
    facts: {
      stack: {
        found: {
          id: 'id',
          name: 'sluice-orders',
          status: 'CREATE_COMPLETE',
          outputs: {},
          tags: {},
          template: { Metadata: { Sluice: { database: 'users' } } },
        },
      },
    },
    status: 'failed',
    found: /belongs to the database users, not orders/,
    fix: /Workspace/,
  },
  {
    code: 'PF06',
    when: 'an id is given as a name',
    inputs: { rds_security_group_name: 'sg-0123456789abcdef0' },
    facts: { namedGroups: { found: [] } },
    status: 'failed',
    found: /no security group named sg-/,
    fix: /SecurityGroupIds = \["sg-0123456789abcdef0"\]/,
  },
  {
    code: 'PF06',
    when: 'a group of SecurityGroupIds is not in the VPC',
    inputs: { SecurityGroupIds: ['sg-0123456789abcdef0'] },
    facts: { namedGroups: { found: [] } },
    status: 'failed',
    found: /has no security group sg-0123456789abcdef0/,
  },
  {
    code: 'PF04',
    when: 'a subnet of SubnetIds is not in the VPC',
    inputs: { SubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'] },
    status: 'failed',
    found: /has no subnet subnet-0123456789abcdef0/,
  },
  {
    code: 'PF07',
    when: 'the inputs forbid engine sluice to change the database’s groups, which admit nobody else',
    inputs: { ...sluiceInputs, AllowDatabaseIngress: false },
    status: 'failed',
    found: /from the new group is closed/,
    fix: /AllowDatabaseIngress = true/,
  },
  {
    code: 'PF21',
    when: 'the image is not in its repository',
    inputs: sluiceInputs,
    facts: { image: missing },
    status: 'failed',
    found: /found none/,
    fix: /push the image/,
  },
  {
    code: 'PF21',
    when: 'the image is for another processor',
    inputs: sluiceInputs,
    facts: {
      image: {
        found: {
          repository: 'sluice',
          reference: '0.1.0',
          digest: 'sha256:0',
          architectures: ['amd64'],
        },
      },
    },
    status: 'failed',
    found: /built for amd64, and the tasks run on arm64/,
    fix: /--platform linux\/arm64/,
  },
  {
    code: 'PF23',
    when: 'there are endpoints for all of AWS, and the image is elsewhere',
    inputs: { ...sluiceInputs, ContainerImage: 'ghcr.io/sluice/sluice:0.1.0' },
    facts: {
      wayOut: {
        found: {
          routes: {},
          endpoints: ['ecr.api', 'ecr.dkr', 's3', 'logs', 'secretsmanager'].map(
            (service) => `com.amazonaws.eu-central-1.${service}`,
          ),
        },
      },
    },
    status: 'failed',
    found: /ghcr\.io\/sluice\/sluice:0\.1\.0 is not in ECR/,
  },
  {
    code: 'PF22',
    when: 'key and certificate do not match',
    inputs: sluiceInputs,
    facts: {
      certificate: {
        found: { problems: ['private_key is not the key of certificate'], names: [] },
      },
    },
    status: 'failed',
    found: /orders-tls: private_key is not the key/,
  },
  {
    code: 'PF22',
    when: 'it has another name than DnsName',
    inputs: { ...sluiceInputs, DnsName: 'other.example.com', HostedZoneId: 'Z1' },
    status: 'warning',
    found: /expect other\.example\.com/,
  },
  {
    code: 'PF22',
    when: 'it expires soon',
    inputs: sluiceInputs,
    facts: {
      certificate: {
        found: {
          problems: [],
          names: ['a'],
          ends: new Date(Date.now() + 86_400_000).toISOString(),
        },
      },
    },
    status: 'warning',
    found: /less than 30 days away/,
  },
  {
    code: 'PF23',
    when: 'the subnets have no route to AWS, and the VPC lacks endpoints',
    inputs: sluiceInputs,
    facts: {
      wayOut: {
        found: {
          routes: { 'subnet-a': 'igw-1' },
          endpoints: ['com.amazonaws.eu-central-1.s3', 'com.amazonaws.eu-central-1.logs'],
        },
      },
    },
    status: 'failed',
    found:
      /subnet-a, subnet-b has no default route .* no endpoint for ecr\.api, ecr\.dkr, secretsmanager/,
  },
  {
    code: 'PF24',
    when: 'the inputs have a READ_ONLY endpoint, and the target is an instance',
    inputs: { DBProxyEndpoints: [{ DBProxyEndpointName: 'ro', TargetRole: 'READ_ONLY' }] },
    status: 'failed',
    found: /an instance has no readers/,
  },
  {
    code: 'PF24',
    when: 'the inputs have a READ_ONLY endpoint, and the cluster has only a writer',
    inputs: {
      DBClusterIdentifier: 'ex-aurora',
      DBProxyEndpoints: [{ DBProxyEndpointName: 'ro', TargetRole: 'READ_ONLY' }],
    },
    facts: { cluster: { found: cluster } },
    status: 'failed',
    found: /ex-aurora has no reader/,
  },
  {
    code: 'PF25',
    when: 'the inputs have IAM_AUTH, and IAM is off in the database',
    inputs: { DefaultAuthScheme: 'IAM_AUTH' },
    facts: { database: databaseWith({ iamAuth: false }) },
    status: 'failed',
    found: /IAM authentication is off in orders/,
    fix: /--enable-iam-database-authentication/,
  },
  {
    code: 'PF26',
    when: 'the inputs have IPv6 for clients, and the subnets do not',
    inputs: { EndpointNetworkType: 'DUAL' },
    status: 'failed',
    found: /is DUAL, and subnet-a, subnet-b has no IPv6 range/,
  },
  {
    code: 'PF26',
    when: 'the inputs have IPv6 for the database, which has none',
    inputs: { TargetConnectionNetworkType: 'IPV6' },
    status: 'failed',
    found: /network type of the database is IPV4/,
  },
  {
    code: 'PF27',
    when: 'the key of the logs is in another region',
    inputs: { LogKmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/k' },
    status: 'failed',
    found: /a key of us-east-1/,
  },
  {
    code: 'PF27',
    when: 'the key’s policy does not permit CloudWatch Logs to use it',
    inputs: { LogKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/k' },
    facts: {
      logKey: {
        found: {
          arn: 'a',
          state: 'Enabled',
          awsManaged: false,
          policy: {
            Statement: {
              Effect: 'Allow',
              Principal: { AWS: 'arn:aws:iam::123456789012:root' },
              Action: 'kms:*',
            },
          },
        },
      },
    },
    status: 'failed',
    found: /does not let logs\.eu-central-1\.amazonaws\.com use it/,
  },
  {
    code: 'PF27',
    when: 'the key of the logs does not exist',
    inputs: { LogKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/1' },
    facts: { logKey: missing },
    status: 'failed',
    found: /found none/,
    fix: /correct LogKmsKeyArn/,
  },
  {
    code: 'PF27',
    when: 'the key of the logs is disabled',
    inputs: { LogKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/1' },
    facts: { logKey: { found: { arn: 'arn', state: 'Disabled', awsManaged: false } } },
    status: 'failed',
    found: /the key of the logs is Disabled/,
  },
  {
    code: 'PF27',
    when: 'the policy of the log key could not be read',
    inputs: { LogKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/1' },
    facts: { logKey: { found: { arn: 'arn', state: 'Enabled', awsManaged: false } } },
    status: 'skipped',
    found: /policy of the log key could not be read/,
  },
  {
    code: 'PF27',
    when: 'the policy of the log key has a condition that the check cannot evaluate',
    inputs: { LogKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/1' },
    facts: {
      logKey: {
        found: {
          arn: 'arn',
          state: 'Enabled',
          awsManaged: false,
          policy: {
            Statement: [
              {
                Effect: 'Allow',
                Principal: { Service: 'logs.eu-central-1.amazonaws.com' },
                Action: 'kms:*',
                Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1' } },
              },
            ],
          },
        },
      },
    },
    status: 'warning',
    found: /depends on conditions that cannot be evaluated here/,
  },
  {
    code: 'PF29',
    when: 'an endpoint in another VPC would have the proxy’s groups',
    inputs: {
      DBProxyEndpoints: [
        {
          DBProxyEndpointName: 'far',
          VpcSubnetIds: ['subnet-0c000000000000000', 'subnet-0d000000000000000'],
        },
      ],
    },
    status: 'failed',
    found: /far has subnets that are not of vpc-0123456789abcdef0/,
    fix: /VpcSecurityGroupIds of its own VPC/,
  },
  {
    code: 'PF28',
    when: 'there is no ECS cluster of that name',
    inputs: { ...sluiceInputs, EcsClusterName: 'shared' },
    facts: { ecsCluster: missing },
    status: 'failed',
    found: /found none/,
    fix: /correct EcsClusterName \(shared\)/,
  },
  {
    code: 'PF28',
    when: 'the ECS cluster is being deleted',
    inputs: { ...sluiceInputs, EcsClusterName: 'shared' },
    facts: {
      ecsCluster: { found: { name: 'shared', status: 'DEPROVISIONING', capacityProviders: [] } },
    },
    status: 'failed',
    found: /the ECS cluster shared is DEPROVISIONING/,
  },
  {
    code: 'PF28',
    when: 'the ECS cluster has no Fargate Spot',
    inputs: { ...sluiceInputs, EcsClusterName: 'shared', FargateSpotWeight: 1 },
    facts: {
      ecsCluster: { found: { name: 'shared', status: 'ACTIVE', capacityProviders: ['FARGATE'] } },
    },
    status: 'failed',
    found: /shared has no capacity provider FARGATE_SPOT/,
    fix: /--capacity-providers FARGATE FARGATE_SPOT /,
  },
  {
    code: 'PF28',
    when: 'the ECS cluster has Fargate Spot',
    inputs: { ...sluiceInputs, EcsClusterName: 'shared', FargateSpotWeight: 1 },
    facts: {
      ecsCluster: {
        found: {
          name: 'shared',
          status: 'ACTIVE',
          capacityProviders: ['FARGATE', 'FARGATE_SPOT', 'ours'],
        },
      },
    },
    status: 'passed',
    found: /shared is ACTIVE/,
  },
  {
    code: 'PF21',
    when: 'the image is for the processor of CpuArchitecture',
    inputs: { ...sluiceInputs, CpuArchitecture: 'X86_64' },
    facts: builtFor('amd64'),
    status: 'passed',
    found: /sluice 0\.1\.0/,
  },
  {
    code: 'PF21',
    when: 'the image is not for the processor of CpuArchitecture',
    inputs: { ...sluiceInputs, CpuArchitecture: 'X86_64' },
    facts: builtFor('arm64'),
    status: 'failed',
    found: /is built for arm64, and the tasks run on amd64/,
    fix: /--platform linux\/amd64/,
  },
  {
    code: 'PF23',
    when: 'the endpoint for ECS Exec is missing',
    inputs: { ...sluiceInputs, EnableExecuteCommand: true },
    facts: {
      wayOut: {
        found: {
          routes: {},
          endpoints: ['ecr.api', 'ecr.dkr', 's3', 'logs', 'secretsmanager'].map(
            (name) => `com.amazonaws.eu-central-1.${name}`,
          ),
        },
      },
    },
    status: 'failed',
    found: /no endpoint for ssmmessages/,
  },
  {
    code: 'PF27',
    when: 'a topic of the stack is in another region',
    inputs: { StackTopicArns: ['arn:aws:sns:us-east-1:123456789012:stacks'] },
    status: 'failed',
    found: /StackTopicArns has a topic of us-east-1/,
    fix: /give a topic of eu-central-1/,
  },
  {
    code: 'PF16',
    when: 'the stack’s own log group has another class',
    inputs: { LogGroupClass: 'INFREQUENT_ACCESS' },
    facts: { ...ownLogGroup('/aws/rds/proxy/orders'), ...logGroupOf('/aws/rds/proxy/orders') },
    status: 'failed',
    found: /has the class STANDARD, which cannot become INFREQUENT_ACCESS/,
    fix: /set LogGroupClass = "STANDARD", or delete the group/,
  },
  {
    code: 'PF16',
    when: 'an existing log group has another class',
    inputs: { LogGroupClass: 'INFREQUENT_ACCESS' },
    facts: logGroupOf('/aws/rds/proxy/orders'),
    status: 'warning',
    found: /cannot become INFREQUENT_ACCESS/,
    fix: /set LogGroupClass = "STANDARD"/,
  },
  {
    code: 'PF16',
    when: 'the log group of the tasks is not STANDARD',
    inputs: { ...sluiceInputs, LogGroupClass: 'INFREQUENT_ACCESS' },
    facts: logGroupOf('/sluice/orders', 'INFREQUENT_ACCESS'),
    status: 'failed',
    found: /has the class INFREQUENT_ACCESS, which cannot become STANDARD/,
    fix: /^delete the group with its logs/,
  },
  {
    code: 'PF16',
    when: 'the class is that of the inputs',
    inputs: { LogGroupClass: 'INFREQUENT_ACCESS' },
    facts: logGroupOf('/aws/rds/proxy/orders', 'INFREQUENT_ACCESS'),
    status: 'passed',
    found: /exists already/,
  },
  ...addressCases,
  {
    code: 'PF09',
    when: 'the key of the secret does not exist',
    facts: { keys: { k: missing } },
    status: 'failed',
    found: /found none/,
    fix: /the key k of the secret is gone/,
  },
  {
    code: 'PF02',
    when: 'the cluster does not exist, and its instance does',
    inputs: { DBClusterIdentifier: 'ex-aurora' },
    facts: { database: databaseWith({ clusterId: 'ex-aurora' }), cluster: missing },
    status: 'failed',
    found: /found none/,
    fix: /correct DBClusterIdentifier \(ex-aurora\)/,
  },
  {
    code: 'PF02',
    when: 'the cluster is not PostgreSQL',
    inputs: { DBClusterIdentifier: 'ex-aurora' },
    facts: {
      database: databaseWith({ clusterId: 'ex-aurora' }),
      cluster: { found: { ...cluster, engine: 'aurora-mysql' } },
    },
    status: 'failed',
    found: /the cluster ex-aurora runs aurora-mysql/,
  },
  {
    code: 'PF07',
    when: 'the new group admits nobody',
    inputs: { CreateSecurityGroup: true, AllowDatabaseIngress: true },
    facts: { namedGroups: { found: [] } },
    status: 'failed',
    found: /the new group admits nobody/,
    fix: /ClientSecurityGroupIds or ClientCidrs/,
  },
  {
    code: 'PF27',
    when: 'the topic of the alarms is in another region',
    inputs: { ...sluiceInputs, AlarmTopicArn: 'arn:aws:sns:us-east-1:123456789012:alarms' },
    status: 'failed',
    found: /a topic of us-east-1/,
  },
];

const withTls: Partial<Facts> = {
  tlsSecret: {
    found: {
      name: 'orders-tls',
      arn: secretArn.replace('database', 'tls'),
      hasCurrent: true,
      rotates: false,
    },
  },
};

/** The facts if the caller is not allowed to read one of them. */
function withoutFact(name: string): Partial<Facts> {
  switch (name) {
    case 'secrets':
      return { secrets: { 'orders-database': denied } };
    case 'keys':
      return { keys: { k: denied } };
    default:
      return { [name]: denied };
  }
}

/**
 * Inputs that use as many features as possible, facts with which all checks pass, and what depends on each of the
 * facts.
 */
const unreadable: Readonly<
  Record<
    string,
    {
      readonly inputs: Readonly<Record<string, unknown>>;
      readonly more: Partial<Facts>;
      readonly changed: Readonly<Record<string, readonly string[]>>;
    }
  >
> = {
  'rds-proxy': {
    inputs: {
      rds_instance_id: undefined,
      DBClusterIdentifier: 'ex-aurora',
      DBProxyEndpoints: [
        {
          DBProxyEndpointName: 'ro',
          TargetRole: 'READ_ONLY',
          VpcSubnetIds: ['subnet-0c000000000000000', 'subnet-0d000000000000000'],
          VpcSecurityGroupIds: ['sg-0c000000000000000'],
        },
      ],
      DefaultAuthScheme: 'IAM_AUTH',
      EndpointNetworkType: 'DUAL',
      TargetConnectionNetworkType: 'IPV6',
      LogKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/1',
    },
    more: {
      database: databaseWith({
        identifier: 'ex-aurora',
        clusterId: 'ex-aurora',
        iamAuth: true,
        networkType: 'DUAL',
      }),
      cluster: {
        found: {
          ...cluster,
          members: [...cluster.members, { id: 'ex-aurora-2', writer: false }],
        },
      },
      clusterParameters: { found: { 'rds.force_ssl': '1' } },
      subnets: {
        found: (found(goodFacts.subnets) ?? []).map((subnet) => ({ ...subnet, ipv6: true })),
      },
      logKey: {
        found: {
          arn: 'arn',
          state: 'Enabled',
          awsManaged: false,
          policy: {
            Statement: [
              {
                Effect: 'Allow',
                Principal: { Service: 'logs.eu-central-1.amazonaws.com' },
                Action: 'kms:*',
              },
            ],
          },
        },
      },
    },
    changed: {
      caller: ['PF01'],
      database: ['PF02', 'PF03', 'PF05', 'PF07', 'PF17', 'PF25', 'PF26'],
      capacity: [],
      cluster: ['PF02', 'PF24'],
      clusterParameters: ['PF13'],
      vpc: ['PF03'],
      subnets: ['PF04', 'PF05', 'PF23', 'PF26', 'PF29'],
      namedGroups: ['PF06', 'PF07'],
      databaseGroups: ['PF07'],
      role: ['PF08'],
      roleRights: ['PF09'],
      secrets: ['PF10'],
      keys: ['PF09'],
      tlsSecret: [],
      imageSecret: [],
      certificate: [],
      image: [],
      wayOut: ['PF23'],
      ecsCluster: [],
      fixedAddresses: [],
      logKey: ['PF27'],
      parameters: [],
      proxies: ['PF14', 'PF15', 'PF17'],
      proxyQuota: [],
      logGroups: ['PF16'],
      stack: ['PF19'],
      callerRights: ['PF20'],
      deep: ['PF11', 'PF12'],
    },
  },
  sluice: {
    inputs: {
      ...sluiceInputs,
      EcsClusterName: 'shared',
      BalancerAddresses: fixedAddresses,
    },
    more: {
      ...withTls,
      ...addressed(),
      wayOut: {
        found: {
          routes: Object.fromEntries(
            ['a', 'b', 'c'].map((name) => [`subnet-0${name}000000000000000`, 'nat-1']),
          ),
          endpoints: [],
        },
      },
      ecsCluster: { found: { name: 'shared', status: 'ACTIVE', capacityProviders: [] } },
    },
    changed: {
      caller: ['PF01'],
      database: ['PF02', 'PF03', 'PF05', 'PF07', 'PF17'],
      capacity: [],
      cluster: [],
      clusterParameters: [],
      vpc: ['PF03'],
      subnets: ['PF04', 'PF05', 'PF23', 'PF30'],
      namedGroups: ['PF06', 'PF07'],
      databaseGroups: ['PF07'],
      role: [],
      roleRights: [],
      secrets: ['PF10'],
      keys: ['PF09'],
      tlsSecret: ['PF10'],
      imageSecret: [],
      certificate: ['PF22'],
      image: ['PF21'],
      wayOut: ['PF23'],
      ecsCluster: ['PF28'],
      fixedAddresses: ['PF30'],
      logKey: [],
      parameters: ['PF13'],
      proxies: ['PF17'],
      proxyQuota: [],
      logGroups: ['PF16'],
      stack: ['PF19'],
      callerRights: ['PF20'],
      deep: ['PF11', 'PF12'],
    },
  },
};

/** Checks that do not apply to the managed proxy. */
const sluiceOnly = new Set(['PF21', 'PF22', 'PF23']);

suite('preflight checks', () => {
  test('they are numbered in order, without a gap', () => {
    assert.ok(checks.length >= 30);
    assert.deepEqual(
      checks.map((check) => check.code),
      checks.map((_, index) => `PF${String(index + 1).padStart(2, '0')}`),
    );
  });

  test('a key whose policy delegates to the account passes', () => {
    const rights = checks.find(({ code }) => code === 'PF09');
    const root = { AWS: 'arn:aws:iam::123456789012:root' };
    const policy = { Statement: [{ Effect: 'Allow', Principal: root, Action: 'kms:*' }] };
    assert.equal(rights?.run(subjectWith(keyWith(policy))).status, 'passed');
  });

  test('each has a case that fails or warns', () => {
    const covered = new Set(cases.filter((one) => one.status !== 'skipped').map((one) => one.code));
    assert.deepEqual(
      checks.map((check) => check.code).filter((code) => !covered.has(code)),
      [],
    );
  });

  for (const check of checks) {
    test(`${check.code} ${check.title} passes if everything is right`, () => {
      const verdict = check.run(subjectWith({}, sluiceOnly.has(check.code) ? sluiceInputs : {}));
      assert.equal(verdict.status, 'passed', verdict.found);
      assert.notEqual(verdict.found, '');
    });
  }

  for (const { code, when, facts, inputs, status, found, fix } of cases) {
    test(`${code} is ${status} if ${when}`, () => {
      const finding = preflight(subjectWith(facts, inputs)).find((one) => one.code === code);
      assert.ok(finding);
      assert.equal(finding.status, status, finding.found);
      assert.match(finding.found, found);
      if (status === 'failed' || status === 'warning') {
        assert.ok(finding.fix, 'says how to fix it');
      }
      if (fix !== undefined) {
        assert.match(finding.fix ?? '', fix);
      }
    });
  }

  for (const [engine, { inputs, more, changed }] of Object.entries(unreadable)) {
    for (const [fact, codes] of Object.entries(changed)) {
      test(`engine ${engine}: without ${fact}, the checks that need it are skipped: ${codes.join() || 'no check needs it alone'}`, () => {
        const given = subjectWith(more, inputs);
        const before = new Map(preflight(given).map(({ code, status }) => [code, status]));
        const facts = { ...given.facts, ...withoutFact(fact) };
        const now = preflight({ ...given, facts }).filter(
          ({ code, status }) => status !== before.get(code),
        );
        assert.deepEqual(
          now.map(({ code }) => code),
          codes,
        );
        for (const { code, status } of now) {
          // Without the stack nothing could be compared, so this check fails.
          assert.equal(status, code === 'PF19' ? 'failed' : 'skipped', code);
        }
      });
    }

    test(`engine ${engine}: every fact that may be absent is covered`, () => {
      const absent = Object.entries(goodFacts).filter(([, value]) => !Array.isArray(value));
      assert.deepEqual(Object.keys(changed).toSorted(), absent.map(([name]) => name).toSorted());
    });
  }

  test('with another account everything else is skipped or needs no AWS', () => {
    const unknown = { absent: 'not queried', detail: 'another account' } as const;
    const facts = Object.fromEntries(
      Object.entries(goodFacts).map(([name, value]) =>
        Array.isArray(value) || name === 'caller' ? [name, value] : [name, unknown],
      ),
    ) as unknown as Facts;
    for (const inputs of [{}, sluiceInputs]) {
      const judged = preflight(subjectWith({ ...facts, secrets: {}, keys: {} }, inputs)).filter(
        ({ status }) => status !== 'skipped',
      );
      // The account itself, and what only depends on the inputs: the length of a name, tags, optional features.
      const known =
        inputs === sluiceInputs
          ? ['PF01', 'PF09', 'PF14', 'PF18', 'PF24', 'PF25', 'PF26', 'PF27', 'PF28', 'PF29', 'PF30']
          : ['PF01', 'PF18', 'PF24', 'PF25', 'PF26', 'PF27', 'PF28', 'PF29', 'PF30'];
      assert.deepEqual(
        judged.map(({ code }) => code),
        known,
      );
      assert.ok(judged.every(({ status }) => status === 'passed'));
    }
  });

  for (const [engine, codes] of [
    ['rds-proxy', ['PF21', 'PF22']],
    ['sluice', ['PF08', 'PF15']],
  ] as const) {
    test(`${codes.join(' and ')} are skipped with engine ${engine}, which does not need them`, () => {
      const inputs = engine === 'sluice' ? sluiceInputs : {};
      const skipped = preflight(subjectWith(withTls, inputs)).filter(
        ({ status }) => status === 'skipped',
      );
      assert.deepEqual(
        skipped.map(({ code }) => code),
        codes,
      );
      assert.ok(skipped.every(({ found }) => found.startsWith('not needed: ')));
    });
  }

  test('without any secret the checks of secrets have nothing to do', () => {
    const skipped = preflight(
      subjectWith(
        { secrets: {}, deep: { found: [] }, database: databaseWith({ iamAuth: true }) },
        { rds_secret_name: undefined, DefaultAuthScheme: 'IAM_AUTH' },
      ),
    ).filter(({ status }) => status === 'skipped');
    assert.deepEqual(
      skipped.map(({ code }) => code),
      ['PF10', 'PF11', 'PF12', 'PF21', 'PF22'],
    );
  });
});
