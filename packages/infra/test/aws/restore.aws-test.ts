import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  DeleteScalingPolicyCommand,
  DeregisterScalableTargetCommand,
  DescribeScalingPoliciesCommand,
  PutScalingPolicyCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  DeleteAlarmsCommand,
  DeleteDashboardsCommand,
  DescribeAlarmsCommand,
  PutDashboardCommand,
  PutMetricAlarmCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  AssociateKmsKeyCommand,
  DeleteLogGroupCommand,
  PutRetentionPolicyCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcEndpointServiceConfigurationsCommand,
  ModifyVpcEndpointServiceConfigurationCommand,
  ModifyVpcEndpointServicePermissionsCommand,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
} from '@aws-sdk/client-ec2';
import {
  ListTaskDefinitionsCommand,
  PutClusterCapacityProvidersCommand,
  RegisterTaskDefinitionCommand,
  UpdateClusterSettingsCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import {
  CreateTargetGroupCommand,
  DeleteListenerCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeTargetGroupsCommand,
  ModifyListenerAttributesCommand,
  ModifyListenerCommand,
  ModifyLoadBalancerAttributesCommand,
  ModifyTargetGroupAttributesCommand,
  ModifyTargetGroupCommand,
  SetSecurityGroupsCommand,
  SetSubnetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import {
  CreatePolicyVersionCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListPoliciesCommand,
  ListPolicyVersionsCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
  TagRoleCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
} from '@aws-sdk/client-iam';
import {
  AddTagsToResourceCommand,
  CreateDBClusterCommand,
  DeleteDBProxyEndpointCommand,
  DeregisterDBProxyTargetsCommand,
  DescribeDBProxiesCommand,
  ModifyDBProxyCommand,
  ModifyDBProxyEndpointCommand,
  ModifyDBProxyTargetGroupCommand,
  RegisterDBProxyTargetsCommand,
} from '@aws-sdk/client-rds';
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  ListResourceRecordSetsCommand,
  type ResourceRecordSet,
} from '@aws-sdk/client-route-53';
import { DeleteParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { readers, resourcesOf } from '../../src/drift/drift.ts';
import { irreparable, restorers } from '../../src/drift/restore/restore.ts';
import { readStack } from '../../src/resolve/deployed.ts';
import { runApply, runDrift, runPlan } from '../../src/shell/index.ts';
import { startAccount, type Account, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';

/** A change in AWS from outside the tool. */
type Fault = (account: Account) => Promise<unknown>;

const role = 'orders-made-role';
const dnsName = 'orders.db.example.com';
const anyTrust = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
  ],
});
const anyPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }],
});

async function groupId({ clients }: Account, description: string): Promise<string> {
  const { SecurityGroups = [] } = await clients.ec2.send(
    new DescribeSecurityGroupsCommand({
      Filters: [{ Name: 'description', Values: [description] }],
    }),
  );
  assert.ok(SecurityGroups[0]?.GroupId, description);
  return SecurityGroups[0].GroupId;
}

async function zoneRecord(account: Account, zone: string): Promise<ResourceRecordSet | undefined> {
  const { ResourceRecordSets = [] } = await account.clients.route53.send(
    new ListResourceRecordSetsCommand({ HostedZoneId: zone }),
  );
  return ResourceRecordSets.find(({ Name = '' }) => Name.startsWith(dnsName));
}

/** Points the DNS name to another endpoint. */
function pointElsewhere(account: Account, zone: string): Promise<unknown> {
  return changeRecord(account, zone, [
    {
      Action: 'UPSERT',
      ResourceRecordSet: {
        Name: dnsName,
        Type: 'CNAME',
        TTL: 7,
        ResourceRecords: [{ Value: 'elsewhere.example.com' }],
      },
    },
  ]);
}

async function changeRecord(
  account: Account,
  zone: string,
  changes: readonly { Action: 'DELETE' | 'UPSERT'; ResourceRecordSet: ResourceRecordSet }[],
): Promise<void> {
  await account.clients.route53.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: zone,
      ChangeBatch: { Changes: [...changes] },
    }),
  );
}

/**
 * The emulator deletes only records that were created through its API, so the record is created through it once more;
 * it gives aliases a TTL of 0.
 */
async function removeRecord(account: Account, zone: string): Promise<void> {
  const found = await zoneRecord(account, zone);
  assert.ok(found);
  const { TTL, ...alias } = found;
  const record = found.AliasTarget === undefined ? { ...alias, TTL } : alias;
  await changeRecord(account, zone, [{ Action: 'UPSERT', ResourceRecordSet: record }]);
  await changeRecord(account, zone, [{ Action: 'DELETE', ResourceRecordSet: record }]);
}

async function balancer({ clients }: Account): Promise<string> {
  const { LoadBalancers = [] } = await clients.elb.send(new DescribeLoadBalancersCommand({}));
  return LoadBalancers[0]?.LoadBalancerArn ?? '';
}

async function listener(account: Account): Promise<string> {
  const { Listeners = [] } = await account.clients.elb.send(
    new DescribeListenersCommand({ LoadBalancerArn: await balancer(account) }),
  );
  return Listeners[0]?.ListenerArn ?? '';
}

async function targets({ clients }: Account): Promise<string> {
  const { TargetGroups = [] } = await clients.elb.send(new DescribeTargetGroupsCommand({}));
  return (
    TargetGroups.find(({ HealthCheckPath }) => HealthCheckPath === '/readyz')?.TargetGroupArn ?? ''
  );
}

async function policyArn({ clients }: Account, part: string): Promise<string> {
  const { Policies = [] } = await clients.iam.send(new ListPoliciesCommand({ Scope: 'Local' }));
  return Policies.find(({ Arn = '' }) => Arn.includes(part))?.Arn ?? '';
}

/** Adds versions to a policy up to IAM's limit; the last one becomes the default. */
async function replacePolicy(account: Account, part: string): Promise<void> {
  const { iam } = account.clients;
  const PolicyArn = await policyArn(account, part);
  const { Versions = [] } = await iam.send(new ListPolicyVersionsCommand({ PolicyArn }));
  for (let count = Versions.length; count < 5; count += 1) {
    await iam.send(
      new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: anyPolicy, SetAsDefault: true }),
    );
  }
}

async function alarmName({ clients }: Account, part: string): Promise<string> {
  const { MetricAlarms = [] } = await clients.cloudWatch.send(new DescribeAlarmsCommand({}));
  return MetricAlarms.find(({ AlarmName = '' }) => AlarmName.includes(part))?.AlarmName ?? '';
}

async function scalingPolicy({ clients }: Account): Promise<string> {
  const { ScalingPolicies = [] } = await clients.scaling.send(
    new DescribeScalingPoliciesCommand({ ServiceNamespace: 'ecs' }),
  );
  return (
    ScalingPolicies.find(({ PolicyName = '' }) => PolicyName.includes('EventLoop'))?.PolicyName ??
    ''
  );
}

const scaled = {
  ServiceNamespace: 'ecs',
  ResourceId: 'service/sluice-orders/orders',
  ScalableDimension: 'ecs:service:DesiredCount',
} as const;

/** Possible changes of the managed proxy, and the drift that each one causes. */
const managedFaults = (zone: string): readonly (readonly [drift: string, plant: Fault])[] => [
  ...(
    [
      ['Auth', { Auth: [] }],
      ['RequireTLS', { RequireTLS: false }],
      ['IdleClientTimeout', { IdleClientTimeout: 7 }],
      ['DebugLogging', { DebugLogging: true }],
      ['RoleArn', { RoleArn: 'arn:aws:iam::123456789012:role/another' }],
      ['DefaultAuthScheme', { DefaultAuthScheme: 'IAM_AUTH' }],
    ] as const
  ).map(
    ([property, change]) =>
      [
        `AWS::RDS::DBProxy ${property}`,
        ({ clients }: Account) =>
          clients.rds.send(
            new ModifyDBProxyCommand({ DBProxyName: 'orders', ...(change as object) }),
          ),
      ] as const,
  ),
  [
    'AWS::RDS::DBProxy VpcSecurityGroupIds',
    ({ clients, proxyGroupId }) =>
      clients.rds.send(
        new ModifyDBProxyCommand({ DBProxyName: 'orders', SecurityGroups: [proxyGroupId] }),
      ),
  ],
  [
    // The emulator stores the tags of an endpoint with those of its proxy.
    'AWS::RDS::DBProxy Tags; AWS::RDS::DBProxyEndpoint Tags',
    async ({ clients }) => {
      const { DBProxies = [] } = await clients.rds.send(new DescribeDBProxiesCommand({}));
      await clients.rds.send(
        new AddTagsToResourceCommand({
          ResourceName: DBProxies[0]?.DBProxyArn,
          Tags: [
            { Key: 'Team', Value: 'somebody else' },
            { Key: 'Extra', Value: 'x' },
          ],
        }),
      );
    },
  ],
  [
    'AWS::RDS::DBProxyTargetGroup ConnectionPoolConfigurationInfo',
    ({ clients }) =>
      clients.rds.send(
        new ModifyDBProxyTargetGroupCommand({
          DBProxyName: 'orders',
          TargetGroupName: 'default',
          ConnectionPoolConfig: { MaxConnectionsPercent: 3, MaxIdleConnectionsPercent: 1 },
        }),
      ),
  ],
  [
    'AWS::RDS::DBProxyTargetGroup DBInstanceIdentifiers; AWS::RDS::DBProxyTargetGroup DBClusterIdentifiers',
    async ({ clients }) => {
      const group = { DBProxyName: 'orders', TargetGroupName: 'default' };
      await clients.rds.send(
        new DeregisterDBProxyTargetsCommand({ ...group, DBInstanceIdentifiers: ['orders'] }),
      );
      await clients.rds.send(
        new CreateDBClusterCommand({
          DBClusterIdentifier: 'another',
          Engine: 'aurora-postgresql',
          MasterUsername: 'root_user',
          MasterUserPassword: 'not-a-real-one',
        }),
      );
      await clients.rds.send(
        new RegisterDBProxyTargetsCommand({ ...group, DBClusterIdentifiers: ['another'] }),
      );
    },
  ],
  [
    'AWS::RDS::DBProxyEndpoint VpcSecurityGroupIds',
    ({ clients, proxyGroupId }) =>
      clients.rds.send(
        new ModifyDBProxyEndpointCommand({
          DBProxyEndpointName: 'orders-second',
          VpcSecurityGroupIds: [proxyGroupId],
        }),
      ),
  ],
  [
    'AWS::EC2::SecurityGroup SecurityGroupIngress',
    async (account) =>
      account.clients.ec2.send(
        new AuthorizeSecurityGroupIngressCommand({
          GroupId: await groupId(account, 'Clients of the proxy orders'),
          IpPermissions: [
            { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
          ],
        }),
      ),
  ],
  [
    'AWS::EC2::SecurityGroup SecurityGroupEgress',
    async (account) =>
      account.clients.ec2.send(
        new AuthorizeSecurityGroupEgressCommand({
          GroupId: await groupId(account, 'Clients of the proxy orders'),
          IpPermissions: [
            { IpProtocol: 'tcp', FromPort: 25, ToPort: 25, IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
          ],
        }),
      ),
  ],
  [
    'AWS::IAM::Role AssumeRolePolicyDocument',
    ({ clients }) =>
      clients.iam.send(
        new UpdateAssumeRolePolicyCommand({ RoleName: role, PolicyDocument: anyTrust }),
      ),
  ],
  [
    'AWS::IAM::Role ManagedPolicyArns',
    async ({ clients }) => {
      const { AttachedPolicies = [] } = await clients.iam.send(
        new ListAttachedRolePoliciesCommand({ RoleName: role }),
      );
      await clients.iam.send(
        new DetachRolePolicyCommand({
          RoleName: role,
          PolicyArn: AttachedPolicies[0]?.PolicyArn,
        }),
      );
    },
  ],
  [
    'AWS::IAM::Role Policies',
    ({ clients }) =>
      clients.iam.send(
        new PutRolePolicyCommand({
          RoleName: role,
          PolicyName: 'inline',
          PolicyDocument: anyPolicy,
        }),
      ),
  ],
  [
    'AWS::IAM::Role Tags',
    ({ clients }) =>
      clients.iam.send(new TagRoleCommand({ RoleName: role, Tags: [{ Key: 'x', Value: 'y' }] })),
  ],
  [
    'AWS::IAM::Role MaxSessionDuration',
    ({ clients }) =>
      clients.iam.send(new UpdateRoleCommand({ RoleName: role, MaxSessionDuration: 43_200 })),
  ],
  ['AWS::IAM::ManagedPolicy PolicyDocument', (account) => replacePolicy(account, 'RolePolicy')],
  [
    'AWS::Logs::LogGroup RetentionInDays',
    ({ clients }) =>
      clients.logs.send(
        new PutRetentionPolicyCommand({
          logGroupName: '/aws/rds/proxy/orders',
          retentionInDays: 1,
        }),
      ),
  ],
  [
    'AWS::Logs::LogGroup KmsKeyId',
    ({ clients }) =>
      clients.logs.send(
        new AssociateKmsKeyCommand({
          logGroupName: '/aws/rds/proxy/orders',
          kmsKeyId: 'arn:aws:kms:eu-central-1:123456789012:key/another',
        }),
      ),
  ],
  [
    'AWS::SSM::Parameter Type; AWS::SSM::Parameter Value',
    async ({ clients }) => {
      await clients.ssm.send(new DeleteParameterCommand({ Name: '/orders/proxy/endpoint' }));
      await clients.ssm.send(
        new PutParameterCommand({ Name: '/orders/proxy/endpoint', Type: 'StringList', Value: 'x' }),
      );
    },
  ],
  [
    'AWS::Route53::RecordSet TTL; AWS::Route53::RecordSet Target',
    (account) => pointElsewhere(account, zone),
  ],
];

/** Possible deletions of its resources. */
const managedGone = (zone: string): readonly (readonly [drift: string, plant: Fault])[] => [
  [
    'AWS::RDS::DBProxyEndpoint gone',
    ({ clients }) =>
      clients.rds.send(new DeleteDBProxyEndpointCommand({ DBProxyEndpointName: 'orders-second' })),
  ],
  [
    'AWS::EC2::SecurityGroupIngress gone',
    async (account) =>
      account.clients.ec2.send(
        new RevokeSecurityGroupIngressCommand({
          GroupId: account.databaseGroupId,
          IpPermissions: [
            {
              IpProtocol: 'tcp',
              FromPort: 5432,
              ToPort: 5432,
              UserIdGroupPairs: [
                { GroupId: await groupId(account, 'Clients of the proxy orders') },
              ],
            },
          ],
        }),
      ),
  ],
  [
    'AWS::IAM::Role gone',
    async ({ clients: { iam } }) => {
      const { AttachedPolicies = [] } = await iam.send(
        new ListAttachedRolePoliciesCommand({ RoleName: role }),
      );
      for (const { PolicyArn } of AttachedPolicies) {
        await iam.send(new DetachRolePolicyCommand({ RoleName: role, PolicyArn }));
      }
      const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName: role }));
      for (const PolicyName of PolicyNames) {
        await iam.send(new DeleteRolePolicyCommand({ RoleName: role, PolicyName }));
      }
      await iam.send(new DeleteRoleCommand({ RoleName: role }));
    },
  ],
  [
    'AWS::Logs::LogGroup gone',
    ({ clients }) =>
      clients.logs.send(new DeleteLogGroupCommand({ logGroupName: '/aws/rds/proxy/orders' })),
  ],
  [
    'AWS::SSM::Parameter gone',
    ({ clients }) =>
      clients.ssm.send(new DeleteParameterCommand({ Name: '/orders/proxy/endpoint' })),
  ],
  ['AWS::Route53::RecordSet gone', (account) => removeRecord(account, zone)],
];

/** The same for engine sluice. */
const serviceFaults = (zone: string): readonly (readonly [drift: string, plant: Fault])[] => [
  [
    'AWS::ElasticLoadBalancingV2::LoadBalancer SecurityGroups',
    async (account) =>
      account.clients.elb.send(
        new SetSecurityGroupsCommand({
          LoadBalancerArn: await balancer(account),
          SecurityGroups: [account.proxyGroupId],
        }),
      ),
  ],
  [
    'AWS::ElasticLoadBalancingV2::LoadBalancer Subnets',
    async (account) =>
      account.clients.elb.send(
        new SetSubnetsCommand({
          LoadBalancerArn: await balancer(account),
          Subnets: account.subnetIds.slice(1),
        }),
      ),
  ],
  [
    'AWS::ElasticLoadBalancingV2::LoadBalancer LoadBalancerAttributes',
    async (account) =>
      account.clients.elb.send(
        new ModifyLoadBalancerAttributesCommand({
          LoadBalancerArn: await balancer(account),
          Attributes: [{ Key: 'load_balancing.cross_zone.enabled', Value: 'false' }],
        }),
      ),
  ],
  [
    'AWS::ElasticLoadBalancingV2::Listener Port; AWS::ElasticLoadBalancingV2::Listener Protocol; AWS::ElasticLoadBalancingV2::Listener DefaultActions',
    async (account) => {
      const { TargetGroups = [] } = await account.clients.elb.send(
        new CreateTargetGroupCommand({
          Name: 'another',
          Port: 5432,
          Protocol: 'TCP',
          VpcId: account.vpcId,
          TargetType: 'ip',
        }),
      );
      await account.clients.elb.send(
        new ModifyListenerCommand({
          ListenerArn: await listener(account),
          Port: 6432,
          Protocol: 'HTTP',
          DefaultActions: [{ Type: 'forward', TargetGroupArn: TargetGroups[0]?.TargetGroupArn }],
        }),
      );
    },
  ],
  [
    'AWS::ElasticLoadBalancingV2::Listener ListenerAttributes',
    async (account) =>
      account.clients.elb.send(
        new ModifyListenerAttributesCommand({
          ListenerArn: await listener(account),
          Attributes: [{ Key: 'tcp.idle_timeout.seconds', Value: '350' }],
        }),
      ),
  ],
  [
    'AWS::ElasticLoadBalancingV2::TargetGroup TargetGroupAttributes',
    async (account) =>
      account.clients.elb.send(
        new ModifyTargetGroupAttributesCommand({
          TargetGroupArn: await targets(account),
          Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '300' }],
        }),
      ),
  ],
  [
    [
      'HealthCheckPath',
      'HealthCheckPort',
      'HealthCheckProtocol',
      'HealthCheckIntervalSeconds',
      'HealthyThresholdCount',
      'UnhealthyThresholdCount',
    ]
      .map((property) => `AWS::ElasticLoadBalancingV2::TargetGroup ${property}`)
      .join('; '),
    async (account) =>
      account.clients.elb.send(
        new ModifyTargetGroupCommand({
          TargetGroupArn: await targets(account),
          HealthCheckPath: '/',
          HealthCheckPort: '80',
          HealthCheckProtocol: 'HTTPS',
          HealthCheckIntervalSeconds: 300,
          HealthyThresholdCount: 9,
          UnhealthyThresholdCount: 9,
        }),
      ),
  ],
  [
    'AWS::ECS::Cluster ClusterSettings',
    ({ clients }) =>
      clients.ecs.send(
        new UpdateClusterSettingsCommand({
          cluster: 'sluice-orders',
          settings: [{ name: 'containerInsights', value: 'disabled' }],
        }),
      ),
  ],
  [
    'AWS::ECS::Cluster CapacityProviders',
    ({ clients }) =>
      clients.ecs.send(
        new PutClusterCapacityProvidersCommand({
          cluster: 'sluice-orders',
          capacityProviders: ['FARGATE'],
          defaultCapacityProviderStrategy: [],
        }),
      ),
  ],
  [
    'AWS::ECS::Service CapacityProviderStrategy; AWS::ECS::Service EnableExecuteCommand',
    ({ clients }) =>
      clients.ecs.send(
        new UpdateServiceCommand({
          cluster: 'sluice-orders',
          service: 'orders',
          capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
          enableExecuteCommand: true,
          forceNewDeployment: true,
        }),
      ),
  ],
  [
    'AWS::ECS::Service TaskDefinition; AWS::ECS::Service NetworkConfiguration',
    async ({ clients, proxyGroupId, subnetIds }) => {
      const { taskDefinition } = await clients.ecs.send(
        new RegisterTaskDefinitionCommand({
          family: 'another',
          networkMode: 'awsvpc',
          containerDefinitions: [{ name: 'sluice', image: 'another', memory: 512 }],
        }),
      );
      await clients.ecs.send(
        new UpdateServiceCommand({
          cluster: 'sluice-orders',
          service: 'orders',
          taskDefinition: taskDefinition?.taskDefinitionArn,
          networkConfiguration: {
            awsvpcConfiguration: {
              assignPublicIp: 'ENABLED',
              securityGroups: [proxyGroupId],
              subnets: [...subnetIds],
            },
          },
        }),
      );
    },
  ],
  [
    'AWS::EC2::SecurityGroup SecurityGroupIngress',
    async (account) =>
      account.clients.ec2.send(
        new AuthorizeSecurityGroupIngressCommand({
          GroupId: await groupId(account, 'Tasks of orders'),
          IpPermissions: [
            {
              IpProtocol: 'tcp',
              FromPort: 9127,
              ToPort: 9127,
              IpRanges: [{ CidrIp: '0.0.0.0/0' }],
            },
          ],
        }),
      ),
  ],
  [
    'AWS::EC2::SecurityGroup SecurityGroupEgress',
    async (account) =>
      account.clients.ec2.send(
        new AuthorizeSecurityGroupEgressCommand({
          GroupId: await groupId(account, 'Tasks of orders'),
          IpPermissions: [
            { IpProtocol: 'tcp', FromPort: 25, ToPort: 25, IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
          ],
        }),
      ),
  ],
  [
    'AWS::ApplicationAutoScaling::ScalableTarget MinCapacity; AWS::ApplicationAutoScaling::ScalableTarget MaxCapacity',
    ({ clients }) =>
      clients.scaling.send(
        new RegisterScalableTargetCommand({ ...scaled, MinCapacity: 1, MaxCapacity: 40 }),
      ),
  ],
  [
    'AWS::ApplicationAutoScaling::ScalingPolicy PolicyType; AWS::ApplicationAutoScaling::ScalingPolicy TargetTrackingScalingPolicyConfiguration',
    async (account) =>
      account.clients.scaling.send(
        new PutScalingPolicyCommand({
          ...scaled,
          PolicyName: await scalingPolicy(account),
          PolicyType: 'StepScaling',
          StepScalingPolicyConfiguration: { AdjustmentType: 'ExactCapacity', Cooldown: 1 },
        }),
      ),
  ],
  [
    [
      'Namespace',
      'MetricName',
      'Statistic',
      'Period',
      'EvaluationPeriods',
      'Threshold',
      'ComparisonOperator',
      'TreatMissingData',
      'AlarmActions',
    ]
      .map((property) => `AWS::CloudWatch::Alarm ${property}`)
      .join('; '),
    async (account) =>
      account.clients.cloudWatch.send(
        new PutMetricAlarmCommand({
          AlarmName: await alarmName(account, 'HighMemory'),
          Namespace: 'another',
          MetricName: 'another',
          Statistic: 'Sum',
          Period: 300,
          EvaluationPeriods: 9,
          Threshold: 99,
          ComparisonOperator: 'LessThanThreshold',
          TreatMissingData: 'ignore',
          AlarmActions: ['arn:aws:sns:eu-central-1:123456789012:another'],
        }),
      ),
  ],
  [
    'AWS::CloudWatch::Alarm ActionsEnabled',
    async (account) => {
      const { MetricAlarms = [] } = await account.clients.cloudWatch.send(
        new DescribeAlarmsCommand({ AlarmNames: [await alarmName(account, 'TooFewTasks')] }),
      );
      const [alarm] = MetricAlarms;
      assert.ok(alarm);
      const { AlarmName, ComparisonOperator, EvaluationPeriods, ...rest } = alarm;
      await account.clients.cloudWatch.send(
        new PutMetricAlarmCommand({
          ...rest,
          AlarmName,
          ComparisonOperator,
          EvaluationPeriods,
          ActionsEnabled: false,
        }),
      );
    },
  ],
  [
    'AWS::CloudWatch::Dashboard DashboardBody',
    ({ clients }) =>
      clients.cloudWatch.send(
        new PutDashboardCommand({
          DashboardName: 'sluice-orders',
          DashboardBody: '{"widgets":[]}',
        }),
      ),
  ],
  [
    'AWS::EC2::VPCEndpointService AcceptanceRequired',
    async ({ clients }) => {
      const { ServiceConfigurations = [] } = await clients.ec2.send(
        new DescribeVpcEndpointServiceConfigurationsCommand({}),
      );
      await clients.ec2.send(
        new ModifyVpcEndpointServiceConfigurationCommand({
          ServiceId: ServiceConfigurations[0]?.ServiceId,
          AcceptanceRequired: true,
        }),
      );
    },
  ],
  [
    'AWS::EC2::VPCEndpointServicePermissions AllowedPrincipals',
    async ({ clients }) => {
      const { ServiceConfigurations = [] } = await clients.ec2.send(
        new DescribeVpcEndpointServiceConfigurationsCommand({}),
      );
      await clients.ec2.send(
        new ModifyVpcEndpointServicePermissionsCommand({
          ServiceId: ServiceConfigurations[0]?.ServiceId,
          AddAllowedPrincipals: ['*'],
          RemoveAllowedPrincipals: ['arn:aws:iam::210987654321:root'],
        }),
      );
    },
  ],
  [
    'AWS::Route53::RecordSet Type; AWS::Route53::RecordSet Target',
    async (account) => {
      await removeRecord(account, zone);
      await pointElsewhere(account, zone);
    },
  ],
];

const serviceGone = (zone: string): readonly (readonly [drift: string, plant: Fault])[] => [
  [
    'AWS::EC2::SecurityGroup SecurityGroupEgress; AWS::EC2::SecurityGroupEgress gone',
    async (account) => {
      const tasks = await groupId(account, 'Tasks of orders');
      const own = await groupId(account, 'From the balancer of orders to its tasks');
      for (const port of [5432, 9127]) {
        await account.clients.ec2.send(
          new RevokeSecurityGroupEgressCommand({
            GroupId: own,
            IpPermissions: [
              {
                IpProtocol: 'tcp',
                FromPort: port,
                ToPort: port,
                UserIdGroupPairs: [{ GroupId: tasks }],
              },
            ],
          }),
        );
      }
    },
  ],
  [
    'AWS::ApplicationAutoScaling::ScalingPolicy gone',
    async (account) =>
      account.clients.scaling.send(
        new DeleteScalingPolicyCommand({ ...scaled, PolicyName: await scalingPolicy(account) }),
      ),
  ],
  [
    'AWS::CloudWatch::Alarm gone',
    async (account) =>
      account.clients.cloudWatch.send(
        new DeleteAlarmsCommand({ AlarmNames: [await alarmName(account, 'HighEventLoop')] }),
      ),
  ],
  [
    'AWS::CloudWatch::Dashboard gone',
    ({ clients }) =>
      clients.cloudWatch.send(new DeleteDashboardsCommand({ DashboardNames: ['sluice-orders'] })),
  ],
  ['AWS::Route53::RecordSet gone', (account) => removeRecord(account, zone)],
];

suite('apply restores whatever has drifted', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;
  let zone: string;

  before(async () => {
    account = await startAccount();
    const { HostedZone } = await account.clients.route53.send(
      new CreateHostedZoneCommand({ Name: 'example.com', CallerReference: 'test' }),
    );
    zone = HostedZone?.Id?.split('/').at(-1) ?? '';
  });

  after(async () => {
    await account.stop();
  });

  function dns(): string {
    return `DnsName = "${dnsName}"\nHostedZoneId = "${zone}"\nOutputParameterPrefix = "/orders/proxy"\n`;
  }

  function managed(): string {
    return `${account.tfvars}engine = "rds-proxy"
CreateRole = true
CreateSecurityGroup = true
AllowDatabaseIngress = true
ClientCidrs = ["10.20.0.0/16"]
DBProxyEndpoints = [{ DBProxyEndpointName = "orders-second" }]
${dns()}`
      .replace('orders-proxy-role', role)
      .replace('"orders-proxy"\nrds_secret', '"orders-made"\nrds_secret');
  }

  function service(): string {
    return `${account.tfvars}engine = "sluice"
ContainerImage = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0"
TlsSecretName = "orders-tls"
PrivateLinkPrincipals = ["arn:aws:iam::210987654321:root"]
${dns()}`;
  }

  async function deploy(file: string): Promise<void> {
    const { code, err } = await runCommand(runApply, file, {
      autoApprove: true,
      replace: true,
      force: true,
    });
    assert.equal(code, 0, err);
  }

  async function drift(file: string): Promise<string[]> {
    const { out } = await runCommand(runDrift, file, { json: true });
    const document = JSON.parse(out) as {
      drift: { type: string; property: string }[];
      unread: string[];
    };
    assert.deepEqual(document.unread, []);
    return document.drift
      .map(({ type, property }) => `${type} ${property === '' ? 'gone' : property}`)
      .toSorted();
  }

  /** Every property that is compared, by type, except those that no call can set. */
  async function compared(): Promise<Set<string>> {
    const stack = await readStack(account.clients, 'sluice-orders');
    assert.ok(stack);
    const { all, physical } = await resourcesOf(account.clients, stack);
    const found = new Set<string>();
    for (const resource of all) {
      const live = await readers[resource.type]?.({
        clients: account.clients,
        resource,
        id: physical[resource.id] ?? '',
        all,
      });
      for (const property of Object.keys(live ?? {})) {
        if (irreparable({ type: resource.type, property }) === undefined) {
          found.add(`${resource.type} ${property}`);
        }
      }
    }
    assert.ok(found.size > 20);
    return found;
  }

  /** Makes all changes, finds each of them as drift, restores them, and finds none afterwards. */
  async function restored(
    file: string,
    faults: readonly (readonly [drift: string, plant: Fault])[],
  ): Promise<void> {
    assert.deepEqual(await drift(file), []);
    for (const [, plant] of faults) {
      await plant(account);
    }
    const expected = faults.flatMap(([names]) => names.split('; ')).toSorted();
    assert.deepEqual([...new Set(await drift(file))], [...new Set(expected)]);
    const planned = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(planned.code, 2, planned.out);
    assert.match(planned.out, /drifted propert(?:y|ies) to restore\./);
    const { code, err } = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(code, 0, err);
    assert.deepEqual(await drift(file), [], err);
  }

  test('of the managed proxy: every property that is compared', async (t) => {
    const file = await inputsFile(t, managed());
    await deploy(file);
    const faults = managedFaults(zone);
    const planted = new Set(faults.flatMap(([names]) => names.split('; ')));
    const all = await compared();
    // The type of a CNAME is tested with the load balancer’s record below.
    all.delete('AWS::Route53::RecordSet Type');
    assert.deepEqual(
      [...all].filter((one) => !planted.has(one)),
      [],
    );
    await restored(file, faults);
  });

  test('of the managed proxy: everything that can be created again', async (t) => {
    const file = await inputsFile(t, managed());
    await restored(file, managedGone(zone));
  });

  test('of Sluice: every property that is compared', async (t) => {
    const file = await inputsFile(t, service());
    await deploy(file);
    assert.equal((await zoneRecord(account, zone))?.Type, 'A', 'the record is an alias now');
    const faults = serviceFaults(zone);
    const planted = new Set(
      [...faults, ...managedFaults(zone)].flatMap(([names]) => names.split('; ')),
    );
    assert.deepEqual(
      [...(await compared())].filter((one) => !planted.has(one)),
      [],
    );
    await restored(file, faults);
    const { taskDefinitionArns = [] } = await account.clients.ecs.send(
      new ListTaskDefinitionsCommand({ familyPrefix: 'another' }),
    );
    assert.equal(taskDefinitionArns.length, 1, 'what is somebody else’s is left alone');
  });

  test('of Sluice: everything that can be created again', async (t) => {
    const file = await inputsFile(t, service());
    await restored(file, serviceGone(zone));
  });

  test('a deleted scalable target is registered again', async (t) => {
    const file = await inputsFile(t, service());
    await restored(file, [
      [
        'AWS::ApplicationAutoScaling::ScalableTarget gone',
        ({ clients }) => clients.scaling.send(new DeregisterScalableTargetCommand(scaled)),
      ],
    ]);
  });

  test('what cannot be restored is reported as remaining, and is no success', async (t) => {
    const file = await inputsFile(t, service());
    await account.clients.elb.send(
      new DeleteListenerCommand({ ListenerArn: await listener(account) }),
    );
    const planned = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(planned.code, 2, planned.out);
    assert.match(planned.out, /Listener \S+ is gone\n +apply cannot /);
    const { code, err } = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(code, 1);
    assert.match(err, /drift remains: AWS::ElasticLoadBalancingV2::Listener/);
  });

  test('the name moves back to the managed proxy, as a CNAME', async (t) => {
    const file = await inputsFile(t, managed());
    await deploy(file);
    const record = await zoneRecord(account, zone);
    assert.equal(record?.Type, 'CNAME');
    assert.match(record?.ResourceRecords?.[0]?.Value ?? '', /^orders\.db-proxy-/);
  });

  test('each property that cannot be restored is one that is compared', async () => {
    // Of the managed proxy, which is deployed at this point.
    const stack = await readStack(account.clients, 'sluice-orders');
    assert.ok(stack);
    const { all, physical } = await resourcesOf(account.clients, stack);
    for (const resource of all) {
      const fixed = Object.keys(restorers[resource.type]?.fixed ?? {});
      const live = await readers[resource.type]?.({
        clients: account.clients,
        resource,
        id: physical[resource.id] ?? '',
        all,
      });
      assert.deepEqual(
        fixed.filter((property) => !(property in (live ?? {}))),
        [],
        resource.type,
      );
    }
  });
});
