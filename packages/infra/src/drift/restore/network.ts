import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  DescribeSecurityGroupsCommand,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
  type IpPermission,
} from '@aws-sdk/client-ec2';
import type { Clients } from '../../aws/clients.ts';
import { liveLine, rulesOfGroup, templateRule, type Direction } from '../live-network.ts';
import { steps, type Restorer } from './restorer.ts';

const group: Restorer = {
  async set(restoration) {
    await steps(restoration, {
      SecurityGroupIngress: async () => restoreRules(restoration, 'Ingress'),
      SecurityGroupEgress: async () => restoreRules(restoration, 'Egress'),
    });
  },
  make: 'other resources use the group by its id: run sluice aws destroy, then sluice aws apply',
};

/** Removes the rules that were not applied, and adds the missing ones. */
async function restoreRules(
  { clients, resource, id, all }: Parameters<Restorer['set']>[0],
  direction: Direction,
): Promise<void> {
  const wanted = rulesOfGroup(direction, resource, id, all);
  const lines = new Set(wanted.map((rule) => templateRule(direction, rule)));
  const answer = await clients.ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }));
  const [live] = answer.SecurityGroups ?? [];
  const permissions =
    (direction === 'Ingress' ? live?.IpPermissions : live?.IpPermissionsEgress) ?? [];
  const single = permissions.flatMap(onePeerEach);
  const surplus = single.filter((permission) => !lines.has(liveLine(direction, permission)));
  const present = new Set(single.map((permission) => liveLine(direction, permission)));
  const missing = wanted.filter((rule) => !present.has(templateRule(direction, rule)));
  if (missing.length > 0) {
    await authorize(clients, direction, id, missing.map(permissionOf));
  }
  if (surplus.length > 0) {
    const input = { GroupId: id, IpPermissions: surplus };
    await (direction === 'Ingress'
      ? clients.ec2.send(new RevokeSecurityGroupIngressCommand(input))
      : clients.ec2.send(new RevokeSecurityGroupEgressCommand(input)));
  }
}

async function authorize(
  clients: Clients,
  direction: Direction,
  GroupId: string,
  IpPermissions: IpPermission[],
): Promise<void> {
  await (direction === 'Ingress'
    ? clients.ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }))
    : clients.ec2.send(new AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions })));
}

/** AWS combines rules of the same ports; each is removed by itself. */
function onePeerEach(permission: IpPermission): IpPermission[] {
  const { IpProtocol, FromPort, ToPort } = permission;
  const ports = {
    IpProtocol,
    ...(FromPort === undefined ? {} : { FromPort }),
    ...(ToPort === undefined ? {} : { ToPort }),
  };
  return [
    ...(permission.IpRanges ?? []).map((range) => ({
      ...ports,
      IpRanges: [{ CidrIp: range.CidrIp }],
    })),
    ...(permission.Ipv6Ranges ?? []).map((range) => ({
      ...ports,
      Ipv6Ranges: [{ CidrIpv6: range.CidrIpv6 }],
    })),
    ...(permission.UserIdGroupPairs ?? []).map((pair) => ({
      ...ports,
      UserIdGroupPairs: [{ GroupId: pair.GroupId }],
    })),
    ...(permission.PrefixListIds ?? []).map((prefix) => ({
      ...ports,
      PrefixListIds: [{ PrefixListId: prefix.PrefixListId }],
    })),
  ];
}

/** A rule of a template in the form of the EC2 API. */
function permissionOf(rule: Readonly<Record<string, unknown>>): IpPermission {
  const peer = (...names: readonly string[]): string | undefined => {
    const values = names.map((name) => rule[name]);
    return values.find((one) => typeof one === 'string');
  };
  const text = rule['Description'];
  const described = typeof text === 'string' ? { Description: text } : {};
  const cidr = peer('CidrIp');
  const cidrV6 = peer('CidrIpv6');
  const other = peer('SourceSecurityGroupId', 'DestinationSecurityGroupId');
  const prefix = peer('SourcePrefixListId', 'DestinationPrefixListId');
  return {
    IpProtocol: String(rule['IpProtocol']),
    ...(rule['FromPort'] === undefined ? {} : { FromPort: Number(rule['FromPort']) }),
    ...(rule['ToPort'] === undefined ? {} : { ToPort: Number(rule['ToPort']) }),
    ...(cidr === undefined ? {} : { IpRanges: [{ CidrIp: cidr, ...described }] }),
    ...(cidrV6 === undefined ? {} : { Ipv6Ranges: [{ CidrIpv6: cidrV6, ...described }] }),
    ...(other === undefined ? {} : { UserIdGroupPairs: [{ GroupId: other, ...described }] }),
    ...(prefix === undefined ? {} : { PrefixListIds: [{ PrefixListId: prefix, ...described }] }),
  };
}

/** A separate rule has no properties to set: it exists or not. */
function rule(direction: Direction): Restorer {
  return {
    set: () => Promise.resolve(),
    make: async ({ clients, resource }) =>
      authorize(clients, direction, String(resource.properties['GroupId']), [
        permissionOf(resource.properties),
      ]),
  };
}

/** Security groups that the stack created, and rules that it added to others. */
export const restoreNetwork: Readonly<Record<string, Restorer>> = {
  'AWS::EC2::SecurityGroup': group,
  'AWS::EC2::SecurityGroupIngress': rule('Ingress'),
  'AWS::EC2::SecurityGroupEgress': rule('Egress'),
};
