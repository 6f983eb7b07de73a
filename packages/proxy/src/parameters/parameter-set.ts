import { authenticationOk, buildParameterStatus } from '@sluice/wire';
import type { Lexis } from '../sql/index.ts';
import type { Meaning, ReadUnder } from './read-under.ts';
import { lexisOf } from '../sql/index.ts';

/*
 * Names and values of parameters are bytes in the encoding of the database, one character per byte, as in a startup
 * packet and in PostgreSQL itself. PostgreSQL converts what a client sends and reads.
 */

/** The identity of a session: set like a parameter, but last, because it may lose privileges. */
export const identities: readonly string[] = ['session_authorization', 'role'];

/**
 * Parameters that determine the meaning of a text when PostgreSQL parses it, so that a prepared statement keeps it:
 * everywhere, and in literals (DateStyle decides about a date at parse time). search_path is not one of them:
 * PostgreSQL parses the text again after a change.
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

/** Whether a change of this parameter, by its lower-case name, changes the meaning of texts. */
export function changesMeaning(name: string): boolean {
  return allMeaningful.has(name);
}

/** An escape string: it has the same meaning for each `standard_conforming_strings`. */
export function quoteText(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** A parameter that no module has declared has a dot in its name. */
export function isCustom(name: string): boolean {
  return name.includes('.');
}

/** Until the database has reported the parameters, a statement is parsed with the worst assumptions. */
const worstLexis = lexisOf(undefined, undefined);

/** What the database sends at a login. */
export interface LoginReplies {
  /** The reported parameters, by name. */
  readonly reported: ReadonlyMap<string, string>;
  /** Notices before the first ParameterStatus, and after BackendKeyData. */
  readonly beforeParameters: readonly Buffer[];
  readonly afterKey: readonly Buffer[];
}

/**
 * The parameters that a session has set, as one shared value: sessions with the same parameters share the same object,
 * so "does this server connection have them already" is a comparison of two references.
 */
export class ParameterSet {
  readonly key: string;
  readonly values: ReadonlyMap<string, string>;
  /** The source of the greeting; null until known. */
  login: LoginReplies | null = null;
  /**
   * AuthenticationOk, what the database sends next, and every ParameterStatus that it sends with this set; null until
   * known.
   */
  greeting: Buffer | null = null;
  /** The notices of a login after BackendKeyData, if there are any. */
  lateNotices: Buffer | null = null;
  /** The same parameters in PostgreSQL's notation; null until a greeting is known. */
  canonical: ParameterSet | null = null;
  /** The parameters in the greeting, by name. */
  reported: ReadonlyMap<string, string> = new Map();
  /** The lexis under which the database parses statements with this set: see `lexisOf`. */
  lexis: Lexis = worstLexis;
  /** The number of sessions with this set. */
  sessions = 0;
  /** The report version of the sets when this was last used. */
  version: number;
  /** The keys that distinguish texts by meaning: see `meaningful`. Without and with literals. */
  readonly #meanings: (Meaning | undefined)[] = [];

  constructor(key: string, values: ReadonlyMap<string, string>, version: number) {
    this.key = key;
    this.values = values;
    this.version = version;
  }

  /** The parameters that determine the meaning of a text under this set. */
  meaning(hasLiterals: boolean): Meaning {
    return (this.#meanings[Number(hasLiterals)] ??= this.#meaningOf(
      hasLiterals ? [...meaningful, ...meaningfulInLiterals] : meaningful,
    ));
  }

  /** Whether a text that was prepared under these parameters means the same under this set. */
  hasMeaning({ meaning: then }: ReadUnder): boolean {
    if (then === null || then === this.#meanings[0] || then === this.#meanings[1]) return true;
    return then.values.every(([name, value]) => (this.values.get(name) ?? null) === value);
  }

  #meaningOf(names: readonly string[]): Meaning {
    const values = names.map((name) => [name, this.values.get(name) ?? null] as const);
    return { key: values.map(([, value]) => `${value ?? ''}\0`).join(''), values };
  }

  /** A login with this set gets this, and the database shows its values as those of `canonical`. */
  greeted(canonical: ParameterSet, login: LoginReplies): void {
    const { reported, beforeParameters, afterKey } = login;
    this.canonical = canonical;
    this.login = login;
    this.reported = reported;
    this.lexis = lexisOf(
      reported.get('client_encoding'),
      reported.get('standard_conforming_strings'),
    );
    const messages = [...reported].map(([name, value]) => buildParameterStatus(name, value));
    this.greeting = Buffer.concat([authenticationOk, ...beforeParameters, ...messages]);
    this.lateNotices = afterKey.length === 0 ? null : Buffer.concat(afterKey);
  }

  forgetGreeting(version: number): void {
    this.login = null;
    this.greeting = null;
    this.lateNotices = null;
    this.canonical = null;
    this.version = version;
  }
}
