import { DescribeClustersCommand } from '@aws-sdk/client-ecs';
import type { Clients } from '../aws/clients.ts';
import type { EcsCluster } from './facts.ts';

/** The ECS cluster of that name; a deleted one is still listed for a while as INACTIVE. */
export async function readEcsCluster(
  { ecs }: Clients,
  name: string,
): Promise<EcsCluster | undefined> {
  const { clusters = [] } = await ecs.send(new DescribeClustersCommand({ clusters: [name] }));
  const [cluster] = clusters;
  return cluster === undefined
    ? undefined
    : {
        name,
        status: cluster.status ?? 'not known',
        capacityProviders: cluster.capacityProviders ?? [],
      };
}
