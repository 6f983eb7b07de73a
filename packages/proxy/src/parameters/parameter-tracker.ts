import { inLowerCase } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { changesMeaning, identities, isCustom } from './parameter-set.ts';
import { millisecondsOf, timeouts } from './own-timeouts.ts';
import type { TimeoutValues } from './own-timeouts.ts';
import { readAll, readSome } from './read-back-sql.ts';
import { decoded, inEncoding, isAscii } from './replay-sql.ts';

/**
 * The last change of a parameter since its value was known; `either`: the text does not show which. `undoable`: it was
 * set for the first time, and the transaction may have been rolled back.
 */
type Touch = 'set' | 'reset' | 'either' | 'undoable';

/** The result of a read-back: the parameters of the session, and those of the server connection. */
export interface ReadBack {
  /** The parameters that the session has, and must have on any server connection. */
  readonly wanted: ReadonlyMap<string, string>;
  /** The differences on this connection: RESET there restores another value than the client's. */
  readonly actual: ReadonlyMap<string, string>;
  /** Everything was queried: the connection may have a parameter whose name is unknown. */
  readonly uncertain: boolean;
}

/** The context of a read-back. */
export interface ReadBackContext {
  /** The parameters of the session before. */
  readonly current: ReadonlyMap<string, string>;
  /** The start parameters of the client. */
  readonly startup: ReadonlyMap<string, string>;
  /** The user of the connection, as bytes. */
  readonly loginUser: string;
  /** The timeouts before the read-back disabled them. */
  readonly timeouts: TimeoutValues;
  /** Texts are base64. */
  readonly encoded: boolean;
}

/** One parameter on the connection. */
interface Reading {
  value: string | null;
  /** Null: PostgreSQL does not show it. */
  isSet: boolean | null;
}

/**
 * Tracks which parameters a session may have changed since their values were last known.
 *
 * Statements only give names. The values are read back from the database after the transaction, so errors, ROLLBACK,
 * savepoints and SET LOCAL need no special handling.
 */
export class ParameterTracker {
  #touched = new Map<string, Touch>();
  #unknown = false;
  /** Increases with each change of the meaning of texts, permanent or not. */
  meaning = 0;
  /** Such a change is not read back yet, or may end with the transaction. */
  meaningUncertain = false;
  /** search_path may have been changed and is not read back yet, or the change may end with the transaction. */
  pathUncertain = false;
  /** What the current read-back asks for; changes in the meantime wait for the next one. */
  #pending: ReadonlyMap<string, Touch> | 'all' | null = null;
  /** The custom parameters that it includes in addition. */
  #custom: ReadonlySet<string> = new Set();

  /** True if values must be read back before another session gets the connection. */
  get dirty(): boolean {
    return this.#unknown || this.#touched.size > 0 || this.#pending !== null;
  }

  /** A parameter whose name is unknown may have been set. */
  get isSuspected(): boolean {
    return this.#unknown;
  }

  /**
   * Records the possible effects of a statement that is about to run; `current` are the session's parameters. With
   * `isSure` it has these effects, otherwise it may also reset. `foreign`: non-ASCII names are in this encoding, not in
   * that of the database. With `isUndoable` the changes may be rolled back without an error of the statement.
   */
  note(
    effects: Effects,
    current: ReadonlyMap<string, string>,
    isSure: boolean,
    foreign: string | null,
    isUndoable = false,
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
        for (const text of effect.names) {
          const name = foreign === null || isAscii(text) ? text : inEncoding(text, foreign);
          const isFirst = touch === 'set' && isUndoable && !current.has(inLowerCase(name));
          this.#touch(name, effect.mayReset === true ? 'either' : isFirst ? 'undoable' : touch);
        }
      }
    }
  }

  /** Something may have changed that no text shows. */
  suspect(): void {
    this.#unknown = true;
    this.#markUncertain();
  }

  /** An error or ROLLBACK may have undone the changes so far; `current` are the session's parameters. */
  mayBeUndone(current: ReadonlyMap<string, string>): void {
    for (const [name, touch] of this.#touched)
      if (touch === 'set' && !current.has(name)) this.#touched.set(name, 'undoable');
  }

  #markUncertain(): void {
    this.meaning++;
    this.meaningUncertain = true;
    this.pathUncertain = true;
  }

  /** No transaction is open: the values read back are final, unless something has changed since. */
  settled(): void {
    if (this.dirty) return;
    this.meaningUncertain = false;
    this.pathUncertain = false;
  }

  /** Begins a read-back. `custom` are the names of custom parameters that may have been set unseen. */
  startReadBack(custom: Iterable<string>): void {
    const touched = this.#touched;
    // This one includes the names of an earlier read-back that did not complete.
    const before = this.#pending;
    const isAll = this.#unknown || before !== null;
    const names = [...this.#custom, ...(before instanceof Map ? before.keys() : [])];
    this.#pending = isAll ? 'all' : touched;
    this.#custom = isAll
      ? new Set([...names, ...custom, ...touched.keys()].filter(isCustom))
      : new Set();
    this.#touched = new Map();
    this.#unknown = false;
  }

  /** The statement for the read-back. */
  readBackSql(startup: ReadonlyMap<string, string>, encoded: boolean): string {
    const pending = this.#pending ?? 'all';
    if (pending === 'all') return readAll(this.#custom, startup.keys(), encoded);
    const needsSource = (name: string): boolean =>
      pending.get(name) === 'reset' ||
      pending.get(name) === 'undoable' ||
      (pending.get(name) === 'either' && startup.has(name));
    const names = [...pending.keys()];
    return readSome(
      names.filter((name) => !needsSource(name)),
      names.filter(needsSource),
      encoded,
    );
  }

  /** Takes the answer to `readBackSql`. */
  readBack(rows: readonly (readonly (string | null)[])[], context: ReadBackContext): ReadBack {
    const pending = this.#pending ?? 'all';
    this.#pending = null;
    const { current, startup } = context;
    const wanted = new Map(pending === 'all' ? [] : current);
    const actual = new Map<string, string>();
    for (const [name, reading] of readingsOf(rows, context)) {
      const touch = pending === 'all' ? 'either' : (pending.get(name) ?? 'set');
      const start = startup.get(name);
      if (wentBack(name, touch, reading, context)) {
        // The reset took effect: the client's own start value applies, which the connection does not know.
        if (start === undefined) wanted.delete(name);
        else {
          wanted.set(name, start);
          if (start !== reading.value) actual.set(name, reading.value ?? '');
        }
      } else if (isUnsetForSession(name, reading, context)) wanted.delete(name);
      else wanted.set(name, reading.value ?? '');
    }
    return { wanted, actual, uncertain: pending === 'all' };
  }

  #touch(name: string, touch: Touch): void {
    // Equivalent to setseed(): its value cannot be read.
    if (name === 'seed') return;
    const known = inLowerCase(name);
    // The change after a RESET may be rolled back to a savepoint between them.
    const isAfterReset = touch === 'set' && this.#touched.get(known) === 'reset';
    this.#touched.set(known, isAfterReset ? 'undoable' : touch);
    // A change of the session user resets the role silently.
    if (known === 'session_authorization' && !this.#touched.has('role'))
      this.#touched.set('role', touch === 'set' || touch === 'undoable' ? 'set' : 'either');
  }

  /** RESET ALL does not change role and session_authorization. */
  #resetAll(current: ReadonlyMap<string, string>): void {
    // Names that are being read back are not known yet.
    const pending = this.#pending;
    if (pending === 'all') this.#unknown = true;
    const inFlight = pending === null || pending === 'all' ? [] : pending.keys();
    for (const name of [...current.keys(), ...this.#touched.keys(), ...inFlight])
      if (!identities.includes(name)) this.#touch(name, 'reset');
  }
}

/** Parses the rows of a read-back; see read-back-sql.ts. */
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
      // The proxy has set it for its own statement.
      if (reading.isSet !== null)
        reading.isSet = millisecondsOf(timeout) !== Number(resetValue ?? '0');
    }
    readings.set(name, reading);
  }
  return readings;
}

/** Whether the parameter has the value that a RESET restores; a RESET that was rolled back has not restored it. */
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
  // SET ROLE NONE or RESET ROLE: PostgreSQL does not show which. The client's start role is the safe choice.
  return name === 'role' && isUnset && startup.has(name) && current.has(name);
}

/** Whether the parameter is unset, as far as the session is concerned. */
function isUnsetForSession(
  name: string,
  { value, isSet }: Reading,
  { current, loginUser }: ReadBackContext,
): boolean {
  if (value === null || isSet === false) return true;
  // A custom parameter that was set to '' stays so.
  return isUnlistedUnset(name, value, loginUser) && !(isCustom(name) && current.has(name));
}

/** Whether the value is that of an unset parameter; only for those that pg_settings does not show. */
function isUnlistedUnset(name: string, value: string | null, loginUser: string): boolean {
  if (name === 'role') return value === 'none';
  if (name === 'session_authorization') return value === loginUser;
  // An unset custom parameter reads as '' after any session has set it on the connection.
  return isCustom(name) && (value === null || value === '');
}
