import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { designOf } from '../../src/actions/design.ts';
import { repositoryArn } from '../../src/constructs/sluice-roles.ts';
import { violations } from '../../src/security/report.ts';
import { inputTable } from '../../src/inputs/table.ts';
import { changesBetween } from '../../src/plan/changes.ts';
import { synthesize } from '../../src/synth/synth.ts';
import { list, record } from '../../src/values.ts';
import { inputsWith, nine, resolvedWith, secretArn, sluiceInputs } from '../subject.ts';

type Values = Readonly<Record<string, unknown>>;

/** By everything that was asked for; JSON would omit what is undefined. */
const templates = new Map<string, Values>();

/** The template for these inputs; each is synthesized once, since that takes most of the time of these tests. */
function template(inputs: Values = {}, resolved: Values = {}): Template {
  const key = inspect([inputs, resolved], {
    depth: null,
    maxStringLength: null,
    maxArrayLength: null,
  });
  const known =
    templates.get(key) ??
    designOf(inputsWith(inputs), resolvedWith(resolved), undefined, false).synthesized.template;
  templates.set(key, known);
  return Template.fromJSON(known);
}

const proxy = 'AWS::RDS::DBProxy';
const targetGroup = 'AWS::RDS::DBProxyTargetGroup';
const otherArn = secretArn.replace('orders-database', 'orders-reader');

/** For each input of the managed engine: a value other than its default, and where the template contains it. */
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
    {
      DBClusterIdentifier: 'orders',
      DBProxyEndpoints: [{ DBProxyEndpointName: 'orders-ro', TargetRole: 'READ_ONLY' }],
    },
    'AWS::RDS::DBProxyEndpoint',
    {
      DBProxyEndpointName: 'orders-ro',
      TargetRole: 'READ_ONLY',
      VpcSubnetIds: ['subnet-0a000000000000000', 'subnet-0b000000000000000'],
      // Omitted at its default: older CloudFormation linters do not know it.
      EndpointNetworkType: Match.absent(),
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
    'AWS::ElasticLoadBalancingV2::LoadBalancer',
    { SecurityGroups: Match.arrayWith(['sg-0a000000000000000']) },
  ],
  [
    'rds_secret_name',
    {},
    taskDefinition,
    {
      ContainerDefinitions: [
        Match.objectLike({
          Environment: Match.arrayWith([
            {
              Name: 'SETTINGS_JSON',
              Value: Match.serializedJson({ Auth: [Match.objectLike({ SecretArn: secretArn })] }),
            },
          ]),
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
            Resource: 'arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/*',
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
  [
    'BalancerAddresses',
    { BalancerAddresses: { 'subnet-0b000001': '10.20.2.10', 'subnet-0a000001': '10.20.1.10' } },
    'AWS::ElasticLoadBalancingV2::LoadBalancer',
    {
      Scheme: 'internal',
      Subnets: Match.absent(),
      SubnetMappings: [
        { SubnetId: 'subnet-0a000001', PrivateIPv4Address: '10.20.1.10' },
        { SubnetId: 'subnet-0b000001', PrivateIPv4Address: '10.20.2.10' },
      ],
    },
  ],
  [
    'BalancerAddresses',
    {
      BalancerAddresses: {
        'subnet-0a000001': 'eipalloc-0a000001',
        'subnet-0b000001': 'eipalloc-0b000001',
      },
    },
    'AWS::ElasticLoadBalancingV2::LoadBalancer',
    {
      Scheme: 'internet-facing',
      SubnetMappings: [
        { SubnetId: 'subnet-0a000001', AllocationId: 'eipalloc-0a000001' },
        { SubnetId: 'subnet-0b000001', AllocationId: 'eipalloc-0b000001' },
      ],
    },
  ],
  [
    'CpuArchitecture',
    {},
    taskDefinition,
    { RuntimePlatform: { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' } },
  ],
  [
    'CpuArchitecture',
    { CpuArchitecture: 'X86_64' },
    taskDefinition,
    { RuntimePlatform: { CpuArchitecture: 'X86_64', OperatingSystemFamily: 'LINUX' } },
  ],
  [
    'FargateSpotWeight',
    {},
    'AWS::ECS::Service',
    {
      LaunchType: Match.absent(),
      CapacityProviderStrategy: [{ CapacityProvider: 'FARGATE', Weight: 1 }],
    },
  ],
  [
    'FargateSpotWeight',
    { FargateSpotWeight: 3 },
    'AWS::ECS::Service',
    {
      CapacityProviderStrategy: [
        { CapacityProvider: 'FARGATE', Weight: 1, Base: 2 },
        { CapacityProvider: 'FARGATE_SPOT', Weight: 3 },
      ],
    },
  ],
  [
    'FargateSpotWeight',
    { FargateSpotWeight: 3 },
    'AWS::ECS::Cluster',
    { CapacityProviders: ['FARGATE', 'FARGATE_SPOT'] },
  ],
  [
    'FargateWeight',
    { FargateSpotWeight: 3, FargateWeight: 2, FargateBase: 0 },
    'AWS::ECS::Service',
    {
      CapacityProviderStrategy: [
        { CapacityProvider: 'FARGATE', Weight: 2, Base: Match.absent() },
        { CapacityProvider: 'FARGATE_SPOT', Weight: 3 },
      ],
    },
  ],
  [
    'FargateBase',
    { FargateSpotWeight: 3, FargateWeight: 0, FargateBase: 1 },
    'AWS::ECS::Service',
    {
      CapacityProviderStrategy: [
        { CapacityProvider: 'FARGATE', Weight: 0, Base: 1 },
        { CapacityProvider: 'FARGATE_SPOT', Weight: 3 },
      ],
    },
  ],
  [
    'EnableExecuteCommand',
    { EnableExecuteCommand: true },
    'AWS::ECS::Service',
    { EnableExecuteCommand: true },
  ],
  [
    'EnableExecuteCommand',
    { EnableExecuteCommand: true },
    taskDefinition,
    { ContainerDefinitions: [Match.objectLike({ ReadonlyRootFilesystem: false })] },
  ],
  [
    'EnableExecuteCommand',
    { EnableExecuteCommand: true },
    'AWS::IAM::ManagedPolicy',
    {
      PolicyDocument: Match.objectLike({
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: [
              'ssmmessages:CreateControlChannel',
              'ssmmessages:CreateDataChannel',
              'ssmmessages:OpenControlChannel',
              'ssmmessages:OpenDataChannel',
            ],
          }),
        ]),
      }),
    },
  ],
  [
    'RoleMaxSessionDuration',
    { RoleMaxSessionDuration: 7200 },
    'AWS::IAM::Role',
    { MaxSessionDuration: 7200 },
  ],
  // Autoscaling needs the metrics in its logs.
  [
    'LogGroupClass',
    { LogGroupClass: 'INFREQUENT_ACCESS' },
    'AWS::Logs::LogGroup',
    { LogGroupClass: Match.absent() },
  ],
];

suite('the template of the managed proxy', () => {
  for (const [input, inputs, type, properties, resolved] of managed) {
    test(`${input} shows in ${type}`, () => {
      template(inputs, resolved).hasResourceProperties(type, properties);
    });
  }

  test('the target group refers to the proxy, so that a replaced proxy replaces its target group', () => {
    template().hasResourceProperties(targetGroup, { DBProxyName: { Ref: Match.anyValue() } });
  });

  test('the log group is created first, and omitted if it exists already', () => {
    template().hasResource(proxy, { DependsOn: [Match.stringLikeRegexp('LogGroup')] });
    template({}, { log_group_exists: true }).resourceCountIs('AWS::Logs::LogGroup', 0);
  });

  test('tags are on the proxy and not on the target group', () => {
    template({ rds_proxy_tags: { Team: 'x' } }).hasResourceProperties(targetGroup, {
      Tags: Match.absent(),
    });
  });

  test('the order of the subnets makes no difference', () => {
    const turned = { subnet_ids: ['subnet-0a000000000000000', 'subnet-0b000000000000000'] };
    assert.deepEqual(template({}, turned).toJSON(), template().toJSON());
  });

  test('a created role may read this secret, decrypt with its key through Secrets Manager, and nothing else', () => {
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

  test('an existing log group is omitted, but still written to', () => {
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

  test('resources that AWS would share with others of the same name have unique names', () => {
    const made = template(sluiceInputs);
    made.hasResourceProperties('AWS::ECS::Cluster', { ClusterName: 'sluice-orders' });
    made.hasResourceProperties('AWS::CloudWatch::Dashboard', { DashboardName: 'sluice-orders' });
  });

  test('shares of max_connections are divided among the highest possible number of tasks', () => {
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

  test('tasks are drained: first deregistered, then SIGTERM, two minutes until the end', () => {
    const made = template(sluiceInputs);
    made.hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
      HealthCheckPath: '/readyz',
      HealthCheckProtocol: 'HTTP',
      HealthCheckIntervalSeconds: 10,
      TargetGroupAttributes: Match.arrayWith([
        { Key: 'deregistration_delay.timeout_seconds', Value: '30' },
        {
          Key: 'target_health_state.unhealthy.connection_termination.enabled',
          Value: 'false',
        },
      ]),
      UnhealthyThresholdCount: 5,
    });
    made.hasResourceProperties('AWS::ECS::Service', {
      DesiredCount: 2,
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

/** Inputs that affect both engines, or the stack itself. */
const further: typeof managed = [
  [
    'RoleMaxSessionDuration',
    { CreateRole: true, RoleMaxSessionDuration: 7200 },
    'AWS::IAM::Role',
    { MaxSessionDuration: 7200 },
  ],
  [
    'LogGroupClass',
    { LogGroupClass: 'INFREQUENT_ACCESS' },
    'AWS::Logs::LogGroup',
    { LogGroupClass: 'INFREQUENT_ACCESS' },
  ],
  [
    'FargateSpotWeight',
    { ...sluiceInputs, EcsClusterName: 'shared' },
    'AWS::ECS::Service',
    { LaunchType: 'FARGATE', CapacityProviderStrategy: Match.absent() },
  ],
  [
    'SubnetIds',
    {
      vpc_subnet_filter_tag: undefined,
      SubnetIds: ['subnet-0a000000000000000', 'subnet-0b000000000000000'],
    },
    proxy,
    { VpcSubnetIds: ['subnet-0a000000000000000', 'subnet-0b000000000000000'] },
  ],
  [
    'SecurityGroupIds',
    {
      rds_security_group_name: undefined,
      SecurityGroupIds: ['sg-0a000000000000000', 'sg-0b000000000000000'],
    },
    proxy,
    { VpcSecurityGroupIds: ['sg-0a000000000000000', 'sg-0b000000000000000'] },
    { security_group_ids: ['sg-0a000000000000000', 'sg-0b000000000000000'] },
  ],
  [
    'PermissionsBoundaryArn',
    { CreateRole: true, PermissionsBoundaryArn: 'arn:aws:iam::123456789012:policy/edge' },
    'AWS::IAM::Role',
    { PermissionsBoundary: 'arn:aws:iam::123456789012:policy/edge' },
  ],
  [
    'RolePath',
    { CreateRole: true, RolePath: '/platform/' },
    'AWS::IAM::ManagedPolicy',
    { Path: '/platform/' },
  ],
  [
    'DnsName',
    { DnsName: 'orders.db.example.com', HostedZoneId: 'Z123' },
    'AWS::Route53::RecordSet',
    { Name: 'orders.db.example.com', Type: 'CNAME', HostedZoneId: 'Z123' },
  ],
  [
    'HostedZoneId',
    { ...sluiceInputs, DnsName: 'orders.db.example.com', HostedZoneId: 'Z123' },
    'AWS::Route53::RecordSet',
    {
      Name: 'orders.db.example.com',
      Type: 'A',
      HostedZoneId: 'Z123',
      AliasTarget: {
        DNSName: { 'Fn::GetAtt': [Match.stringLikeRegexp('Balancer'), 'DNSName'] },
        HostedZoneId: {
          'Fn::GetAtt': [Match.stringLikeRegexp('Balancer'), 'CanonicalHostedZoneID'],
        },
      },
      TTL: Match.absent(),
    },
  ],
  [
    'EndpointNetworkType',
    {
      ...sluiceInputs,
      EndpointNetworkType: 'DUAL',
      DnsName: 'orders.db.example.com',
      HostedZoneId: 'Z123',
    },
    'AWS::Route53::RecordSet',
    { Type: 'CNAME', AliasTarget: Match.absent() },
  ],
  [
    'OutputParameterPrefix',
    { OutputParameterPrefix: '/orders/proxy' },
    'AWS::SSM::Parameter',
    { Name: '/orders/proxy/endpoint', Type: 'String' },
  ],
  [
    'EndpointNetworkType',
    { ...sluiceInputs, EndpointNetworkType: 'DUAL' },
    'AWS::ElasticLoadBalancingV2::LoadBalancer',
    { IpAddressType: 'dualstack' },
  ],
  [
    'ImagePullThrough',
    { ...sluiceInputs, ImagePullThrough: true },
    'AWS::IAM::ManagedPolicy',
    {
      PolicyDocument: Match.objectLike({
        Statement: Match.arrayWith([
          Match.objectLike({ Action: Match.arrayWith(['ecr:BatchImportUpstreamImage']) }),
        ]),
      }),
    },
  ],
  [
    'ImageCredentialsSecretName',
    {
      ...sluiceInputs,
      ContainerImage: 'registry.example.com/sluice:0.1.0',
      ImageCredentialsSecretName: 'registry',
    },
    taskDefinition,
    {
      ContainerDefinitions: [
        Match.objectLike({
          RepositoryCredentials: {
            CredentialsParameter: secretArn.replace('database', 'registry'),
          },
        }),
      ],
    },
    {
      secret_arns: {
        'orders-database': secretArn,
        'orders-tls': secretArn.replace('database', 'tls'),
        registry: secretArn.replace('database', 'registry'),
      },
    },
  ],
  [
    'TargetTls',
    { ...sluiceInputs, TargetTls: 'require' },
    taskDefinition,
    {
      ContainerDefinitions: [
        Match.objectLike({
          Environment: Match.arrayWith([{ Name: 'SLUICE_TARGET_TLS_MODE', Value: 'require' }]),
        }),
      ],
    },
  ],
  [
    'EcsClusterName',
    { ...sluiceInputs, EcsClusterName: 'shared' },
    'AWS::ECS::Service',
    { Cluster: 'shared' },
  ],
  [
    'PrivateLinkPrincipals',
    { ...sluiceInputs, PrivateLinkPrincipals: ['arn:aws:iam::210987654321:root'] },
    'AWS::EC2::VPCEndpointServicePermissions',
    { AllowedPrincipals: ['arn:aws:iam::210987654321:root'] },
  ],
  [
    'DBProxyEndpoints',
    { DBProxyEndpoints: [{ DBProxyEndpointName: 'second', Tags: { Use: 'reports' } }] },
    'AWS::RDS::DBProxyEndpoint',
    { Tags: Match.arrayWith([{ Key: 'Use', Value: 'reports' }]) },
  ],
];

suite('the inputs beside the nine', () => {
  for (const [input, inputs, type, properties, resolved] of further) {
    test(`${input} shows in ${type}`, () => {
      template(inputs, resolved).hasResourceProperties(type, properties);
    });
  }

  test('with an existing ECS cluster the stack has none, and scales the service in that cluster', () => {
    const made = template({ ...sluiceInputs, EcsClusterName: 'shared' });
    made.resourceCountIs('AWS::ECS::Cluster', 0);
    made.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      ResourceId: Match.objectLike({
        'Fn::Join': ['', Match.arrayWith([Match.stringLikeRegexp('^service/shared/')])],
      }),
    });
  });

  test('a value that a construct refuses is reported as a problem of the inputs', () => {
    const DBProxyEndpoints = [{ DBProxyEndpointName: 'ro', TargetRole: 'READ_ONLY' }];
    assert.throws(() => template({ DBProxyEndpoints }), {
      name: 'InfraError',
      code: 'INPUTS_INVALID',
      message: /has no readers/,
    });
  });

  test('with IAM_AUTH no secret is needed, and the role may log in to the database and read nothing', () => {
    const made = template(
      { rds_secret_name: undefined, DefaultAuthScheme: 'IAM_AUTH', CreateRole: true },
      { secret_arns: {}, role_arn: undefined },
    );
    made.hasResourceProperties(proxy, { Auth: [], DefaultAuthScheme: 'IAM_AUTH' });
    made.hasResourceProperties('AWS::IAM::ManagedPolicy', {
      PolicyDocument: {
        Statement: [
          {
            Action: 'rds-db:connect',
            Effect: 'Allow',
            Resource: 'arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/*',
          },
        ],
      },
    });
  });

  test('a cluster needs no instance', () => {
    template({ rds_instance_id: undefined, DBClusterIdentifier: 'orders' }).hasResourceProperties(
      targetGroup,
      { DBClusterIdentifiers: ['orders'], DBInstanceIdentifiers: Match.absent() },
    );
  });

  test('a workspace, and a second proxy of one database, have separate stacks and names', () => {
    const names = [{}, { Workspace: 'staging' }, { DBProxyName: 'orders-ro' }].map((inputs) => {
      const { model } = designOf(inputsWith(inputs), resolvedWith(), undefined, false);
      return [model.stackName, model.proxyName];
    });
    assert.deepEqual(names, [
      ['sluice-orders', 'orders'],
      ['sluice-orders-staging', 'orders-staging'],
      ['sluice-orders-ro', 'orders-ro'],
    ]);
  });

  test('StackTags belong to the stack; TerminationProtection, TemplateBucket and RetainOnDelete are its properties', () => {
    const { synthesized } = designOf(
      inputsWith({
        StackTags: { CostCentre: '42' },
        TerminationProtection: true,
        RetainOnDelete: true,
        TemplateBucket: 'templates',
      }),
      resolvedWith(),
      undefined,
      false,
    );
    const [stack] = synthesized.assembly.stacks;
    assert.deepEqual(stack?.tags, { CostCentre: '42' });
    assert.equal(stack?.terminationProtection, true);
    assert.match(stack?.stackTemplateAssetObjectUrl ?? '', /^s3:\/\/templates\//);
    const text = JSON.stringify(synthesized.template);
    assert.ok(!text.includes('CostCentre'));
    Template.fromJSON(synthesized.template).allResources(proxy, { DeletionPolicy: 'Retain' });
  });

  test('a log group that is not managed is not created', () => {
    for (const inputs of [{}, sluiceInputs]) {
      template({ ...inputs, ManageLogGroup: false }).resourceCountIs('AWS::Logs::LogGroup', 0);
    }
  });

  for (const [count, policies] of [
    [1, 1],
    [80, 2],
    [150, 4],
  ] as const) {
    test(`the permissions for ${count} secrets are in ${policies} policies, each within 6,144 characters`, () => {
      const names = Array.from({ length: count - 1 }, (_, index) => `orders-user-${index}`);
      const arns = Object.fromEntries(
        names.map((name) => [name, secretArn.replace('orders-database', name)]),
      );
      const made = template(
        {
          CreateRole: true,
          Auth: names.map((SecretName) => ({ SecretName })),
          TemplateBucket: 'templates',
        },
        { role_arn: undefined, secret_arns: { 'orders-database': secretArn, ...arns } },
      );
      const found = Object.values(made.findResources('AWS::IAM::ManagedPolicy'));
      assert.equal(found.length, policies);
      const allowed = found.flatMap((policy) => {
        const { PolicyDocument: document } = policy['Properties'] as {
          PolicyDocument: { Statement: { Resource: string | string[] }[] };
        };
        assert.ok(JSON.stringify(document).length <= 6144);
        return document.Statement.flatMap((statement) => statement.Resource);
      });
      assert.equal(new Set(allowed).size, count, 'each secret once');
    });
  }

  test('a template larger than CloudFormation accepts is refused without a bucket', () => {
    const names = Array.from({ length: 190 }, (_, index) => `orders-user-${index}`);
    const arns = Object.fromEntries(
      names.map((name) => [name, secretArn.replace('orders-database', name)]),
    );
    const inputs = {
      CreateRole: true,
      Auth: names.map((SecretName) => ({ SecretName, Description: 'x'.repeat(100) })),
    };
    const resolved = {
      role_arn: undefined,
      secret_arns: { 'orders-database': secretArn, ...arns },
    };
    assert.throws(
      () => template(inputs, resolved),
      /CloudFormation accepts 51200 directly; set TemplateBucket/,
    );
    assert.doesNotThrow(() => template({ ...inputs, TemplateBucket: 'templates' }, resolved));
  });

  for (const [image, arn] of [
    [
      '123456789012.dkr.ecr.eu-central-1.amazonaws.com/a/b:1',
      'arn:aws:ecr:eu-central-1:123456789012:repository/a/b',
    ],
    [
      '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/sluice:1',
      'arn:aws-cn:ecr:cn-north-1:123456789012:repository/sluice',
    ],
    [
      '123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/sluice',
      'arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/sluice',
    ],
    [
      '123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/sluice:1',
      'arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/sluice',
    ],
    [
      '123456789012.dkr-ecr.eu-central-1.on.aws/sluice:1',
      'arn:aws:ecr:eu-central-1:123456789012:repository/sluice',
    ],
    [
      '123456789012.dkr-ecr-fips.us-east-1.on.aws/sluice:1',
      'arn:aws:ecr:us-east-1:123456789012:repository/sluice',
    ],
    [
      `123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice@sha256:${'0'.repeat(64)}`,
      'arn:aws:ecr:eu-central-1:123456789012:repository/sluice',
    ],
    ['ghcr.io/example/sluice:1', undefined],
    ['public.ecr.aws/example/sluice:1', undefined],
  ] as const) {
    test(`${image} is ${arn ?? 'in no registry that needs permissions'}`, () => {
      assert.equal(repositoryArn(image), arn);
    });
  }

  test('other partitions have their own ARNs and service names', () => {
    for (const [aws_region, partition, suffix] of [
      ['cn-north-1', 'aws-cn', 'amazonaws.com.cn'],
      ['us-gov-west-1', 'aws-us-gov', 'amazonaws.com'],
    ] as const) {
      const arn = secretArn
        .replace('arn:aws:', `arn:${partition}:`)
        .replace('eu-central-1', aws_region);
      const text = JSON.stringify(
        template(
          { aws_region, CreateRole: true },
          {
            role_arn: undefined,
            secret_arns: { 'orders-database': arn },
            secret_key_arns: {
              'orders-database': `arn:${partition}:kms:${aws_region}:123456789012:key/k`,
            },
          },
        ).toJSON(),
      );
      assert.ok(!text.includes('arn:aws:'), text);
      assert.ok(text.includes(`secretsmanager.${aws_region}.${suffix}`));
    }
  });
});

suite('what real AWS requires of Sluice on ECS', () => {
  test('the load balancer has one subnet of each zone, the tasks have all', () => {
    const made = template(sluiceInputs, {
      subnet_ids: [
        'subnet-0a000000000000000',
        'subnet-0b000000000000000',
        'subnet-0c000000000000000',
      ],
      subnet_zones: {
        'subnet-0a000000000000000': 'euc1-az1',
        'subnet-0b000000000000000': 'euc1-az2',
        'subnet-0c000000000000000': 'euc1-az1',
      },
    });
    made.hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', {
      Subnets: ['subnet-0a000000000000000', 'subnet-0b000000000000000'],
    });
    made.hasResourceProperties('AWS::ECS::Service', {
      NetworkConfiguration: {
        AwsvpcConfiguration: Match.objectLike({
          Subnets: [
            'subnet-0a000000000000000',
            'subnet-0b000000000000000',
            'subnet-0c000000000000000',
          ],
        }),
      },
    });
  });

  test('the tasks have only their own group, and only the load balancer reaches the admin port', () => {
    const made = template(sluiceInputs);
    const [service] = Object.values(made.findResources('AWS::ECS::Service'));
    const text = JSON.stringify(service);
    assert.ok(!text.includes('sg-0a000000000000000'), 'the clients’ group is not on the tasks');
    for (const [, rule] of Object.entries(made.findResources('AWS::EC2::SecurityGroupIngress'))) {
      const { FromPort, SourceSecurityGroupId } = rule['Properties'] as Record<string, unknown>;
      if (FromPort === 9127) {
        assert.match(JSON.stringify(SourceSecurityGroupId), /BalancerGroup/);
      }
    }
    for (const [, group] of Object.entries(made.findResources('AWS::EC2::SecurityGroup'))) {
      assert.ok(!JSON.stringify(group['Properties']).includes('SecurityGroupIngress'));
    }
  });

  test('the database admits the tasks, unless the inputs forbid it', () => {
    const ingress = { GroupId: 'sg-0d000000000000000', FromPort: 5432 };
    template(sluiceInputs).hasResourceProperties('AWS::EC2::SecurityGroupIngress', ingress);
    const without = template({ ...sluiceInputs, AllowDatabaseIngress: false });
    assert.deepEqual(
      without.findResources('AWS::EC2::SecurityGroupIngress', { Properties: ingress }),
      {},
    );
  });

  test('tags reach the tasks, which are the larger part of the bill', () => {
    template(sluiceInputs).hasResourceProperties('AWS::ECS::Service', { PropagateTags: 'SERVICE' });
  });

  test('a new service has the count of tasks, keeps it while nothing changes, and loses it with the first change', () => {
    const inputs = inputsWith(sluiceInputs);
    const count = (made: ReturnType<typeof designOf>): unknown =>
      Object.values(
        Template.fromJSON(made.synthesized.template).findResources('AWS::ECS::Service'),
      )[0]?.['Properties']['DesiredCount'];
    const first = designOf(inputs, resolvedWith(), undefined, false);
    assert.equal(count(first), 2);
    const same = designOf(inputs, resolvedWith(), first.synthesized.template, false);
    assert.equal(count(same), 2);
    const changed = inputsWith({ ...sluiceInputs, IdleClientTimeout: 60, MinTasks: 3 });
    const second = designOf(changed, resolvedWith(), first.synthesized.template, false);
    assert.equal(count(second), undefined);
    const third = designOf(changed, resolvedWith(), second.synthesized.template, false);
    assert.equal(count(third), undefined);
  });

  test('alarms of load are silent without a value; that of too few tasks is not', () => {
    const alarms = Object.values(template(sluiceInputs).findResources('AWS::CloudWatch::Alarm'));
    const treated = alarms.map(({ Properties: { MetricName, TreatMissingData } }) => [
      String(MetricName),
      String(TreatMissingData),
    ]);
    assert.deepEqual(Object.fromEntries(treated), {
      HealthyHostCount: 'breaching',
      EventLoopPercent: 'notBreaching',
      MemoryUtilization: 'notBreaching',
    });
  });

  test('it scales by what limits a task: its event loop, and its connections', () => {
    const policies = Object.values(
      template(sluiceInputs).findResources('AWS::ApplicationAutoScaling::ScalingPolicy'),
    );
    const metrics = policies.map((policy): string =>
      String(
        policy['Properties']['TargetTrackingScalingPolicyConfiguration'][
          'CustomizedMetricSpecification'
        ]['MetricName'],
      ),
    );
    assert.deepEqual(metrics.toSorted(), ['ClientConnections', 'EventLoopPercent']);
  });

  test('a task with more CPU than one process can use is refused', () => {
    for (const TaskCpu of [2048, 4096]) {
      assert.throws(
        () => inputsWith({ ...sluiceInputs, TaskCpu, TaskMemory: 8192 }),
        /one process/,
      );
    }
  });

  test('the certificate of the database is verified unless TargetTls is require', () => {
    template(sluiceInputs).hasResourceProperties(taskDefinition, {
      ContainerDefinitions: [
        Match.objectLike({
          Environment: Match.arrayWith([{ Name: 'SLUICE_TARGET_TLS_MODE', Value: 'verify-full' }]),
        }),
      ],
    });
  });

  test('a given group that is open to everybody is a violation with either engine', () => {
    for (const inputs of [{}, sluiceInputs]) {
      const { security } = designOf(
        inputsWith(inputs),
        resolvedWith({ open_group_rules: ['sg-1 (web): all ports from 0.0.0.0/0'] }),
        undefined,
        false,
      );
      assert.ok(violations(security).some((finding) => finding.rule === 'SLUICE-OPEN-PORT'));
    }
  });
});

suite('both templates', () => {
  test('a DNS name is one resource with either engine, and changes in place', async () => {
    const dns = { DnsName: 'orders.db.example.com', HostedZoneId: 'Z123' };
    const [managedOne, serviceOne] = [dns, { ...sluiceInputs, ...dns }].map(
      (inputs) =>
        designOf(inputsWith(inputs), resolvedWith(), undefined, false).synthesized.template,
    );
    for (const [from, to] of [
      [managedOne, serviceOne],
      [serviceOne, managedOne],
    ]) {
      const changes = await changesBetween(from ?? {}, to ?? {});
      const record = changes.filter(({ type }) => type === 'AWS::Route53::RecordSet');
      assert.deepEqual(
        record.map(({ action }) => action),
        ['change'],
      );
    }
  });

  test('every input is covered by a test of one engine or the other', () => {
    const elsewhere = [
      'aws_account_id',
      'aws_region',
      'vpc_id',
      'engine',
      'StackName',
      'Acknowledge',
      'ClientCidrs',
      // These determine how CloudFormation is called; the tests with the emulator cover them.
      'CloudFormationRoleArn',
      'AwsProfile',
      'AssumeRoleArn',
      'DeploymentTimeout',
      'TargetTimeout',
      'VerifyTimeout',
      'StackTopicArns',
      // These affect the whole template; separate tests below cover them.
      'Workspace',
      'StackTags',
      'TerminationProtection',
      'RetainOnDelete',
      'TemplateBucket',
      'ManageLogGroup',
    ];
    const covered = new Set([
      ...elsewhere,
      ...managed.map(([name]) => name),
      ...service.map(([name]) => name),
      ...further.map(([name]) => name),
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

  test('no resource declares a dependency that a reference creates already (cfn-lint W3005)', () => {
    for (const [input, inputs, , , resolved] of [...managed, ...service, ...further]) {
      const resources = record(template(inputs, resolved).toJSON()['Resources']);
      for (const [id, resource] of Object.entries(resources)) {
        const { Properties: properties, DependsOn: dependencies } = record(resource);
        const references = JSON.stringify(properties ?? {});
        for (const dependency of list(dependencies).map(String)) {
          const refers = [`"Ref":"${dependency}"`, `"Fn::GetAtt":["${dependency}"`];
          assert.ok(
            !refers.some((reference) => references.includes(reference)),
            `${input}: ${id} depends on ${dependency}, and refers to it`,
          );
        }
      }
    }
  });

  test('need no bootstrap: no roles to assume, no assets', () => {
    const { synthesized } = designOf(inputsWith(sluiceInputs), resolvedWith(), undefined, false);
    const stack = synthesized.assembly.getStackByName('sluice-orders');
    assert.equal(stack.assumeRoleArn, undefined);
    assert.deepEqual(stack.assets, []);
    assert.ok(JSON.stringify(synthesized.template).length < 51_200);
  });

  test('CloudFormation’s own schemas accept them', () => {
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
