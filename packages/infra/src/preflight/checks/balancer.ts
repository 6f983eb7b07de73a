import { BlockList } from 'node:net';
import { areElastic } from '../../resolve/balancer-addresses.ts';
import { zonesOf } from '../../resolve/choose-subnets.ts';
import { found, type FixedAddress, type Subnet } from '../../resolve/facts.ts';
import { Template } from '../../resolve/template.ts';
import { list, record } from '../../values.ts';
import {
  failed,
  passed,
  skipped,
  worst,
  type Check,
  type Subject,
  type Verdict,
} from '../check.ts';

export const balancerAddresses: Check = {
  code: 'PF30',
  title: 'fixed addresses',
  looks: 'ec2:DescribeSubnets, ec2:DescribeAddresses, ec2:DescribeNetworkInterfaces',
  why: 'An address that is in use, missing or in another subnet fails when the load balancer is created, after the roles and groups.',
  run: (subject) => {
    const { inputs, facts } = subject;
    const given = Object.entries(inputs.BalancerAddresses);
    if (inputs.engine !== 'sluice' || given.length === 0) {
      return passed('none is given');
    }
    const all = found(facts.subnets);
    const known = found(facts.fixedAddresses);
    if (all === undefined || known === undefined) {
      return skipped('the subnets or the addresses could not be read');
    }
    const ids = given.map(([id]) => id);
    const unknown = ids.filter((id) => !all.some((subnet) => subnet.id === id));
    if (unknown.length > 0) {
      return failed(
        `${inputs.vpc_id} has no subnet ${unknown.join(', ')}`,
        'correct BalancerAddresses: every subnet must be of the VPC',
      );
    }
    const subnets = all.filter(({ id }) => ids.includes(id));
    const verdicts = [
      ...oneInEachZone(subnets),
      ...kept(subject),
      ...(areElastic(inputs) ? elastic(subject, known) : internal(subject, subnets, known)),
    ];
    return verdicts.length === 0
      ? passed(given.map(([id, address]) => `${address} in ${id}`).join(', '))
      : worst(verdicts);
  },
};

function oneInEachZone(subnets: readonly Subnet[]): Verdict[] {
  const zones = zonesOf(subnets);
  return zones.length === subnets.length
    ? []
    : [
        failed(
          `BalancerAddresses has ${subnets.length} subnets in ${zones.length} zone${zones.length === 1 ? '' : 's'} (${zones.join(', ')}); a load balancer accepts one subnet per zone`,
          'give one subnet in each of two or more zones',
        ),
      ];
}

/** The addresses of the deployed load balancer, by subnet; undefined for an address that AWS has chosen. */
function deployedAddresses({ facts }: Subject): ReadonlyMap<string, string | undefined> {
  const [balancer] = new Template(found(facts.stack)?.template).ofType(
    'AWS::ElasticLoadBalancingV2::LoadBalancer',
  );
  const mapped = list(balancer?.properties['SubnetMappings']).map(record);
  return new Map([
    ...list(balancer?.properties['Subnets']).map((id) => [String(id), undefined] as const),
    ...mapped.map((entry) => {
      const address = entry['AllocationId'] ?? entry['PrivateIPv4Address'];
      return [
        String(entry['SubnetId']),
        typeof address === 'string' ? address : undefined,
      ] as const;
    }),
  ]);
}

/** A load balancer keeps its address in a subnet that stays: AWS cannot change it there. */
function kept(subject: Subject): Verdict[] {
  const deployed = deployedAddresses(subject);
  return Object.entries(subject.inputs.BalancerAddresses).flatMap(([id, address]) => {
    const now = deployed.get(id);
    return !deployed.has(id) || now === address
      ? []
      : [
          failed(
            `the load balancer has ${now ?? 'an address that AWS chose'} in ${id}, which cannot become ${address}`,
            'revert the change, give another DBProxyName and move the clients there, or leave the subnet out in one apply and add it in the next',
          ),
        ];
  });
}

function taken(subject: Subject, known: readonly FixedAddress[]): Verdict[] {
  const own = new Set(deployedAddresses(subject).values());
  return known
    .filter(({ address, usedBy }) => usedBy !== undefined && !own.has(address))
    .map(({ address, usedBy }) =>
      failed(`${address} is used by ${usedBy}`, 'give another address in BalancerAddresses'),
    );
}

function elastic(subject: Subject, known: readonly FixedAddress[]): Verdict[] {
  const { inputs, facts } = subject;
  const routes = found(facts.wayOut)?.routes;
  const missing = Object.values(inputs.BalancerAddresses).filter(
    (id) => !known.some(({ address }) => address === id),
  );
  const closed =
    routes === undefined
      ? []
      : Object.keys(inputs.BalancerAddresses).filter(
          (id) => routes[id]?.startsWith('igw-') !== true,
        );
  return [
    ...missing.map((id) =>
      failed(
        `there is no Elastic IP ${id} in ${inputs.aws_region}`,
        'correct BalancerAddresses, or allocate it: aws ec2 allocate-address --domain vpc',
      ),
    ),
    ...taken(subject, known),
    ...closed.map((id) =>
      failed(
        `${id} has no default route to an internet gateway, so clients cannot reach an Elastic IP there`,
        'give public subnets in BalancerAddresses',
      ),
    ),
  ];
}

function internal(
  subject: Subject,
  subnets: readonly Subnet[],
  known: readonly FixedAddress[],
): Verdict[] {
  return [
    ...subnets.flatMap(({ id, cidr }) => {
      const address = subject.inputs.BalancerAddresses[id] ?? '';
      return cidr === undefined || usable(cidr, address)
        ? []
        : [
            failed(
              `${address} cannot be used in ${id} (${cidr}), where AWS reserves the first four addresses and the last`,
              'give an address of the subnet in BalancerAddresses',
            ),
          ];
    }),
    ...taken(subject, known),
  ];
}

/** Whether the subnet contains the address and AWS does not reserve it. */
function usable(cidr: string, address: string): boolean {
  const [network = '', bits = '32'] = cidr.split('/');
  const block = new BlockList();
  block.addSubnet(network, Number(bits));
  const number = (text: string): number =>
    text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(bits));
  const at = number(address) - number(network);
  return block.check(address) && at >= 4 && at < size - 1;
}
