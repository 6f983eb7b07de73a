import { GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import type { Clients } from '../aws/clients.ts';
import { explainFailure } from '../aws/failure.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { Template } from '../resolve/template.ts';

/**
 * The period in which clients are counted, in milliseconds. CloudWatch has one value for each minute, with some delay.
 */
const window = 5 * 60_000;

/** The highest number of connected clients in the last minutes, or why it is unknown. Unknown does not mean none. */
export type ConnectedClients = { readonly most: number } | { readonly unknown: string };

interface ClientMetric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly name: string;
  readonly value: string;
}

/** Reads from CloudWatch how many clients the endpoint of a stack has. Never throws: what cannot be read is unknown. */
export async function connectedClients(
  clients: Clients,
  stack: DeployedStack,
): Promise<ConnectedClients> {
  try {
    return await read(clients, stack);
  } catch (error) {
    const action = 'cloudwatch:GetMetricStatistics';
    const { message } = explainFailure(error, action, stack.id.split(':')[3] ?? '');
    return { unknown: `CloudWatch could not be read: ${message}` };
  }
}

/** The number as text. */
export function connectedText(connected: ConnectedClients): string {
  if ('unknown' in connected) {
    return `whether clients are connected is not known (${connected.unknown})`;
  }
  return connected.most === 0
    ? 'no client was connected in the last five minutes'
    : `${connected.most} ${connected.most === 1 ? 'client was' : 'clients were'} connected in the last five minutes`;
}

async function read(clients: Clients, stack: DeployedStack): Promise<ConnectedClients> {
  const proxy = new Template(stack.template).proxyName();
  const metric =
    proxy === undefined
      ? await balancerMetric(clients, stack.name)
      : { Namespace: 'AWS/RDS', MetricName: 'ClientConnections', name: 'ProxyName', value: proxy };
  if (metric === undefined) {
    return { unknown: 'the stack has no endpoint that CloudWatch counts clients of' };
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
  return values.length === 0
    ? {
        unknown: `CloudWatch has no value of ${metric.Namespace} ${metric.MetricName} for ${metric.value} in the last five minutes`,
      }
    : { most: Math.max(...values) };
}

async function balancerMetric(clients: Clients, stack: string): Promise<ClientMetric | undefined> {
  const { StackResources: resources = [] } = await clients.cloudFormation.send(
    new DescribeStackResourcesCommand({ StackName: stack }),
  );
  const arn = resources.find(
    (resource) => resource.ResourceType === 'AWS::ElasticLoadBalancingV2::LoadBalancer',
  )?.PhysicalResourceId;
  // CloudWatch names a load balancer by the end of its ARN: net/NAME/ID.
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
