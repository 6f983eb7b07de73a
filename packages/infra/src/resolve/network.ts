import {
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcsCommand,
  paginateDescribeSecurityGroups,
  paginateDescribeSubnets,
  type IpPermission,
  type SecurityGroup as Ec2SecurityGroup,
} from '@aws-sdk/client-ec2';
import type { Clients } from '../aws/clients.ts';
import type { Rule, SecurityGroup, Subnet, Vpc, WayOut } from './facts.ts';
import { tagMap } from './look.ts';

export async function readVpc(clients: Clients, id: string): Promise<Vpc | undefined> {
  const answer = await clients.ec2.send(new DescribeVpcsCommand({ VpcIds: [id] }));
  const vpc = answer.Vpcs?.[0];
  return vpc === undefined
    ? undefined
    : {
        id,
        tenancy: vpc.InstanceTenancy ?? 'default',
        cidrs: (vpc.CidrBlockAssociationSet ?? [])
          .map((block) => block.CidrBlock ?? '')
          .filter((cidr) => cidr !== ''),
      };
}

/** All subnets of the VPC. */
export async function readSubnets(clients: Clients, vpcId: string): Promise<Subnet[]> {
  const subnets: Subnet[] = [];
  const pages = paginateDescribeSubnets(
    { client: clients.ec2 },
    { Filters: [{ Name: 'vpc-id', Values: [vpcId] }] },
  );
  for await (const page of pages) {
    for (const subnet of page.Subnets ?? []) {
      subnets.push({
        id: subnet.SubnetId ?? '',
        zone: subnet.AvailabilityZone ?? '',
        zoneId: subnet.AvailabilityZoneId ?? '',
        freeAddresses: subnet.AvailableIpAddressCount ?? 0,
        ...(subnet.CidrBlock === undefined ? {} : { cidr: subnet.CidrBlock }),
        ipv6: (subnet.Ipv6CidrBlockAssociationSet ?? []).length > 0,
        tags: tagMap(subnet.Tags),
      });
    }
  }
  return subnets;
}

/** Where packets for AWS services can go: routes of the subnets, and endpoints in the VPC. */
export async function readWayOut(clients: Clients, vpcId: string): Promise<WayOut> {
  const Filters = [{ Name: 'vpc-id', Values: [vpcId] }];
  const [tables, endpoints, subnets] = await Promise.all([
    clients.ec2.send(new DescribeRouteTablesCommand({ Filters })),
    clients.ec2.send(new DescribeVpcEndpointsCommand({ Filters })),
    readSubnets(clients, vpcId),
  ]);
  const all = tables.RouteTables ?? [];
  const main = all.find((table) => table.Associations?.some((one) => one.Main === true));
  const routes = subnets.flatMap(({ id }) => {
    const own = all.find((table) => table.Associations?.some((one) => one.SubnetId === id));
    const route = (own ?? main)?.Routes?.find(
      (one) => one.DestinationCidrBlock === '0.0.0.0/0' && one.State !== 'blackhole',
    );
    const way =
      route?.NatGatewayId ??
      route?.TransitGatewayId ??
      route?.NetworkInterfaceId ??
      route?.InstanceId ??
      route?.GatewayId;
    return way === undefined ? [] : [[id, way] as const];
  });
  return {
    routes: Object.fromEntries(routes),
    endpoints: (endpoints.VpcEndpoints ?? []).flatMap(({ ServiceName, State }) =>
      ServiceName === undefined || !/^(?:available|pending)$/i.test(String(State))
        ? []
        : [ServiceName],
    ),
  };
}

/** All security groups of the VPC. */
export async function readGroups(clients: Clients, vpcId: string): Promise<SecurityGroup[]> {
  const groups: SecurityGroup[] = [];
  const pages = paginateDescribeSecurityGroups(
    { client: clients.ec2 },
    { Filters: [{ Name: 'vpc-id', Values: [vpcId] }] },
  );
  for await (const page of pages) {
    groups.push(...(page.SecurityGroups ?? []).map(group));
  }
  return groups;
}

/** The groups with these ids, in any VPC. */
export async function readGroupsById(
  clients: Clients,
  ids: readonly string[],
): Promise<SecurityGroup[]> {
  if (ids.length === 0) {
    return [];
  }
  const answer = await clients.ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [...ids] }));
  return (answer.SecurityGroups ?? []).map(group);
}

function group(described: Ec2SecurityGroup): SecurityGroup {
  return {
    id: described.GroupId ?? '',
    name: described.GroupName ?? '',
    ingress: (described.IpPermissions ?? []).map(ruleOf),
    egress: (described.IpPermissionsEgress ?? []).map(ruleOf),
  };
}

/** One permission of a group, in the form that the checks use. */
export function ruleOf(permission: IpPermission): Rule {
  return {
    protocol: permission.IpProtocol ?? '-1',
    ...(permission.FromPort === undefined ? {} : { fromPort: permission.FromPort }),
    ...(permission.ToPort === undefined ? {} : { toPort: permission.ToPort }),
    cidrs: [
      ...(permission.IpRanges ?? []).map((range) => range.CidrIp ?? ''),
      ...(permission.Ipv6Ranges ?? []).map((range) => range.CidrIpv6 ?? ''),
    ],
    groups: (permission.UserIdGroupPairs ?? []).map((pair) => pair.GroupId ?? ''),
    prefixLists: (permission.PrefixListIds ?? []).map((list) => list.PrefixListId ?? ''),
  };
}
