import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Status } from '../../src/preflight/check.ts';
import { checks, preflight } from '../../src/preflight/run.ts';
import type { DeployedStack, Facts } from '../../src/resolve/facts.ts';
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

/** One thing that is wrong, and what is said of it. */
interface Case {
  readonly code: string;
  readonly when: string;
  readonly facts?: Partial<Facts>;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly status: Status;
  readonly found: RegExp;
  readonly mend?: RegExp;
}

const missing = { absent: 'missing', told: 'found none' } as const;
const denied = { absent: 'denied', told: 'not allowed' } as const;

function stack(status: string): Partial<Facts> {
  const found: DeployedStack = {
    id: 'id',
    name: 'sluice-orders',
    status,
    reason: 'a reason',
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
  assert.ok('found' in deep && 'found' in deep.found.login);
  return {
    deep: { found: { ...deep.found, login: { found: { ...deep.found.login.found, ...more } } } },
  };
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

const cases: readonly Case[] = [
  {
    code: 'PF01',
    when: 'the credentials belong to another account',
    facts: { caller: { found: { account: '999999999999', arn: 'arn:other' } } },
    status: 'failed',
    found: /belong to account 999999999999/,
    mend: /AWS_PROFILE/,
  },
  {
    code: 'PF02',
    when: 'there is no such instance, and one is named nearly so',
    facts: { database: missing, databaseNames: ['orders1', 'users'] },
    status: 'failed',
    found: /eu-central-1 has no instance orders/,
    mend: /did you mean orders1\?/,
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
    mend: /rds_instance_id to main/,
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
    mend: /DBClusterIdentifier = "main"/,
  },
  {
    code: 'PF02',
    when: 'the cluster is not there',
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
    mend: /set vpc_id to vpc-other/,
  },
  {
    code: 'PF03',
    when: 'the VPC has dedicated tenancy',
    facts: { vpc: { found: { id: nine.vpc_id, tenancy: 'dedicated', cidrs: [] } } },
    status: 'failed',
    found: /dedicated tenancy/,
    mend: /engine = "sluice"/,
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
    when: 'fewer are free than a large database wants',
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
    when: 'no group has the name, and one is named nearly so',
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
    when: 'the group to make is there already',
    inputs: { CreateSecurityGroup: true },
    status: 'failed',
    found: /has a group orders-proxy already/,
  },
  {
    code: 'PF07',
    when: 'the proxy’s group lets nothing out to the database',
    facts: { namedGroups: { found: [{ ...proxyGroup, egress: [] }] } },
    status: 'failed',
    found: /outward .* is closed/,
    mend: /outbound rule to sg-p: TCP 5432 to sg-d/,
  },
  {
    code: 'PF07',
    when: 'the database’s group lets nothing in',
    facts: { databaseGroups: { found: [{ ...databaseGroup, ingress: [] }] } },
    status: 'failed',
    found: /into the database .* is closed/,
    mend: /inbound rule to sg-d: TCP 5432 from sg-p/,
  },
  {
    code: 'PF07',
    when: 'no client may reach the proxy',
    facts: { namedGroups: { found: [{ ...proxyGroup, ingress: [] }] } },
    status: 'failed',
    found: /no client may reach the proxy/,
  },
  {
    code: 'PF07',
    when: 'the way is open by a range that holds a part of the VPC only',
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
    found: /open in part/,
  },
  {
    code: 'PF07',
    when: 'a group is to be made that the database does not let in',
    facts: { namedGroups: { found: [] } },
    inputs: { CreateSecurityGroup: true, ClientCidrs: ['10.0.0.0/8'] },
    status: 'failed',
    found: /from the group that is made is closed/,
    mend: /AllowDatabaseIngress = true/,
  },
  {
    code: 'PF08',
    when: 'the role is not there',
    facts: { role: missing },
    status: 'failed',
    found: /found none/,
    mend: /CreateRole = true/,
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
    found: /aws:SourceAccount 111111111111/,
  },
  {
    code: 'PF09',
    when: 'the role may not read the secret',
    facts: { roleRights: { found: { 'secretsmanager:GetSecretValue on x': 'implicitDeny' } } },
    status: 'failed',
    found: /implicitDeny/,
    mend: /kms:ViaService/,
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
    when: 'the caller may not ask',
    facts: { roleRights: denied },
    status: 'skipped',
    found: /not known/,
  },
  {
    code: 'PF10',
    when: 'the secret is not there',
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
    mend: /restore-secret/,
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
    when: 'the secret is no JSON',
    facts: {
      deep: {
        found: { json: false, hasPassword: false, login: { absent: 'not asked', told: 'no' } },
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
        found: {
          json: true,
          user: 'app',
          hasPassword: false,
          login: { absent: 'not asked', told: 'no' },
        },
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
        found: {
          json: true,
          user: 'app',
          hasPassword: true,
          login: { absent: 'failed', told: 'password authentication failed for user "app"' },
        },
      },
    },
    status: 'failed',
    found: /refuses the login/,
  },
  {
    code: 'PF12',
    when: 'the database is out of reach from here',
    facts: {
      deep: {
        found: {
          json: true,
          user: 'app',
          hasPassword: true,
          login: { absent: 'failed', told: 'timeout expired' },
        },
      },
    },
    status: 'warning',
    found: /could not be reached from here/,
    mend: /from within the VPC/,
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
    when: 'the role has a limit of its own',
    facts: login({ roleLimit: 10 }),
    status: 'warning',
    found: /own limit is 10/,
  },
  {
    code: 'PF13',
    when: 'the database takes connections without TLS',
    facts: { parameters: { found: { 'rds.force_ssl': '0' } } },
    status: 'warning',
    found: /rds\.force_ssl is 0/,
    mend: /to 1 in the parameter group/,
  },
  {
    code: 'PF13',
    when: 'an old version has it at its default',
    facts: { parameters: { found: {} }, database: databaseWith({ engineVersion: '14.9' }) },
    status: 'warning',
    found: /0 before PostgreSQL 15/,
  },
  {
    code: 'PF14',
    when: 'another’s proxy has the name',
    facts: proxies({}),
    status: 'failed',
    found: /does not belong to the stack/,
    mend: /another DBProxyName/,
  },
  {
    code: 'PF14',
    when: 'the name is too long for a balancer',
    inputs: { ...sluiceInputs, DBProxyName: 'a'.repeat(40) },
    status: 'failed',
    found: /takes 32/,
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
    when: 'the log group is there already',
    facts: { logGroups: { found: ['/aws/rds/proxy/orders'] } },
    status: 'warning',
    found: /exists already, so it stays outside the stack/,
  },
  {
    code: 'PF17',
    when: 'another proxy on the database takes its share too',
    facts: proxies({ name: 'old', targets: ['orders'], maxConnectionsPercent: 60 }),
    status: 'warning',
    found: /160 % of max_connections: old 60 %, this one 100 %/,
  },
  {
    code: 'PF17',
    when: 'the pools of all tasks do not fit',
    inputs: { ...sluiceInputs, PoolSize: 100 },
    status: 'failed',
    found: /100 connections for each of at most 8 tasks .* are 800; the share is 400/,
    mend: /PoolSize to at most 50/,
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
    when: 'another deployment is under way',
    facts: stack('UPDATE_IN_PROGRESS'),
    status: 'warning',
    found: /UPDATE_IN_PROGRESS/,
    mend: /apply waits/,
  },
  {
    code: 'PF19',
    when: 'a rollback failed',
    facts: stack('UPDATE_ROLLBACK_FAILED'),
    status: 'failed',
    found: /UPDATE_ROLLBACK_FAILED/,
    mend: /continue-update-rollback/,
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
    when: 'the caller may not pass the role',
    facts: { callerRights: { found: { 'iam:PassRole on r': 'implicitDeny' } } },
    status: 'failed',
    found: /iam:PassRole on r: implicitDeny/,
  },
];

suite('preflight checks', () => {
  test('there are twenty, PF01 to PF20, in order', () => {
    assert.deepEqual(
      checks.map((check) => check.code),
      Array.from({ length: 20 }, (_, index) => `PF${String(index + 1).padStart(2, '0')}`),
    );
  });

  test('each has a case that fails or warns', () => {
    const covered = new Set(cases.filter((one) => one.status !== 'skipped').map((one) => one.code));
    assert.deepEqual(
      checks.map((check) => check.code).filter((code) => !covered.has(code)),
      [],
    );
  });

  for (const check of checks) {
    test(`${check.code} ${check.title} passes when all is well`, () => {
      const verdict = check.run(subjectWith());
      assert.equal(verdict.status, 'passed', verdict.found);
      assert.notEqual(verdict.found, '');
    });
  }

  for (const { code, when, facts, inputs, status, found, mend } of cases) {
    test(`${code} is ${status} when ${when}`, () => {
      const finding = preflight(subjectWith(facts, inputs)).find((one) => one.code === code);
      assert.ok(finding);
      assert.equal(finding.status, status, finding.found);
      assert.match(finding.found, found);
      if (status === 'failed' || status === 'warning') {
        assert.ok(finding.mend, 'says how to mend it');
      }
      if (mend !== undefined) {
        assert.match(finding.mend ?? '', mend);
      }
    });
  }

  test('with another account everything else is skipped or needs no AWS', () => {
    const unknown = { absent: 'not asked', told: 'another account' } as const;
    const facts = Object.fromEntries(
      Object.entries(goodFacts).map(([name, value]) =>
        Array.isArray(value) || name === 'caller' ? [name, value] : [name, unknown],
      ),
    ) as unknown as Facts;
    const statuses = preflight(subjectWith({ ...facts, secrets: {}, keys: {} })).map(
      (finding) => finding.status,
    );
    assert.ok(!statuses.includes('failed'), statuses.join());
  });
});
