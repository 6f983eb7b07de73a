import type { DatabaseConnection } from '../backend/database-connection.ts';
import type { Effects } from '../sql/index.ts';
import type { ParameterSet, ParameterSets } from './parameter-set.ts';
import { ParameterTracker } from './parameter-tracker.ts';
import { changesLexis, lexisReported, worstLexis } from './session-effects.ts';

/** Stands for the search_path of who has set none; an empty one is a value like others. */
const defaultPath = '\0';

type Rows = readonly (readonly (string | null)[])[];

/**
 * The parameters of one session: those it is known to have, those that may have changed since, and what they make of the
 * texts that it sends.
 */
export class SessionParameters {
  /** What the session has set, on whichever database connection it is served. */
  known: ParameterSet;
  /** Under which lexis the database reads the session's statements; see `lexisOf`. */
  lexis: number;
  /** A parameter was set, or LISTEN said, outside a transaction, and not read back yet. */
  setOutside = false;
  /** Something may be set on the connection on loan that nobody could name. */
  uncertain = false;
  readonly #sets: ParameterSets;
  /** What the client asked for at the start: what RESET goes back to. */
  readonly #startup: ReadonlyMap<string, string>;
  /** What the client was told of its parameters when it was let in. */
  readonly #reportedAtStart: ReadonlyMap<string, string>;
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

  get(name: string): string | undefined {
    return this.known.values.get(name);
  }

  /** Values must be read back before anyone else gets the connection. */
  get dirty(): boolean {
    return this.#tracker?.dirty === true;
  }

  /** The session's search_path; null when it may have been changed in this transaction. */
  get searchPath(): string | null {
    if (this.#tracker?.pathInDoubt === true) return null;
    return this.get('search_path') ?? defaultPath;
  }

  /** Tells apart what the same statement text means, as it has literals or none. `session` is the session's number. */
  statementContext(session: number, hasLiterals: boolean): string {
    const tracker = this.#tracker;
    // While a change of what texts mean may be under way, the session's statements are its own.
    const own = tracker?.meaningInDoubt === true ? `${session} ${tracker.meaning}` : '';
    return `${own}\0${this.known.statementContext(hasLiterals)}`;
  }

  /** A statement that may set parameters is about to run. Returns whether it may change how later texts are read. */
  willRun(effects: Effects): boolean {
    this.#tracker ??= new ParameterTracker();
    this.#tracker.note(effects, this.known.values);
    if (!changesLexis(effects)) return false;
    this.lexis = worstLexis;
    return true;
  }

  /** Something may have changed that no text shows. */
  suspect(): void {
    this.#tracker ??= new ParameterTracker();
    this.#tracker.suspect();
  }

  /** Begins a read-back: the statement for it. `take` follows. */
  ask(): string {
    this.#tracker ??= new ParameterTracker();
    return this.#tracker.ask(this.#sets.customNames);
  }

  /**
   * Takes the answer to `ask` from the connection. Returns the parameters that the client is to be told of: RESET went back
   * to the values of the connection, and the client was told so; its own start values are others.
   */
  take(rows: Rows, connection: DatabaseConnection, loginUser: string): [string, string][] {
    const { wanted, actual, uncertain } = (this.#tracker ?? new ParameterTracker()).readBack(
      rows,
      this.known.values,
      this.#startup,
      loginUser,
    );
    const sets = this.#sets;
    const before = this.known;
    this.known = sets.acquire(wanted);
    sets.release(before);
    connection.parameterSet = this.known;
    if (actual.size > 0) {
      const set = sets.acquire([...wanted, ...actual]);
      connection.parameterSet = set;
      sets.release(set);
    }
    // What nobody can name is taken away before anyone else comes.
    if (uncertain) {
      this.uncertain = true;
      connection.needsReset = true;
    }
    this.lexisTold(connection);
    this.known.lexis = this.lexis;
    return [...this.#reportedAtStart].filter(([name]) => actual.has(name.toLowerCase()));
  }

  /** Nothing is owed: the lexis is what the connection has reported. */
  lexisTold(connection: DatabaseConnection): void {
    this.lexis = lexisReported(connection);
  }

  /** The loan has ended; null when its connection is lost. */
  loanEnded(connection: DatabaseConnection | null): void {
    this.uncertain = false;
    this.setOutside = false;
    const tracker = this.#tracker;
    if (tracker === null || connection === null) return;
    // What SET LOCAL changed is as it was before.
    tracker.pathInDoubt = false;
    if (!tracker.meaningInDoubt) return;
    tracker.meaningInDoubt = false;
    this.lexisTold(connection);
  }

  /** Nothing that was asked to change them took effect, as far as the client knows. */
  forgetChanges(): void {
    this.setOutside = false;
    this.#tracker = null;
    this.lexis = this.known.lexis;
  }

  release(): void {
    this.#sets.release(this.known);
  }
}
