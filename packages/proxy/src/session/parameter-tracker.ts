import type { Effects } from '../sql/index.ts';
import { changesMeaning, identities, quoteText } from './parameter-set.ts';

/** What was last done to a parameter since its values were known. */
type Touch = 'set' | 'reset';

/** What a read-back tells: the session's parameters, and what the database connection really has. */
export interface ReadBack {
  /** What the session has now, and shall have on any database connection. */
  readonly wanted: ReadonlyMap<string, string>;
  /** What differs from that on the connection at hand: RESET there goes back to another value than the client's. */
  readonly actual: ReadonlyMap<string, string>;
  /** Everything was asked for: something may still be set on the connection that nobody could name. */
  readonly uncertain: boolean;
}

/**
 * Knows which parameters a session may have changed since their values were last known.
 *
 * Only names are taken from statements; values are read back from the database when the transaction has ended, so
 * that errors, ROLLBACK, savepoints and SET LOCAL need no understanding here.
 */
export class ParameterTracker {
  #touched = new Map<string, Touch>();
  #unknown = false;
  /** Moves on with each change of what statements mean, whether it lasts or not. */
  meaning = 0;
  /** Such a change is not read back yet, or may end with the transaction. */
  meaningInDoubt = false;
  /** search_path may have been changed and is not read back yet, or the change may end with the transaction. */
  pathInDoubt = false;
  /** What the read-back under way has asked for; what is touched meanwhile waits for the next. */
  #asked: ReadonlyMap<string, Touch> | 'all' | null = null;

  /** True when values must be read back before anyone else gets the connection. */
  get dirty(): boolean {
    return this.#unknown || this.#touched.size > 0 || this.#asked !== null;
  }

  /** Takes note of what a statement that is about to run may do; `current` are the session's parameters. */
  note(effects: Effects, current: ReadonlyMap<string, string>): void {
    for (const effect of effects.details) {
      if (effect.kind === 'discard' && effect.what === 'all') {
        this.#doubt();
        this.#resetAll(current);
        for (const name of identities) this.#touch(name, 'reset');
      }
      if (effect.kind !== 'parameter') continue;
      if (typeof effect.names === 'string' || effect.names.some(changesMeaning)) this.#doubt();
      else if (effect.names.includes('search_path')) this.pathInDoubt = true;
      if (effect.local) continue;
      if (effect.names === 'unknown') this.#unknown = true;
      else if (effect.names === 'all') this.#resetAll(current);
      else
        for (const name of effect.names) this.#touch(name, effect.reset === true ? 'reset' : 'set');
    }
  }

  /** Something may have changed that no text shows. */
  suspect(): void {
    this.#unknown = true;
    this.#doubt();
  }

  #doubt(): void {
    this.meaning++;
    this.meaningInDoubt = true;
    this.pathInDoubt = true;
  }

  /**
   * Begins a read-back: the statement for it. It names its functions in full: search_path may be anything.
   * `custom` are the names of custom parameters that may have been set without a word.
   */
  ask(custom: Iterable<string>): string {
    const touched = this.#touched;
    this.#asked = this.#unknown || this.#asked !== null ? 'all' : touched;
    this.#touched = new Map();
    this.#unknown = false;
    if (this.#asked === 'all')
      return readAll(new Set([...custom, ...touched.keys()].filter(isCustom)));
    const columns = [...touched].flatMap(([name, touch]) => [
      `pg_catalog.current_setting(${quoteText(name)},true)`,
      touch === 'reset' ? isReset(name) : 'NULL',
    ]);
    return `SELECT ${columns.join(',')}`;
  }

  /**
   * Takes the answer to `ask`. `current` is what the session had before, `startup` what its client asked for at
   * the start, `loginUser` whom the connection is logged in as.
   */
  readBack(
    rows: readonly (readonly (string | null)[])[],
    current: ReadonlyMap<string, string>,
    startup: ReadonlyMap<string, string>,
    loginUser: string,
  ): ReadBack {
    const asked = this.#asked ?? 'all';
    const touches: ReadonlyMap<string, Touch> = asked === 'all' ? new Map() : asked;
    const wanted = new Map(asked === 'all' ? [] : current);
    const actual = new Map<string, string>();
    const values = new Map<string, string | null>();
    const isBack = new Set<string>();
    this.#asked = null;
    if (asked === 'all') {
      for (const [name, value] of rows)
        if (typeof name === 'string') values.set(name, value ?? null);
    } else {
      for (const [at, name] of [...touches.keys()].entries()) {
        const value = rows[0]?.[2 * at] ?? null;
        values.set(name, value);
        const took =
          isCustom(name) || identities.includes(name)
            ? isUnset(name, value, loginUser)
            : rows[0]?.[2 * at + 1] !== 'f';
        if (touches.get(name) === 'reset' && took) isBack.add(name);
      }
    }
    for (const [name, value] of values) {
      const before = current.get(name);
      if (isBack.has(name)) {
        // The reset took effect: the client's own start value counts, which the connection does not know.
        const start = startup.get(name);
        if (start === undefined) wanted.delete(name);
        else {
          wanted.set(name, start);
          if (start !== value) actual.set(name, value ?? '');
        }
      } else if (
        value === null ||
        // A custom parameter that was set to '' stays so.
        ((before === undefined || !isCustom(name)) && isUnset(name, value, loginUser))
      )
        wanted.delete(name);
      else wanted.set(name, value);
    }
    return { wanted, actual, uncertain: asked === 'all' };
  }

  #touch(name: string, touch: Touch): void {
    // setseed() by another name: what it sets cannot be read.
    if (name === 'seed') return;
    const known = name.toLowerCase();
    this.#touched.set(known, touch);
    // Whoever becomes another user has no role any more, without a word about it.
    if (known === 'session_authorization' && !this.#touched.has('role'))
      this.#touched.set('role', 'set');
  }

  /** RESET ALL leaves role and session_authorization as they are. */
  #resetAll(current: ReadonlyMap<string, string>): void {
    // What is being read back is not among the known ones yet.
    const asked = this.#asked;
    if (asked === 'all') this.#unknown = true;
    const inFlight = asked === null || asked === 'all' ? [] : asked.keys();
    for (const name of [...current.keys(), ...this.#touched.keys(), ...inFlight])
      if (!identities.includes(name)) this.#touch(name, 'reset');
  }
}

/** Whether the value is that of a parameter which nobody has set; only for those that pg_settings does not show. */
function isUnset(name: string, value: string | null, loginUser: string): boolean {
  if (name === 'role') return value === 'none';
  if (name === 'session_authorization') return value === loginUser;
  // An unset custom parameter reads as '' once any session has set it on the connection.
  return isCustom(name) && (value === null || value === '');
}

/** A parameter that no module has declared has a dot in its name. */
function isCustom(name: string): boolean {
  return name.includes('.');
}

/** Whether the parameter has the value that RESET gives it: a rolled back RESET is none. NULL for custom ones. */
function isReset(name: string): string {
  return `(SELECT setting = reset_val FROM pg_catalog.pg_settings WHERE pg_catalog.lower(name) = ${quoteText(name)})`;
}

/**
 * Everything that was set in the session, by whatever means, and that can be set again. The two identities are not in
 * the view, nor are custom parameters: those are asked for by name, as far as names are known.
 */
function readAll(custom: Iterable<string>): string {
  const names = [...identities, ...custom].map((name) => `(${quoteText(name)})`);
  return (
    "SELECT name, setting FROM pg_catalog.pg_settings WHERE source = 'session' " +
    "AND context IN ('user', 'superuser') AND name NOT LIKE 'transaction\\_%' AND name <> 'seed' " +
    `UNION ALL SELECT n, pg_catalog.current_setting(n, true) FROM (VALUES ${names.join(',')}) v(n)`
  );
}
