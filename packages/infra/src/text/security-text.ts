import { peerOf } from '../resolve/template.ts';
import { isRecord, list, record } from '../values.ts';
import { plainText } from './value-text.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The statements of a policy document, one per line: who may do what on which resource, and under which condition. */
function policyLines(document: unknown): string[] {
  const statements = [record(document)['Statement']].flat();
  return statements.map((entry) => {
    const statement = record(entry);
    const principal = statement['Principal'];
    const subject = principal === undefined ? '' : ` by ${principalText(principal)}`;
    const resource = statement['Resource'];
    const object = resource === undefined ? '' : ` on ${plainText(resource)}`;
    return `${String(statement['Effect'])} ${plainText(statement['Action'])}${subject}${object}${conditionText(statement['Condition'])}`;
  });
}

function principalText(principal: unknown): string {
  return isRecord(principal)
    ? Object.entries(principal)
        .map(([kind, value]) => `${kind} ${plainText(value)}`)
        .join(', ')
    : plainText(principal);
}

function conditionText(condition: unknown): string {
  const parts = Object.entries(record(condition)).flatMap(([operator, keys]) =>
    Object.entries(record(keys)).map(([key, value]) => `${key} ${operator} ${plainText(value)}`),
  );
  return parts.length === 0 ? '' : ` if ${parts.join(' and ')}`;
}

/** A rule of a security group on one line: `in tcp 5432 from 10.0.0.0/16 (clients)`. */
export function ruleLine(direction: 'Ingress' | 'Egress', rule: Fields): string {
  const peer = plainText(peerOf(rule));
  const ports =
    String(rule['IpProtocol']) === '-1'
      ? 'all'
      : `${String(rule['IpProtocol'])} ${portsText(rule['FromPort'], rule['ToPort'])}`;
  const why = typeof rule['Description'] === 'string' ? ` (${rule['Description']})` : '';
  return direction === 'Ingress'
    ? `in ${ports} from ${peer}${why}`
    : `out ${ports} to ${peer}${why}`;
}

function portsText(from: unknown, to: unknown): string {
  return from === to ? String(from) : `${String(from)}-${String(to)}`;
}

/** The properties of a resource that determine access, as lines; undefined for other properties. */
export function securityPropertyLines(name: string, value: unknown): string[] | undefined {
  switch (name) {
    case 'PolicyDocument':
    case 'AssumeRolePolicyDocument':
      return policyLines(value);
    case 'SecurityGroupIngress':
      return list(value).map((rule) => ruleLine('Ingress', record(rule)));
    case 'SecurityGroupEgress':
      return list(value).map((rule) => ruleLine('Egress', record(rule)));
    default:
      return undefined;
  }
}
