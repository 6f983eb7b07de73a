import type { DatabaseConnection } from '../backend/database-connection.ts';
import type { ProxyError } from '../errors.ts';
import type { Effects } from '../sql/index.ts';
import type { PinReason } from './pin-reason.ts';

/** The session, as its requests see it. */
export interface RequestOwner {
  /** The database connection on loan, or null. */
  readonly connection: DatabaseConnection | null;
  /** The longest message that is gathered whole; longer ones stream, in bytes. */
  readonly longestBuffered: number;
  /** Under which lexis the database reads the session's statements; see `lexisOf`. */
  readonly lexis: number;
  /** Nothing is owed: the lexis is what the connection has reported. */
  lexisTold(): void;
  /** The session's search_path; null when it may have been changed in this transaction. */
  readonly searchPath: string | null;
  /** Tells apart what the same statement text means under the session's parameters, as it has literals or none. */
  statementContext(hasLiterals: boolean): string;
  /** Asks for a loan. True: `connection` is set. False: `resume` will be called, or the request refused. */
  borrow(): boolean;
  /**
   * Looks at what a statement about to run does to the session, and pins where that is needed. Its text begins at
   * `source[start]` and ends with a zero byte.
   */
  willRun(effects: Effects, source: Buffer, start: number): void;
  /** Tells of a statement, its literals replaced; called only while somebody listens. */
  trace(shape: string): void;
  /** The text of a statement that may set parameters in ways that only their names in it betray. */
  mayNameParameters(text: string): void;
  /** Whether a statement that is about to be prepared or run waits until nothing is owed. */
  mustWait(effects: Effects): boolean;
  /** A statement is about to be prepared: puts in front of the group what it must not meet. */
  willParse(effects: Effects): void;
  /** A statement is about to run of which nobody knows what it does; what has come of its text begins at `start`. */
  willRunUnread(reason: PinReason, source: Buffer, start: number): void;
  /** A statement of SQL's PREPARE cannot be carried: pins. */
  keepStatements(source: Buffer, start: number): void;
  /** Stops reading from the client until `resume`. */
  pause(): void;
  /** Sends bytes to the client that no database was asked for. */
  reply(bytes: Buffer): void;
  /** The client said Terminate. */
  terminated(): void;
  /** The client broke the protocol. */
  violated(error: ProxyError): void;
  /** A group begins to run. */
  groupStarted(): void;
}
