import {
  PutClusterCapacityProvidersCommand,
  UpdateClusterSettingsCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import {
  ModifyListenerAttributesCommand,
  ModifyListenerCommand,
  ModifyLoadBalancerAttributesCommand,
  ModifyTargetGroupAttributesCommand,
  ModifyTargetGroupCommand,
  SetSecurityGroupsCommand,
  SetSubnetsCommand,
  type Action,
  type ModifyTargetGroupCommandInput,
  type ProtocolEnum,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { list, record } from '../../values.ts';
import { steps, type Restoration, type Restorer } from './restorer.ts';

const atCreation = 'it is fixed when the resource is created';
const again = 'others refer to it by its id: run sluice aws destroy, then sluice aws apply';

/** The key and value pairs of a template in the form of the ELB API. */
function attributes({ resource }: Restoration, name: string): { Key: string; Value: string }[] {
  return list(resource.properties[name])
    .map(record)
    .map((entry) => ({ Key: String(entry['Key']), Value: String(entry['Value']) }));
}

const balancer: Restorer = {
  fixed: { Scheme: atCreation, Type: atCreation, SubnetMappings: atCreation },
  async set(restoration) {
    const { clients, id: LoadBalancerArn, resource } = restoration;
    await steps(restoration, {
      SecurityGroups: async () =>
        clients.elb.send(
          new SetSecurityGroupsCommand({
            LoadBalancerArn,
            SecurityGroups: list(resource.properties['SecurityGroups']).map(String),
          }),
        ),
      Subnets: async () =>
        clients.elb.send(
          new SetSubnetsCommand({
            LoadBalancerArn,
            Subnets: list(resource.properties['Subnets']).map(String),
          }),
        ),
      LoadBalancerAttributes: async () =>
        clients.elb.send(
          new ModifyLoadBalancerAttributesCommand({
            LoadBalancerArn,
            Attributes: attributes(restoration, 'LoadBalancerAttributes'),
          }),
        ),
    });
  },
  make: 'a new load balancer has another endpoint: run sluice aws destroy, then sluice aws apply',
};

const listener: Restorer = {
  async set(restoration) {
    const { clients, id: ListenerArn, resource, properties } = restoration;
    if (['Port', 'Protocol', 'DefaultActions'].some((name) => properties.has(name))) {
      await clients.elb.send(
        new ModifyListenerCommand({
          ListenerArn,
          Port: Number(resource.properties['Port']),
          // The template holds the API's own words.
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion
          Protocol: resource.properties['Protocol'] as ProtocolEnum,
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion
          DefaultActions: resource.properties['DefaultActions'] as Action[],
        }),
      );
    }
    await steps(restoration, {
      ListenerAttributes: async () =>
        clients.elb.send(
          new ModifyListenerAttributesCommand({
            ListenerArn,
            Attributes: attributes(restoration, 'ListenerAttributes'),
          }),
        ),
    });
  },
  make: again,
};

const targetGroup: Restorer = {
  async set(restoration) {
    const { clients, id: TargetGroupArn, resource, properties } = restoration;
    const health = Object.fromEntries(
      Object.entries(resource.properties).filter(
        ([name]) => /^(?:HealthCheck|Healthy|Unhealthy)/.test(name) && properties.has(name),
      ),
    );
    if (Object.keys(health).length > 0) {
      // The names and values of the template are the API's.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      const input = { TargetGroupArn, ...health } as ModifyTargetGroupCommandInput;
      await clients.elb.send(new ModifyTargetGroupCommand(input));
    }
    await steps(restoration, {
      TargetGroupAttributes: async () =>
        clients.elb.send(
          new ModifyTargetGroupAttributesCommand({
            TargetGroupArn,
            Attributes: attributes(restoration, 'TargetGroupAttributes'),
          }),
        ),
    });
  },
  make: again,
};

const cluster: Restorer = {
  async set(restoration) {
    const { clients, id, resource } = restoration;
    await steps(restoration, {
      ClusterSettings: async () =>
        clients.ecs.send(
          new UpdateClusterSettingsCommand({
            cluster: id,
            settings: list(resource.properties['ClusterSettings'])
              .map(record)
              .map((entry) => ({ name: 'containerInsights', value: String(entry['Value']) })),
          }),
        ),
      CapacityProviders: async () =>
        clients.ecs.send(
          new PutClusterCapacityProvidersCommand({
            cluster: id,
            capacityProviders: list(resource.properties['CapacityProviders']).map(String),
            defaultCapacityProviderStrategy: [],
          }),
        ),
    });
  },
  make: again,
};

const service: Restorer = {
  fixed: { LaunchType: atCreation, LoadBalancers: atCreation },
  async set({ clients, id, resource, properties }) {
    const network = record(
      record(resource.properties['NetworkConfiguration'])['AwsvpcConfiguration'],
    );
    await clients.ecs.send(
      new UpdateServiceCommand({
        cluster: String(resource.properties['Cluster']),
        service: id,
        ...(properties.has('TaskDefinition')
          ? { taskDefinition: String(resource.properties['TaskDefinition']) }
          : {}),
        // Running tasks keep their capacity provider unless they are replaced.
        ...(properties.has('CapacityProviderStrategy')
          ? {
              capacityProviderStrategy: list(resource.properties['CapacityProviderStrategy'])
                .map(record)
                .map((entry) => ({
                  capacityProvider: String(entry['CapacityProvider']),
                  weight: Number(entry['Weight']),
                  base: Number(entry['Base'] ?? 0),
                })),
              forceNewDeployment: true,
            }
          : {}),
        ...(properties.has('EnableExecuteCommand')
          ? { enableExecuteCommand: resource.properties['EnableExecuteCommand'] === true }
          : {}),
        ...(properties.has('NetworkConfiguration')
          ? {
              networkConfiguration: {
                awsvpcConfiguration: {
                  assignPublicIp: network['AssignPublicIp'] === 'ENABLED' ? 'ENABLED' : 'DISABLED',
                  securityGroups: list(network['SecurityGroups']).map(String),
                  subnets: list(network['Subnets']).map(String),
                },
              },
            }
          : {}),
      }),
    );
  },
  make: again,
};

const taskDefinition: Restorer = {
  fixed: { Family: atCreation },
  set: () => Promise.resolve(),
  make: 'ECS cannot reactivate a task definition: change an input of the tasks, so that apply registers a new one',
};

/** The resources of engine sluice that client connections pass through. */
export const restoreService: Readonly<Record<string, Restorer>> = {
  'AWS::ElasticLoadBalancingV2::LoadBalancer': balancer,
  'AWS::ElasticLoadBalancingV2::Listener': listener,
  'AWS::ElasticLoadBalancingV2::TargetGroup': targetGroup,
  'AWS::ECS::Cluster': cluster,
  'AWS::ECS::Service': service,
  'AWS::ECS::TaskDefinition': taskDefinition,
};
