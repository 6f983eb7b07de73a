import { InternalQuery } from '../protocol/internal-query.ts';
import type { InternalAnswer } from '../protocol/internal-query.ts';
import { bytesOf } from '@sluice/wire';
import { inLowerCase } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import type { TimeoutValues } from './own-timeouts.ts';
import type { StartValues } from './start-values.ts';
import type { ParameterSet } from './parameter-set.ts';
import type { ParameterSets } from './parameter-sets.ts';
import { ParameterTracker } from './parameter-tracker.ts';
import { inEncoding, isAscii, replaySql } from './replay-sql.ts';
import type { Meaning, ReadUnder } from './read-under.ts';
import { changesLexis, lexisReported, worstLexis } from './session-lexis.ts';

/** PostgreSQL could not convert a value to the client's encoding: untranslatable_character, character_not_in_repertoire. */
const notConverted: ReadonlySet<string> = new Set(['22P05', '22021']);

/**
 * Whether an answer holds more than ASCII, or could not be given for that reason: it comes in the encoding of the client,
 * which says little of the bytes that PostgreSQL keeps.
 */
export function isBeyondAscii({ rows, error }: InternalAnswer): boolean {
  if (error !== null) return notConverted.has(error.sqlstate);
  return rows.some((row) => row.some((value) => value !== null && !isAscii(value)));
}

/** Reported of the user, and so set with the role. */
const ofTheUser: ReadonlySet<string> = new Set(['is_superuser', 'session_authorization']);

/** Texts whose meaning is settled by the next read-back. */
const mostPending = 100;

/** Stands for the search_path of who has set none; an empty one is a value like others. */
const defaultPath = '\0';

type Rows = readonly (readonly (string | null)[])[];

/** A server connection, as the session's parameters see it. */
export interface ParameterSink {
  /** What the server process has; see `BackendState`. */
  readonly state: {
    readonly parameterSet: ParameterSet | null;
    readonly reported: ReadonlyMap<string, string>;
    readonly residue: { markUnproven(): void };
    parametersSet(set: ParameterSet): void;
  };
  run(sql: string, request: InternalQuery, encoding?: 'utf8' | 'latin1'): void;
  closeOutOfSync(what: string): void;
}

/**
 * The parameters of one session: those it is known to have, those that may have changed since, and what they make of the
 * texts that it sends.
 */
export class SessionParameters {
  /** What the session has set, on whichever server connection it is served. */
  known: ParameterSet;
  /** Under which lexis the database reads the session's statements; see `lexisOf`. */
  lexis: number;
  /** A parameter was set, or LISTEN said, outside a transaction, and not read back yet. */
  setOutside = false;
  /** Something may be set on the leased connection that nobody could name. */
  uncertain = false;
  /** Texts that were sent since something of their meaning changed. */
  #pending: { meaning: Meaning | null; readonly hasLiterals: boolean }[] = [];
  readonly #sets: ParameterSets;
  /** What the client asked for at the start: what RESET goes back to. */
  #startup: ReadonlyMap<string, string>;
  /** What the client was told of its parameters when it was let in. */
  readonly #reportedAtStart: ReadonlyMap<string, string>;
  /** The same as of now, once anything of it has changed. */
  #told: Map<string, string> | null = null;
  /** Made when the session first touches a parameter. */
  #tracker: ParameterTracker | null = null;

  /** `startup`: what the client asked for and has; given back to its sets by `release`. */
  constructor(sets: ParameterSets, startup: ParameterSet) {
    this.#sets = sets;
    this.known = startup;
    this.lexis = startup.lexis;
    this.#startup = startup.values;
    this.#reportedAtStart = startup.reported;
  }

  /**
   * In what encoding the client speaks, as it was told last. What the connection has reported may still be another session's,
   * while the parameters of this one are on their way.
   */
  get clientEncoding(): string | undefined {
    return (this.#told ?? this.#reportedAtStart).get('client_encoding');
  }

  /** The client's encoding, if names beyond ASCII are other bytes in the database; else null. */
  get #foreignEncoding(): string | null {
    const client = this.clientEncoding;
    const server = this.#reportedAtStart.get('server_encoding');
    // PostgreSQL converts nothing where either is SQL_ASCII.
    const isSame = client === server || client === 'SQL_ASCII' || server === 'SQL_ASCII';
    return isSame ? null : (client ?? null);
  }

  /** What the client asked for at the start; null when that was nothing. */
  get startValues(): StartValues | null {
    return this.#startup.size > 0 ? this.#startup : null;
  }

  get(name: string): string | undefined {
    return this.known.values.get(name);
  }

  /** Values must be read back before anyone else gets the connection. */
  get dirty(): boolean {
    return this.#tracker?.dirty === true;
  }

  /** A change of what texts mean may be under way. */
  get meaningUncertain(): boolean {
    return this.#tracker?.meaningUncertain === true;
  }

  /** Under what a text is read that the client sends now. */
  readsUnder(hasLiterals: boolean): ReadUnder {
    if (!this.meaningUncertain) return { meaning: this.known.meaning(hasLiterals) };
    const pending = { meaning: null, hasLiterals };
    if (this.#pending.length < mostPending) this.#pending.push(pending);
    return pending;
  }

  /** The session's search_path; null when it may have been changed in this transaction. */
  get searchPath(): string | null {
    if (this.#tracker?.pathUncertain === true) return null;
    return this.get('search_path') ?? defaultPath;
  }

  /** Tells apart what the same statement text means, as it has literals or none. `session` is the session's number. */
  statementContext(session: number, hasLiterals: boolean): string {
    const tracker = this.#tracker;
    // While a change of what texts mean may be under way, the session's statements are its own.
    const own = tracker?.meaningUncertain === true ? `${session} ${tracker.meaning}` : '';
    return `${own}\0${this.known.meaning(hasLiterals).key}`;
  }

  /**
   * A statement that may set parameters is about to run; with `isSure` it does what it says, else it may reset them. Returns
   * whether it may change how later texts are read.
   */
  willRun(effects: Effects, isSure: boolean): boolean {
    this.#tracker ??= new ParameterTracker();
    const { meaning } = this.#tracker;
    this.#tracker.note(effects, this.known.values, isSure, this.#foreignEncoding);
    // What stood in front of the change was read under what nobody has read back.
    if (this.#tracker.meaning !== meaning) this.#pending = [];
    if (!changesLexis(effects)) return false;
    this.lexis = worstLexis;
    return true;
  }

  /** Which start values code that does what `effects` say may reset. */
  startValuesIn(effects: Effects): string[] {
    const names = effects.details.flatMap((effect) => {
      if (effect.kind !== 'parameter' || effect.local) return [];
      return typeof effect.names === 'string' ? [...this.#startup.keys()] : effect.names;
    });
    return names.filter((name) => this.#startup.has(name));
  }

  /** Something may have changed that no text shows. */
  suspect(): void {
    this.#tracker ??= new ParameterTracker();
    this.#tracker.suspect();
  }

  /**
   * Begins a read-back. `askSql` and `take` follow. `alsoCustom`: further names that custom parameters may have, as the
   * client's bytes.
   */
  ask(alsoCustom: readonly string[]): void {
    this.#tracker ??= new ParameterTracker();
    const foreign = this.#foreignEncoding;
    this.#tracker.ask([
      ...this.#sets.customNames,
      ...this.known.values.keys(),
      ...alsoCustom.map((name) =>
        foreign === null || isAscii(name) ? name : inEncoding(name, foreign),
      ),
    ]);
  }

  /** The statements for the read-back, as one text. With `encoded` its answer is ASCII, whatever the values are. */
  askSql(encoded: boolean): string {
    this.#tracker ??= new ParameterTracker();
    return this.#tracker.askSql(this.#startup, encoded);
  }

  /**
   * Takes the answer to `askSql` from the connection. Returns the parameters that the client is to be told of: RESET went back
   * to the values of the connection, and the client was told so; its own start values are others.
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
    // What nobody can name is taken away before anyone else comes.
    if (uncertain) {
      this.uncertain = true;
      connection.state.residue.markUnproven();
    }
    this.lexisTold(connection);
    this.known.lexis = this.lexis;
    this.#tracker?.settled();
    if (!this.meaningUncertain)
      for (const pending of this.#pending)
        pending.meaning = this.known.meaning(pending.hasLiterals);
    this.#pending = [];
    const corrected = [...this.#reportedAtStart].filter(([name]) => actual.has(inLowerCase(name)));
    for (const [name, value] of corrected) this.told(name, value);
    return corrected;
  }

  /** Where a reset has gone back to the connection's own value, the client's start value takes its place at once. */
  putBack(connection: ParameterSink): void {
    const sql = replaySql(connection.state.parameterSet, this.known);
    if (sql === '') return;
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

  /** The client is told of a parameter; both as bytes. */
  told(name: string, value: string): void {
    (this.#told ??= new Map(this.#reportedAtStart)).set(name, value);
  }

  /**
   * What the client is to be told at the beginning of a lease: the server has read its configuration again, and the connection
   * has told somebody else. `before` are the parameters that it had until now.
   */
  news(connection: ParameterSink, before: ParameterSet | null): [string, string][] {
    const told = this.#told ?? this.#reportedAtStart;
    const { values } = this.known;
    const isOwn = (name: string): boolean => values.has(name) || before?.values.has(name) === true;
    const news = [...connection.state.reported].filter(
      ([name, value]) =>
        told.get(name) !== value &&
        isAscii(value) &&
        !ofTheUser.has(name) &&
        !isOwn(inLowerCase(name)),
    );
    for (const [name, value] of news) this.told(name, value);
    return news;
  }

  /** Nothing is owed: the lexis is what the connection has reported. */
  lexisTold(connection: ParameterSink): void {
    this.lexis = lexisReported(connection.state);
  }

  /** The lease has ended; null when its connection is lost. */
  leaseEnded(connection: ParameterSink | null): void {
    this.uncertain = false;
    this.setOutside = false;
    this.#pending = [];
    const tracker = this.#tracker;
    if (tracker === null || connection === null) return;
    // What SET LOCAL changed is as it was before.
    const wasUncertain = tracker.meaningUncertain;
    tracker.settled();
    if (wasUncertain) this.lexisTold(connection);
  }

  /** Nothing that was asked to change them took effect, as far as the client knows. */
  forgetChanges(): void {
    this.setOutside = false;
    this.#tracker = null;
    this.lexis = this.known.lexis;
  }

  /** Server connections begin with other values now: the session keeps those that it began with. */
  keepStart(values: ReadonlyMap<string, string>): void {
    this.#startup = new Map([...values, ...this.#startup]);
    const before = this.known;
    this.known = this.#sets.acquire([...values, ...before.values]);
    this.known.lexis = before.lexis;
    this.#sets.release(before);
  }

  release(): void {
    this.#sets.release(this.known);
  }
}
