import type { Change } from '../plan/changes.ts';
import { ruleLine, securityPropertyLines } from './security-text.ts';
import { dereferenced, parts, plainText, shownValue } from './value-text.ts';

type Property = Change['properties'][number];

/** What a change adds or modifies, one line for each property. */
export function propertyLines(change: Change): string[] {
  const direction = /^AWS::EC2::SecurityGroup(Ingress|Egress)$/.exec(change.type)?.[1];
  if (direction !== undefined && change.action === 'add') {
    return [ruleOfGroup(direction === 'Ingress' ? 'Ingress' : 'Egress', change)];
  }
  return change.properties.flatMap((property) =>
    change.action === 'add' ? additionLines(property) : updateLines(property),
  );
}

function ruleOfGroup(direction: 'Ingress' | 'Egress', { properties }: Change): string {
  const rule = Object.fromEntries(properties.map(({ name, to }) => [name, to]));
  return `${plainText(rule['GroupId'])}: ${ruleLine(direction, rule)}`;
}

function additionLines({ name, to }: Property): string[] {
  const access = securityPropertyLines(name, to);
  if (access !== undefined) {
    return access;
  }
  if (name === 'Auth' && Array.isArray(to)) {
    return [`Auth: ${secretsText(to)}`];
  }
  return [...parts(dereferenced(to), name)].map(
    ([path, value]) => `${short(path)}: ${shownValue(value)}`,
  );
}

/** `2 secrets: orders-database, orders-reader (IAM)`. */
function secretsText(entries: readonly unknown[]): string {
  const names = entries.map((entry) => {
    const fields = new Map(Object.entries(entry ?? {}));
    const arn = plainText(fields.get('SecretArn'));
    const name = /:secret:(.+)-[A-Za-z0-9]{6}$/.exec(arn)?.[1] ?? arn;
    return fields.get('IAMAuth') === 'REQUIRED' ? `${name} (IAM)` : name;
  });
  return `${names.length} secret${names.length === 1 ? '' : 's'}: ${names.join(', ')}`;
}

/** Only the parts that differ: a changed setting is one line, however long the property is that contains it. */
function updateLines({ name, from, to }: Property): string[] {
  const before = securityPropertyLines(name, from ?? []);
  const after = securityPropertyLines(name, to ?? []);
  if (before !== undefined && after !== undefined) {
    return [
      ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
      ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
    ];
  }
  if (name === 'Auth' && Array.isArray(from) && Array.isArray(to)) {
    const [was, is] = [secretsText(from), secretsText(to)];
    if (was !== is) {
      return [`Auth: ${was} -> ${is}`];
    }
  }
  const was = from === undefined ? new Map<string, unknown>() : parts(dereferenced(from), name);
  const is = to === undefined ? new Map<string, unknown>() : parts(dereferenced(to), name);
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((path) => plainText(was.get(path)) !== plainText(is.get(path)))
    .map((path) => `${short(path)}: ${shownValue(was.get(path))} -> ${shownValue(is.get(path))}`);
}

/** The settings of a container are shown by their own names. */
function short(path: string): string {
  return path.replace(/^ContainerDefinitions\.[^.]+\.(?:Environment\.|Secrets\.)?/, '');
}
