import type { ErrorFields } from '@sluice/wire';
import type { ProxyError } from '../errors.ts';
import type { Assumption } from './error-words.ts';
import type { ReplyOwner } from '../protocol/pending-replies.ts';
import type { ReadUnder } from '../parameters/read-under.ts';

/* The owners of a server connection: the session with the lease, and the pool to which it returns. */

/** The session with the lease of a server connection, as the connection sees it. */
export interface LeaseOwner<Connection> extends ReplyOwner {
  /** The session may be about to change the meaning of its texts, for example by DateStyle. */
  readonly meaningUncertain: boolean;
  /** The parameters for parsing a text that the session sends now. */
  readsUnder(hasLiterals: boolean): ReadUnder;
  /** No reply is pending and no transaction is open: whether the session returns the connection. */
  tryRelease(): boolean;
  /** The lease has ended: the connection was returned to its pool. */
  leaseEnded(): void;
  /** A plan is outdated. Returns true if the request is retried and the client does not get the error. */
  planOutdated(): boolean;
  /**
   * An error, the message `chunk[at, next)`, contradicts an assumption about the connection. Returns true if the
   * request is retried and the client does not get the error.
   */
  assumptionContradicted(assumption: Assumption, chunk: Buffer, at: number, next: number): boolean;
  /** The next request of the client waits until no reply is pending: then `resume` is called. */
  readonly awaitsAnswers: boolean;
  /** A text with statement names on server connections, translated to the names of the client. */
  translate(text: string): string;
  /**
   * The client keeps its connection when this one is lost: this one has no state of the client except a transaction.
   */
  readonly survivesLoss: boolean;
  /** The connection was lost during the lease. */
  connectionLost(loss: ConnectionLoss): void;
  /**
   * The database refused the current cycle with this SQLSTATE and rolled it back: whether to retry it on another
   * connection.
   */
  canSendAgain(sqlstate: string): boolean;
  /**
   * The lease has ended, and the cycle of `canSendAgain` was refused with `error`, after the messages `answered`: it is
   * retried elsewhere.
   */
  sendAgain(error: ErrorFields, answered: Buffer, connection: Connection): void;
  /** The parameters before the lease's first request are set. */
  replayed(): void;
  /** The database refused them, and the connection has ended. `nothingRan`: nothing after them ran, for certain. */
  replayRefused(error: ErrorFields, nothingRan: boolean): void;
  /** The connection accepts requests again: its socket has drained, or a cancel has passed. */
  resume(): void;
  /** The database reported a new value of a parameter while the session's requests ran; both are bytes. */
  parameterReported(name: string, value: string): void;
  /** The same while internal queries ran, all of which are complete; `connection.state.reported` has the values. */
  parametersReported(connection: Connection): void;
  /**
   * A notification arrived, the complete message `chunk[at, end)`. Returns whether its bytes are forwarded, possibly
   * changed.
   */
  notified(chunk: Buffer, at: number, end: number): boolean;
}

/** How a server connection ended during a lease. */
export interface ConnectionLoss {
  readonly error: ProxyError;
  /** It was closed or broken without an error: the statement that ran may have crashed its server process. */
  readonly silent: boolean;
  /** Another client has terminated the session. */
  readonly isEnding: boolean;
  /** The reason, as text. */
  readonly reason: string;
  /** The number of cycles of the session without their ReadyForQuery. */
  readonly cycles: number;
  /** Messages were sent without a Sync. */
  readonly openCycle: boolean;
  readonly inTransaction: boolean;
  /** The transaction has failed already, and the client knows. */
  readonly failed: boolean;
  /** A message was forwarded in part, so nothing else can follow. */
  readonly midReply: boolean;
  /** The client has already got an ErrorResponse in the current cycle. */
  readonly errorSent: boolean;
}

/** The destination of a server connection when its lease or its life ends. */
export interface ConnectionOwner<Connection> {
  /** No reply is pending: starts an internal query if one is due. Returns whether; if not, `returned` follows. */
  startInternalQuery(connection: Connection): boolean;
  /** No reply is pending, no transaction is open, and no state is left: other sessions can have it. */
  returned(connection: Connection): void;
  /** The InitQuery of this pool; run again after DISCARD ALL, which undoes it. */
  readonly initQuery: string;
  /** The socket is closed. */
  closed(connection: Connection, error: ProxyError): void;
  /** A failure signal about its database: an SQLSTATE, or how the socket was closed. */
  failureSignal(connection: Connection, what: string): void;
  /** The database reported a parameter outside any session's request. */
  parameterChanged(connection: Connection, name: string, value: string): void;
}
