import { isRecord, list, record, stableJson } from '../values.ts';

/** The longest value that is shown completely, in characters. */
const longest = 120;

/**
 * A value on one line: text as it is, references as `${Id}`; long values are shortened, with a mark and their length.
 */
export function shownValue(value: unknown): string {
  const text = plainText(value);
  return text.length > longest
    ? `${text.slice(0, longest - 40)}… (${text.length} characters; --json has all of it)`
    : text;
}

/** A value as text, with its references to other resources as `${Id}`. */
export function plainText(value: unknown): string {
  if (value === undefined) {
    return 'not set';
  }
  const plain = dereferenced(value);
  if (typeof plain === 'string') {
    return plain;
  }
  return Array.isArray(plain) && plain.every((entry) => !isRecord(entry) && !Array.isArray(entry))
    ? plain.map(String).join(', ')
    : stableJson(plain);
}

/** The value with CloudFormation's functions replaced by the text that they evaluate to, as far as that is known. */
export function dereferenced(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(dereferenced);
  }
  if (!isRecord(value)) {
    return value;
  }
  const { Ref: reference } = value;
  if (typeof reference === 'string') {
    return `\${${reference}}`;
  }
  if ('Fn::GetAtt' in value) {
    return `\${${list(value['Fn::GetAtt']).join('.')}}`;
  }
  if ('Fn::Join' in value) {
    const [separator, parts] = list(value['Fn::Join']);
    return list(parts).map(plainText).join(String(separator));
  }
  if ('Fn::Select' in value) {
    const [index, from] = list(value['Fn::Select']);
    const [separator, text] = list(record(from)['Fn::Split']);
    // A part of a text that only AWS knows: `${Proxy.Arn}[6, split at :]`.
    return text === undefined
      ? `${plainText(from)}[${String(index)}]`
      : `${plainText(text)}[${String(index)}, split at ${String(separator)}]`;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, dereferenced(entry)]),
  );
}

/** The parts of a value by their paths: `Environment.SLUICE_POOL_SIZE`, `ConnectionPoolConfigurationInfo.InitQuery`. */
export function parts(value: unknown, path = ''): Map<string, unknown> {
  const below = (entries: readonly (readonly [string, unknown])[]): Map<string, unknown> =>
    new Map(
      entries.flatMap(([key, entry]) => [...parts(entry, path === '' ? key : `${path}.${key}`)]),
    );
  if (Array.isArray(value)) {
    const named = value.map(nameOf);
    return named.every((entry) => entry !== undefined) && value.length > 0
      ? below(named.map((entry) => [entry.name, entry.value] as const))
      : new Map([[path, value]]);
  }
  return isRecord(value) && Object.keys(value).length > 0
    ? below(Object.entries(value))
    : new Map([[path, value]]);
}

/** An entry of a list that one of its fields names, as with tags, settings and containers. */
function nameOf(entry: unknown): { readonly name: string; readonly value: unknown } | undefined {
  const fields = record(entry);
  const key = ['Key', 'Name'].find((one) => typeof fields[one] === 'string');
  if (key === undefined) {
    return undefined;
  }
  const { [key]: name, ...rest } = fields;
  const keys = Object.keys(rest);
  const [only = ''] = keys;
  return {
    name: String(name),
    value: keys.length === 1 && /^Value(?:From)?$/.test(only) ? rest[only] : rest,
  };
}
