import type { BoundCycle, ParsedCycle } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Assumption } from '../backend/error-words.ts';
import type { ProxyError } from '../errors.ts';
import type { Effects, Lexis } from '../sql/index.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import type { PinReason } from '../pinning/pin-reason.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import type { ClientStatement } from '../statements/client-statement.ts';
import type { StartValues } from '../parameters/start-values.ts';

/** The start values that code of the database may reset, by name. */
export interface MayReset {
  readonly names: readonly string[];
  /** The code is known, so that it very likely resets them. */
  readonly isKnown: boolean;
}

/** The leases of the session, as a statement that needs another connection sees them. */
export interface ConnectionChanges {
  /**
   * Whether a statement sets what PostgreSQL accepts only before temporary tables were used, and other sessions may
   * have used some on the connection. False if the session has to keep the connection.
   */
  needsNewConnection(effects: Effects): boolean;
  /** Returns the connection between cycles. The requests continue on a new one. */
  leaveConnection(): void;
}

/** The session, as seen by the request forwarder. */
export interface RequestOwner extends ConnectionChanges {
  /** The leased server connection, or null. */
  readonly connection: ServerConnection | null;
  /** The unanswered cycles of the client. */
  readonly cycles: QueryCycles;
  /** The longest message that is buffered completely, in bytes; longer ones stream. */
  readonly longestBuffered: number;
  /** A cycle begins without a lease. Whether it may run on a shared one, as far as the session is concerned. */
  mayShare(): boolean;
  /**
   * Whether the cycle `chunk[at, next)`, a complete Query, runs on a shared lease. Then `RequestForwarder.answered` or
   * `resume` will be called.
   */
  share(chunk: Buffer, at: number, next: number): boolean;
  /** The same for a cycle that runs the named statement. */
  shareBound(named: ClientStatement, chunk: Buffer, at: number, cycle: BoundCycle): boolean;
  /** The same for a cycle that parses the unnamed statement and runs it. */
  shareParsed(chunk: Buffer, at: number, cycle: ParsedCycle): boolean;
  /** The cycle has a form that no shared lease takes. Returns false. */
  hasOtherForm(): boolean;
  /** Requests a lease. Null: `RequestForwarder.granted` or `refuse` will be called, or has been. */
  borrow(): ServerConnection | null;
  /** The maximum number of pending replies; then the client waits. */
  readonly mostPending: number;
  /** Whether the session may begin another cycle while it has unanswered cycles. */
  readonly maySendAhead: boolean;
  /** A cycle is about to begin on an existing lease: the error that refuses it, or null. */
  refusal(): Buffer | null;
  /** The waiting requests continue in a later turn of the event loop. */
  workLater(): void;
  /** The conditions for reading from the client have changed. */
  flow(): void;
  /** Sends bytes to the client that are not from the database. */
  reply(bytes: Buffer): void;
  /** The client sent Terminate. */
  terminated(): void;
  /** Ends the session, because the client violated the protocol. */
  terminate(error: ProxyError): void;
  /** Ends the session and its server connection, because of an internal error. */
  broken(error: unknown): void;
}

/** The session, as its statements see it. */
export interface StatementOwner {
  /** The lexis under which the database parses the session's statements; see `lexisOf`. */
  readonly lexis: Lexis;
  /** No reply is pending: the lexis is the one that the connection has reported. */
  lexisReported(): void;
  /**
   * A key that distinguishes the meanings of the same text under the parameters of the session, for a text with or
   * without literals.
   */
  statementContext(hasLiterals: boolean): string;
  /** The start values of the client, to be set again after a reset; null if there are none. */
  readonly startValues: StartValues | null;
  /** The parameters that the session has set. */
  readonly known: ParameterSet;
  /** The encoding of the client. */
  readonly clientEncoding: string | undefined;
  /** The start values that code of the database may reset in the next request; clears them. */
  takeMayReset(): MayReset;
  /**
   * Analyzes the effects of a statement that is about to run, and pins if necessary. The text begins at `source[start]`
   * and ends with a zero byte.
   */
  willRun(effects: Effects, source: Buffer, start: number): void;
  /** Publishes a normalized query; called only if there are subscribers. */
  publishStatement(normalizedQuery: string): void;
  /** A statement that may set parameters, which only their names in this text indicate. */
  mayNameParameters(text: string): void;
  /**
   * Whether a statement can run immediately. False: it needs a database or a role without connections, or the target of
   * a signal, and its requests are paused until then.
   */
  vacateFor(effects: Effects): boolean;
  /** As `vacateFor`, for a signal to the process of a client of the proxy; `ends`: pg_terminate_backend(). */
  aim(processId: number, ends: boolean): boolean;
  /** The process ID of the client. */
  readonly clientProcessId: number;
  /** The server process for the argument of `aim`; null: no client of the proxy has this process ID. */
  processFor(processId: number): number | null;
  /** The last bound statement has the values in `chunk[start, end)`. */
  bound(chunk: Buffer, start: number, end: number): void;
  /** The parameters for parsing a text that the session sends now. */
  readsUnder(hasLiterals: boolean): ReadUnder;
  /** Whether a statement that is about to be prepared or run must wait until no reply is pending. */
  mustWait(effects: Effects): boolean;
  /** A statement is about to be prepared: adds requests before the cycle if it needs them. */
  willParse(effects: Effects): void;
  /** A statement with unknown effects is about to run; the received part of its text begins at `start`. */
  willRunUnread(reason: PinReason, source: Buffer, start: number): void;
  /** A SQL-level prepared statement cannot be tracked: pins. */
  keepStatements(source: Buffer, start: number): void;
  /** An error contradicted an assumption about the server connection, which is corrected. */
  corrected(assumption: Assumption): void;
}
