import { textsOf, withTexts } from './script.ts';
import type { Script } from './script.ts';
import type { ThemeName } from './themes.ts';

/*
 * Known differences. docs/pinning.md ("Differences from a direct connection") describes each one and its reason; a test
 * compares the names there with these.
 */

/**
 * Differences that scripts avoid through `statements.ts`, `scripts.ts` and `stage.ts`.
 *
 * Each run of a function that may set a parameter without naming it in its body has a text of its own: the proxy probes
 * after the first runs of each text. Before the scripts start, the proxy knows which applications use currval().
 */
export const leftOut: readonly string[] = [
  'connections that PostgreSQL ends',
  'custom parameters that nobody has set',
  'the result of set_config() with NULL',
  'values that PostgreSQL no longer accepts',
  "a session's own hidden state, when others want its connection",
  'The first currval() or lastval() of an application',
];

/** A difference that no script may cause: scripts that would are changed. */
interface Avoided {
  readonly name: string;
  /** Scripts about this theme may cause it: there it is no longer a known difference. */
  readonly theme?: ThemeName;
  readonly avoid: (script: Script) => Script;
}

/** A difference in one message, for which either side is correct. */
interface Allowed {
  readonly name: string;
  /** Whether a message may replace the expected one; both are a code and the bytes of the body. */
  readonly allows: (expected: string, got: string) => boolean;
}

/** Removes EXECUTE from matching texts. */
function withoutExecute(pattern: RegExp): Avoided['avoid'] {
  return (script) =>
    withTexts(script, (text) =>
      pattern.test(text) ? text.replaceAll(/\bexecute [^;]*/gi, 'SELECT 1') : text,
    );
}

/** Texts that may change how texts are parsed. */
const rereads =
  /standard_conforming_strings|client_encoding|names|reset all|discard all|set_config\(n/i;

/** What is not parsed while the parsing rules are uncertain. */
const unsure = /[\\\u0080-\uffff]/g;

/** Texts that use names. */
const naming = /\b(prepare|deallocate|execute)\b/i;

/** Changes of the start values of a role or a database. */
const changesStart = /\balter (role|database)\b[^;]*\bset\b/i;

export const avoided: readonly Avoided[] = [
  {
    name: 'a reload after ALTER ROLE or ALTER DATABASE SET',
    avoid: (script) =>
      changesStart.test(JSON.stringify(script))
        ? script.filter((step) => !('world' in step && step.world.includes('pg_reload_conf')))
        : script,
  },
  {
    name: 'startup values that are invalid in the encoding of the database',
    // It is UTF8, whatever the client encoding: PostgreSQL takes startup values unchanged.
    avoid: (script) =>
      script.map((step) =>
        'connect' in step && step.as === 'latin1' ? { ...step, as: 'utf8' } : step,
      ),
  },
  {
    name: 'names in texts with backslashes',
    avoid: (script) =>
      script.flatMap(textsOf).some((text) => rereads.test(text))
        ? withTexts(script, (text) => (naming.test(text) ? text.replaceAll(unsure, '/') : text))
        : script,
  },
  {
    name: 'isolation levels in one text with EXECUTE',
    avoid: withoutExecute(/isolation level|transaction snapshot/i),
  },
  {
    name: 'EXECUTE behind the end of a failed transaction in one text',
    avoid: withoutExecute(/(^|;)\s*(rollback(?! to)|commit|end|abort|prepare transaction)\b/i),
  },
];

const fieldC = /\0C([^\0]*)/;
const sqlstateOf = (message: string): string | undefined =>
  message.startsWith('E') ? fieldC.exec(message)?.[1] : undefined;

/** Messages that may be missing behind the pool. */
export const missing: readonly {
  readonly name: string;
  /** Gets a message, and those after it. */
  readonly isMissing: (message: string, rest: readonly string[]) => boolean;
}[] = [
  {
    name: 'the warning that there is no transaction',
    isMissing: (message) =>
      message.startsWith('N') && message.includes('SET LOCAL can only be used'),
  },
  {
    name: 'the error of a statement in a failed transaction',
    // PostgreSQL describes a statement without rows even then; here it first has to be prepared, which is refused.
    isMissing: (message, rest) =>
      /^[tn]/.test(message) &&
      sqlstateOf(rest.find((other) => !/^[tn]/.test(other)) ?? '') === '25P02',
  },
];

export const allowed: readonly Allowed[] = [
  {
    name: 'the error of a statement that can no longer be parsed',
    // The wrong number of parameters of an EXECUTE.
    allows: (expected, got) =>
      /wrong number of parameters for prepared/.test(expected) &&
      ['42P01', '42883'].includes(sqlstateOf(got) ?? ''),
  },
  {
    name: 'the error of a statement in a failed transaction',
    allows: (expected, got) => sqlstateOf(expected) !== undefined && sqlstateOf(got) === '25P02',
  },
  {
    name: 'the error for a name in pg_temp',
    allows: (expected, got) =>
      expected.includes('schema "pg_temp" does not exist') && sqlstateOf(got) !== undefined,
  },
  {
    name: 'quotes around the name of a function in errors',
    allows: (expected, got) =>
      sqlstateOf(expected) !== undefined &&
      expected.replaceAll('"', '') === got.replaceAll('"', ''),
  },
];
