import { lexisOf } from '../sql/index.ts';

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

/** Until the database has said otherwise, a statement is read as if everything about it were doubtful. */
const worstLexis = lexisOf(undefined, undefined);

/**
 * The parameters that a session has set, as one shared value: sessions with the same parameters share the same
 * object, so that "does this database connection have them already" is a comparison of two references.
 */
export class ParameterSet {
  readonly key: string;
  readonly values: ReadonlyMap<string, string>;
  /** AuthenticationOk and every ParameterStatus, as the database reports them under this set; null until learnt. */
  greeting: Buffer | null = null;
  /** What the greeting reports, by name. */
  reported: ReadonlyMap<string, string> = new Map();
  /** The lexis under which the database reads statements with this set: see `lexisOf`. */
  lexis: number = worstLexis;
  /** How many sessions have it. */
  sessions = 0;
  /** What tells statement texts apart that read alike: see `meaningful`. Without and with literals. */
  readonly #contexts: (string | undefined)[] = [];

  constructor(key: string, values: ReadonlyMap<string, string>) {
    this.key = key;
    this.values = values;
  }

  /** Equal for two sets under which a statement's text means the same. */
  statementContext(hasLiterals: boolean): string {
    const names = hasLiterals ? [...meaningful, ...meaningfulInLiterals] : meaningful;
    const at = Number(hasLiterals);
    return (this.#contexts[at] ??= names
      .map((name) => `${this.values.get(name) ?? ''}\0`)
      .join(''));
  }
}

/** Sets that no session has any more are kept up to this number, so that reconnecting clients find theirs. */
const unusedKept = 500;

/** A literal that may be the name of a custom parameter: `'app.user_id'`. */
const customName = /'([a-z_][\w$]*(?:\.[a-z_][\w$]*)+)'/gi;

/** The parameter sets of one pool. */
export class ParameterSets {
  readonly #sets = new Map<string, ParameterSet>();
  /** The sets of lists that were asked for before, by identity: clients that send the same startup packet share one. */
  readonly #byList = new WeakMap<object, ParameterSet>();
  /** Custom parameters that sessions of the pool have set; the database does not list them. */
  readonly customNames = new Set<string>();

  /** The set with these values. Names are taken without regard to case, as PostgreSQL does; the last value wins. */
  acquire(values: Iterable<readonly [string, string]>): ParameterSet {
    const set = this.#find(values);
    set.sessions++;
    return set;
  }

  /** As `acquire`, for a list that never changes and may come again. */
  acquireList(values: readonly (readonly [string, string])[]): ParameterSet {
    let set = this.#byList.get(values);
    // One that was purged is not the one that other sessions with the same values have.
    if (set === undefined || this.#sets.get(set.key) !== set) {
      set = this.#find(values);
      this.#byList.set(values, set);
    }
    set.sessions++;
    return set;
  }

  #find(values: Iterable<readonly [string, string]>): ParameterSet {
    const byName = new Map<string, string>();
    for (const [name, value] of values) byName.set(name.toLowerCase(), value);
    const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1));
    const key = sorted.map(([name, value]) => `${name}\0${value}\0`).join('');
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = new ParameterSet(key, new Map(sorted));
      for (const name of byName.keys()) this.#noteName(name);
      if (this.#sets.size >= unusedKept) this.#purge();
      this.#sets.set(key, set);
    }
    return set;
  }

  /** Takes note of the custom parameters that a text may set: whatever looks like one in its literals. */
  noteNames(text: string): void {
    for (const [, name = ''] of text.matchAll(customName)) this.#noteName(name.toLowerCase());
  }

  #noteName(name: string): void {
    if (name.includes('.') && this.customNames.size < unusedKept) this.customNames.add(name);
  }

  release(set: ParameterSet): void {
    set.sessions--;
  }

  /** What the database reports has changed: greetings are learnt anew. */
  forgetGreetings(): void {
    for (const set of this.#sets.values()) set.greeting = null;
  }

  #purge(): void {
    for (const [key, set] of this.#sets) if (set.sessions === 0) this.#sets.delete(key);
  }
}

/**
 * The SQL that turns a connection with the parameters `from` into one with the parameters `to`; empty when they
 * agree. `set_config` takes the text as postgresql.conf does, so a list such as `search_path` stays a list.
 * All stands in one Query and so in one implicit transaction: it takes effect whole or not at all.
 */
export function replaySql(from: ParameterSet | null, to: ParameterSet): string {
  const had = from?.values ?? new Map<string, string>();
  const resets: string[] = [];
  const sets: string[] = [];
  for (const name of had.keys()) if (!to.values.has(name)) resets.push(name);
  for (const [name, value] of to.values) if (had.get(name) !== value) sets.push(name);
  if (resets.length === 0 && sets.length === 0) return '';
  // Parameters were set by whom the session was before it took on another identity: so they are again.
  const identity = identities.filter((name) => had.has(name));
  const plain = (name: string): boolean => !identities.includes(name);
  const set = (name: string): string =>
    `pg_catalog.set_config(${quoteText(name)},${quoteText(to.values.get(name) ?? '')},false)`;
  const statements = [
    ...identity.toReversed().map((name) => `RESET ${quoteName(name)}`),
    ...resets.filter(plain).map((name) => `RESET ${quoteName(name)}`),
  ];
  const calls = [
    ...sets.filter(plain).map(set),
    ...identities.filter((name) => to.values.has(name)).map(set),
  ];
  if (calls.length > 0) statements.push(`SELECT ${calls.join(',')}`);
  return statements.join(';');
}

/** `a.b` names a custom parameter; each part is quoted for itself. */
function quoteName(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');
}

/** An escape string: means the same whatever `standard_conforming_strings` is. */
export function quoteText(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
