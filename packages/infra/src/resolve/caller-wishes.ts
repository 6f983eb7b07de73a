import type { Inputs } from '../inputs/table.ts';
import type { Wish } from './identity.ts';
import { allowsDatabaseIngress, baseName, stackName } from './names.ts';
import { partitionOf } from './role-wishes.ts';
import { Template } from './template.ts';

/**
 * The permissions that the caller needs for this apply: CloudFormation acts with the caller's permissions, or with
 * those of CloudFormationRoleArn. They include everything that creates the template of these inputs, what changes the
 * engine if it is deployed already, and what removes the other engine if that is deployed.
 */
export function callerWishes(
  inputs: Inputs,
  roleArn: string | undefined,
  deployed: Readonly<Record<string, unknown>> | undefined,
): Wish[] {
  const { aws_account_id: account, aws_region: region } = inputs;
  const partition = partitionOf(region);
  const regional = (service: string, resource: string): string =>
    `arn:${partition}:${service}:${region}:${account}:${resource}`;
  const template = new Template(deployed);
  const now = template.engine();
  const own = inputs.engine === 'sluice' ? sluiceWishes : managedWishes;
  return [
    ...(inputs.CloudFormationRoleArn === undefined
      ? stackWishes(inputs, regional('cloudformation', `stack/${stackName(inputs)}/*`))
      : []),
    ...own({ inputs, regional, partition, roleArn, exists: now === inputs.engine }),
    ...sharedWishes(inputs, regional),
    ...(now === undefined || now === inputs.engine ? [] : removalWishes(template)),
  ];
}

/** The actions that remove a resource, by its type. */
const removals: Readonly<Record<string, readonly string[]>> = {
  'AWS::RDS::DBProxy': ['rds:DeleteDBProxy', 'rds:DeregisterDBProxyTargets'],
  'AWS::RDS::DBProxyEndpoint': ['rds:DeleteDBProxyEndpoint'],
  'AWS::ECS::Service': ['ecs:UpdateService', 'ecs:DeleteService'],
  'AWS::ECS::Cluster': ['ecs:DeleteCluster'],
  'AWS::ECS::TaskDefinition': ['ecs:DeregisterTaskDefinition'],
  'AWS::ElasticLoadBalancingV2::LoadBalancer': [
    'elasticloadbalancing:DeleteLoadBalancer',
    'elasticloadbalancing:DeleteListener',
    'elasticloadbalancing:DeleteTargetGroup',
  ],
  'AWS::EC2::VPCEndpointService': ['ec2:DeleteVpcEndpointServiceConfigurations'],
  'AWS::EC2::SecurityGroup': [
    'ec2:RevokeSecurityGroupIngress',
    'ec2:RevokeSecurityGroupEgress',
    'ec2:DeleteSecurityGroup',
  ],
  'AWS::IAM::Role': ['iam:DetachRolePolicy', 'iam:DeleteRole'],
  'AWS::IAM::ManagedPolicy': ['iam:DeletePolicy'],
  'AWS::ApplicationAutoScaling::ScalableTarget': [
    'application-autoscaling:DeleteScalingPolicy',
    'application-autoscaling:DeregisterScalableTarget',
  ],
  'AWS::CloudWatch::Alarm': ['cloudwatch:DeleteAlarms'],
  'AWS::CloudWatch::Dashboard': ['cloudwatch:DeleteDashboards'],
};

function removalWishes(template: Template): Wish[] {
  const types = new Set(template.resources.map(({ type }) => type));
  return [...types].flatMap((type) => all(removals[type] ?? [], '*'));
}

interface Place {
  readonly inputs: Inputs;
  readonly regional: (service: string, resource: string) => string;
  readonly partition: string;
  readonly roleArn: string | undefined;
  /** Whether the engine is deployed already and will be changed. */
  readonly exists: boolean;
}

function stackWishes({ TerminationProtection }: Inputs, stack: string): Wish[] {
  return [
    'CreateChangeSet',
    'DescribeChangeSet',
    'ExecuteChangeSet',
    'DeleteStack',
    ...(TerminationProtection ? ['UpdateTerminationProtection'] : []),
  ].map((action) => ({ action: `cloudformation:${action}`, resource: stack }));
}

function all(actions: readonly string[], resource: string): Wish[] {
  return actions.map((action) => ({ action, resource }));
}

function sharedWishes(inputs: Inputs, regional: Place['regional']): Wish[] {
  return [
    ...(inputs.ManageLogGroup
      ? all(
          [
            'logs:CreateLogGroup',
            'logs:PutRetentionPolicy',
            ...(inputs.engine === 'sluice' ? ['logs:TagResource'] : []),
            ...(inputs.LogKmsKeyArn === undefined ? [] : ['logs:AssociateKmsKey']),
          ],
          regional('logs', 'log-group:*'),
        )
      : []),
    ...(inputs.CreateSecurityGroup || inputs.engine === 'sluice'
      ? all(
          [
            'ec2:CreateSecurityGroup',
            ...(inputs.engine === 'sluice' ? ['ec2:CreateTags'] : []),
            'ec2:AuthorizeSecurityGroupIngress',
            'ec2:AuthorizeSecurityGroupEgress',
          ],
          '*',
        )
      : []),
    ...(allowsDatabaseIngress(inputs) && inputs.engine === 'rds-proxy'
      ? all(['ec2:AuthorizeSecurityGroupIngress'], regional('ec2', 'security-group/*'))
      : []),
    ...(inputs.HostedZoneId === undefined
      ? []
      : all(
          ['route53:ChangeResourceRecordSets'],
          `arn:${partitionOf(inputs.aws_region)}:route53:::hostedzone/${inputs.HostedZoneId}`,
        )),
    ...(inputs.OutputParameterPrefix === undefined
      ? []
      : all(
          ['ssm:PutParameter'],
          regional('ssm', `parameter${inputs.OutputParameterPrefix}/endpoint`),
        )),
    ...(inputs.TemplateBucket === undefined
      ? []
      : all(
          ['s3:PutObject'],
          `arn:${partitionOf(inputs.aws_region)}:s3:::${inputs.TemplateBucket}/*`,
        )),
  ];
}

function roles({ inputs, partition }: Place, name: string, service: string): Wish[] {
  const path = inputs.RolePath ?? '/';
  const role = `arn:${partition}:iam::${inputs.aws_account_id}:role${path}${name}`;
  const policy = `arn:${partition}:iam::${inputs.aws_account_id}:policy${path}*`;
  return [
    ...all(
      [
        'iam:CreateRole',
        'iam:AttachRolePolicy',
        ...(inputs.engine === 'sluice' ? ['iam:TagRole'] : []),
        ...(inputs.PermissionsBoundaryArn === undefined ? [] : ['iam:PutRolePermissionsBoundary']),
      ],
      role,
    ),
    ...all(['iam:CreatePolicy'], policy),
    {
      action: 'iam:PassRole',
      resource: role,
      context: { 'iam:PassedToService': service },
    },
  ];
}

function managedWishes(place: Place): Wish[] {
  const { inputs, regional, roleArn, exists } = place;
  return [
    ...all(
      [exists ? 'rds:ModifyDBProxy' : 'rds:CreateDBProxy', 'rds:AddTagsToResource'],
      regional('rds', 'db-proxy:*'),
    ),
    ...all(
      ['rds:RegisterDBProxyTargets', 'rds:ModifyDBProxyTargetGroup'],
      regional('rds', 'target-group:*'),
    ),
    ...(inputs.DBProxyEndpoints.length === 0
      ? []
      : all(['rds:CreateDBProxyEndpoint'], regional('rds', 'db-proxy-endpoint:*'))),
    ...(inputs.CreateRole
      ? roles(place, inputs.rds_proxy_role ?? '*', 'rds.amazonaws.com')
      : roleArn === undefined
        ? []
        : [
            {
              action: 'iam:PassRole',
              resource: roleArn,
              context: { 'iam:PassedToService': 'rds.amazonaws.com' },
            },
          ]),
  ];
}

function sluiceWishes(place: Place): Wish[] {
  const { inputs, regional, exists } = place;
  const name = baseName(inputs);
  const cluster = inputs.EcsClusterName;
  return [
    ...all(
      [exists ? 'ecs:UpdateService' : 'ecs:CreateService'],
      regional('ecs', `service/${cluster ?? `sluice-${name}`}/*`),
    ),
    ...all(
      [
        ...(exists || cluster !== undefined ? [] : ['ecs:CreateCluster']),
        ...(cluster === undefined ? ['ecs:PutClusterCapacityProviders'] : []),
        'ecs:RegisterTaskDefinition',
        'ecs:TagResource',
      ],
      '*',
    ),
    ...all(
      [
        ...(exists
          ? ['elasticloadbalancing:ModifyTargetGroup', 'elasticloadbalancing:ModifyListener']
          : [
              'elasticloadbalancing:CreateLoadBalancer',
              'elasticloadbalancing:CreateTargetGroup',
              'elasticloadbalancing:CreateListener',
            ]),
        'elasticloadbalancing:AddTags',
        'elasticloadbalancing:ModifyLoadBalancerAttributes',
        'elasticloadbalancing:ModifyTargetGroupAttributes',
        'elasticloadbalancing:ModifyListenerAttributes',
      ],
      '*',
    ),
    ...roles(place, '*', 'ecs-tasks.amazonaws.com'),
    ...all(
      [
        'application-autoscaling:RegisterScalableTarget',
        'application-autoscaling:PutScalingPolicy',
      ],
      '*',
    ),
    ...all(['cloudwatch:PutMetricAlarm'], regional('cloudwatch', 'alarm:*')),
    ...all(
      ['cloudwatch:PutDashboard'],
      `arn:${place.partition}:cloudwatch::${inputs.aws_account_id}:dashboard/sluice-${name}`,
    ),
    ...(inputs.PrivateLinkPrincipals.length === 0
      ? []
      : all(
          ['ec2:CreateVpcEndpointServiceConfiguration', 'ec2:ModifyVpcEndpointServicePermissions'],
          '*',
        )),
  ];
}
