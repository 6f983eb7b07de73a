import { DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { DescribeTargetHealthCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Clients } from '../aws/clients.ts';
import type { Deployment } from './deployment.ts';
import { readTargetHealth, type TargetHealth } from './target-health.ts';

/**
 * Reads the health of what is behind the endpoint: the database behind RDS Proxy, the tasks behind the load balancer.
 */
export function targetReader({
  engine,
  clients,
  proxy,
  stack,
}: Pick<Deployment, 'engine' | 'clients' | 'proxy' | 'stack'>): () => Promise<TargetHealth[]> {
  return engine === 'rds-proxy'
    ? () => readTargetHealth(clients, proxy)
    : () => readTaskHealth(clients, stack);
}

async function readTaskHealth(clients: Clients, stack: string): Promise<TargetHealth[]> {
  const { StackResources: resources = [] } = await clients.cloudFormation.send(
    new DescribeStackResourcesCommand({ StackName: stack }),
  );
  const group = resources.find(
    (resource) => resource.ResourceType === 'AWS::ElasticLoadBalancingV2::TargetGroup',
  )?.PhysicalResourceId;
  if (group === undefined) {
    return [];
  }
  const answer = await clients.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: group }));
  return (answer.TargetHealthDescriptions ?? []).map(
    ({ Target: target, TargetHealth: health }) => ({
      target: `${target?.Id}:${target?.Port}`,
      // The load balancer says `healthy` where RDS says AVAILABLE.
      state: health?.State === 'healthy' ? 'AVAILABLE' : (health?.State ?? 'UNKNOWN'),
      ...(health?.Reason === undefined ? {} : { reason: health.Reason }),
      ...(health?.Description === undefined ? {} : { description: health.Description }),
    }),
  );
}
