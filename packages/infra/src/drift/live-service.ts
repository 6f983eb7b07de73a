import {
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  type Service,
} from '@aws-sdk/client-ecs';
import {
  DescribeLoadBalancersCommand,
  DescribeTargetGroupAttributesCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { list, record } from '../values.ts';
import type { LiveReader } from './drift.ts';
import { orGone } from './or-gone.ts';

const balancer: LiveReader = (clients, _resource, arn) =>
  orGone(async () => {
    const answer = await clients.elb.send(
      new DescribeLoadBalancersCommand({ LoadBalancerArns: [arn] }),
    );
    const live = answer.LoadBalancers?.[0];
    return live === undefined
      ? undefined
      : {
          Scheme: live.Scheme,
          Type: live.Type,
          SecurityGroups: live.SecurityGroups,
          Subnets: (live.AvailabilityZones ?? []).map((zone) => zone.SubnetId),
        };
  });

/** Only the attributes that the template sets; AWS has many more, at their defaults. */
const targetGroup: LiveReader = (clients, resource, arn) =>
  orGone(async () => {
    const answer = await clients.elb.send(
      new DescribeTargetGroupAttributesCommand({ TargetGroupArn: arn }),
    );
    const set = list(resource.properties['TargetGroupAttributes']).map(
      (entry) => record(entry)['Key'],
    );
    return {
      TargetGroupAttributes: (answer.Attributes ?? [])
        .filter(({ Key }) => set.includes(Key))
        .map(({ Key, Value }) => ({ Key, Value })),
    };
  });

/** The number of tasks is autoscaling's, so it is no drift. */
const service: LiveReader = (clients, resource, arn) =>
  orGone(async () => {
    const answer = await clients.ecs.send(
      new DescribeServicesCommand({
        cluster: String(resource.properties['Cluster']),
        services: [arn],
      }),
    );
    const live: Service | undefined = answer.services?.find(({ status }) => status !== 'INACTIVE');
    if (live === undefined) {
      return undefined;
    }
    const network = live.networkConfiguration?.awsvpcConfiguration;
    return {
      TaskDefinition: live.taskDefinition,
      ...(network === undefined
        ? {}
        : {
            NetworkConfiguration: {
              AwsvpcConfiguration: {
                AssignPublicIp: network.assignPublicIp,
                SecurityGroups: network.securityGroups,
                Subnets: network.subnets,
              },
            },
          }),
    };
  });

/** A task definition cannot be changed, only taken out of use. */
const taskDefinition: LiveReader = (clients, resource, arn) =>
  orGone(async () => {
    const answer = await clients.ecs.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: arn }),
    );
    return answer.taskDefinition?.status === 'INACTIVE'
      ? undefined
      : { Family: answer.taskDefinition?.family ?? resource.properties['Family'] };
  });

/** The resources of engine sluice. */
export const liveService: Readonly<Record<string, LiveReader>> = {
  'AWS::ElasticLoadBalancingV2::LoadBalancer': balancer,
  'AWS::ElasticLoadBalancingV2::TargetGroup': targetGroup,
  'AWS::ECS::Service': service,
  'AWS::ECS::TaskDefinition': taskDefinition,
};
