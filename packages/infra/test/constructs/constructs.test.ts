import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Connections, SecurityGroup, Vpc, type IVpc } from 'aws-cdk-lib/aws-ec2';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { AccountRootPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import {
  AuroraPostgresEngineVersion,
  ClusterInstance,
  DatabaseCluster,
  DatabaseClusterEngine,
  DatabaseInstance,
  DatabaseInstanceEngine,
  PostgresEngineVersion,
} from 'aws-cdk-lib/aws-rds';
import { Secret, type ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import {
  ManagedProxy,
  ManagedProxyTarget,
  PropsError,
  SluiceService,
  type ManagedProxyProps,
  type SluiceServiceProps,
} from '../../src/index.ts';
import { secretArn } from '../subject.ts';

/** A user's stack with a VPC and a secret. */
function userStack(): { stack: Stack; vpc: IVpc; secret: ISecret; role: Role } {
  const stack = new Stack(new App({ builtinCloudFormationValidation: false }), 'Mine');
  return {
    stack,
    // aws-cdk-lib declares optional properties of its classes less strictly than those of its interfaces.
    vpc: new Vpc(stack, 'Vpc') as IVpc,
    secret: new Secret(stack, 'Secret') as ISecret,
    role: new Role(stack, 'Client', { assumedBy: new AccountRootPrincipal() }),
  };
}

function managed(more: Partial<ManagedProxyProps> = {}): {
  proxy: ManagedProxy;
  stack: Stack;
  role: Role;
} {
  const { stack, vpc, secret, role } = userStack();
  const proxy = new ManagedProxy(stack, 'orders', {
    vpc,
    auth: [{ secret }],
    target: ManagedProxyTarget.fromInstanceIdentifier('orders'),
    ...more,
  });
  return { proxy, stack, role };
}

function databaseInstance(stack: Stack, vpc: IVpc): ManagedProxyTarget {
  return ManagedProxyTarget.fromInstance(
    new DatabaseInstance(stack, 'Database', {
      vpc,
      engine: DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.VER_17 }),
    }),
  );
}

function databaseCluster(stack: Stack, vpc: IVpc): ManagedProxyTarget {
  return ManagedProxyTarget.fromCluster(
    new DatabaseCluster(stack, 'Database', {
      vpc,
      writer: ClusterInstance.serverlessV2('writer'),
      engine: DatabaseClusterEngine.auroraPostgres({
        version: AuroraPostgresEngineVersion.VER_16_4,
      }),
    }),
  );
}

/** The VPC of a stack from userStack. */
function userStackOf(stack: Stack): { vpc: IVpc } {
  return { vpc: stack.node.findChild('Vpc') as Vpc as IVpc };
}

function service(more: Partial<SluiceServiceProps> = {}): {
  service: SluiceService;
  stack: Stack;
  role: Role;
} {
  const { stack, vpc, secret, role } = userStack();
  const made = new SluiceService(stack, 'Sluice', {
    vpc,
    image: ContainerImage.fromRegistry('sluice'),
    target: {
      host: 'orders.example',
      securityGroups: [new SecurityGroup(stack, 'Database', { vpc })],
    },
    auth: [{ secret }],
    tlsSecret: new Secret(stack, 'Tls') as ISecret,
    serviceName: 'orders',
    ...more,
  });
  return { service: made, stack, role };
}

suite('ManagedProxy', () => {
  test('creates role, group and log group if none is given, and is in private subnets', () => {
    const { stack } = managed();
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::RDS::DBProxy', {
      DBProxyName: 'orders',
      RequireTLS: true,
      IdleClientTimeout: 1800,
      VpcSubnetIds: Match.arrayWith([{ Ref: Match.stringLikeRegexp('PrivateSubnet') }]),
    });
    template.hasResourceProperties('AWS::RDS::DBProxyTargetGroup', {
      ConnectionPoolConfigurationInfo: {
        MaxConnectionsPercent: 100,
        MaxIdleConnectionsPercent: 50,
        ConnectionBorrowTimeout: 120,
      },
    });
    template.resourceCountIs('AWS::Logs::LogGroup', 1);
  });

  test('grantConnect permits one database user of this proxy', () => {
    const { proxy, stack, role } = managed();
    proxy.grantConnect(role, 'app');
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          {
            Action: 'rds-db:connect',
            Effect: 'Allow',
            Resource: { 'Fn::Join': ['', Match.arrayWith(['/app'])] },
          },
        ],
      },
    });
  });

  test('connections open port 5432, and metrics refer to this proxy', () => {
    const { proxy, stack } = managed();
    proxy.connections.allowDefaultPortFromAnyIpv4();
    Template.fromStack(stack).hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: [Match.objectLike({ FromPort: 5432, ToPort: 5432 })],
    });
    for (const metric of [
      proxy.metricClientConnections(),
      proxy.metricDatabaseConnections(),
      proxy.metricDatabaseConnectionsCurrentlyBorrowed(),
      proxy.metricDatabaseConnectionsCurrentlySessionPinned(),
      proxy.metricDatabaseConnectionsBorrowLatency(),
    ]) {
      assert.equal(metric.namespace, 'AWS/RDS');
      assert.deepEqual(Object.keys(metric.dimensions ?? {}), ['ProxyName']);
    }
  });

  test('a created group permits connections to the database, wherever in the VPC it is', () => {
    const { stack } = managed();
    Template.fromStack(stack).hasResourceProperties('AWS::EC2::SecurityGroup', {
      GroupDescription: 'Amazon RDS Proxy orders',
      SecurityGroupEgress: [Match.objectLike({ FromPort: 5432, ToPort: 5432, IpProtocol: 'tcp' })],
    });
  });

  for (const [what, target, port] of [
    [
      'an instance of the app',
      databaseInstance,
      { 'Fn::GetAtt': [Match.anyValue(), 'Endpoint.Port'] },
    ],
    [
      'a cluster of the app',
      databaseCluster,
      { 'Fn::GetAtt': [Match.anyValue(), 'Endpoint.Port'] },
    ],
  ] as const) {
    test(`${what} and the proxy are opened to each other`, () => {
      const { stack, vpc, secret } = userStack();
      const proxy = new ManagedProxy(stack, 'orders', {
        vpc,
        auth: [{ secret }],
        target: target(stack, vpc),
      });
      assert.equal(proxy.connections.securityGroups.length, 1);
      const made = Template.fromStack(stack);
      made.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
        GroupId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Database'), 'GroupId'] },
        SourceSecurityGroupId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^orders'), 'GroupId'] },
        FromPort: port,
      });
      made.hasResourceProperties('AWS::EC2::SecurityGroupEgress', {
        GroupId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^orders'), 'GroupId'] },
      });
    });
  }

  test('groups that are added to connections later are included', () => {
    const { proxy, stack } = managed();
    const { vpc } = userStackOf(stack);
    proxy.connections.addSecurityGroup(new SecurityGroup(stack, 'Later', { vpc }));
    Template.fromStack(stack).hasResourceProperties('AWS::RDS::DBProxy', {
      VpcSecurityGroupIds: Match.arrayWith([
        { 'Fn::GetAtt': [Match.stringLikeRegexp('^Later'), 'GroupId'] },
      ]),
    });
  });

  test('IAM_AUTH grants rds-db:connect on the database’s resource id, and needs no secret', () => {
    const target = ManagedProxyTarget.fromInstanceIdentifier('orders', { resourceId: 'db-ABC' });
    const { stack } = managed({ auth: [], defaultAuthScheme: 'IAM_AUTH', target });
    const text = JSON.stringify(Template.fromStack(stack).findResources('AWS::IAM::ManagedPolicy'));
    assert.match(text, /rds-db:connect/);
    assert.match(text, /dbuser:db-ABC\/\*/);
    assert.throws(() => managed({ auth: [], defaultAuthScheme: 'IAM_AUTH' }), /resourceId/);
  });

  test('grantConnect uses the user of the only secret, and refuses to guess among several', () => {
    const one = managed();
    assert.ok(one.proxy.grantConnect(one.role).success);
    const text = JSON.stringify(Template.fromStack(one.stack).findResources('AWS::IAM::Policy'));
    assert.match(text, /:SecretString:username::/);
    assert.doesNotMatch(text, /\/\*"/);
    const { stack, vpc, secret, role } = userStack();
    const second = new Secret(stack, 'Second') as ISecret;
    const proxy = new ManagedProxy(stack, 'orders', {
      vpc,
      auth: [{ secret }, { secret: second }],
      target: ManagedProxyTarget.fromInstanceIdentifier('orders'),
    });
    assert.throws(() => proxy.grantConnect(role), /the proxy has 2 secrets/);
    assert.ok(proxy.grantConnect(role, '*').success);
  });

  test('a READ_ONLY endpoint needs a cluster', () => {
    const { proxy } = managed({ target: ManagedProxyTarget.fromInstanceIdentifier('orders') });
    assert.throws(() => proxy.addEndpoint('ro', { targetRole: 'READ_ONLY' }), /has no readers/);
    const cluster = managed({ target: ManagedProxyTarget.fromClusterIdentifier('orders') });
    assert.ok(cluster.proxy.addEndpoint('ro', { targetRole: 'READ_ONLY' }));
  });

  test('an imported proxy has grants and metrics as well', () => {
    const { stack, role } = userStack();
    const proxy = ManagedProxy.fromManagedProxyAttributes(stack, 'Imported', {
      dbProxyName: 'orders',
      dbProxyArn: 'arn:aws:rds:eu-central-1:123456789012:db-proxy:prx-1',
      endpoint: 'orders.example',
      connections: new Connections(),
    });
    assert.ok(proxy.grantConnect(role, 'app').success);
    assert.throws(() => proxy.grantConnect(role), /grantConnect needs dbUser/);
    assert.equal(proxy.metric('ClientConnections').dimensions?.['ProxyName'], 'orders');
  });

  for (const [what, props, detail] of [
    ['a name that RDS refuses', { dbProxyName: '1bad' }, /Mine\/orders: dbProxyName is "1bad"/],
    [
      'idle above max',
      { maxConnectionsPercent: 20, maxIdleConnectionsPercent: 30 },
      /is 30; it must be 0 to 20/,
    ],
    [
      'a borrow timeout of ten minutes',
      { borrowTimeout: Duration.minutes(10) },
      /is 600; it must be 0 to 300/,
    ],
    ['no users', { auth: [] }, /give one secret at least/],
  ] as const) {
    test(`refuses ${what}`, () => {
      assert.throws(
        () => managed(props),
        (error) => error instanceof PropsError && detail.test(error.message),
      );
    });
  }
});

suite('SluiceService', () => {
  test('grantConnect lets a client read the secret with which it logs in', () => {
    const { service: sluice, stack, role } = service();
    assert.ok(sluice.grantConnect(role).success);
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({ Action: Match.arrayWith(['secretsmanager:GetSecretValue']) }),
        ],
      },
    });
  });

  test('grantConnect lets a client with IAM tokens connect to the database, as the named user', () => {
    const secret = Secret.fromSecretCompleteArn(new Stack(), 'Secret', secretArn);
    const target = {
      host: 'orders.example',
      securityGroups: [],
      resourceId: 'db-ABC',
    };
    for (const props of [
      { target, defaultAuthScheme: 'IAM_AUTH' },
      { target, auth: [{ secret, iamAuth: 'REQUIRED' }] },
    ] as const) {
      const { service: sluice, stack, role } = service(props);
      assert.ok(sluice.grantConnect(role, 'app').success);
      const text = JSON.stringify(Template.fromStack(stack).findResources('AWS::IAM::Policy'));
      assert.match(text, /rds-db:connect.*dbuser:db-ABC\/app/);
      assert.doesNotMatch(text, /secretsmanager/);
      assert.throws(() => service({ ...props, targetTls: 'require' }), /must be verify-full/);
    }
    assert.throws(() => service({ defaultAuthScheme: 'IAM_AUTH' }), /target\.resourceId/);
  });

  test('has metrics of clients, tasks, CPU and memory', () => {
    const { service: sluice } = service();
    assert.equal(sluice.metricClientConnections().metricName, 'ActiveFlowCount');
    assert.equal(sluice.metricHealthyTasks().metricName, 'HealthyHostCount');
    assert.equal(sluice.metricCpuUtilization().metricName, 'CPUUtilization');
    assert.equal(sluice.metricMemoryUtilization().metricName, 'MemoryUtilization');
    assert.equal(sluice.metric('NewFlowCount').namespace, 'AWS/NetworkELB');
  });

  test('refuses a connection budget that does not fit', () => {
    const vpcless = { host: 'h', securityGroups: [], maxConnections: 100 };
    assert.throws(() => service({ poolSize: 20, target: vpcless }), /take 160; the share is 100/);
    assert.throws(() => service({ maxTasks: 60 }), /cannot share 100 %/);
  });

  test('refuses a name that a load balancer cannot have', () => {
    assert.throws(() => service({ serviceName: 'a'.repeat(33) }), /1 to 32 letters/);
  });
});
