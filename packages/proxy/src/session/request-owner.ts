import type { ServerConnection } from '../backend/server-connection.ts';
import type { Belief } from '../backend/error-words.ts';
import type { ProxyError } from '../errors.ts';
import type { Effects } from '../sql/index.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import type { PinReason } from '../pinning/pin-reason.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import type { StartValues } from '../parameters/start-values.ts';

/** Which start values code of the database may reset, by their names. */
export interface MayReset {
  readonly names: readonly string[];
  /** The code is known, so that it resets these in all likelihood. */
  readonly isKnown: boolean;
}

/** The session, as the way of its messages to a server connection sees it. */
export interface RequestOwner {
  /** The leased server connection, or null. */
  readonly connection: ServerConnection | null;
  /** What the client has sent and is not answered. */
  readonly cycles: QueryCycles;
  /** The longest message that is gathered whole; longer ones stream, in bytes. */
  readonly longestBuffered: number;
  /** Asks for a lease. Null: `RequestForwarder.granted` or `refuse` will be called, or were. */
  borrow(): ServerConnection | null;
  /**
   * A statement about to run sets what PostgreSQL takes only before temporary tables were used. Gives the connection back if
   * other sessions have had it and nothing of the lease has run: true, and the statement waits for one that nobody has had.
   */
  wantsNewConnection(effects: Effects): boolean;
  /** Something has changed of what may be read from the client. */
  flow(): void;
  /** Sends bytes to the client that no database was asked for. */
  reply(bytes: Buffer): void;
  /** The client said Terminate. */
  terminated(): void;
  /** Ends the session: the client broke the protocol. */
  terminate(error: ProxyError): void;
}

/** The session, as its statements see it. */
export interface StatementOwner {
  /** Under which lexis the database reads the session's statements; see `lexisOf`. */
  readonly lexis: number;
  /** Nothing is owed: the lexis is what the connection has reported. */
  lexisTold(): void;
  /** Tells apart what the same statement text means under the session's parameters, as it has literals or none. */
  statementContext(hasLiterals: boolean): string;
  /** What the client asked for at its start, to be set again behind what resets it; null when there is nothing. */
  readonly startValues: StartValues | null;
  /** The parameters that the session has set. */
  readonly known: ParameterSet;
  /** In what encoding the client speaks. */
  readonly clientEncoding: string | undefined;
  /** Which start values code of the database may reset in what is about to run; forgets it. */
  takeMayReset(): MayReset;
  /**
   * Looks at what a statement about to run does to the session, and pins where that is needed. Its text begins at
   * `source[start]` and ends with a zero byte.
   */
  willRun(effects: Effects, source: Buffer, start: number): void;
  /** Tells of a statement, its literals replaced; called only while somebody listens. */
  publishStatement(normalizedQuery: string): void;
  /** The text of a statement that may set parameters in ways that only their names in it betray. */
  mayNameParameters(text: string): void;
  /**
   * Whether a statement may run at once. False: it needs a database or a role without connections, or one to send a signal
   * to, and the connection is parked until there is.
   */
  makesWay(effects: Effects): boolean;
  /** As `makesWay`, for a signal to the process of a client of the proxy; `ends`: pg_terminate_backend(). */
  aim(processId: number, ends: boolean): boolean;
  /** The process id that the client was told as its own. */
  readonly clientProcessId: number;
  /** The server process that stands for one that `aim` was called for; null: no client of the proxy has this process id. */
  processFor(processId: number): number | null;
  /** The statement that was bound last has the values in `chunk[start, end)`. */
  bound(chunk: Buffer, start: number, end: number): void;
  /** Whether a statement that is about to be prepared or run waits until nothing is owed. */
  mustWait(effects: Effects): boolean;
  /** A statement is about to be prepared: puts in front of the cycle what it must not meet. */
  willParse(effects: Effects): void;
  /** A statement is about to run of which nobody knows what it does; what has come of its text begins at `start`. */
  willRunUnread(reason: PinReason, source: Buffer, start: number): void;
  /** A statement of SQL's PREPARE cannot be carried: pins. */
  keepStatements(source: Buffer, start: number): void;
  /** A belief about the server connection was contradicted, and is corrected. */
  corrected(belief: Belief): void;
}
