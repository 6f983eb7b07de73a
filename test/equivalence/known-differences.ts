import { textsOf, withTexts } from './script.ts';
import type { Script } from './script.ts';
import type { ThemeName } from './themes.ts';

/*
 * Differences that are known. Each stands in docs/pinning.md ("Differences from a direct connection") with its reason, and a test
 * compares the names there with these.
 */

/**
 * Differences that no script runs into, for what `statements.ts`, `scripts.ts` and `stage.ts` do about them.
 *
 * Each run of a function that may set something that its body does not name has a text of its own: its first runs are
 * always looked at. A proxy knows who asks for currval() before scripts begin.
 */
export const leftOut: readonly string[] = [
  'connections that PostgreSQL ends',
  'custom parameters that nobody has set',
  'the result of set_config() with NULL',
  'values that PostgreSQL no longer accepts',
  "a session's own hidden state, when others want its connection",
  'The first currval() or lastval() of an application',
];

/** A difference that no script is to run into: what would is changed. */
interface Avoided {
  readonly name: string;
  /** Scripts about this theme run into it all the same: there it is no known difference any more. */
  readonly theme?: ThemeName;
  readonly avoid: (script: Script) => Script;
}

/** A difference in one message, where each side may be as it is. */
interface Allowed {
  readonly name: string;
  /** Whether a message may stand for the one that was expected; both are a code and the bytes of the body. */
  readonly allows: (expected: string, got: string) => boolean;
}

/** Takes EXECUTE out of the texts that match. */
function withoutExecute(pattern: RegExp): Avoided['avoid'] {
  return (script) =>
    withTexts(script, (text) =>
      pattern.test(text) ? text.replaceAll(/\bexecute [^;]*/gi, 'SELECT 1') : text,
    );
}

/** Texts that may change how texts are read. */
const rereads =
  /standard_conforming_strings|client_encoding|names|reset all|discard all|set_config\(n/i;

/** What is not read while it is in doubt how. */
const unsure = /[\\\u0080-\uffff]/g;

/** Texts that use names. */
const naming = /\b(prepare|deallocate|execute)\b/i;

export const avoided: readonly Avoided[] = [
  {
    name: 'startup values that are invalid in the encoding of the database',
    // It is UTF8, whatever the client encoding: PostgreSQL takes startup values as they are.
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
  /** Of a message, and those after it. */
  readonly isMissing: (message: string, rest: readonly string[]) => boolean;
}[] = [
  {
    name: 'the warning that there is no transaction',
    isMissing: (message) =>
      message.startsWith('N') && message.includes('SET LOCAL can only be used'),
  },
  {
    name: 'the error of a statement in a failed transaction',
    // PostgreSQL describes a statement without rows even then; here it has to be prepared first, which is refused.
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
