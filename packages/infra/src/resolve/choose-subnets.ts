import type { Inputs } from '../inputs/table.ts';
import { found, type Facts, type Subnet } from './facts.ts';

/** Zones without RDS Proxy. AWS silently drops their subnets while two others remain. */
const unsupportedZones: ReadonlySet<string> = new Set(['use1-az3', 'usw1-az2']);

/** The subnets of the proxy, and those that were excluded because of their zone. */
export interface ChosenSubnets {
  /** Sorted by id: for CloudFormation another order would be a change that needs a new proxy. */
  readonly chosen: readonly Subnet[];
  readonly dropped: readonly Subnet[];
}

/** The subnets with every tag of the filter, or those given by id. */
export function chooseSubnets(
  facts: Pick<Facts, 'subnets'>,
  inputs: Pick<Inputs, 'vpc_subnet_filter_tag' | 'SubnetIds' | 'engine'>,
): ChosenSubnets {
  const filter = Object.entries(inputs.vpc_subnet_filter_tag);
  const matching = (found(facts.subnets) ?? [])
    .filter((subnet) =>
      inputs.SubnetIds.length > 0
        ? inputs.SubnetIds.includes(subnet.id)
        : filter.length > 0 && filter.every(([key, value]) => subnet.tags[key] === value),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const drops = (subnet: Subnet): boolean =>
    inputs.engine === 'rds-proxy' && unsupportedZones.has(subnet.zoneId);
  return {
    chosen: matching.filter((subnet) => !drops(subnet)),
    dropped: matching.filter(drops),
  };
}

/** Distinct zone ids of the subnets. */
export function zonesOf(subnets: readonly Subnet[]): string[] {
  return [...new Set(subnets.map((subnet) => subnet.zoneId))].sort();
}

/**
 * One subnet of each zone, because a Network Load Balancer accepts only one per zone. The first by id, so that it stays
 * the same.
 */
export function onePerZone(
  subnetIds: readonly string[],
  zones: Readonly<Record<string, string>>,
): string[] {
  const taken = new Set<string>();
  return [...subnetIds].sort().filter((id) => {
    const zone = zones[id];
    if (zone === undefined) {
      return true;
    }
    const first = !taken.has(zone);
    taken.add(zone);
    return first;
  });
}
