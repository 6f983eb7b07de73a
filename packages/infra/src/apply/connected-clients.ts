import { GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import type { Clients } from '../aws/clients.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { Template } from '../resolve/template.ts';

/** How far back clients are looked for, in milliseconds; CloudWatch has a value each minute, a little late. */
const window = 5 * 60_000;

/** The most clients connected in the last minutes; undefined when CloudWatch has nothing on it. */
export async function connectedClients(
  clients: Clients,
  stack: DeployedStack,
): Promise<number | undefined> {
  const template = new Template(stack.template);
  const proxy = template.proxyName();
  const metric =
    proxy === undefined
      ? await balancerMetric(clients, stack.name)
      : { Namespace: 'AWS/RDS', MetricName: 'ClientConnections', name: 'ProxyName', value: proxy };
  if (metric === undefined) {
    return undefined;
  }
  const now = Date.now();
  const answer = await clients.cloudWatch.send(
    new GetMetricStatisticsCommand({
      Namespace: metric.Namespace,
      MetricName: metric.MetricName,
      Dimensions: [{ Name: metric.name, Value: metric.value }],
      StartTime: new Date(now - window),
      EndTime: new Date(now),
      Period: 60,
      Statistics: ['Maximum'],
    }),
  );
  const values = (answer.Datapoints ?? []).flatMap((point) => point.Maximum ?? []);
  return values.length === 0 ? undefined : Math.max(...values);
}

async function balancerMetric(
  clients: Clients,
  stack: string,
): Promise<
  | {
      readonly Namespace: string;
      readonly MetricName: string;
      readonly name: string;
      readonly value: string;
    }
  | undefined
> {
  const { StackResources: resources = [] } = await clients.cloudFormation.send(
    new DescribeStackResourcesCommand({ StackName: stack }),
  );
  const arn = resources.find(
    (resource) => resource.ResourceType === 'AWS::ElasticLoadBalancingV2::LoadBalancer',
  )?.PhysicalResourceId;
  // CloudWatch names a balancer by the end of its ARN: net/NAME/ID.
  const value = arn?.split(':loadbalancer/')[1];
  return value === undefined
    ? undefined
    : {
        Namespace: 'AWS/NetworkELB',
        MetricName: 'ActiveFlowCount',
        name: 'LoadBalancer',
        value,
      };
}
