import type { IpPermission } from '@aws-sdk/client-ec2';
import type { Clients } from '../aws/clients.ts';
import { readGroupsById, ruleOf } from '../resolve/network.ts';
import type { Rule, SecurityGroup } from '../resolve/facts.ts';
import { peerOf, type TemplateResource } from '../resolve/template.ts';
import { list, record } from '../values.ts';
import { Compared, type LiveReader } from './live.ts';

export type Direction = 'Ingress' | 'Egress';

const group: LiveReader = async ({ clients, resource, id, all }) => {
  const live = await groupOf(clients, id);
  return live === undefined
    ? undefined
    : {
        SecurityGroupIngress: extra('Ingress', resource, id, all, live),
        SecurityGroupEgress: extra('Egress', resource, id, all, live),
      };
};

/** The rules of a group are part of it or separate resources: all of them together are what was applied. */
export function rulesOfGroup(
  direction: Direction,
  { properties }: TemplateResource,
  id: string,
  all: readonly TemplateResource[],
): Readonly<Record<string, unknown>>[] {
  const inline = list(properties[`SecurityGroup${direction}`]).map(record);
  const beside = all
    .filter((other) => other.type === `AWS::EC2::SecurityGroup${direction}`)
    .map((other) => other.properties)
    .filter((rule) => rule['GroupId'] === id);
  const rules = [...inline, ...beside];
  // A group without outbound rules gets AWS's default rule, which allows everything.
  return direction === 'Egress' && rules.length === 0
    ? [{ IpProtocol: '-1', CidrIp: '0.0.0.0/0' }]
    : rules;
}

function extra(
  direction: Direction,
  resource: TemplateResource,
  id: string,
  all: readonly TemplateResource[],
  live: SecurityGroup,
): Compared {
  const rules = rulesOfGroup(direction, resource, id, all);
  const applied = rules.map((rule) => templateRule(direction, rule));
  return new Compared(unique(applied), unique(liveRules(direction, live)));
}

/** A separate rule of a group. Other rules of the group are reported with the group, if it is ours. */
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

/** `tcp 5432 from sg-1`: one line for each peer of a rule, in the same form for templates and for AWS's answers. */
function line(direction: Direction, ports: string, peer: string): string {
  return `${ports} ${direction === 'Ingress' ? 'from' : 'to'} ${peer}`;
}

/** A rule of a template as one line. */
export function templateRule(
  direction: Direction,
  rule: Readonly<Record<string, unknown>>,
): string {
  return line(
    direction,
    portsOf(String(rule['IpProtocol']), rule['FromPort'], rule['ToPort']),
    String(peerOf(rule)),
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

/** A permission of one peer, as EC2 returns it, as one line. */
export function liveLine(direction: Direction, permission: IpPermission): string {
  return liveRules(direction, {
    id: '',
    name: '',
    ingress: [ruleOf(permission)],
    egress: [ruleOf(permission)],
  }).join();
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

/** Security groups that the stack created, and rules that it added to others. */
export const liveNetwork: Readonly<Record<string, LiveReader>> = {
  'AWS::EC2::SecurityGroup': group,
  'AWS::EC2::SecurityGroupIngress': rule('Ingress'),
  'AWS::EC2::SecurityGroupEgress': rule('Egress'),
};
