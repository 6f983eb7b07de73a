import type { TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';

// All problems are reported at once; the default is 8.
Settings.Set({ maxErrors: 500 });

/** One problem of a value, with its position. */
export interface SchemaProblem {
  /** The path from the top of the value to the problem. */
  readonly keys: readonly string[];
  readonly message: string;
}

type SchemaError = ReturnType<typeof Value.Errors>[number];

/**
 * The problems of a value, in sentences. For a union, only those of the intended member: the one with the same
 * `generate`.
 */
export function schemaProblems(schema: TSchema, value: unknown): SchemaProblem[] {
  const errors = Value.Errors(schema, value);
  const meant = new Map<string, SchemaError[]>();
  const problems: SchemaProblem[] = [];
  for (const error of errors) {
    const union = /^(.*\/anyOf)\/(\d+)(\/|$)/.exec(error.schemaPath);
    if (union === null) add(problems, error);
    else {
      const key = `${unionPlace(error)} ${union[1]}`;
      meant.set(key, [...(meant.get(key) ?? []), error]);
    }
  }
  for (const group of meant.values()) addUnion(problems, group);
  return problems;
}

/** The path of the value that an error of a union concerns: the part that all members share. */
function unionPlace({ schemaPath, instancePath }: SchemaError): string {
  const inside =
    schemaPath.slice(schemaPath.lastIndexOf('/anyOf/')).split('/properties/').length - 1;
  return inside === 0 ? instancePath : instancePath.split('/').slice(0, -inside).join('/');
}

function addUnion(problems: SchemaProblem[], group: readonly SchemaError[]): void {
  const members = Map.groupBy(group, ({ schemaPath }) => /\/anyOf\/(\d+)/.exec(schemaPath)?.[1]);
  const isOther = (errors: readonly SchemaError[]): boolean =>
    errors.some(
      ({ keyword, schemaPath, params }) =>
        keyword === 'const' ||
        (keyword === 'type' && /\/anyOf\/\d+$/.test(schemaPath)) ||
        (keyword === 'required' && isTag(params)),
    );
  const [chosen] = [...members.values()].filter((errors) => !isOther(errors));
  if (chosen !== undefined) {
    for (const error of chosen) add(problems, error);
    return;
  }
  const [first] = group;
  if (first === undefined) return;
  const tags = group.flatMap(({ keyword, params }) =>
    keyword === 'const' && 'allowedValue' in params ? [JSON.stringify(params.allowedValue)] : [],
  );
  const missing = new Set(
    group.flatMap(({ keyword, params }) =>
      keyword === 'required' && 'requiredProperties' in params
        ? params.requiredProperties.filter((name) => unionTags.includes(name))
        : [],
    ),
  );
  const wanted =
    tags.length > 0
      ? `must be one of ${tags.join(', ')}`
      : missing.size > 0
        ? `lacks ${[...missing].join(' or ')}`
        : 'is none of the kinds that are allowed here';
  problems.push({
    keys: keysOf(unionPlace(first)),
    message: `${nameOf(unionPlace(first))} ${wanted}`,
  });
}

/** The properties that distinguish the members of a union. */
const unionTags: readonly string[] = ['generate', 'think', 'statement'];

function isTag(params: object): boolean {
  return (
    'requiredProperties' in params &&
    Array.isArray(params.requiredProperties) &&
    params.requiredProperties.some((name) => unionTags.some((tag) => tag === name))
  );
}

function add(problems: SchemaProblem[], error: SchemaError): void {
  const { keyword, instancePath, params, message } = error;
  // Already reported by `additionalProperties` and by the members of the union.
  if (keyword === 'boolean' || keyword === 'anyOf') return;
  const keys = keysOf(instancePath);
  const name = nameOf(instancePath);
  if (keyword === 'additionalProperties' && 'additionalProperties' in params) {
    for (const unknown of params.additionalProperties)
      problems.push({ keys: [...keys, unknown], message: `"${unknown}" is not known here` });
    return;
  }
  if (keyword === 'required' && 'requiredProperties' in params) {
    const missing = params.requiredProperties;
    problems.push({ keys, message: `${name} lacks ${missing.join(' and ')}` });
    return;
  }
  problems.push({ keys, message: `${name} ${message}` });
}

function keysOf(instancePath: string): string[] {
  return instancePath
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** For example `transactions[0].weight`; the whole value is the file. */
function nameOf(instancePath: string): string {
  const keys = keysOf(instancePath);
  if (keys.length === 0) return 'the file';
  return keys
    .map((key, at) => (/^\d+$/.test(key) ? `[${key}]` : at === 0 ? key : `.${key}`))
    .join('');
}
