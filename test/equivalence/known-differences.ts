import { textsOf, withTexts } from './script.ts';
import type { Script, Step } from './script.ts';

/*
 * Differences that are known. Each stands in docs/pinning.md ("What a session can tell") with its reason, and a test
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
  'functions that were often seen to leave nothing',
  'currval() and lastval() when an application asks for the first time',
  'literals under another DateStyle',
];

/** A difference that no script is to run into: what would is changed. */
interface Avoided {
  readonly name: string;
  readonly avoid: (script: Script) => Script;
}

/** A difference in one message, where each side may be as it is. */
interface Allowed {
  readonly name: string;
  /** Whether a message may stand for the one that was expected; both are a code and the bytes of the body. */
  readonly allows: (expected: string, got: string) => boolean;
}

/** Texts that put a parameter back to what the client asked for at its start. */
const resets = /\breset\b|discard all|to default|time zone local|default$/i;

/** Literals that mean something else under another value of a parameter. */
const readings = [
  { parameters: /standard_conforming_strings/, literals: /\\/ },
  { parameters: /array_nulls/, literals: /\{NULL\}/ },
  { parameters: /transform_null_equals/, literals: /NULL = NULL/ },
];

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
  {
    name: 'literals under another DateStyle',
    avoid: (script) => {
      const sets = JSON.stringify(script);
      return withTexts(script, (text, isParsed) =>
        readings.some(
          ({ parameters, literals }) =>
            parameters.test(sets) && literals.test(text) && (isParsed || naming.test(text)),
        )
          ? 'SELECT 1'
          : text,
      );
    },
  },
  {
    name: 'start values behind RESET in one write',
    avoid: (script) => {
      const resetting = new Set(
        script.flatMap((step) =>
          textsOf(step).some((text) => resets.test(text)) ? [step.session] : [],
        ),
      );
      return script.map((step): Step =>
        'connect' in step && resetting.has(step.session) ? { ...step, connect: {} } : step,
      );
    },
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
    name: 'which error a statement answers with that cannot be read any more',
    // ParameterDescription comes before PostgreSQL reads the text again; here the text is read first.
    isMissing: (message, [next = '']) =>
      message.startsWith('t') && ['42P01', '42883'].includes(sqlstateOf(next) ?? ''),
  },
  {
    name: 'which error a failed transaction answers with',
    // PostgreSQL describes a statement without rows even then; here it has to be prepared first, which is refused.
    isMissing: (message, rest) =>
      /^[tn]/.test(message) &&
      sqlstateOf(rest.find((other) => !/^[tn]/.test(other)) ?? '') === '25P02',
  },
];

export const allowed: readonly Allowed[] = [
  {
    name: 'which error a statement answers with that cannot be read any more',
    // The wrong number of parameters: in a Bind, in an EXECUTE.
    allows: (expected, got) =>
      /bind message supplies \d+ parameters|wrong number of parameters for prepared/.test(
        expected,
      ) && ['42P01', '42883'].includes(sqlstateOf(got) ?? ''),
  },
  {
    name: 'which error a failed transaction answers with',
    allows: (expected, got) => sqlstateOf(expected) !== undefined && sqlstateOf(got) === '25P02',
  },
  {
    name: 'quotes around the name of a function in errors',
    allows: (expected, got) =>
      sqlstateOf(expected) !== undefined &&
      expected.replaceAll('"', '') === got.replaceAll('"', ''),
  },
];
