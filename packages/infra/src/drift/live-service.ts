import {
  DescribeClustersCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  type CapacityProviderStrategyItem,
  type Service,
} from '@aws-sdk/client-ecs';
import {
  DescribeListenerAttributesCommand,
  DescribeListenersCommand,
  DescribeLoadBalancerAttributesCommand,
  DescribeLoadBalancersCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  type AvailabilityZone,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { Compared, setInTemplate, type LiveReader } from './live.ts';

const balancer: LiveReader = async ({ clients, resource, id }) => {
  const [described, { Attributes }] = await Promise.all([
    clients.elb.send(new DescribeLoadBalancersCommand({ LoadBalancerArns: [id] })),
    clients.elb.send(new DescribeLoadBalancerAttributesCommand({ LoadBalancerArn: id })),
  ]);
  const live = described.LoadBalancers?.[0];
  const fixed = 'SubnetMappings' in resource.properties;
  return live === undefined
    ? undefined
    : {
        Scheme: live.Scheme,
        Type: live.Type,
        SecurityGroups: live.SecurityGroups,
        Subnets: fixed ? undefined : (live.AvailabilityZones ?? []).map((zone) => zone.SubnetId),
        SubnetMappings: fixed ? (live.AvailabilityZones ?? []).map(mapping) : undefined,
        LoadBalancerAttributes: setInTemplate(
          resource.properties['LoadBalancerAttributes'],
          Attributes,
        ),
      };
};

/** A subnet of a load balancer with its fixed address. */
function mapping({ SubnetId, LoadBalancerAddresses = [] }: AvailabilityZone): object {
  const [{ AllocationId, PrivateIPv4Address } = {}] = LoadBalancerAddresses;
  return {
    SubnetId,
    ...(AllocationId === undefined ? {} : { AllocationId }),
    ...(PrivateIPv4Address === undefined ? {} : { PrivateIPv4Address }),
  };
}

const listener: LiveReader = async ({ clients, resource, id }) => {
  const [described, { Attributes }] = await Promise.all([
    clients.elb.send(new DescribeListenersCommand({ ListenerArns: [id] })),
    clients.elb.send(new DescribeListenerAttributesCommand({ ListenerArn: id })),
  ]);
  const live = described.Listeners?.[0];
  return live === undefined
    ? undefined
    : {
        Port: live.Port,
        Protocol: live.Protocol,
        DefaultActions: (live.DefaultActions ?? []).map(({ Type, TargetGroupArn }) => ({
          Type,
          TargetGroupArn,
        })),
        ListenerAttributes: setInTemplate(resource.properties['ListenerAttributes'], Attributes),
      };
};

const targetGroup: LiveReader = async ({ clients, resource, id }) => {
  const [described, { Attributes }] = await Promise.all([
    clients.elb.send(new DescribeTargetGroupsCommand({ TargetGroupArns: [id] })),
    clients.elb.send(new DescribeTargetGroupAttributesCommand({ TargetGroupArn: id })),
  ]);
  const live = described.TargetGroups?.[0];
  return live === undefined
    ? undefined
    : {
        HealthCheckPath: live.HealthCheckPath,
        HealthCheckPort: live.HealthCheckPort,
        HealthCheckProtocol: live.HealthCheckProtocol,
        HealthCheckIntervalSeconds: live.HealthCheckIntervalSeconds,
        HealthyThresholdCount: live.HealthyThresholdCount,
        UnhealthyThresholdCount: live.UnhealthyThresholdCount,
        TargetGroupAttributes: setInTemplate(
          resource.properties['TargetGroupAttributes'],
          Attributes,
        ),
      };
};

const cluster: LiveReader = async ({ clients, id }) => {
  const answer = await clients.ecs.send(
    new DescribeClustersCommand({ clusters: [id], include: ['SETTINGS'] }),
  );
  const live = answer.clusters?.find(({ status }) => status !== 'INACTIVE');
  return live === undefined
    ? undefined
    : {
        ClusterSettings: (live.settings ?? []).map(({ name, value }) => ({
          Name: name,
          Value: value,
        })),
        CapacityProviders: live.capacityProviders,
      };
};

/** Autoscaling sets the number of tasks, so a different number is no drift. */
const service: LiveReader = async ({ clients, resource, id }) => {
  const answer = await clients.ecs.send(
    new DescribeServicesCommand({
      cluster: String(resource.properties['Cluster']),
      services: [id],
    }),
  );
  const live: Service | undefined = answer.services?.find(({ status }) => status !== 'INACTIVE');
  if (live === undefined) {
    return undefined;
  }
  const providers = 'CapacityProviderStrategy' in resource.properties;
  const network = live.networkConfiguration?.awsvpcConfiguration;
  return {
    TaskDefinition: live.taskDefinition,
    // A service with capacity providers has no launch type, but some answers contain one.
    LaunchType: providers ? undefined : live.launchType,
    CapacityProviderStrategy: providers
      ? (live.capacityProviderStrategy ?? []).map(provider)
      : undefined,
    EnableExecuteCommand: new Compared(
      resource.properties['EnableExecuteCommand'] ?? false,
      live.enableExecuteCommand ?? false,
    ),
    LoadBalancers: (live.loadBalancers ?? []).map((entry) => ({
      ContainerName: entry.containerName,
      ContainerPort: entry.containerPort,
      TargetGroupArn: entry.targetGroupArn,
    })),
    NetworkConfiguration: {
      AwsvpcConfiguration: {
        AssignPublicIp: network?.assignPublicIp,
        SecurityGroups: network?.securityGroups,
        Subnets: network?.subnets,
      },
    },
  };
};

/** One entry of a service's strategy, as in a template: a base of 0 is omitted. */
function provider({ capacityProvider, weight, base = 0 }: CapacityProviderStrategyItem): object {
  return {
    CapacityProvider: capacityProvider,
    Weight: weight,
    ...(base === 0 ? {} : { Base: base }),
  };
}

/** A task definition cannot be changed, only deregistered. */
const taskDefinition: LiveReader = async ({ clients, id }) => {
  const answer = await clients.ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: id }));
  return answer.taskDefinition?.status === 'INACTIVE'
    ? undefined
    : { Family: answer.taskDefinition?.family };
};

/** The resources of engine sluice that client connections pass through. */
export const liveService: Readonly<Record<string, LiveReader>> = {
  'AWS::ElasticLoadBalancingV2::LoadBalancer': balancer,
  'AWS::ElasticLoadBalancingV2::Listener': listener,
  'AWS::ElasticLoadBalancingV2::TargetGroup': targetGroup,
  'AWS::ECS::Cluster': cluster,
  'AWS::ECS::Service': service,
  'AWS::ECS::TaskDefinition': taskDefinition,
};
