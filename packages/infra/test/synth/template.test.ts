import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { designOf } from '../../src/actions/design.ts';
import { inputTable } from '../../src/inputs/table.ts';
import { synthesize } from '../../src/synth/synth.ts';
import { inputsWith, nine, resolvedWith, secretArn, sluiceInputs } from '../subject.ts';

type Values = Readonly<Record<string, unknown>>;

function template(inputs: Values = {}, resolved: Values = {}): Template {
  const design = designOf(inputsWith(inputs), resolvedWith(resolved), undefined, false);
  return Template.fromJSON(design.synthesized.template);
}

const proxy = 'AWS::RDS::DBProxy';
const targetGroup = 'AWS::RDS::DBProxyTargetGroup';
const otherArn = secretArn.replace('orders-database', 'orders-reader');

/** For each input of the managed engine: a value that is not its default, and where it shows in the template. */
const managed: readonly (readonly [
  input: string,
  inputs: Values,
  type: string,
  properties: object,
  resolved?: Values,
])[] = [
  [
    'vpc_subnet_filter_tag',
    {},
    proxy,
    { VpcSubnetIds: ['subnet-0a000000000000000', 'subnet-0b000000000000000'] },
  ],
  ['rds_instance_id', {}, targetGroup, { DBInstanceIdentifiers: ['orders'] }],
  ['rds_proxy_role', {}, proxy, { RoleArn: 'arn:aws:iam::123456789012:role/orders-proxy-role' }],
  ['rds_security_group_name', {}, proxy, { VpcSecurityGroupIds: ['sg-0a000000000000000'] }],
  ['rds_secret_name', {}, proxy, { Auth: [Match.objectLike({ SecretArn: secretArn })] }],
  [
    'rds_proxy_tags',
    { rds_proxy_tags: { Team: 'orders' } },
    proxy,
    { Tags: Match.arrayWith([{ Key: 'Team', Value: 'orders' }]) },
  ],
  ['RequireTLS', { RequireTLS: false }, proxy, { RequireTLS: false }],
  ['IdleClientTimeout', { IdleClientTimeout: 60 }, proxy, { IdleClientTimeout: 60 }],
  [
    'MaxConnectionsPercent',
    { MaxConnectionsPercent: 60 },
    targetGroup,
    {
      ConnectionPoolConfigurationInfo: Match.objectLike({
        MaxConnectionsPercent: 60,
        MaxIdleConnectionsPercent: 30,
      }),
    },
  ],
  [
    'MaxIdleConnectionsPercent',
    { MaxIdleConnectionsPercent: 7 },
    targetGroup,
    { ConnectionPoolConfigurationInfo: Match.objectLike({ MaxIdleConnectionsPercent: 7 }) },
  ],
  [
    'ConnectionBorrowTimeout',
    { ConnectionBorrowTimeout: 5 },
    targetGroup,
    { ConnectionPoolConfigurationInfo: Match.objectLike({ ConnectionBorrowTimeout: 5 }) },
  ],
  [
    'InitQuery',
    { InitQuery: 'set x=1' },
    targetGroup,
    { ConnectionPoolConfigurationInfo: Match.objectLike({ InitQuery: 'set x=1' }) },
  ],
  ['DebugLogging', { DebugLogging: true }, proxy, { DebugLogging: true }],
  [
    'DefaultAuthScheme',
    { DefaultAuthScheme: 'IAM_AUTH' },
    proxy,
    { DefaultAuthScheme: 'IAM_AUTH' },
  ],
  [
    'IAMAuth',
    { IAMAuth: 'REQUIRED' },
    proxy,
    { Auth: [Match.objectLike({ IAMAuth: 'REQUIRED' })] },
  ],
  [
    'ClientPasswordAuthType',
    { ClientPasswordAuthType: 'POSTGRES_MD5' },
    proxy,
    { Auth: [Match.objectLike({ ClientPasswordAuthType: 'POSTGRES_MD5' })] },
  ],
  [
    'Auth',
    { Auth: [{ SecretName: 'orders-reader', Description: 'reports' }] },
    proxy,
    {
      Auth: [
        Match.objectLike({ SecretArn: secretArn }),
        Match.objectLike({ SecretArn: otherArn, Description: 'reports' }),
      ],
    },
    { secret_arns: { 'orders-database': secretArn, 'orders-reader': otherArn } },
  ],
  ['DBProxyName', { DBProxyName: 'orders-2' }, proxy, { DBProxyName: 'orders-2' }],
  [
    'DBClusterIdentifier',
    { DBClusterIdentifier: 'main' },
    targetGroup,
    { DBClusterIdentifiers: ['main'], DBInstanceIdentifiers: Match.absent() },
  ],
  ['EndpointNetworkType', { EndpointNetworkType: 'DUAL' }, proxy, { EndpointNetworkType: 'DUAL' }],
  [
    'TargetConnectionNetworkType',
    { TargetConnectionNetworkType: 'IPV6' },
    proxy,
    { TargetConnectionNetworkType: 'IPV6' },
  ],
  [
    'DBProxyEndpoints',
    { DBProxyEndpoints: [{ DBProxyEndpointName: 'orders-ro', TargetRole: 'READ_ONLY' }] },
    'AWS::RDS::DBProxyEndpoint',
    {
      DBProxyEndpointName: 'orders-ro',
      TargetRole: 'READ_ONLY',
      VpcSubnetIds: ['subnet-0a000000000000000', 'subnet-0b000000000000000'],
    },
  ],
  [
    'LogRetentionInDays',
    { LogRetentionInDays: 7 },
    'AWS::Logs::LogGroup',
    { LogGroupName: '/aws/rds/proxy/orders', RetentionInDays: 7 },
  ],
  [
    'LogKmsKeyArn',
    { LogKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/k' },
    'AWS::Logs::LogGroup',
    { KmsKeyId: 'arn:aws:kms:eu-central-1:123456789012:key/k' },
  ],
  [
    'CreateRole',
    { CreateRole: true },
    'AWS::IAM::Role',
    { RoleName: 'orders-proxy-role' },
    { role_arn: undefined },
  ],
  [
    'CreateSecurityGroup',
    { CreateSecurityGroup: true, ClientCidrs: ['10.0.0.0/8'] },
    'AWS::EC2::SecurityGroup',
    {
      GroupName: 'orders-proxy',
      SecurityGroupIngress: [Match.objectLike({ CidrIp: '10.0.0.0/8', FromPort: 5432 })],
    },
  ],
  [
    'ClientSecurityGroupIds',
    { CreateSecurityGroup: true, ClientSecurityGroupIds: ['sg-0c000000000000000'] },
    'AWS::EC2::SecurityGroup',
    { SecurityGroupIngress: [Match.objectLike({ SourceSecurityGroupId: 'sg-0c000000000000000' })] },
  ],
  [
    'AllowDatabaseIngress',
    { CreateSecurityGroup: true, AllowDatabaseIngress: true },
    'AWS::EC2::SecurityGroupIngress',
    { GroupId: 'sg-0d000000000000000', FromPort: 5432 },
  ],
];

function environment(name: string, value: string): object {
  return {
    ContainerDefinitions: [
      Match.objectLike({ Environment: Match.arrayWith([{ Name: name, Value: value }]) }),
    ],
  };
}

const taskDefinition = 'AWS::ECS::TaskDefinition';

/** The same for engine sluice. */
const service: readonly (readonly [
  input: string,
  inputs: Values,
  type: string,
  properties: object,
  resolved?: Values,
])[] = [
  [
    'vpc_subnet_filter_tag',
    {},
    'AWS::ElasticLoadBalancingV2::LoadBalancer',
    {
      Subnets: ['subnet-0a000000000000000', 'subnet-0b000000000000000'],
      Scheme: 'internal',
      Type: 'network',
    },
  ],
  [
    'rds_security_group_name',
    {},
    'AWS::ECS::Service',
    {
      NetworkConfiguration: {
        AwsvpcConfiguration: Match.objectLike({
          SecurityGroups: Match.arrayWith(['sg-0a000000000000000']),
        }),
      },
    },
  ],
  [
    'rds_secret_name',
    {},
    taskDefinition,
    {
      ContainerDefinitions: [
        Match.objectLike({
          Environment: Match.arrayWith([{ Name: 'DATABASE_SECRET_ARNS', Value: secretArn }]),
        }),
      ],
    },
  ],
  [
    'rds_secret_name',
    {},
    'AWS::IAM::ManagedPolicy',
    {
      PolicyDocument: Match.objectLike({
        Statement: [
          { Action: 'secretsmanager:GetSecretValue', Effect: 'Allow', Resource: secretArn },
        ],
      }),
    },
  ],
  [
    'SluiceSettings',
    { SluiceSettings: { TargetIamAuth: 'true' } },
    'AWS::IAM::ManagedPolicy',
    {
      PolicyDocument: Match.objectLike({
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: 'rds-db:connect',
            Resource: Match.objectLike({
              'Fn::Join': [
                '',
                Match.arrayWith([':rds-db:eu-central-1:123456789012:dbuser:db-ABC/*']),
              ],
            }),
          }),
        ]),
      }),
    },
  ],
  [
    'rds_proxy_tags',
    { rds_proxy_tags: { Team: 'orders' } },
    'AWS::ECS::Service',
    { Tags: Match.arrayWith([{ Key: 'Team', Value: 'orders' }]) },
  ],
  ['RequireTLS', {}, taskDefinition, environment('SLUICE_REQUIRE_TLS', 'true')],
  [
    'IdleClientTimeout',
    { IdleClientTimeout: 60 },
    taskDefinition,
    environment('SLUICE_IDLE_CLIENT_TIMEOUT', '60'),
  ],
  [
    'ConnectionBorrowTimeout',
    { ConnectionBorrowTimeout: 5 },
    taskDefinition,
    environment('SLUICE_CONNECTION_BORROW_TIMEOUT', '5'),
  ],
  [
    'MaxConnectionsPercent',
    { MaxConnectionsPercent: 80 },
    taskDefinition,
    environment('SLUICE_MAX_CONNECTIONS_PERCENT', '10'),
  ],
  [
    'MaxIdleConnectionsPercent',
    { MaxIdleConnectionsPercent: 16 },
    taskDefinition,
    environment('SLUICE_MAX_IDLE_CONNECTIONS_PERCENT', '2'),
  ],
  [
    'InitQuery',
    { InitQuery: 'set x=1' },
    taskDefinition,
    environment('SLUICE_INIT_QUERY', 'set x=1'),
  ],
  [
    'DebugLogging',
    { DebugLogging: true },
    taskDefinition,
    environment('SLUICE_DEBUG_LOGGING', 'true'),
  ],
  ['DBProxyName', { DBProxyName: 'orders-2' }, 'AWS::ECS::Service', { ServiceName: 'orders-2' }],
  [
    'ContainerImage',
    {},
    taskDefinition,
    {
      ContainerDefinitions: [
        Match.objectLike({
          Image: sluiceInputs.ContainerImage,
          User: '1000',
          ReadonlyRootFilesystem: true,
          StopTimeout: 120,
        }),
      ],
    },
  ],
  [
    'TlsSecretName',
    {},
    taskDefinition,
    {
      ContainerDefinitions: [
        Match.objectLike({
          Secrets: Match.arrayWith([Match.objectLike({ Name: 'TLS_PRIVATE_KEY' })]),
        }),
      ],
    },
  ],
  ['TaskCpu', { TaskCpu: 1024, TaskMemory: 2048 }, taskDefinition, { Cpu: '1024' }],
  ['TaskMemory', { TaskMemory: 2048 }, taskDefinition, { Memory: '2048' }],
  ['MinTasks', { MinTasks: 3 }, 'AWS::ApplicationAutoScaling::ScalableTarget', { MinCapacity: 3 }],
  ['MaxTasks', { MaxTasks: 5 }, 'AWS::ApplicationAutoScaling::ScalableTarget', { MaxCapacity: 5 }],
  ['PoolSize', { PoolSize: 3 }, taskDefinition, environment('SLUICE_POOL_SIZE', '3')],
  [
    'SluiceSettings',
    { SluiceSettings: { QueryTimeout: '30' } },
    taskDefinition,
    environment('SLUICE_QUERY_TIMEOUT', '30'),
  ],
  ['LogRetentionInDays', { LogRetentionInDays: 7 }, 'AWS::Logs::LogGroup', { RetentionInDays: 7 }],
  [
    'LogKmsKeyArn',
    { LogKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/k' },
    'AWS::Logs::LogGroup',
    { KmsKeyId: 'arn:aws:kms:eu-central-1:123456789012:key/k' },
  ],
  [
    'AlarmTopicArn',
    { AlarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:ops' },
    'AWS::CloudWatch::Alarm',
    { AlarmActions: ['arn:aws:sns:eu-central-1:123456789012:ops'] },
  ],
  [
    'CreateSecurityGroup',
    { CreateSecurityGroup: true, ClientCidrs: ['10.0.0.0/8'] },
    'AWS::EC2::SecurityGroup',
    { GroupName: 'orders-proxy' },
  ],
];

suite('the template of the managed proxy', () => {
  for (const [input, inputs, type, properties, resolved] of managed) {
    test(`${input} shows in ${type}`, () => {
      template(inputs, resolved).hasResourceProperties(type, properties);
    });
  }

  test('the target group refers to the proxy, so that a replaced one takes its target along', () => {
    template().hasResourceProperties(targetGroup, { DBProxyName: { Ref: Match.anyValue() } });
  });

  test('the log group is made first, and left out when it is there already', () => {
    template().hasResource(proxy, { DependsOn: [Match.stringLikeRegexp('LogGroup')] });
    template({}, { log_group_exists: true }).resourceCountIs('AWS::Logs::LogGroup', 0);
  });

  test('tags are on the proxy and not on the target group', () => {
    template({ rds_proxy_tags: { Team: 'x' } }).hasResourceProperties(targetGroup, {
      Tags: Match.absent(),
    });
  });

  test('the order in which subnets come makes no difference', () => {
    const turned = { subnet_ids: ['subnet-0a000000000000000', 'subnet-0b000000000000000'] };
    assert.deepEqual(template({}, turned).toJSON(), template().toJSON());
  });

  test('a made role may read this secret, decrypt with its key through Secrets Manager, and nothing else', () => {
    const made = template(
      { CreateRole: true },
      {
        role_arn: undefined,
        secret_key_arns: { 'orders-database': 'arn:aws:kms:eu-central-1:123456789012:key/k' },
      },
    );
    made.hasResourceProperties('AWS::IAM::ManagedPolicy', {
      PolicyDocument: {
        Statement: [
          { Action: 'secretsmanager:GetSecretValue', Effect: 'Allow', Resource: secretArn },
          {
            Action: 'kms:Decrypt',
            Effect: 'Allow',
            Resource: 'arn:aws:kms:eu-central-1:123456789012:key/k',
            Condition: {
              StringEquals: { 'kms:ViaService': 'secretsmanager.eu-central-1.amazonaws.com' },
            },
          },
        ],
      },
    });
  });
});

suite('the template of Sluice on ECS', () => {
  for (const [input, inputs, type, properties, resolved] of service) {
    test(`${input} shows in ${type}`, () => {
      template({ ...sluiceInputs, ...inputs }, resolved).hasResourceProperties(type, properties);
    });
  }

  test('the log group is left out when it is there already, and still written to', () => {
    const made = template(sluiceInputs, { log_group_exists: true });
    made.resourceCountIs('AWS::Logs::LogGroup', 0);
    made.hasResourceProperties(taskDefinition, {
      ContainerDefinitions: [
        Match.objectLike({
          LogConfiguration: Match.objectLike({
            Options: Match.objectLike({ 'awslogs-group': '/sluice/orders' }),
          }),
        }),
      ],
    });
  });

  test('what AWS would share with somebody else of that name has a name of its own', () => {
    const made = template(sluiceInputs);
    made.hasResourceProperties('AWS::ECS::Cluster', { ClusterName: 'sluice-orders' });
    made.hasResourceProperties('AWS::CloudWatch::Dashboard', { DashboardName: 'sluice-orders' });
  });

  test('shares of max_connections are divided among the most tasks there can be', () => {
    const made = template({ ...sluiceInputs, MaxTasks: 5 });
    made.hasResourceProperties(taskDefinition, environment('SLUICE_MAX_CONNECTIONS_PERCENT', '10'));
    made.hasResourceProperties(taskDefinition, environment('SLUICE_POOL_SIZE', '40'));
  });

  test('a budget that does not fit is refused at synth', () => {
    assert.throws(
      () => template({ ...sluiceInputs, PoolSize: 51 }),
      /the connection budget does not fit/,
    );
  });

  test('tasks are drained: taken out first, SIGTERM then, two minutes until the end', () => {
    const made = template(sluiceInputs);
    made.hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
      HealthCheckPath: '/readyz',
      HealthCheckProtocol: 'HTTP',
      HealthCheckIntervalSeconds: 10,
      TargetGroupAttributes: Match.arrayWith([
        { Key: 'deregistration_delay.timeout_seconds', Value: '30' },
      ]),
    });
    made.hasResourceProperties('AWS::ECS::Service', {
      DesiredCount: Match.absent(),
      DeploymentConfiguration: Match.objectLike({
        MinimumHealthyPercent: 100,
        MaximumPercent: 200,
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      }),
    });
    made.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', {
      Protocol: 'TCP',
      ListenerAttributes: [{ Key: 'tcp.idle_timeout.seconds', Value: '6000' }],
    });
  });

  test('alarms, dashboard and autoscaling are there', () => {
    const made = template(sluiceInputs);
    made.resourceCountIs('AWS::CloudWatch::Alarm', 3);
    made.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
    made.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      TargetTrackingScalingPolicyConfiguration: Match.objectLike({ TargetValue: 60 }),
    });
  });
});

suite('both templates', () => {
  test('every input is covered by a test of one engine or the other', () => {
    const elsewhere = [
      'aws_account_id',
      'aws_region',
      'vpc_id',
      'engine',
      'StackName',
      'Acknowledge',
      'ClientCidrs',
    ];
    const covered = new Set([
      ...elsewhere,
      ...managed.map(([name]) => name),
      ...service.map(([name]) => name),
    ]);
    assert.deepEqual(
      Object.keys(inputTable).filter((name) => !covered.has(name)),
      [],
    );
  });

  test('have the outputs of the original project', () => {
    for (const inputs of [{}, sluiceInputs]) {
      const made = template(inputs);
      for (const key of [
        'RdsProxyEndpoint',
        'RdsProxySubnetIds',
        'RdsProxyRoleArn',
        'RdsSecurityGroupIds',
        'RdsSecretArn',
      ]) {
        assert.equal(Object.keys(made.findOutputs(key)).length, 1, key);
      }
    }
  });

  test('account, region, VPC and stack name come from the inputs', () => {
    const inputs = inputsWith({ StackName: 'mine', ...sluiceInputs });
    const { synthesized } = designOf(inputs, resolvedWith(), undefined, false);
    const stack = synthesized.assembly.getStackByName('mine');
    assert.deepEqual(
      [stack.environment.account, stack.environment.region],
      [nine.aws_account_id, nine.aws_region],
    );
    Template.fromJSON(synthesized.template).allResourcesProperties('AWS::EC2::SecurityGroup', {
      VpcId: nine.vpc_id,
    });
  });

  test('need no bootstrap: no roles to assume, no assets', () => {
    const { synthesized } = designOf(inputsWith(sluiceInputs), resolvedWith(), undefined, false);
    const stack = synthesized.assembly.getStackByName('sluice-orders');
    assert.equal(stack.assumeRoleArn, undefined);
    assert.deepEqual(stack.assets, []);
    assert.ok(JSON.stringify(synthesized.template).length < 51_200);
  });

  test('CloudFormation’s own schemas have nothing against them', () => {
    const errors: unknown[] = [];
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = (text: string | Uint8Array): boolean => {
      errors.push(text);
      return true;
    };
    try {
      for (const inputs of [{}, sluiceInputs]) {
        const { model } = designOf(inputsWith(inputs), resolvedWith(), undefined, false);
        synthesize(model, { validate: true });
      }
    } finally {
      process.stderr.write = write;
    }
    assert.deepEqual(errors, []);
  });
});
