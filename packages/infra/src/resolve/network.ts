import {
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
  paginateDescribeSecurityGroups,
  paginateDescribeSubnets,
  type IpPermission,
  type SecurityGroup as Ec2SecurityGroup,
} from '@aws-sdk/client-ec2';
import type { Clients } from '../aws/clients.ts';
import type { Rule, SecurityGroup, Subnet, Vpc } from './facts.ts';
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
        tags: tagMap(subnet.Tags),
      });
    }
  }
  return subnets;
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

/** The groups of these ids, wherever they are. */
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
    ingress: (described.IpPermissions ?? []).map(rule),
    egress: (described.IpPermissionsEgress ?? []).map(rule),
  };
}

function rule(permission: IpPermission): Rule {
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
