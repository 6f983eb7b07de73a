import type { Inputs } from '../inputs/table.ts';
import { found, type Facts, type Subnet } from './facts.ts';

/** Zones in which RDS Proxy does not run; their subnets are dropped by AWS without a word while two others remain. */
const unsupportedZones: ReadonlySet<string> = new Set(['use1-az3', 'usw1-az2']);

/** The subnets the proxy will stand in, and those that were left out for their zone. */
export interface ChosenSubnets {
  /** In the order of their ids: CloudFormation would take another order for a change that needs a new proxy. */
  readonly chosen: readonly Subnet[];
  readonly dropped: readonly Subnet[];
}

/** Subnets that carry every tag of the filter, or those that are given by id. */
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

/** One subnet of each zone: a Network Load Balancer takes no two of the same. The first by id, so that it stays the same one. */
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
