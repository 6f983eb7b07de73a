import type { Meaning } from './read-under.ts';
import { lexisOf } from '../sql/index.ts';

/*
 * Names and values of parameters are bytes in the encoding of the database, a character for each: as a startup packet
 * gives them, and as PostgreSQL keeps them. What a client sends and reads is converted by PostgreSQL.
 */

/** Whom a session acts as: set like a parameter, and the last to be set, since it may lose rights by it. */
export const identities: readonly string[] = ['session_authorization', 'role'];

/**
 * Parameters that decide what a statement's text means when PostgreSQL reads it, so that a prepared statement keeps it:
 * everywhere, and in literals (a date is read by DateStyle as soon as it is parsed). A change of search_path is none of
 * them: PostgreSQL then reads the text again.
 */
const meaningful: readonly string[] = [
  'client_encoding',
  'standard_conforming_strings',
  'transform_null_equals',
];
const meaningfulInLiterals: readonly string[] = [
  'array_nulls',
  'backslash_quote',
  'datestyle',
  'default_text_search_config',
  'intervalstyle',
  'lc_monetary',
  'timezone',
  'timezone_abbreviations',
  'xmloption',
];
const allMeaningful = new Set([...meaningful, ...meaningfulInLiterals]);

/** Whether a change of this parameter, by its name in lower case, changes what statements mean. */
export function changesMeaning(name: string): boolean {
  return allMeaningful.has(name);
}

/** An escape string: means the same whatever `standard_conforming_strings` is. */
export function quoteText(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** A parameter that no module has declared has a dot in its name. */
export function isCustom(name: string): boolean {
  return name.includes('.');
}

/** Until the database has said otherwise, a statement is read as if everything about it were doubtful. */
const worstLexis = lexisOf(undefined, undefined);

/**
 * The parameters that a session has set, as one shared value: sessions with the same parameters share the same
 * object, so that "does this server connection have them already" is a comparison of two references.
 */
export class ParameterSet {
  readonly key: string;
  readonly values: ReadonlyMap<string, string>;
  /** AuthenticationOk and every ParameterStatus, as the database reports them under this set; null until learnt. */
  greeting: Buffer | null = null;
  /** The same parameters as PostgreSQL writes them; null until a greeting was learnt. */
  canonical: ParameterSet | null = null;
  /** What the greeting reports, by name. */
  reported: ReadonlyMap<string, string> = new Map();
  /** The lexis under which the database reads statements with this set: see `lexisOf`. */
  lexis: number = worstLexis;
  /** How many sessions have it. */
  sessions = 0;
  /** How often the database had reported changes of its own when this was last heard of. */
  version: number;
  /** What tells statement texts apart that read alike: see `meaningful`. Without and with literals. */
  readonly #meanings: (Meaning | undefined)[] = [];

  constructor(key: string, values: ReadonlyMap<string, string>, version: number) {
    this.key = key;
    this.values = values;
    this.version = version;
  }

  /** What a statement's text means under this set hangs on. */
  meaning(hasLiterals: boolean): Meaning {
    return (this.#meanings[Number(hasLiterals)] ??= this.#meaningOf(
      hasLiterals ? [...meaningful, ...meaningfulInLiterals] : meaningful,
    ));
  }

  #meaningOf(names: readonly string[]): Meaning {
    const values = names.map((name) => [name, this.values.get(name) ?? null] as const);
    return { key: values.map(([, value]) => `${value ?? ''}\0`).join(''), values };
  }

  forgetGreeting(version: number): void {
    this.greeting = null;
    this.canonical = null;
    this.version = version;
  }
}
