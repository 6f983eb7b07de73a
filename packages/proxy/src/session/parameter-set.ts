/**
 * The parameters that a session has set, as one shared value: sessions with the same parameters share the same
 * object, so that "does this database connection have them already" is a comparison of two references.
 */
export class ParameterSet {
  readonly key: string;
  readonly values: ReadonlyMap<string, string>;
  /** AuthenticationOk and every ParameterStatus, as the database reports them under this set; null until learnt. */
  greeting: Buffer | null = null;
  /** How many sessions have it. */
  sessions = 0;

  constructor(key: string, values: ReadonlyMap<string, string>) {
    this.key = key;
    this.values = values;
  }
}

/** Sets that no session has any more are kept up to this number, so that reconnecting clients find theirs. */
const unusedKept = 500;

/** The parameter sets of one pool. */
export class ParameterSets {
  readonly #sets = new Map<string, ParameterSet>();

  /** The set with these values. Names are taken without regard to case, as PostgreSQL does; the last value wins. */
  acquire(values: Iterable<readonly [string, string]>): ParameterSet {
    const byName = new Map<string, string>();
    for (const [name, value] of values) byName.set(name.toLowerCase(), value);
    const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1));
    const key = sorted.map(([name, value]) => `${name}\0${value}\0`).join('');
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = new ParameterSet(key, new Map(sorted));
      if (this.#sets.size >= unusedKept) this.#purge();
      this.#sets.set(key, set);
    }
    set.sessions++;
    return set;
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
  let sql = '';
  for (const name of from?.values.keys() ?? []) {
    if (!to.values.has(name)) sql += `RESET ${quoteName(name)};`;
  }
  const calls: string[] = [];
  for (const [name, value] of to.values) {
    if (from?.values.get(name) === value) continue;
    calls.push(`pg_catalog.set_config(${quoteText(name)},${quoteText(value)},false)`);
  }
  if (calls.length > 0) sql += `SELECT ${calls.join(',')}`;
  return sql;
}

/** `a.b` names a custom parameter; each part is quoted for itself. */
function quoteName(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');
}

/** An escape string: means the same whatever `standard_conforming_strings` is. */
function quoteText(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
