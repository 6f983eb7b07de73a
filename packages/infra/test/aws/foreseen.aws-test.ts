import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateRouteTableCommand,
  AssociateRouteTableCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateTagsCommand,
  type IpPermission,
} from '@aws-sdk/client-ec2';
import { PutImageCommand } from '@aws-sdk/client-ecr';
import { DescribeLoadBalancersCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { DescribeServicesCommand } from '@aws-sdk/client-ecs';
import { CreateRoleCommand } from '@aws-sdk/client-iam';
import { CreateAliasCommand, CreateKeyCommand } from '@aws-sdk/client-kms';
import {
  CreateDBClusterCommand,
  CreateDBClusterParameterGroupCommand,
  CreateDBInstanceCommand,
} from '@aws-sdk/client-rds';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { makeCertificate } from '@sluice/testkit';
import type { Plan } from '../../src/plan/plan.ts';
import { runApply, runCheck, runDestroy, runPlan } from '../../src/shell/index.ts';
import { accountId, region, startAccount, type Account, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand, type Ran } from './command.ts';
import { withoutEmulator } from './emulator.ts';
import { FakeAws } from './fake/fake-aws.ts';

/** One set of inputs, or one state of AWS, and what a plan reports about it. */
interface Case {
  readonly what: string;
  /** Lines that are added to the nine inputs, or replace one of them. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly without?: readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly play?: (fake: FakeAws) => void;
  readonly code?: number;
  readonly lines: readonly RegExp[];
  readonly never?: RegExp;
}

const sluice = {
  engine: '"sluice"',
  ContainerImage: `"${accountId}.dkr.ecr.${region}.amazonaws.com/sluice:0.1.0"`,
  TlsSecretName: '"orders-tls"',
};

const cases: readonly Case[] = [
  {
    what: 'a cluster of another database does not count as that of the instance',
    inputs: { DBClusterIdentifier: '"aurora"' },
    code: 1,
    lines: [/✗ PF02 .*orders is in no cluster, DBClusterIdentifier is aurora: another database/],
  },
  {
    what: 'the name of a cluster in place of an instance is explained',
    inputs: { rds_instance_id: '"aurora"' },
    code: 1,
    lines: [
      /✗ PF02 .*aurora is a cluster, not an instance\n +fix: set DBClusterIdentifier = "aurora"/,
    ],
  },
  {
    what: 'a cluster needs no instance, and its own parameter group says whether TLS is forced',
    inputs: { DBClusterIdentifier: '"aurora"', DBProxyName: '"cluster"' },
    without: ['rds_instance_id'],
    code: 0,
    lines: [/✓ PF02 .*cluster aurora with 2 members/, /! PF13 .*0 before Aurora PostgreSQL 17/],
  },
  {
    what: 'a version that RDS Proxy does not support',
    inputs: { rds_instance_id: '"ancient"' },
    code: 1,
    lines: [/✗ PF02 .*RDS Proxy supports PostgreSQL 10 and later/],
  },
  {
    what: 'a read-only endpoint in front of an instance',
    inputs: { DBProxyEndpoints: '[{ DBProxyEndpointName = "ro", TargetRole = "READ_ONLY" }]' },
    code: 1,
    lines: [/✗ PF24 .*ro is READ_ONLY, and an instance has no readers/],
  },
  {
    what: 'a read-only endpoint in front of a cluster with a reader',
    inputs: {
      DBClusterIdentifier: '"aurora"',
      DBProxyEndpoints: '[{ DBProxyEndpointName = "ro", TargetRole = "READ_ONLY" }]',
    },
    without: ['rds_instance_id'],
    code: 0,
    lines: [/✓ PF24 .*aurora has 1 reader/],
  },
  {
    what: 'IAM_AUTH with a database that accepts no tokens',
    inputs: { DefaultAuthScheme: '"IAM_AUTH"' },
    code: 1,
    lines: [/✗ PF25 .*off in orders\n +fix: aws rds modify-db-instance .*--enable-iam-database/],
  },
  {
    what: 'IAM_AUTH with a role that may not connect',
    inputs: { DefaultAuthScheme: '"IAM_AUTH"' },
    play: (fake) => fake.simulation(['rds-db:connect']),
    code: 1,
    lines: [/✗ PF09 .*rds-db:connect on arn:aws:rds-db:\S+:dbuser:db-\S+: implicitDeny/],
  },
  {
    what: 'IAM_AUTH needs no secret, and the created role may connect',
    inputs: {
      rds_instance_id: '"tokens"',
      DefaultAuthScheme: '"IAM_AUTH"',
      CreateRole: 'true',
      rds_proxy_role: '"made"',
    },
    without: ['rds_secret_name'],
    code: 0,
    lines: [
      /- PF10 .*no secret is used/,
      /✓ PF25 .*on for tokens/,
      /Allow rds-db:connect on arn:aws:rds-db:\S+:dbuser:db-/,
    ],
  },
  {
    what: 'IPv6 in subnets without it',
    inputs: { EndpointNetworkType: '"DUAL"' },
    code: 1,
    lines: [
      /✗ PF26 .*is DUAL, and subnet-\S+, subnet-\S+ has no IPv6 range|✗ PF26 .*have no IPv6 range/,
    ],
  },
  {
    what: 'a group that is open to the world',
    inputs: { rds_security_group_name: '"wide-open"' },
    code: 1,
    lines: [/✗ SLUICE-OPEN-PORT .*sg-\S+ \(wide-open\).*from 0\.0\.0\.0\/0/],
  },
  {
    what: 'a group that is open to the world, on the load balancer',
    inputs: { ...sluice, rds_security_group_name: '"wide-open"' },
    code: 1,
    lines: [/✗ SLUICE-OPEN-PORT .*wide-open/],
  },
  {
    what: 'the id of a group as its name',
    inputs: { rds_security_group_name: '"sg-0123456789abcdef0"' },
    code: 1,
    lines: [/✗ PF06 .*\n +fix: .*SecurityGroupIds = \["sg-0123456789abcdef0"\]/],
  },
  {
    what: 'rules for only the subnets of the proxy are as good as for the VPC',
    inputs: { rds_security_group_name: '"by-range"', rds_instance_id: '"ranges"' },
    code: 0,
    lines: [/✓ PF07/],
    never: /only partly open/,
  },
  {
    what: 'a trust policy whose statement is one object, in other case, with StringLike',
    inputs: { rds_proxy_role: '"trust-object"' },
    code: 0,
    lines: [/✓ PF08 .*trusts rds\.amazonaws\.com/],
  },
  {
    what: 'a trust policy that denies',
    inputs: { rds_proxy_role: '"trust-deny"' },
    code: 1,
    lines: [/✗ PF08 .*denies sts:AssumeRole to rds\.amazonaws\.com: NotUs/],
  },
  {
    what: 'the ARN of a role of another account',
    inputs: { rds_proxy_role: '"arn:aws:iam::999999999999:role/orders-proxy-role"' },
    code: 1,
    lines: [/terraform\.tfvars:\d+: rds_proxy_role is .*, of account 999999999999/],
  },
  {
    what: 'the ARN of a role with a wrong path',
    inputs: { rds_proxy_role: `"arn:aws:iam::${accountId}:role/other/orders-proxy-role"` },
    code: 1,
    lines: [/✗ PF08 .*there is no role .*role\/other\/orders-proxy-role/],
  },
  {
    what: 'a missing secret: nothing was simulated for it',
    inputs: { rds_secret_name: '"no-such-secret"' },
    play: (fake) => fake.simulation([]),
    code: 1,
    lines: [/- PF09 .*nothing was simulated/, /✗ PF10/],
  },
  {
    what: 'every secret is read with --deep',
    inputs: { Auth: '[{ SecretName = "empty" }]' },
    options: { deep: true },
    code: 1,
    lines: [/✗ PF11 .*empty has no username and no password/],
  },
  {
    what: 'an image that is not in its repository',
    inputs: {
      ...sluice,
      ContainerImage: `"${accountId}.dkr.ecr.${region}.amazonaws.com/sluice:nope"`,
    },
    code: 1,
    lines: [/✗ PF21/],
  },
  {
    what: 'an image that was built for another processor',
    inputs: {
      ...sluice,
      ContainerImage: `"${accountId}.dkr.ecr.${region}.amazonaws.com/sluice:intel"`,
    },
    code: 1,
    lines: [/✗ PF21 .*sluice intel is built for amd64, and the tasks run on arm64/],
  },
  {
    what: 'an image in another region is not looked for in this one',
    inputs: {
      ...sluice,
      ContainerImage: `"${accountId}.dkr.ecr.us-east-1.amazonaws.com/sluice:0.1.0"`,
    },
    code: 0,
    lines: [/- PF21 .*the image is in us-east-1/],
  },
  {
    what: 'a missing repository',
    inputs: {
      ...sluice,
      ContainerImage: `"${accountId}.dkr.ecr.${region}.amazonaws.com/none:0.1.0"`,
    },
    code: 1,
    lines: [/✗ PF21/],
  },
  {
    what: 'a secret without a certificate',
    inputs: sluice,
    options: { deep: true },
    code: 1,
    lines: [/✗ PF22 .*orders-tls: certificate is no.* PEM certificate/],
  },
  {
    what: 'a certificate with another name than clients verify',
    inputs: {
      ...sluice,
      TlsSecretName: '"real-tls"',
      DnsName: '"orders.db.example.com"',
      HostedZoneId: '"Z0123456789"',
    },
    options: { deep: true },
    lines: [/! PF22 .*clients that check the host name .* orders\.db\.example\.com/],
  },
  {
    what: 'subnets without a route to AWS',
    inputs: {
      ...sluice,
      vpc_subnet_filter_tag: '{ Name = "island" }',
      AllowDatabaseIngress: 'true',
    },
    code: 1,
    lines: [/✗ PF23 .*no endpoint for ecr\.api, ecr\.dkr, s3, logs, secretsmanager/],
  },
  {
    what: 'a key of the logs that CloudWatch Logs may not use',
    inputs: { LogKmsKeyArn: 'KEY' },
    code: 1,
    lines: [/✗ PF27 .*does not let logs\.eu-central-1\.amazonaws\.com use it/],
  },
  {
    what: 'a key of the logs in another region',
    inputs: { LogKmsKeyArn: `"arn:aws:kms:us-east-1:${accountId}:key/k"` },
    code: 1,
    lines: [/✗ PF27 .*a key of us-east-1/],
  },
  {
    what: 'a topic of another region',
    inputs: { ...sluice, AlarmTopicArn: `"arn:aws:sns:us-east-1:${accountId}:ops"` },
    code: 1,
    lines: [/✗ PF27 .*a topic of us-east-1/],
  },
  {
    what: 'rights that only this apply needs: a role to be made',
    inputs: { CreateRole: 'true', rds_proxy_role: '"made"' },
    play: (fake) => fake.simulation(['iam:CreateRole']),
    code: 1,
    lines: [/✗ PF20 .*iam:CreateRole on arn:aws:iam::123456789012:role\/made: implicitDeny/],
  },
  {
    what: 'rights that only this apply needs: a dashboard',
    inputs: sluice,
    play: (fake) => fake.simulation(['cloudwatch:PutDashboard']),
    code: 1,
    lines: [/✗ PF20 .*cloudwatch:PutDashboard on /],
  },
  {
    what: 'a task that one process cannot use',
    inputs: { ...sluice, TaskCpu: '4096', TaskMemory: '8192' },
    code: 1,
    lines: [/TaskCpu is 4096; a task is one process/],
  },
  {
    what: 'tags that RDS does not take',
    inputs: { rds_proxy_tags: '{ "rds:x" = "1", Team = "a & b; c*" }' },
    code: 1,
    lines: [/rds: is reserved/, /has "&" in "a & b; c\*"/],
  },
  {
    what: 'the usual share of connections is shown',
    inputs: sluice,
    code: 0,
    lines: [/note: database connections: \d+ .*2 tasks .* \d+ \(25 % of max_connections/],
  },
  {
    what: 'an addition shows its secrets, its statements and its rules, and long values with a mark',
    inputs: {
      Auth: '[{ SecretName = "reader", IAMAuth = "REQUIRED" }]',
      CreateRole: 'true',
      rds_proxy_role: '"made"',
      CreateSecurityGroup: 'true',
      rds_security_group_name: '"made"',
      ClientCidrs: '["10.20.0.0/16"]',
      AllowDatabaseIngress: 'true',
      InitQuery: `"select '${'x'.repeat(200)}'"`,
      rds_proxy_tags: '{ Team = "orders" }',
    },
    code: 0,
    lines: [
      /Auth: 2 secrets: orders-database, reader \(IAM\)/,
      /Allow secretsmanager:GetSecretValue on arn:\S+/,
      /Allow sts:AssumeRole by Service rds\.amazonaws\.com/,
      /in tcp 5432 from 10\.20\.0\.0\/16 \(clients\)/,
      /out tcp 5432 to sg-\S+ \(the database\)/,
      /sg-\S+: in tcp 5432 from \$\{Group\S+\}/,
      /InitQuery: select 'x+… \(209 characters; --json has all of it\)/,
      /Tags\.Team: orders/,
      /Plan: \d+ to add, 0 to change, 0 to replace, 0 to destroy\./,
    ],
  },
];

suite('what would fail is reported before it does', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;
  let fake: FakeAws;
  let key: string;

  before(async () => {
    account = await startAccount();
    key = await furnish(account);
    fake = await FakeAws.start(account.endpoint);
    process.env['AWS_ENDPOINT_URL'] = fake.endpoint;
  });

  afterEach(() => fake.reset());

  after(async () => {
    await fake.stop();
    await account.stop();
  });

  /** The nine inputs with some of them changed. */
  function text(
    inputs: Readonly<Record<string, string>> = {},
    without: readonly string[] = [],
  ): string {
    const names = new Set([...Object.keys(inputs), ...without]);
    // The tags take several lines.
    const nine = account.tfvars
      .replace(/rds_proxy_tags = \{[^}]*\}\n/, 'rds_proxy_tags = { Team = "orders" }\n')
      .split('\n')
      .filter((line) => !names.has(line.split(/\s*=/)[0] ?? ''));
    const added = Object.entries(inputs).map(
      ([name, value]) => `${name} = ${value === 'KEY' ? `"${key}"` : value}`,
    );
    return `${[...nine, ...added].join('\n')}\n`;
  }

  async function planned(
    t: Parameters<typeof inputsFile>[0],
    { inputs, without, options }: Pick<Case, 'inputs' | 'without' | 'options'>,
  ): Promise<Ran> {
    return runCommand(runPlan, await inputsFile(t, text(inputs, without)), options);
  }

  for (const one of cases) {
    test(one.what, async (t) => {
      one.play?.(fake);
      const { code, out, err } = await planned(t, one);
      const detail = out + err;
      for (const expression of one.lines) {
        assert.match(detail, expression);
      }
      if (one.never !== undefined) {
        assert.doesNotMatch(detail, one.never);
      }
      assert.equal(code, one.code ?? code, detail);
    });
  }

  test('a caller who is logged in with SSO is simulated as the role of the session, with its path', async (t) => {
    const path = '/aws-reserved/sso.amazonaws.com/eu-central-1/';
    const RoleName = 'AWSReservedSSO_Platform_0123456789abcdef';
    await account.clients.iam.send(
      new CreateRoleCommand({ RoleName, Path: path, AssumeRolePolicyDocument: '{}' }),
    );
    fake.simulation([]);
    fake.caller(`arn:aws:sts::${accountId}:assumed-role/${RoleName}/somebody`);
    const rules = await planned(t, {});
    assert.match(rules.out, /✓ PF20/);
    assert.ok(
      fake.simulated.some(
        ({ source, actions }) =>
          source === `arn:aws:iam::${accountId}:role${path}${RoleName}` &&
          actions.includes('rds:CreateDBProxy'),
      ),
      JSON.stringify(fake.simulated),
    );
  });

  test('a secret whose key is named by an alias is simulated with the ARN of the key', async (t) => {
    fake.simulation([]);
    await planned(t, { inputs: { rds_secret_name: '"with-key"' } });
    const decrypt = fake.simulated.find(({ actions }) => actions.includes('kms:Decrypt'));
    assert.deepEqual(decrypt?.resources, [key]);
  });

  test('the file of a larger project is read, with a note for names that are no inputs', async (t) => {
    const file = await inputsFile(t, text({ environment: '"prod"' }));
    const named = await runCommand(runPlan, file);
    assert.equal(named.code, 1);
    assert.match(named.err, /terraform\.tfvars:\d+: there is no input environment/);
  });

  test('the plan as JSON has a version, structured values, and the file and line of each input', async (t) => {
    const { out } = await planned(t, {
      inputs: { IdleClientTimeout: '60' },
      options: { json: true },
    });
    const plan = JSON.parse(out) as Plan;
    assert.equal(plan.version, 1);
    const proxy = plan.changes.find(({ type }) => type === 'AWS::RDS::DBProxy');
    const auth = proxy?.properties.find(({ name }) => name === 'Auth');
    assert.ok(Array.isArray(auth?.to), 'not JSON in a string');
    assert.match(plan.origins['IdleClientTimeout'] ?? '', /terraform\.tfvars:\d+$/);
    assert.deepEqual(Object.keys(plan.summary), ['add', 'change', 'replace', 'destroy']);
  });

  test('check reports the same about a group, a role and a certificate, without a stack', async (t) => {
    const file = await inputsFile(t, text({ rds_proxy_role: '"trust-deny"' }));
    const { code, out } = await runCommand(runCheck, file);
    assert.equal(code, 1);
    assert.match(out, /✗ PF08/);
    assert.doesNotMatch(out, /PF19|Changes/);
  });

  test('the load balancer has one subnet of each zone, the tasks have all, and no task has the clients’ group', async (t) => {
    const { clients, proxyGroupId } = account;
    const file = await inputsFile(
      t,
      text({ ...sluice, vpc_subnet_filter_tag: '{ Tier = "app" }' }),
    );
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 0, applied.err);
    const { LoadBalancers = [] } = await clients.elb.send(new DescribeLoadBalancersCommand({}));
    const zones = (LoadBalancers[0]?.AvailabilityZones ?? []).map(({ ZoneName }) => ZoneName);
    assert.equal(zones.length, 2);
    assert.deepEqual(new Set(zones), new Set(['eu-central-1a', 'eu-central-1b']));
    const { services = [] } = await clients.ecs.send(
      new DescribeServicesCommand({ cluster: 'sluice-orders', services: ['orders'] }),
    );
    const network = services[0]?.networkConfiguration?.awsvpcConfiguration;
    assert.equal(network?.subnets?.length, 3);
    assert.ok(!network?.securityGroups?.includes(proxyGroupId));

    const changed = await inputsFile(
      t,
      text({ ...sluice, vpc_subnet_filter_tag: '{ Tier = "app" }', IdleClientTimeout: '600' }),
    );
    const { out } = await runCommand(runPlan, changed);
    assert.match(out, /SLUICE_IDLE_CLIENT_TIMEOUT: 1800 -> 600/);
    assert.ok(Math.max(...out.split('\n').map((line) => line.length)) < 1000, 'no line is a page');
    const destroyed = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
    assert.equal(destroyed.code, 0, destroyed.err);
  });

  test('more endpoints, the ARN, the id and the port are outputs, as text and as JSON', async (t) => {
    const file = await inputsFile(
      t,
      text({ DBProxyEndpoints: '[{ DBProxyEndpointName = "reports" }]' }),
    );
    const { code, out, err } = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(code, 0, err);
    assert.match(out, /rds_proxy_endpoints = \{"reports":"reports\.endpoint\.proxy-/);
    assert.match(out, /rds_proxy_port = "5432"/);
    assert.match(out, /rds_proxy_arn = "arn:aws:rds:/);
    assert.match(out, /rds_proxy_resource_id = "prx-/);
    const destroyed = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
    assert.equal(destroyed.code, 0, destroyed.err);
  });
});

/** What real accounts contain beside the nine; returns the ARN of the key that one secret is encrypted with. */
async function furnish({ clients, vpcId, subnetIds, databaseGroupId }: Account): Promise<string> {
  const { ecr, rds, ec2, iam, kms, secrets } = clients;
  // As docker buildx pushes it: an index with the image and a description of the build.
  await ecr.send(
    new PutImageCommand({
      repositoryName: 'sluice',
      imageTag: 'intel',
      imageManifest: JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: ['linux amd64', 'unknown unknown'].map((platform, index) => ({
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          size: 1,
          digest: `sha256:${String(index).repeat(64)}`,
          platform: { os: platform.split(' ')[0], architecture: platform.split(' ')[1] },
        })),
      }),
    }),
  );
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  const key = KeyMetadata?.Arn ?? '';
  await kms.send(new CreateAliasCommand({ AliasName: 'alias/database', TargetKeyId: key }));
  const { cert, key: privateKey } = await makeCertificate();
  for (const [Name, value, KmsKeyId] of [
    ['empty', {}, undefined],
    ['reader', { username: 'reader', password: 'not-a-real-one' }, undefined],
    ['with-key', { username: 'app', password: 'not-a-real-one' }, 'alias/database'],
    ['real-tls', { certificate: cert, private_key: privateKey }, undefined],
  ] as const) {
    await secrets.send(
      new CreateSecretCommand({ Name, SecretString: JSON.stringify(value), KmsKeyId }),
    );
  }
  const trusted = { Effect: 'Allow', Principal: { Service: 'rds.amazonaws.com' } };
  for (const [RoleName, Statement] of [
    [
      'trust-object',
      {
        ...trusted,
        Action: 'STS:AssumeRole',
        Condition: { StringLike: { 'aws:SourceAccount': '1234*' } },
      },
    ],
    [
      'trust-deny',
      [
        { ...trusted, Action: 'sts:AssumeRole' },
        { ...trusted, Sid: 'NotUs', Effect: 'Deny', Action: 'sts:*' },
      ],
    ],
  ] as const) {
    await iam.send(
      new CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement }),
      }),
    );
  }
  const instance = {
    Engine: 'postgres',
    EngineVersion: '17.2',
    DBInstanceClass: 'db.m6g.large',
    AllocatedStorage: 20,
    MasterUsername: 'root_user',
    MasterUserPassword: 'not-a-real-one',
    DBSubnetGroupName: 'orders',
    VpcSecurityGroupIds: [databaseGroupId],
  };
  const open = await group(clients, vpcId, 'wide-open', [
    { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
  ]);
  const ranges = await group(clients, vpcId, 'ranges-database', [
    {
      IpProtocol: 'tcp',
      FromPort: 5432,
      ToPort: 5432,
      IpRanges: [{ CidrIp: '10.20.1.0/24' }, { CidrIp: '10.20.2.0/24' }],
    },
  ]);
  await group(clients, vpcId, 'by-range', [
    { IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, IpRanges: [{ CidrIp: '10.20.0.0/16' }] },
  ]);
  // Open to everything, so that the finding is about openness and nothing else.
  await ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: databaseGroupId,
      IpPermissions: [
        { IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, UserIdGroupPairs: [{ GroupId: open }] },
      ],
    }),
  );
  await rds.send(
    new CreateDBInstanceCommand({
      ...instance,
      DBInstanceIdentifier: 'ancient',
      EngineVersion: '9.6.24',
    }),
  );
  await rds.send(
    new CreateDBInstanceCommand({
      ...instance,
      DBInstanceIdentifier: 'tokens',
      EnableIAMDatabaseAuthentication: true,
    }),
  );
  await rds.send(
    new CreateDBInstanceCommand({
      ...instance,
      DBInstanceIdentifier: 'ranges',
      VpcSecurityGroupIds: [ranges],
    }),
  );
  await rds.send(
    new CreateDBClusterParameterGroupCommand({
      DBClusterParameterGroupName: 'aurora',
      DBParameterGroupFamily: 'aurora-postgresql15',
      Description: 'aurora',
    }),
  );
  await rds.send(
    new CreateDBClusterCommand({
      DBClusterIdentifier: 'aurora',
      DBClusterParameterGroupName: 'aurora',
      Engine: 'aurora-postgresql',
      EngineVersion: '15.5',
      MasterUsername: 'root_user',
      MasterUserPassword: 'not-a-real-one',
      DBSubnetGroupName: 'orders',
      VpcSecurityGroupIds: [databaseGroupId],
    }),
  );
  for (const name of ['aurora-1', 'aurora-2']) {
    await rds.send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: name,
        DBClusterIdentifier: 'aurora',
        Engine: 'aurora-postgresql',
        EngineVersion: '15.5',
        DBInstanceClass: 'db.r6g.large',
        DBSubnetGroupName: 'orders',
      }),
    );
  }
  await subnets(clients, vpcId, subnetIds);
  return key;
}

/** Three subnets in two zones, of which a load balancer accepts only two; and two without a route. */
async function subnets(
  clients: Account['clients'],
  VpcId: string,
  subnetIds: readonly string[],
): Promise<void> {
  const { ec2 } = clients;
  const made: string[] = [];
  for (const [CidrBlock, zone] of [
    ['10.20.11.0/24', 'a'],
    ['10.20.12.0/24', 'a'],
    ['10.20.13.0/24', 'b'],
  ] as const) {
    const { Subnet } = await ec2.send(
      new CreateSubnetCommand({ VpcId, CidrBlock, AvailabilityZone: `${region}${zone}` }),
    );
    made.push(Subnet?.SubnetId ?? '');
  }
  const [third = '', ...islands] = made;
  await ec2.send(
    new CreateTagsCommand({
      Resources: [...subnetIds.slice(0, 2), third],
      Tags: [{ Key: 'Tier', Value: 'app' }],
    }),
  );
  await ec2.send(
    new CreateTagsCommand({ Resources: islands, Tags: [{ Key: 'Name', Value: 'island' }] }),
  );
  const { RouteTable } = await ec2.send(new CreateRouteTableCommand({ VpcId }));
  for (const SubnetId of islands) {
    await ec2.send(
      new AssociateRouteTableCommand({ RouteTableId: RouteTable?.RouteTableId, SubnetId }),
    );
  }
}

/** A group with these inbound rules that permits outbound connections to the whole VPC. */
async function group(
  { ec2 }: Account['clients'],
  VpcId: string,
  GroupName: string,
  IpPermissions: IpPermission[],
): Promise<string> {
  const { GroupId = '' } = await ec2.send(
    new CreateSecurityGroupCommand({ VpcId, GroupName, Description: GroupName }),
  );
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  await ec2.send(
    new AuthorizeSecurityGroupEgressCommand({
      GroupId,
      IpPermissions: [
        { IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, IpRanges: [{ CidrIp: '10.20.0.0/16' }] },
      ],
    }),
  );
  return GroupId;
}
