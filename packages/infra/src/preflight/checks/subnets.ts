import { chooseSubnets, zonesOf } from '../../resolve/choose-subnets.ts';
import { found, type Subnet } from '../../resolve/facts.ts';
import { failed, passed, skipped, warning, type Check, type Subject } from '../check.ts';

export const subnets: Check = {
  code: 'PF04',
  title: 'subnets',
  looks: 'ec2:DescribeSubnets',
  why: 'Two zones are needed; a tag that matches nothing is the most common mistake, and AWS silently drops subnets in unsupported zones.',
  run: (subject) => {
    const { facts, inputs } = subject;
    const all = found(facts.subnets);
    if (all === undefined) {
      return skipped('the subnets could not be read');
    }
    const { chosen, dropped } = chooseSubnets(facts, inputs);
    const zones = zonesOf(chosen);
    const left = dropped.map((subnet) => `${subnet.id} in ${subnet.zoneId}`).join(', ');
    const missing = inputs.SubnetIds.filter((id) => !all.some((subnet) => subnet.id === id));
    if (missing.length > 0) {
      return failed(
        `${inputs.vpc_id} has no subnet ${missing.join(', ')}`,
        'correct SubnetIds: every subnet must be of the VPC',
      );
    }
    if (zones.length < 2) {
      const what =
        chosen.length === 0
          ? 'no subnet carries all tags of vpc_subnet_filter_tag'
          : `${chosen.length} subnets in ${zones.length} zone (${zones.join(', ')}); two zones are needed`;
      const without = left === '' ? '' : `; left out, since RDS Proxy does not run there: ${left}`;
      return failed(
        `${what}; ${nearMisses(subject, all)}${without}`,
        inputs.SubnetIds.length > 0
          ? 'add a subnet of another zone to SubnetIds'
          : 'correct vpc_subnet_filter_tag, or tag subnets in two zones',
      );
    }
    const detail = chosen.map((subnet) => `${subnet.id} (${subnet.zone})`).join(', ');
    return left === ''
      ? passed(detail)
      : warning(
          `${detail}; left out: ${left}`,
          'nothing, if the rest will do; otherwise tag subnets in other zones',
        );
  },
};

/** The matches of each single tag of the filter: "tag Name=private matches 4 subnets, Environment=testing none". */
function nearMisses({ inputs }: Subject, all: readonly Subnet[]): string {
  if (inputs.SubnetIds.length > 0) {
    return `given are ${inputs.SubnetIds.join(', ')}`;
  }
  const parts = Object.entries(inputs.vpc_subnet_filter_tag).map(([key, value]) => {
    const count = all.filter((subnet) => subnet.tags[key] === value).length;
    if (count > 0) {
      return `${key}=${value} matches ${count} subnet${count === 1 ? '' : 's'}`;
    }
    const values = [...new Set(all.flatMap((subnet) => subnet.tags[key] ?? []))].sort();
    return `${key}=${value} none${values.length > 0 ? ` (values of ${key} there: ${values.join(', ')})` : ` (no subnet has a tag ${key})`}`;
  });
  return `of ${all.length} subnets in the VPC, tag ${parts.join(', ')}`;
}

/** The free addresses that AWS recommends for one proxy, by the size of the database's class. */
const addressesBySize: readonly (readonly [RegExp, number])[] = [
  [/\.24xlarge$|\.32xlarge$|\.48xlarge$/, 110],
  [/\.16xlarge$/, 75],
  [/\.12xlarge$/, 60],
  [/\.8xlarge$/, 45],
  [/\.4xlarge$/, 25],
  [/\.2xlarge$/, 15],
];

export const addresses: Check = {
  code: 'PF05',
  title: 'free addresses',
  looks: 'ec2:DescribeSubnets, rds:DescribeDBInstances',
  why: 'Without free addresses the proxy cannot be created, or cannot scale later (RDS-EVENT-0243).',
  run: ({ inputs, facts }) => {
    const { chosen } = chooseSubnets(facts, inputs);
    const instanceClass = found(facts.database)?.instanceClass;
    if (chosen.length === 0 || instanceClass === undefined) {
      return skipped('the subnets or the database are not known');
    }
    // A rolling deployment runs every task twice; the load balancer uses up to eight addresses in each subnet.
    const needed =
      inputs.engine === 'sluice'
        ? 2 * inputs.MaxTasks + 8 * chosen.length
        : (addressesBySize.find(([size]) => size.test(instanceClass))?.[1] ?? 10);
    const full = chosen.filter((subnet) => subnet.freeAddresses === 0);
    const free = chosen.reduce((sum, subnet) => sum + subnet.freeAddresses, 0);
    const detail = chosen.map((subnet) => `${subnet.id} has ${subnet.freeAddresses}`).join(', ');
    if (full.length > 0) {
      return failed(
        detail,
        `free addresses in ${full.map((subnet) => subnet.id).join(', ')}, or choose other subnets`,
      );
    }
    return free < needed
      ? warning(
          `${detail}; ${needed} are recommended for ${instanceClass}`,
          'choose larger subnets',
        )
      : passed(`${detail}; ${needed} are recommended for ${instanceClass}`);
  },
};

export const endpointSubnets: Check = {
  code: 'PF29',
  title: 'subnets of endpoints',
  looks: 'ec2:DescribeSubnets',
  why: 'An endpoint may be in another VPC than its proxy, but cannot have the proxy’s security groups there: its creation fails.',
  run: ({ inputs, facts }) => {
    const wanted = inputs.DBProxyEndpoints.filter(({ VpcSubnetIds: ids }) => ids.length > 0);
    const own = found(facts.subnets);
    if (wanted.length === 0) {
      return passed('those of the proxy');
    }
    if (own === undefined) {
      return skipped('the subnets could not be read');
    }
    const bare = wanted.filter(
      ({ VpcSubnetIds: ids, VpcSecurityGroupIds: groups }) =>
        groups.length === 0 && ids.some((id) => !own.some((subnet) => subnet.id === id)),
    );
    return bare.length === 0
      ? passed('each endpoint has groups of its VPC')
      : failed(
          `${bare.map((endpoint) => endpoint.DBProxyEndpointName).join(', ')} has subnets that are not of ${inputs.vpc_id}, and would have the proxy’s security groups, which are`,
          'give the endpoint VpcSecurityGroupIds of its own VPC, or correct its VpcSubnetIds',
        );
  },
};
