import { InternalQuery } from '../protocol/internal-query.ts';
import type { InternalAnswer } from '../protocol/internal-query.ts';
import { bytesOf } from '@sluice/wire';
import { inLowerCase } from '../sql/index.ts';
import type { Effects, Lexis } from '../sql/index.ts';
import type { TimeoutValues } from './own-timeouts.ts';
import type { StartValues } from './start-values.ts';
import type { ParameterSet } from './parameter-set.ts';
import type { ParameterSets } from './parameter-sets.ts';
import { ParameterTracker } from './parameter-tracker.ts';
import { inEncoding, isAscii, replaySql } from './replay-sql.ts';
import type { Meaning, ReadUnder } from './read-under.ts';
import { changesLexis, lexisReported, worstLexis } from './session-lexis.ts';

/**
 * PostgreSQL could not convert a value to the client's encoding: untranslatable_character, character_not_in_repertoire.
 */
const notConverted: ReadonlySet<string> = new Set(['22P05', '22021']);

/**
 * Whether an answer contains non-ASCII characters, or failed for that reason: it is in the client's encoding, so the
 * bytes in PostgreSQL are unknown.
 */
export function isBeyondAscii({ rows, error }: InternalAnswer): boolean {
  if (error !== null) return notConverted.has(error.sqlstate);
  return rows.some((row) => row.some((value) => value !== null && !isAscii(value)));
}

/** Reported properties of the user, which change with the role. */
const ofTheUser: ReadonlySet<string> = new Set(['is_superuser', 'session_authorization']);

/** The maximum number of texts whose meaning the next read-back determines. */
const mostPending = 100;

type Rows = readonly (readonly (string | null)[])[];

/** A server connection, as the session's parameters see it. */
export interface ParameterSink {
  /** The state of the server process; see `BackendState`. */
  readonly state: {
    readonly parameterSet: ParameterSet | null;
    readonly reported: ReadonlyMap<string, string>;
    readonly residue: { markUnproven(): void };
    parametersSet(set: ParameterSet): void;
  };
  readonly pending: { readonly length: number };
  run(sql: string, request: InternalQuery, encoding?: 'utf8' | 'latin1'): void;
  closeOutOfSync(what: string): void;
}

/**
 * The parameters of one session: the known ones, those that may have changed since, and their influence on the meaning
 * of texts.
 */
export class SessionParameters {
  /** The parameters that the session has set, on any server connection. */
  known: ParameterSet;
  /** The lexis under which the database parses the session's statements; see `lexisOf`. */
  lexis: Lexis;
  /** A parameter was set, or LISTEN was run, outside a transaction, and was not read back yet. */
  setOutside = false;
  /** The leased connection may have a parameter whose name is unknown. */
  uncertain = false;
  /** Texts that were sent since a change that may affect their meaning. */
  #pending: { meaning: Meaning | null; readonly hasLiterals: boolean }[] = [];
  readonly #sets: ParameterSets;
  /** The start parameters of the client, which RESET restores. */
  #startup: ReadonlyMap<string, string>;
  /** The ParameterStatus values at login. */
  readonly #reportedAtStart: ReadonlyMap<string, string>;
  /** The current ones, after the first change. */
  #lastReported: Map<string, string> | null = null;
  /** Start values that the client may not know: it kept them when those of new connections changed. */
  #kept: ReadonlySet<string> = new Set();
  /** Created when the session first affects a parameter. */
  #tracker: ParameterTracker | null = null;

  /** `startup`: the start parameters of the client; `release` returns the set. */
  constructor(sets: ParameterSets, startup: ParameterSet) {
    this.#sets = sets;
    this.known = startup;
    this.lexis = startup.lexis;
    this.#startup = startup.values;
    this.#reportedAtStart = startup.reported;
  }

  /**
   * The client's encoding, according to its last ParameterStatus. The connection may still report that of another
   * session while the parameters of this one are pending.
   */
  get clientEncoding(): string | undefined {
    return this.#reported.get('client_encoding');
  }

  /** The last values that the client was informed of. */
  get #reported(): ReadonlyMap<string, string> {
    return this.#lastReported ?? this.#reportedAtStart;
  }

  /** The client's encoding, if non-ASCII names have other bytes in the database; otherwise null. */
  get #foreignEncoding(): string | null {
    const client = this.clientEncoding;
    const server = this.#reportedAtStart.get('server_encoding');
    // PostgreSQL does not convert if either is SQL_ASCII.
    const isSame = client === server || client === 'SQL_ASCII' || server === 'SQL_ASCII';
    return isSame ? null : (client ?? null);
  }

  /** The start parameters of the client; null if there are none. */
  get startValues(): StartValues | null {
    return this.#startup.size > 0 ? this.#startup : null;
  }

  get(name: string): string | undefined {
    return this.known.values.get(name);
  }

  /** Values must be read back before another session gets the connection. */
  get dirty(): boolean {
    return this.#tracker?.dirty === true;
  }

  /** One of them may be a parameter whose name is unknown. */
  get isSuspected(): boolean {
    return this.#tracker?.isSuspected === true;
  }

  /** A change of the meaning of texts may be pending. */
  get meaningUncertain(): boolean {
    return this.#tracker?.meaningUncertain === true;
  }

  /** The parameters for parsing a text that the client sends now. */
  readsUnder(hasLiterals: boolean): ReadUnder {
    if (!this.meaningUncertain) return { meaning: this.known.meaning(hasLiterals) };
    const pending = { meaning: null, hasLiterals };
    if (this.#pending.length < mostPending) this.#pending.push(pending);
    return pending;
  }

  /** An object that no text calls temporary may be created in pg_temp. */
  get mayCreateInTemporary(): boolean {
    if (this.#tracker?.pathUncertain === true) return true;
    // PostgreSQL 18 is the first version that reports the path of the database.
    const path = this.get('search_path') ?? this.#reported.get('search_path');
    return path?.includes('pg_temp') === true;
  }

  /**
   * A key that distinguishes the meanings of the same text, with or without literals. `session` is the session's
   * number.
   */
  statementContext(session: number, hasLiterals: boolean): string {
    const tracker = this.#tracker;
    // While a change of the meaning of texts may be pending, the session does not share statements.
    const own = tracker?.meaningUncertain === true ? `${session} ${tracker.meaning}` : '';
    return `${own}\0${this.known.meaning(hasLiterals).key}`;
  }

  /**
   * A statement that may set parameters is about to run; with `isSure` it has these effects, otherwise it may also
   * reset. `isUndoable`: its transaction may be rolled back. Returns whether it may change how later texts are parsed.
   */
  willRun(effects: Effects, isSure: boolean, isUndoable = false): boolean {
    this.#tracker ??= new ParameterTracker();
    const { meaning } = this.#tracker;
    const foreign = this.#foreignEncoding;
    this.#tracker.note(effects, this.known.values, isSure, foreign, isUndoable);
    // Earlier texts were parsed with parameters that were not read back.
    if (this.#tracker.meaning !== meaning) this.#pending = [];
    if (!changesLexis(effects)) return false;
    this.lexis = worstLexis;
    return true;
  }

  /** The start values that code with these `effects` may reset. */
  startValuesIn(effects: Effects): string[] {
    const names = effects.details.flatMap((effect) => {
      if (effect.kind !== 'parameter' || effect.local) return [];
      return typeof effect.names === 'string' ? [...this.#startup.keys()] : effect.names;
    });
    return names.filter((name) => this.#startup.has(name));
  }

  /** An error or ROLLBACK may have undone what earlier statements set. */
  mayBeUndone(): void {
    this.#tracker?.mayBeUndone(this.known.values);
  }

  /** Something may have changed that no text shows. */
  suspect(): void {
    this.#tracker ??= new ParameterTracker();
    this.#tracker.suspect();
  }

  /**
   * Begins a read-back; `readBackSql` and `take` follow. `alsoCustom`: further possible names of custom parameters, as
   * the client's bytes.
   */
  startReadBack(alsoCustom: readonly string[]): void {
    this.#tracker ??= new ParameterTracker();
    const foreign = this.#foreignEncoding;
    this.#tracker.startReadBack([
      ...this.#sets.customNames,
      ...this.known.values.keys(),
      ...alsoCustom.map((name) =>
        foreign === null || isAscii(name) ? name : inEncoding(name, foreign),
      ),
    ]);
  }

  /** The statements for the read-back, as one text. With `encoded` the answer is ASCII for all values. */
  readBackSql(encoded: boolean): string {
    this.#tracker ??= new ParameterTracker();
    return this.#tracker.readBackSql(this.#startup, encoded);
  }

  /**
   * Takes the answer to `readBackSql`. Returns the parameters for which the client needs a ParameterStatus: RESET
   * restored the values of the connection, which were reported to the client, but its own start values differ.
   */
  take(
    rows: Rows,
    timeouts: TimeoutValues,
    encoded: boolean,
    connection: ParameterSink,
    loginUser: string,
  ): [string, string][] {
    const { wanted, actual, uncertain } = (this.#tracker ?? new ParameterTracker()).readBack(rows, {
      current: this.known.values,
      startup: this.#startup,
      loginUser: bytesOf(loginUser),
      timeouts,
      encoded,
    });
    const sets = this.#sets;
    const before = this.known;
    this.known = sets.acquire(wanted);
    sets.release(before);
    connection.state.parametersSet(this.known);
    if (actual.size > 0) {
      const set = sets.acquire([...wanted, ...actual]);
      connection.state.parametersSet(set);
      sets.release(set);
    }
    // A parameter with an unknown name is removed before another session gets the connection.
    if (uncertain) {
      this.uncertain = true;
      connection.state.residue.markUnproven();
    }
    this.lexisReported(connection);
    this.known.lexis = this.lexis;
    this.#tracker?.settled();
    if (!this.meaningUncertain)
      for (const pending of this.#pending)
        pending.meaning = this.known.meaning(pending.hasLiterals);
    this.#pending = [];
    const corrected = [...this.#reportedAtStart].filter(([name]) => actual.has(inLowerCase(name)));
    for (const [name, value] of corrected) this.reportedToClient(name, value);
    return corrected;
  }

  /** If a reset has restored the value of the connection, the client's start value replaces it immediately. */
  putBack(connection: ParameterSink): void {
    const sql = replaySql(connection.state.parameterSet, this.known);
    if (sql === '') return;
    if (connection.pending.length > 0) {
      // A request that the client has sent in the meantime may have begun a transaction: the next read-back restores
      // them.
      this.suspect();
      return;
    }
    connection.state.parametersSet(this.known);
    connection.run(
      sql,
      new InternalQuery((answer) => {
        if (answer.error !== null && !answer.lost)
          connection.closeOutOfSync(
            `start values could not be put back: ${answer.error.message ?? ''}`,
          );
      }),
    );
  }

  /** The client gets a ParameterStatus; both are bytes. */
  reportedToClient(name: string, value: string): void {
    (this.#lastReported ??= new Map(this.#reportedAtStart)).set(name, value);
  }

  /**
   * The ParameterStatus messages at the beginning of a lease: the server has reloaded its configuration, and the
   * connection has reported that to another session. `before` are the connection's parameters until now.
   */
  takeUnreported(connection: ParameterSink, before: ParameterSet | null): [string, string][] {
    const reported = this.#reported;
    const { values } = this.known;
    const kept = this.#kept;
    this.#kept = new Set();
    const isOwn = (name: string): boolean => values.has(name) || before?.values.has(name) === true;
    const unreported = [...connection.state.reported]
      .filter(([name]) => !ofTheUser.has(name))
      .flatMap(([name, value]): [string, string][] => {
        const key = inLowerCase(name);
        if (kept.has(key)) return [[name, values.get(key) ?? value]];
        return isOwn(key) ? [] : [[name, value]];
      })
      .filter(([name, value]) => reported.get(name) !== value && isAscii(value));
    for (const [name, value] of unreported) this.reportedToClient(name, value);
    return unreported;
  }

  /** No reply is pending: the lexis is the one that the connection has reported. */
  lexisReported(connection: ParameterSink): void {
    this.lexis = lexisReported(connection.state);
  }

  /** The lease has ended; null if its connection is lost. */
  leaseEnded(connection: ParameterSink | null): void {
    this.uncertain = false;
    this.setOutside = false;
    this.#pending = [];
    const tracker = this.#tracker;
    if (tracker === null || connection === null) return;
    // The changes of SET LOCAL have ended.
    const wasUncertain = tracker.meaningUncertain;
    tracker.settled();
    if (wasUncertain) this.lexisReported(connection);
  }

  /** No request to change them took effect, as far as the client knows. */
  forgetChanges(): void {
    this.setOutside = false;
    this.#tracker = null;
    this.lexis = this.known.lexis;
  }

  /** Server connections start with other values now: the session keeps its own start values. */
  keepStart(values: ReadonlyMap<string, string>): void {
    const before = this.known;
    this.#kept = new Set([...values.keys()].filter((name) => !before.values.has(name)));
    this.#startup = new Map([...values, ...this.#startup]);
    this.known = this.#sets.acquire([...values, ...before.values]);
    this.known.lexis = before.lexis;
    this.#sets.release(before);
  }

  release(): void {
    this.#sets.release(this.known);
  }
}
