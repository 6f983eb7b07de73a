import type { Clients } from '../aws/clients.ts';
import { readGroupsById } from '../resolve/network.ts';
import type { Rule, SecurityGroup } from '../resolve/facts.ts';
import type { TemplateResource } from '../resolve/template.ts';
import { list, record } from '../values.ts';
import { Compared, type LiveReader } from './live.ts';

type Direction = 'Ingress' | 'Egress';

const group: LiveReader = async ({ clients, resource, id, all }) => {
  const live = await groupOf(clients, id);
  return live === undefined
    ? undefined
    : {
        SecurityGroupIngress: extra('Ingress', resource, id, all, live),
        SecurityGroupEgress: extra('Egress', resource, id, all, live),
      };
};

/** Rules of a group stand in it, or beside it as resources of their own: all of them together are what was applied. */
function extra(
  direction: Direction,
  { properties }: TemplateResource,
  id: string,
  all: readonly TemplateResource[],
  live: SecurityGroup,
): Compared {
  const inline = list(properties[`SecurityGroup${direction}`]).map(record);
  const beside = all
    .filter((other) => other.type === `AWS::EC2::SecurityGroup${direction}`)
    .map((other) => other.properties)
    .filter((rule) => rule['GroupId'] === id);
  const applied = [...inline, ...beside].map((rule) => templateRule(direction, rule));
  // Nothing said about outward rules means AWS's own one: everything.
  const expected = direction === 'Egress' && applied.length === 0 ? [everything] : applied;
  return new Compared(unique(expected), unique(liveRules(direction, live)));
}

const everything = 'all to 0.0.0.0/0';

/** A rule beside its group. What else the group has is told of the group, if that is ours. */
function rule(direction: Direction): LiveReader {
  return async ({ clients, resource }) => {
    const live = await groupOf(clients, String(resource.properties['GroupId']));
    const wanted = templateRule(direction, resource.properties);
    return live !== undefined && liveRules(direction, live).includes(wanted) ? {} : undefined;
  };
}

async function groupOf(clients: Clients, id: string): Promise<SecurityGroup | undefined> {
  const [found] = await readGroupsById(clients, [id]);
  return found;
}

/** `tcp 5432 from sg-1`: one line for each peer of a rule, in the same words for templates and for what is live. */
function line(direction: Direction, ports: string, peer: string): string {
  return `${ports} ${direction === 'Ingress' ? 'from' : 'to'} ${peer}`;
}

function templateRule(direction: Direction, rule: Readonly<Record<string, unknown>>): string {
  const peer =
    rule['CidrIp'] ??
    rule['CidrIpv6'] ??
    rule['SourceSecurityGroupId'] ??
    rule['DestinationSecurityGroupId'] ??
    rule['SourcePrefixListId'] ??
    rule['DestinationPrefixListId'];
  return line(
    direction,
    portsOf(String(rule['IpProtocol']), rule['FromPort'], rule['ToPort']),
    String(peer),
  );
}

function liveRules(direction: Direction, live: SecurityGroup): string[] {
  const rules: readonly Rule[] = direction === 'Ingress' ? live.ingress : live.egress;
  return rules.flatMap((entry) =>
    [...entry.cidrs, ...entry.groups, ...entry.prefixLists].map((peer) =>
      line(direction, portsOf(entry.protocol, entry.fromPort, entry.toPort), peer),
    ),
  );
}

function portsOf(protocol: string, from: unknown, to: unknown): string {
  if (protocol === '-1') {
    return 'all';
  }
  return from === to ? `${protocol} ${String(from)}` : `${protocol} ${String(from)}-${String(to)}`;
}

function unique(rules: readonly string[]): string[] {
  return [...new Set(rules)];
}

/** Security groups that the stack made, and rules that it put into others. */
export const liveNetwork: Readonly<Record<string, LiveReader>> = {
  'AWS::EC2::SecurityGroup': group,
  'AWS::EC2::SecurityGroupIngress': rule('Ingress'),
  'AWS::EC2::SecurityGroupEgress': rule('Egress'),
};
