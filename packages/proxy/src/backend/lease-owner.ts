import type { ErrorFields } from '@sluice/wire';
import type { ProxyError } from '../errors.ts';
import type { Belief } from './error-words.ts';
import type { ReplyOwner } from '../protocol/pending-replies.ts';
import type { CycleOwner } from '../protocol/query-cycle.ts';
import type { ReadUnder } from '../parameters/read-under.ts';

/*
 * Who has to do with a server connection: the session that has leased it, and the pool that it goes back to.
 */

/** The session that holds the lease of a server connection, as the connection sees it. */
export interface LeaseOwner<Connection> extends CycleOwner, ReplyOwner {
  /** The session may be about to change what its texts mean: a date by DateStyle, for one. */
  readonly meaningUncertain: boolean;
  /** Under what a text is read that the session sends now. */
  readsUnder(hasLiterals: boolean): ReadUnder;
  /** Nothing is owed and no transaction is open: does the session let go of the connection? */
  letsGo(): boolean;
  /** The lease has ended: the connection went back to its pool. */
  leaseEnded(): void;
  /**
   * A plan does not fit its tables any more. Returns true when the request is made again and the error is not the
   * client's to see.
   */
  planOutdated(): boolean;
  /**
   * An error, the message `chunk[at, next)`, contradicts what was believed of the connection. Returns true when the request
   * is made again and the error is not the client's to see.
   */
  beliefContradicted(belief: Belief, chunk: Buffer, at: number, next: number): boolean;
  /** What the client has sent next waits until nothing is owed: then `resume` is called. */
  readonly awaitsAnswers: boolean;
  /** A text that may name statements by their names on server connections, in the client's names. */
  translate(text: string): string;
  /** The client keeps its connection when this one is lost: no state of its own is here but a transaction. */
  readonly survivesLoss: boolean;
  /** The connection has ended under the lease. */
  connectionLost(loss: ConnectionLoss): void;
  /** The database refused the cycle at hand with this SQLSTATE and rolled it back: shall it run on another connection? */
  canSendAgain(sqlstate: string): boolean;
  /**
   * The lease has ended, and the cycle that `canSendAgain` spoke of was refused with `error`, behind the messages
   * `answered`: it is sent again elsewhere.
   */
  sendAgain(error: ErrorFields, answered: Buffer, connection: Connection): void;
  /** The parameters that stood in front of the lease's first request are set. */
  replayed(): void;
  /** The database refused them, and the connection has ended. `nothingRan`: of what was sent behind them, for certain. */
  replayRefused(error: ErrorFields, nothingRan: boolean): void;
  /** The connection takes requests again: its socket has drained, or a cancel has passed. */
  resume(): void;
  /** The database reported a new value of a parameter while the session's requests ran; both as bytes. */
  parameterReported(name: string, value: string): void;
  /** A notification came, the whole message `chunk[at, end)`. Returns whether its bytes go on, maybe changed. */
  notified(chunk: Buffer, at: number, end: number): boolean;
}

/** How a server connection ended under a lease. */
export interface ConnectionLoss {
  readonly error: ProxyError;
  /** The database closed it, or it broke, without a word: what ran on it may have brought its server process down. */
  readonly silent: boolean;
  /** Another client has had the session ended. */
  readonly isEnding: boolean;
  /** What ended it, in words. */
  readonly reason: string;
  /** Cycles of the session that were still owed their end. */
  readonly cycles: number;
  /** Messages were sent that no Sync has followed. */
  readonly openCycle: boolean;
  readonly inTransaction: boolean;
  /** The transaction has failed already, and the client knows. */
  readonly failed: boolean;
  /** Part of a message has been relayed, so that nothing else can follow. */
  readonly midReply: boolean;
  /** The client has already had an ErrorResponse in the cycle at hand. */
  readonly errorSent: boolean;
}

/** Where a server connection goes when its lease or its life ends. */
export interface ConnectionOwner<Connection> {
  /** Nothing is owed, as for `returned`, which follows: true when the owner has asked something of its own first. */
  hasErrand(connection: Connection): boolean;
  /** Nothing is owed, no transaction is open, no state is left inside: others may have it. */
  returned(connection: Connection): void;
  /** What InitQuery says for this pool; run again after DISCARD ALL, which undoes it. */
  readonly initQuery: string;
  /** The socket has closed. */
  closed(connection: Connection, error: ProxyError): void;
  /** The connection says that its database may no longer serve: an SQLSTATE, or how the socket ended. */
  failureSignal(connection: Connection, what: string): void;
  /** The database reported a parameter outside any session's request. */
  parameterChanged(connection: Connection, name: string, value: string): void;
}
