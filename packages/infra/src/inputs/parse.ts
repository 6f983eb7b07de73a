import { nearMisses } from '@sluice/proxy/near-miss';
import type { InputSpec } from './spec.ts';
import { isRecord } from '../values.ts';

/** A parsed value, or its problems; never both. */
export type Parsed = { readonly value: unknown } | { readonly problems: readonly string[] };

/**
 * Checks one value against its spec. Conversions are Terraform's: "1800" is a number, 12 is a string, "true" is a
 * boolean; nothing else is converted.
 * @param path how messages refer to the value, for example `Auth[0].SecretName`
 */
export function parseValue(path: string, value: unknown, spec: InputSpec): Parsed {
  return parsers[spec.type](path, value, spec);
}

const parsers: Readonly<
  Record<InputSpec['type'], (path: string, value: unknown, spec: InputSpec) => Parsed>
> = {
  string: parseString,
  integer: parseInteger,
  boolean: parseBoolean,
  map: parseMap,
  strings: (path, value, spec) =>
    parseList(path, value, (entry, at) => parseString(at, entry, spec)),
  objects: (path, value, spec) =>
    parseList(path, value, (entry, at) => parseFields(at, entry, spec.fields ?? {})),
};

/** Checks an object against a table of fields, reports unknown, missing and wrong ones, and fills in defaults. */
export function parseFields(
  path: string,
  value: unknown,
  fields: Readonly<Record<string, InputSpec>>,
): Parsed {
  if (!isRecord(value)) {
    return wrong(path, value, `an object with ${Object.keys(fields).join(', ')}`);
  }
  const problems: string[] = [];
  for (const name of Object.keys(value)) {
    if (!(name in fields)) {
      problems.push(`${path} has no field ${name}${didYouMean(name, Object.keys(fields))}`);
    }
  }
  const result: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(fields)) {
    const given = value[name];
    if (given === undefined || given === null) {
      if (spec.required === true) {
        problems.push(`${path}.${name} is missing: ${spec.doc}`);
      }
      result[name] = spec.default ?? (spec.type === 'objects' ? [] : undefined);
      continue;
    }
    const parsed = parseValue(`${path}.${name}`, given, spec);
    if ('problems' in parsed) {
      problems.push(...parsed.problems);
    } else {
      result[name] = parsed.value;
    }
  }
  return problems.length > 0 ? { problems } : { value: result };
}

/**
 * The candidates that are most similar to a mistyped word, at most three. Names of AWS resources are long and similar.
 */
export function nearest(word: string, candidates: Iterable<string>): string[] {
  return nearMisses(word, candidates, Math.max(2, Math.floor(word.length / 4))).slice(0, 3);
}

/** `; did you mean x or y?`, or an empty text. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const near = nearest(word, candidates);
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
}

function parseString(path: string, value: unknown, spec: InputSpec): Parsed {
  // Terraform converts numbers and booleans to strings where a string is expected.
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    // A value that may be secret must not appear in a log.
    return spec.sensitive === true
      ? { problems: [`${path} must be a string`] }
      : wrong(path, value, 'a string');
  }
  const text = String(value);
  if (text === '') {
    return { problems: [`${path} is empty`] };
  }
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    const near = didYouMean(text, spec.choices.map(String));
    return { problems: [`${path} is "${text}"; it must be ${spec.choices.join(' or ')}${near}`] };
  }
  if (spec.pattern !== undefined && !spec.pattern.expression.test(text)) {
    return { problems: [`${path} is "${text}"; it must be ${spec.pattern.shape}`] };
  }
  if (spec.max !== undefined && text.length > spec.max) {
    return { problems: [`${path} has ${text.length} characters; at most ${spec.max} are allowed`] };
  }
  return { value: text };
}

function parseInteger(path: string, value: unknown, spec: InputSpec): Parsed {
  // 60.0 is an integer, too.
  const number =
    typeof value === 'string' && /^-?\d+(?:\.0*)?$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) {
    return wrong(path, value, 'a whole number');
  }
  if (spec.choices !== undefined && !spec.choices.includes(number)) {
    return { problems: [`${path} is ${number}; it must be one of ${spec.choices.join(', ')}`] };
  }
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER, unit = '' } = spec;
  if (number < min || number > max) {
    return { problems: [`${path} is ${number}; it must be ${min} to ${max} ${unit}`.trimEnd()] };
  }
  return { value: number };
}

function parseBoolean(path: string, value: unknown): Parsed {
  if (value === true || value === 'true') {
    return { value: true };
  }
  if (value === false || value === 'false') {
    return { value: false };
  }
  return wrong(path, value, 'true or false');
}

function parseMap(path: string, value: unknown, spec: InputSpec): Parsed {
  if (!isRecord(value)) {
    return wrong(path, value, 'a map such as { Name = "value" }');
  }
  const entries = Object.entries(value);
  const problems = entries.flatMap(([key, entry]) =>
    typeof entry === 'string' || typeof entry === 'number' || typeof entry === 'boolean'
      ? []
      : [`${path}.${key} is ${shown(entry)}; the values of ${path} must be strings`],
  );
  if (entries.length < (spec.min ?? 0)) {
    problems.push(`${path} is empty; give at least ${spec.min} entry`);
  }
  if (entries.length > (spec.max ?? Infinity)) {
    problems.push(`${path} has ${entries.length} entries; at most ${spec.max} are allowed`);
  }
  return problems.length > 0
    ? { problems }
    : { value: Object.fromEntries(entries.map(([key, entry]) => [key, String(entry)])) };
}

function parseList(
  path: string,
  value: unknown,
  each: (entry: unknown, path: string) => Parsed,
): Parsed {
  if (!Array.isArray(value)) {
    return wrong(path, value, 'a list');
  }
  const parsed = value.map((entry: unknown, index) => each(entry, `${path}[${index}]`));
  const problems = parsed.flatMap((entry) => ('problems' in entry ? entry.problems : []));
  return problems.length > 0
    ? { problems }
    : { value: parsed.map((entry) => ('value' in entry ? entry.value : undefined)) };
}

function wrong(path: string, value: unknown, expected: string): Parsed {
  return { problems: [`${path} is ${shown(value)}; it must be ${expected}`] };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
