import { inLowerCase } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { changesMeaning, identities, isCustom } from './parameter-set.ts';
import { millisecondsOf, timeouts } from './own-timeouts.ts';
import type { TimeoutValues } from './own-timeouts.ts';
import { readAll, readSome } from './read-back-sql.ts';
import { decoded, inEncoding, isAscii } from './replay-sql.ts';

/** What was last done to a parameter since its values were known; `either`: the text does not show which. */
type Touch = 'set' | 'reset' | 'either';

/** What a read-back tells: the session's parameters, and what the server connection really has. */
export interface ReadBack {
  /** What the session has now, and shall have on any server connection. */
  readonly wanted: ReadonlyMap<string, string>;
  /** What differs from that on the connection at hand: RESET there goes back to another value than the client's. */
  readonly actual: ReadonlyMap<string, string>;
  /** Everything was asked for: something may still be set on the connection that nobody could name. */
  readonly uncertain: boolean;
}

/** What a read-back is read against. */
export interface ReadBackContext {
  /** What the session had before. */
  readonly current: ReadonlyMap<string, string>;
  /** What its client asked for at the start. */
  readonly startup: ReadonlyMap<string, string>;
  /** Whom the connection is logged in as, as bytes. */
  readonly loginUser: string;
  /** The time-outs as they were before the read-back put them out of force. */
  readonly timeouts: TimeoutValues;
  /** Texts are base64. */
  readonly encoded: boolean;
}

/** One parameter, as it is on the connection. */
interface Reading {
  value: string | null;
  /** Null: PostgreSQL does not tell. */
  isSet: boolean | null;
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
  meaningUncertain = false;
  /** search_path may have been changed and is not read back yet, or the change may end with the transaction. */
  pathUncertain = false;
  /** What the read-back under way has asked for; what is touched meanwhile waits for the next. */
  #asked: ReadonlyMap<string, Touch> | 'all' | null = null;
  /** Custom parameters that it has asked for beside. */
  #custom: ReadonlySet<string> = new Set();

  /** True when values must be read back before anyone else gets the connection. */
  get dirty(): boolean {
    return this.#unknown || this.#touched.size > 0 || this.#asked !== null;
  }

  /**
   * Takes note of what a statement that is about to run may do; `current` are the session's parameters. With `isSure` it
   * does what it says, else it may reset what it sets. `foreign`: names beyond ASCII are in this encoding, and not in the
   * database's.
   */
  note(
    effects: Effects,
    current: ReadonlyMap<string, string>,
    isSure: boolean,
    foreign: string | null,
  ): void {
    for (const effect of effects.details) {
      if (effect.kind === 'discard' && effect.what === 'all') {
        this.#markUncertain();
        this.#resetAll(current);
        for (const name of identities) this.#touch(name, 'reset');
      }
      if (effect.kind !== 'parameter') continue;
      if (typeof effect.names === 'string' || effect.names.some(changesMeaning))
        this.#markUncertain();
      else if (effect.names.includes('search_path')) this.pathUncertain = true;
      if (effect.local) continue;
      if (effect.names === 'unknown') this.#unknown = true;
      else if (effect.names === 'all') this.#resetAll(current);
      else {
        const touch = effect.reset === true ? 'reset' : isSure ? 'set' : 'either';
        for (const name of effect.names)
          this.#touch(
            foreign === null || isAscii(name) ? name : inEncoding(name, foreign),
            effect.mayReset === true ? 'either' : touch,
          );
      }
    }
  }

  /** Something may have changed that no text shows. */
  suspect(): void {
    this.#unknown = true;
    this.#markUncertain();
  }

  #markUncertain(): void {
    this.meaning++;
    this.meaningUncertain = true;
    this.pathUncertain = true;
  }

  /** No transaction is open: what was read back counts, unless something has changed since. */
  settled(): void {
    if (this.dirty) return;
    this.meaningUncertain = false;
    this.pathUncertain = false;
  }

  /** Begins a read-back. `custom` are the names of custom parameters that may have been set without a word. */
  ask(custom: Iterable<string>): void {
    const touched = this.#touched;
    const isAll = this.#unknown || this.#asked !== null;
    this.#asked = isAll ? 'all' : touched;
    this.#custom = isAll ? new Set([...custom, ...touched.keys()].filter(isCustom)) : new Set();
    this.#touched = new Map();
    this.#unknown = false;
  }

  /** The statement for the read-back that was begun. */
  askSql(startup: ReadonlyMap<string, string>, encoded: boolean): string {
    const asked = this.#asked ?? 'all';
    if (asked === 'all') return readAll(this.#custom, startup.keys(), encoded);
    const needsSource = (name: string): boolean =>
      asked.get(name) === 'reset' || (asked.get(name) === 'either' && startup.has(name));
    const names = [...asked.keys()];
    return readSome(
      names.filter((name) => !needsSource(name)),
      names.filter(needsSource),
      encoded,
    );
  }

  /** Takes the answer to `askSql`. */
  readBack(rows: readonly (readonly (string | null)[])[], context: ReadBackContext): ReadBack {
    const asked = this.#asked ?? 'all';
    this.#asked = null;
    const { current, startup } = context;
    const wanted = new Map(asked === 'all' ? [] : current);
    const actual = new Map<string, string>();
    for (const [name, reading] of readingsOf(rows, context)) {
      const touch = asked === 'all' ? 'either' : (asked.get(name) ?? 'set');
      const start = startup.get(name);
      if (wentBack(name, touch, reading, context)) {
        // The reset took effect: the client's own start value counts, which the connection does not know.
        if (start === undefined) wanted.delete(name);
        else {
          wanted.set(name, start);
          if (start !== reading.value) actual.set(name, reading.value ?? '');
        }
      } else if (isNobodys(name, reading, context)) wanted.delete(name);
      else wanted.set(name, reading.value ?? '');
    }
    return { wanted, actual, uncertain: asked === 'all' };
  }

  #touch(name: string, touch: Touch): void {
    // setseed() by another name: what it sets cannot be read.
    if (name === 'seed') return;
    const known = inLowerCase(name);
    this.#touched.set(known, touch);
    // Whoever becomes another user has no role any more, without a word about it.
    if (known === 'session_authorization' && !this.#touched.has('role'))
      this.#touched.set('role', touch === 'set' ? 'set' : 'either');
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

/** Reads the rows of a read-back; see read-back-sql.ts. */
function readingsOf(
  rows: readonly (readonly (string | null)[])[],
  { timeouts: before, encoded }: ReadBackContext,
): Map<string, Reading> {
  const readings = new Map<string, Reading>();
  for (const [first, second, isSet, resetValue] of rows) {
    if (typeof first !== 'string') continue;
    const name = inLowerCase(encoded ? decoded(first) : first);
    const text = second ?? null;
    const reading: Reading = {
      value: encoded && text !== null ? decoded(text) : text,
      isSet: isSet === null || isSet === undefined ? null : isSet === 't',
    };
    const timeout = before.get(name);
    if (timeout !== undefined && timeouts.includes(name)) {
      reading.value = timeout;
      // The proxy itself has set it for its own statement.
      if (reading.isSet !== null)
        reading.isSet = millisecondsOf(timeout) !== Number(resetValue ?? '0');
    }
    readings.set(name, reading);
  }
  return readings;
}

/** Whether the parameter has the value that a RESET has given it; a RESET that was rolled back has not. */
function wentBack(
  name: string,
  touch: Touch,
  { value, isSet }: Reading,
  { current, startup, loginUser }: ReadBackContext,
): boolean {
  if (touch === 'set') return false;
  if (isSet !== null) return !isSet;
  const isUnset = isUnlistedUnset(name, value, loginUser);
  if (touch === 'reset') return isUnset;
  // SET ROLE NONE or RESET ROLE: PostgreSQL does not tell which. Whom the client asked to be at its start is the safe one.
  return name === 'role' && isUnset && startup.has(name) && current.has(name);
}

/** Whether nobody has set the parameter, as far as the session need know. */
function isNobodys(
  name: string,
  { value, isSet }: Reading,
  { current, loginUser }: ReadBackContext,
): boolean {
  if (value === null || isSet === false) return true;
  // A custom parameter that was set to '' stays so.
  return isUnlistedUnset(name, value, loginUser) && !(isCustom(name) && current.has(name));
}

/** Whether the value is that of a parameter which nobody has set; only for those that pg_settings does not show. */
function isUnlistedUnset(name: string, value: string | null, loginUser: string): boolean {
  if (name === 'role') return value === 'none';
  if (name === 'session_authorization') return value === loginUser;
  // An unset custom parameter reads as '' once any session has set it on the connection.
  return isCustom(name) && (value === null || value === '');
}
