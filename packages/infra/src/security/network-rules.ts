import type { Template } from '../resolve/template.ts';
import { list, record, stableJson } from '../values.ts';
import type { Rule, Violation } from './rule.ts';

/** One rule of a security group in a template, inline or as a separate resource. */
interface TemplateRule {
  readonly resource: string;
  readonly from: number;
  readonly to: number;
  readonly cidr?: string;
  /** The group on the other side; an id, or a reference as JSON. */
  readonly group?: string;
}

function rulesOf(template: Template, direction: 'Ingress' | 'Egress'): TemplateRule[] {
  const inline = template
    .ofType('AWS::EC2::SecurityGroup')
    .flatMap(({ id, properties }) =>
      list(properties[`SecurityGroup${direction}`]).map((entry) => ruleOf(id, record(entry))),
    );
  const own = template
    .ofType(`AWS::EC2::SecurityGroup${direction}`)
    .map(({ id, properties }) => ruleOf(id, properties));
  return [...inline, ...own];
}

function ruleOf(resource: string, entry: Readonly<Record<string, unknown>>): TemplateRule {
  const all = String(entry['IpProtocol']) === '-1';
  const cidr = entry['CidrIp'] ?? entry['CidrIpv6'];
  const group = entry['SourceSecurityGroupId'] ?? entry['DestinationSecurityGroupId'];
  return {
    resource,
    from: all ? 0 : Number(entry['FromPort']),
    to: all ? 65_535 : Number(entry['ToPort']),
    ...(typeof cidr === 'string' ? { cidr } : {}),
    ...(group === undefined ? {} : { group: stableJson(group) }),
  };
}

const world = new Set(['0.0.0.0/0', '::/0']);

/** Only clients may reach the proxy's port. */
export const openPort: Rule = {
  id: 'SLUICE-OPEN-PORT',
  title: 'no port is open to the whole world',
  why: 'Anyone can try to log in to a database port that is open to everyone.',
  fix: 'name the clients’ security groups (ClientSecurityGroupIds) or their address ranges (ClientCidrs)',
  run: (template, model) => [
    ...rulesOf(template, 'Ingress')
      .filter((rule) => world.has(rule.cidr ?? ''))
      .map((rule) => ({
        resource: rule.resource,
        detail: `ports ${rule.from} to ${rule.to} are open to ${rule.cidr}`,
      })),
    // A given group is in no template, but its rules count all the same.
    ...model.resolved.open_group_rules.map((rule) => ({
      resource: 'SecurityGroupIds',
      detail: `a given group is open to everybody: ${rule}`,
    })),
  ],
};

/** The proxy may connect only to the database and to the AWS endpoints. */
export const egress: Rule = {
  id: 'SLUICE-EGRESS',
  title: 'outbound only to the database and AWS endpoints',
  why: 'A proxy that can reach anything can carry the data anywhere.',
  fix: 'allow outbound traffic only to the groups of the database and the tasks, and to port 443',
  run: (template, model) => {
    const own = new Set(template.ofType('AWS::EC2::SecurityGroup').map(({ id }) => id));
    const known = (group: string): boolean =>
      model.resolved.database_security_group_ids.some((id) => group === JSON.stringify(id)) ||
      [...own].some((id) => group.includes(`"${id}"`));
    return rulesOf(template, 'Egress').flatMap((rule): Violation[] => {
      const allowed =
        (rule.from === 443 && rule.to === 443) ||
        (rule.group !== undefined && known(rule.group)) ||
        // This is how CDK writes "no outbound rule at all".
        rule.cidr === '255.255.255.255/32';
      return allowed
        ? []
        : [
            {
              resource: rule.resource,
              detail: `ports ${rule.from} to ${rule.to} are open outward to ${rule.cidr ?? rule.group}`,
            },
          ];
    });
  },
};
