import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { InfraError } from '../../src/errors.ts';
import { endpointFields, secretFields } from '../../src/inputs/nested.ts';
import { checkInputs } from '../../src/inputs/read.ts';
import type { InputSpec } from '../../src/inputs/spec.ts';
import { inputTable } from '../../src/inputs/table.ts';
import { nine, sluiceInputs } from '../subject.ts';

type Values = Readonly<Record<string, readonly unknown[]>>;

const long = (count: number): string => 'a'.repeat(count);
const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, 'x']));

/** Values of each input that AWS or the daemon would refuse: one beyond each of its limits, and more. */
const refused: Values = {
  aws_account_id: ['12345678901', 'orders'],
  vpc_id: ['orders', 'vpc-XYZ', 'subnet-0123456789abcdef0'],
  vpc_subnet_filter_tag: [{}],
  rds_instance_id: ['-orders', 'or--ders', 'orders-', '1st', long(64)],
  rds_proxy_tags: [many(51)],
  engine: ['pgbouncer'],
  IdleClientTimeout: [0, 28_801],
  MaxConnectionsPercent: [0, 101],
  MaxIdleConnectionsPercent: [-1, 101],
  ConnectionBorrowTimeout: [-1, 301],
  DefaultAuthScheme: ['IAM'],
  IAMAuth: ['ENABLED'],
  ClientPasswordAuthType: ['MYSQL_NATIVE_PASSWORD'],
  DBProxyName: ['or_ders', '1st', long(64)],
  Workspace: ['a_b', '-a', long(21)],
  EndpointNetworkType: ['IPV5'],
  SubnetIds: [['orders'], ['subnet-xyz']],
  SecurityGroupIds: [['orders'], ['sg-xyz']],
  ClientCidrs: [['10.0.0.0'], ['10.0.0.0/33'], ['300.0.0.0/8']],
  ClientSecurityGroupIds: [['orders']],
  LogRetentionInDays: [2, 0, 10_000],
  LogKmsKeyArn: ['alias/logs', 'arn:aws:sns:eu-central-1:123456789012:logs'],
  AlarmTopicArn: ['alarms', 'arn:aws:kms:eu-central-1:123456789012:key/1'],
  StackName: ['1st', 'or_ders', long(129)],
  StackTags: [many(51)],
  StackTopicArns: [['stacks'], ['arn:aws:sqs:eu-central-1:123456789012:stacks']],
  RoleMaxSessionDuration: [3599, 43_201],
  DeploymentTimeout: [0, 86_401],
  TargetTimeout: [-1, 3601],
  VerifyTimeout: [0, 301],
  LogGroupClass: ['DELIVERY'],
  CpuArchitecture: ['ARM'],
  FargateSpotWeight: [-1, 1001],
  FargateWeight: [-1, 1001],
  FargateBase: [-1, 101],
  CloudFormationRoleArn: ['deploy'],
  PermissionsBoundaryArn: ['boundary'],
  RolePath: ['platform', '/platform', 'platform/'],
  DnsName: ['orders', 'orders..example.com', '-orders.example.com', `${long(64)}.example.com`],
  HostedZoneId: ['example.com', 'z123'],
  OutputParameterPrefix: ['orders', '/orders/', '/or ders'],
  AssumeRoleArn: ['deploy'],
  TargetConnectionNetworkType: ['DUAL'],
  TargetTls: ['prefer'],
  PrivateLinkPrincipals: [['123456789012'], ['arn:aws:s3:::bucket']],
  EcsClusterName: ['my cluster', long(256)],
  TaskCpu: [128, 600],
  TaskMemory: [511, 30_721],
  MinTasks: [0, 101],
  MaxTasks: [0, 101],
  PoolSize: [0, 10_001],
};

/** The same for the fields of `Auth` and `DBProxyEndpoints`. */
const refusedFields: Readonly<Record<string, { fields: object; good: object; bad: Values }>> = {
  Auth: {
    fields: secretFields,
    good: { SecretName: 'orders-reader' },
    bad: {
      Description: [long(1001)],
      IAMAuth: ['ENABLED'],
      ClientPasswordAuthType: ['MYSQL_NATIVE_PASSWORD'],
    },
  },
  DBProxyEndpoints: {
    fields: endpointFields,
    good: { DBProxyEndpointName: 'orders-ro' },
    bad: {
      DBProxyEndpointName: ['or_ders', '1st', long(64)],
      TargetRole: ['READER'],
      VpcSubnetIds: [['orders']],
      VpcSecurityGroupIds: [['orders']],
      EndpointNetworkType: ['IPV5'],
    },
  },
};

/** The problems of inputs, in sentences; none if the inputs are valid. */
function problemsOf(inputs: object): readonly string[] {
  try {
    checkInputs({ ...nine, ...inputs });
    return [];
  } catch (error) {
    assert.ok(error instanceof InfraError);
    return error.problems;
  }
}

/** The limits in a row of the table. */
function limitsOf(spec: InputSpec): string[] {
  return (['pattern', 'min', 'max', 'choices'] as const).filter((name) => spec[name] !== undefined);
}

const byName = Object.entries(inputTable as Readonly<Record<string, InputSpec>>);

suite('limits of inputs', () => {
  test('each row of the table with a limit has values that violate it, one for each limit', () => {
    assert.deepEqual(
      byName
        .filter(([name, spec]) => limitsOf(spec).length > (refused[name] ?? []).length)
        .map(([name]) => name),
      [],
    );
    for (const [name, { fields, bad }] of Object.entries(refusedFields)) {
      for (const [field, spec] of Object.entries(fields) as [string, InputSpec][]) {
        assert.ok(limitsOf(spec).length <= (bad[field] ?? []).length, `${name}.${field}`);
      }
    }
  });

  for (const [name, values] of Object.entries(refused)) {
    for (const value of values) {
      const shown = JSON.stringify(value);
      test(`${name} is not ${shown.length > 60 ? `${shown.slice(0, 57)}…` : shown}`, () => {
        const engine = inputTable[name as keyof typeof inputTable];
        const base = 'engine' in engine && engine.engine === 'sluice' ? sluiceInputs : {};
        const detail = problemsOf({ ...base, [name]: value });
        // About the value itself: contradictions between inputs are checked only if each input is valid.
        assert.ok(
          detail.some((problem) =>
            new RegExp(`^inputs\\.${name}\\b.*(?:is|has|must)\\b`).test(problem),
          ),
          detail.join('; '),
        );
      });
    }
  }

  for (const [list, { good, bad }] of Object.entries(refusedFields)) {
    test(`${list} accepts valid entries`, () => {
      assert.deepEqual(problemsOf({ [list]: [good] }), []);
    });

    for (const [field, values] of Object.entries(bad)) {
      for (const [index, value] of values.entries()) {
        test(`${list}.${field}: value ${index + 1} that AWS refuses`, () => {
          const detail = problemsOf({ [list]: [{ ...good, [field]: value }] });
          assert.match(detail[0] ?? '', new RegExp(`^inputs\\.${list}\\[0\\]\\.${field}\\b`));
        });
      }
    }

    test(`${list} needs ${Object.keys(good).join()}`, () => {
      assert.match(problemsOf({ [list]: [{}] })[0] ?? '', /\[0\]\.\w+Name is missing/);
    });
  }

  // As Amazon documents them for CreateDBProxy, ModifyDBProxyTargetGroup and CreateDBProxyEndpoint.
  test('defaults of RDS Proxy are the documented ones', () => {
    const inputs = checkInputs({
      ...nine,
      DBProxyEndpoints: [{ DBProxyEndpointName: 'second' }],
      RequireTLS: undefined,
    });
    const {
      MaxConnectionsPercent,
      MaxIdleConnectionsPercent,
      ConnectionBorrowTimeout,
      IdleClientTimeout,
      DebugLogging,
      DefaultAuthScheme,
      IAMAuth,
      ClientPasswordAuthType,
      EndpointNetworkType,
      TargetConnectionNetworkType,
      DBProxyEndpoints,
    } = inputs;
    assert.deepEqual(
      {
        MaxConnectionsPercent,
        MaxIdleConnectionsPercent,
        ConnectionBorrowTimeout,
        IdleClientTimeout,
        DebugLogging,
        DefaultAuthScheme,
        IAMAuth,
        ClientPasswordAuthType,
        EndpointNetworkType,
        TargetConnectionNetworkType,
        TargetRole: DBProxyEndpoints[0]?.TargetRole,
      },
      {
        MaxConnectionsPercent: 100,
        MaxIdleConnectionsPercent: 50,
        ConnectionBorrowTimeout: 120,
        IdleClientTimeout: 1800,
        DebugLogging: false,
        DefaultAuthScheme: 'NONE',
        IAMAuth: 'DISABLED',
        ClientPasswordAuthType: 'POSTGRES_SCRAM_SHA_256',
        EndpointNetworkType: 'IPV4',
        TargetConnectionNetworkType: 'IPV4',
        TargetRole: 'READ_WRITE',
      },
    );
  });

  for (const [what, inputs, detail] of [
    [
      'a group to create without a name',
      {
        CreateSecurityGroup: true,
        rds_security_group_name: undefined,
        SecurityGroupIds: ['sg-0a000000000000000'],
      },
      /CreateSecurityGroup needs rds_security_group_name/,
    ],
    [
      'a group to create beside given ones',
      { CreateSecurityGroup: true, SecurityGroupIds: ['sg-0a000000000000000'] },
      /exclude each other/,
    ],
    [
      'more secrets than RDS Proxy takes',
      { Auth: Array.from({ length: 200 }, (_, index) => ({ SecretName: `user-${index}` })) },
      /201 secrets are named; RDS Proxy accepts at most 200/,
    ],
    [
      'a name that a workspace makes too long',
      { rds_instance_id: long(60), Workspace: 'second' },
      /has 67 characters; the name of a proxy has at most 63/,
    ],
    ['a key of a tag too long', { rds_proxy_tags: { [long(129)]: 'x' } }, /128 is the most/],
    ['a value of a tag too long', { rds_proxy_tags: { Team: long(257) } }, /256 is the most/],
    ['a reserved key of a tag', { rds_proxy_tags: { 'aws:x': '1' } }, /aws: is reserved/],
    [
      'a task larger than one process can use',
      { ...sluiceInputs, TaskCpu: 2048, TaskMemory: 4096 },
      /one process, which uses one vCPU/,
    ],
    [
      'more topics than CloudFormation takes',
      {
        StackTopicArns: Array.from(
          { length: 6 },
          (_, index) => `arn:aws:sns:eu-central-1:123456789012:t${index}`,
        ),
      },
      /StackTopicArns has 6 topics; CloudFormation accepts at most 5/,
    ],
    [
      'an address of something that is no subnet',
      { ...sluiceInputs, BalancerAddresses: { a: '10.0.0.4', 'subnet-0a000001': '10.0.1.4' } },
      /BalancerAddresses has the key "a"; it must be subnet-/,
    ],
    [
      'addresses of the internet beside private ones',
      {
        ...sluiceInputs,
        BalancerAddresses: {
          'subnet-0a000001': '10.0.0.4',
          'subnet-0b000001': 'eipalloc-0a000001',
        },
      },
      /give IPv4 addresses for all subnets .*, or eipalloc-… for all/,
    ],
    [
      'an address that is none',
      {
        ...sluiceInputs,
        BalancerAddresses: { 'subnet-0a000001': '10.0.0.300', 'subnet-0b000001': '10.0.1.4' },
      },
      /BalancerAddresses has "10\.0\.0\.300"/,
    ],
    [
      'a fixed address in one zone alone',
      { ...sluiceInputs, BalancerAddresses: { 'subnet-0a000001': '10.0.0.4' } },
      /one subnet; give one in each of two or more zones/,
    ],
    [
      'tasks that run nowhere',
      { ...sluiceInputs, FargateWeight: 0 },
      /FargateWeight and FargateSpotWeight are both 0/,
    ],
    [
      'Spot that is never used',
      { ...sluiceInputs, FargateSpotWeight: 1, FargateBase: 4 },
      /FargateBase is 4 and MaxTasks 4: no task would run on Fargate Spot/,
    ],
    [
      'IPv6 alone before Sluice',
      { ...sluiceInputs, EndpointNetworkType: 'IPV6' },
      /supports IPV4 and DUAL/,
    ],
  ] as const) {
    test(`${what} is refused`, () => {
      assert.match(problemsOf(inputs).join('; '), detail);
    });
  }
});
