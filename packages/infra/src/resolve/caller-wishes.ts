import type { Inputs } from '../inputs/table.ts';
import type { Wish } from './identity.ts';
import { allowsDatabaseIngress, baseName, stackName } from './names.ts';
import { partitionOf } from './role-wishes.ts';

/**
 * What the caller must be allowed, for this apply to succeed: CloudFormation acts with the caller's rights, or with those
 * of CloudFormationRoleArn. Everything that the template of these inputs makes is here.
 */
export function callerWishes(inputs: Inputs, roleArn: string | undefined): Wish[] {
  const { aws_account_id: account, aws_region: region } = inputs;
  const partition = partitionOf(region);
  const regional = (service: string, resource: string): string =>
    `arn:${partition}:${service}:${region}:${account}:${resource}`;
  const own = inputs.engine === 'sluice' ? sluiceWishes : managedWishes;
  return [
    ...(inputs.CloudFormationRoleArn === undefined
      ? stackWishes(regional('cloudformation', `stack/${stackName(inputs)}/*`))
      : []),
    ...own({ inputs, regional, partition, roleArn }),
    ...sharedWishes(inputs, regional),
  ];
}

interface Place {
  readonly inputs: Inputs;
  readonly regional: (service: string, resource: string) => string;
  readonly partition: string;
  readonly roleArn: string | undefined;
}

function stackWishes(stack: string): Wish[] {
  return ['CreateChangeSet', 'DescribeChangeSet', 'ExecuteChangeSet', 'DeleteStack'].map(
    (action) => ({ action: `cloudformation:${action}`, resource: stack }),
  );
}

function all(actions: readonly string[], resource: string): Wish[] {
  return actions.map((action) => ({ action, resource }));
}

function sharedWishes(inputs: Inputs, regional: Place['regional']): Wish[] {
  return [
    ...(inputs.ManageLogGroup
      ? all(['logs:CreateLogGroup', 'logs:PutRetentionPolicy'], regional('logs', 'log-group:*'))
      : []),
    ...(inputs.CreateSecurityGroup || inputs.engine === 'sluice'
      ? all(
          [
            'ec2:CreateSecurityGroup',
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
    ...all(['iam:CreateRole', 'iam:AttachRolePolicy', 'iam:TagRole'], role),
    ...all(['iam:CreatePolicy'], policy),
    {
      action: 'iam:PassRole',
      resource: role,
      context: { 'iam:PassedToService': service },
    },
  ];
}

function managedWishes(place: Place): Wish[] {
  const { inputs, regional, roleArn } = place;
  return [
    ...all(['rds:CreateDBProxy', 'rds:AddTagsToResource'], regional('rds', 'db-proxy:*')),
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
  const { inputs, regional } = place;
  const name = baseName(inputs);
  return [
    ...all(['ecs:CreateService'], regional('ecs', `service/sluice-${name}/*`)),
    ...all(['ecs:CreateCluster', 'ecs:RegisterTaskDefinition'], '*'),
    ...all(
      [
        'elasticloadbalancing:CreateLoadBalancer',
        'elasticloadbalancing:CreateTargetGroup',
        'elasticloadbalancing:CreateListener',
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
      : all(['ec2:CreateVpcEndpointServiceConfiguration'], '*')),
  ];
}
