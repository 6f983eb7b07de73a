import { Tags } from 'aws-cdk-lib';
import { Subnet } from 'aws-cdk-lib/aws-ec2';
import { Cluster, ContainerImage } from 'aws-cdk-lib/aws-ecs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { repositoryArn } from '../constructs/sluice-roles.ts';
import type { SluiceServiceProps } from '../constructs/sluice-service-props.ts';
import { SluiceService } from '../constructs/sluice-service.ts';
import type { Inputs } from '../inputs/table.ts';
import type { Model } from '../model/model.ts';
import { allowsDatabaseIngress, usesDatabaseTokens } from '../resolve/names.ts';
import { partitionOf } from '../resolve/role-wishes.ts';
import type { StackOutputs } from './outputs.ts';
import { listenPort, networkOf } from './network-resources.ts';
import type { EngineResources } from './extras.ts';
import { importSecret } from './secrets.ts';
import { sharedOptions } from './shared-options.ts';

/** CDK would tag them, which CloudFormation does not accept in every region and cfn-lint never does. */
const untaggable = [
  'AWS::ApplicationAutoScaling::ScalableTarget',
  'AWS::CloudWatch::Dashboard',
  'AWS::ElasticLoadBalancingV2::Listener',
];

/** Adds Sluice on ECS Fargate to the stack, with the same inputs and outputs as the managed proxy. */
export function serviceResources(scope: Construct, model: Model): EngineResources {
  const { inputs, resolved } = model;
  const image = inputs.ContainerImage ?? '';
  const repository = repositoryArn(image);
  const network = networkOf(scope, model);
  const tlsName = inputs.TlsSecretName ?? '';
  const credentials = registryCredentials(scope, model);
  const service = new SluiceService(scope, 'Sluice', {
    ...sharedOptions(scope, model),
    vpc: network.vpc,
    vpcSubnets: { subnets: [...network.subnets] },
    balancerSubnets: { subnets: [...network.balancerSubnets] },
    ...balancerAddresses(scope, inputs),
    ...spot(inputs),
    cpuArchitecture: inputs.CpuArchitecture,
    enableExecuteCommand: inputs.EnableExecuteCommand,
    securityGroups: network.groups,
    allowDatabaseIngress: allowsDatabaseIngress(inputs),
    dualStack: inputs.EndpointNetworkType === 'DUAL',
    privateLinkPrincipals: inputs.PrivateLinkPrincipals,
    desiredTasks: model.desiredTasks,
    targetTls: inputs.TargetTls,
    ...(inputs.EcsClusterName === undefined
      ? {}
      : {
          cluster: Cluster.fromClusterAttributes(scope, 'EcsCluster', {
            clusterName: inputs.EcsClusterName,
            vpc: network.vpc,
          }),
        }),
    imagePullThrough: inputs.ImagePullThrough,
    image: ContainerImage.fromRegistry(image, credentials === undefined ? {} : { credentials }),
    ...(credentials === undefined ? {} : { imageCredentials: credentials }),
    ...(repository === undefined ? {} : { imageRepositoryArn: repository }),
    target: {
      host: resolved.database_host,
      port: resolved.database_port,
      securityGroups: network.databaseGroups,
      ...(resolved.database_resource_id === undefined
        ? {}
        : { resourceId: resolved.database_resource_id }),
      ...(resolved.max_connections === undefined
        ? {}
        : { maxConnections: resolved.max_connections }),
    },
    tlsSecret: importSecret(scope, 'TlsSecret', {
      arn: resolved.secret_arns[tlsName] ?? '',
      keyArn: resolved.secret_key_arns[tlsName],
    }),
    serviceName: model.proxyName,
    ...(model.poolSize === undefined ? {} : { poolSize: model.poolSize }),
    settings: inputs.SluiceSettings,
    cpu: inputs.TaskCpu,
    memoryLimitMiB: inputs.TaskMemory,
    minTasks: inputs.MinTasks,
    maxTasks: inputs.MaxTasks,
    ...(inputs.AlarmTopicArn === undefined
      ? {}
      : { alarmTopic: Topic.fromTopicArn(scope, 'AlarmTopic', inputs.AlarmTopicArn) }),
  });
  for (const [key, value] of Object.entries(model.tags)) {
    Tags.of(scope).add(key, value, { excludeResourceTypes: untaggable });
  }
  return {
    aliasZone: service.loadBalancer.loadBalancerCanonicalHostedZoneId,
    outputs: {
      rds_proxy_endpoint: service.endpoint,
      rds_proxy_port: String(listenPort),
      rds_proxy_arn: service.loadBalancer.loadBalancerArn,
      ...tokenOutputs(model),
      rds_proxy_endpoints:
        service.endpointService === undefined
          ? {}
          : { privatelink: service.endpointService.vpcEndpointServiceName },
      rds_proxy_subnet_ids: model.subnetIds,
      rds_proxy_role_arn: service.taskRole.roleArn,
      rds_security_group_ids: network.groups.map((group) => group.securityGroupId),
      rds_secret_arn: model.secrets[0]?.arn ?? '',
    },
  };
}

/** The fixed addresses of the load balancer, in the order of its subnets. */
function balancerAddresses(
  scope: Construct,
  { BalancerAddresses: addresses }: Inputs,
): Pick<SluiceServiceProps, 'balancerAddresses'> {
  const entries = Object.entries(addresses).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0
    ? {}
    : {
        balancerAddresses: entries.map(([id, address], index) => ({
          subnet: Subnet.fromSubnetId(scope, `BalancerSubnet${index}`, id),
          ...(address.startsWith('eipalloc-')
            ? { allocationId: address }
            : { privateIpv4Address: address }),
        })),
      };
}

function spot(inputs: Inputs): Pick<SluiceServiceProps, 'spot'> {
  const { FargateSpotWeight: weight, FargateWeight, FargateBase } = inputs;
  return weight === 0
    ? {}
    : { spot: { weight, onDemandWeight: FargateWeight, onDemandBase: FargateBase } };
}

/** The database itself authorizes clients with tokens, so their policies name the id of the database. */
function tokenOutputs({
  inputs,
  resolved: { database_resource_id: id = '' },
}: Model): Pick<StackOutputs, 'rds_proxy_resource_id' | 'rds_proxy_connect_arn'> {
  const { aws_region: region, aws_account_id: account } = inputs;
  return usesDatabaseTokens(inputs)
    ? {
        rds_proxy_resource_id: id,
        rds_proxy_connect_arn: `arn:${partitionOf(region)}:rds-db:${region}:${account}:dbuser:${id}/*`,
      }
    : { rds_proxy_resource_id: '', rds_proxy_connect_arn: '' };
}

/** The secret with which tasks log in to a private registry that is not ECR. */
function registryCredentials(scope: Construct, { inputs, resolved }: Model): ISecret | undefined {
  const { ImageCredentialsSecretName: name } = inputs;
  return name === undefined
    ? undefined
    : importSecret(scope, 'ImageCredentials', {
        arn: resolved.secret_arns[name] ?? '',
        keyArn: resolved.secret_key_arns[name],
      });
}
