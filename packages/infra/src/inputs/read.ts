import { InfraError } from '../errors.ts';
import { parseHcl } from './hcl.ts';
import { didYouMean, parseFields, parseValue } from './parse.ts';
import { alternatives, ofOneInput, relations } from './relations.ts';
import { collect, type Raw, type Sources } from './sources.ts';
import type { InputSpec } from './spec.ts';
import { inputTable, nineInputs, type Inputs } from './table.ts';

const specs: Readonly<Record<string, InputSpec>> = inputTable;

/** The inputs, and where each one was given. */
export interface ReadInputs {
  readonly inputs: Inputs;
  readonly origins: Readonly<Record<string, string>>;
  /** Unknown names in files that were found automatically; as in Terraform, they are no error. */
  readonly warnings: readonly string[];
}

/**
 * Reads and checks every input; reports all problems at once.
 * @throws InfraError INPUTS_UNREADABLE or INPUTS_INVALID
 */
export async function readInputs(sources: Sources): Promise<ReadInputs> {
  const raw = await collect(sources, new Set(Object.keys(specs)));
  const origins = Object.fromEntries(
    [...raw]
      .filter(([name, entry]) => name in specs && entry.value !== null)
      .map(([name, entry]) => [name, entry.where]),
  );
  const problems: string[] = [];
  const warnings: string[] = [];
  const given: Record<string, unknown> = {};
  for (const [name, entry] of raw) {
    const spec = specs[name];
    if (entry.value === null) {
      // As in Terraform, null means not given.
      continue;
    }
    if (spec === undefined && entry.automatic === true) {
      warnings.push(`${entry.where}: there is no input ${name}${whyUnknown(name)}`);
      continue;
    }
    if (spec === undefined) {
      problems.push(`${entry.where}: there is no input ${name}${whyUnknown(name)}`);
      continue;
    }
    const parsed = parseValue(name, await decoded(entry, spec), spec);
    if ('problems' in parsed) {
      problems.push(...parsed.problems.map((problem) => `${entry.where}: ${problem}`));
    } else {
      given[name] = parsed.value;
    }
  }
  const missing = nineInputs.filter(
    (name) => specs[name]?.required === true && raw.get(name) === undefined,
  );
  problems.push(...missing.map((name) => `the input ${name} is missing: ${specs[name]?.doc}`));
  if (problems.length > 0) {
    const others = [
      ...ofOneInput(given),
      ...alternatives(withDefaults(given), new Set(raw.keys())),
    ];
    throw new InfraError('INPUTS_INVALID', [
      ...problems,
      ...others.map((problem) => located(problem, origins)),
    ]);
  }
  try {
    return { inputs: checkInputs(given), origins, warnings };
  } catch (error) {
    if (error instanceof InfraError) {
      const detail = error.problems.map((problem) => located(problem, origins));
      throw new InfraError(error.code, detail, { cause: error });
    }
    throw error;
  }
}

/** A problem of inputs that contradict each other, with the position of the first of them that was given. */
function located(problem: string, origins: ReadInputs['origins']): string {
  // A missing input has no position; the problem also names the inputs that could be given instead.
  const where = /^the input \w+ is missing/.test(problem) ? undefined : originOf(problem, origins);
  return where === undefined ? problem : `${where}: ${problem}`;
}

/** The position of the first input that a text names; undefined if it names none. */
export function originOf(text: string, origins: ReadInputs['origins']): string | undefined {
  const named = text.split(/\W+/).find((word) => Object.hasOwn(origins, word));
  return named === undefined ? undefined : origins[named];
}

/**
 * Checks inputs that are values already, fills in defaults, and checks how they relate to each other.
 * @throws InfraError INPUTS_INVALID
 */
export function checkInputs(given: Readonly<Record<string, unknown>>): Inputs {
  const parsed = parseFields('inputs', given, specs);
  if ('problems' in parsed) {
    throw new InfraError('INPUTS_INVALID', parsed.problems);
  }
  // parseFields has checked every field against the table from which Inputs is derived.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const inputs = withIdleDefault(parsed.value as Inputs, given);
  const problems = relations(inputs, new Set(Object.keys(given)));
  if (problems.length > 0) {
    throw new InfraError('INPUTS_INVALID', problems);
  }
  return inputs;
}

/** The inputs with defaults when some are wrong or missing: enough to report what else is missing. */
function withDefaults(given: Readonly<Record<string, unknown>>): Inputs {
  const defaults = Object.entries(specs).map(([name, spec]) => [
    name,
    spec.default ?? (spec.type === 'objects' ? [] : undefined),
  ]);
  // Only used to see which inputs are present.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { ...Object.fromEntries(defaults), ...given } as Inputs;
}

/** RDS Proxy's own default is half of MaxConnectionsPercent, and 50 if that is at its default. */
function withIdleDefault(inputs: Inputs, given: Readonly<Record<string, unknown>>): Inputs {
  return given['MaxIdleConnectionsPercent'] === undefined
    ? { ...inputs, MaxIdleConnectionsPercent: Math.floor(inputs.MaxConnectionsPercent / 2) }
    : inputs;
}

/**
 * Converts the text of a variable or flag to a value: as it is for strings, HCL for maps and lists, as in Terraform.
 */
async function decoded(entry: Raw, spec: InputSpec): Promise<unknown> {
  const complex = spec.type === 'map' || spec.type === 'strings' || spec.type === 'objects';
  if (entry.text !== true || !complex) {
    return entry.value;
  }
  const parsed = await parseHcl(`value = ${String(entry.value)}\n`, entry.where);
  return parsed.get('value')?.value;
}

function whyUnknown(name: string): string {
  if (name === 'SessionPinningFilters') {
    return ': RDS Proxy accepts it only for MySQL and refuses it for PostgreSQL';
  }
  return didYouMean(name, Object.keys(specs));
}
