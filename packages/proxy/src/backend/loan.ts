import type { ErrorFields } from '@sluice/wire';
import type { ProxyError } from '../errors.ts';
import type { DatabaseConnection } from './database-connection.ts';

/*
 * Who has to do with a database connection: the session that has it on loan, and the pool that it goes back to.
 */

/** The session that holds the loan of a database connection, as the connection sees it. */
export interface LoanHolder {
  /** The client's socket has taken all it can: nothing more is read from the database until it drains. */
  readonly blocked: boolean;
  /** Takes `chunk[start, end)`, whole or partial messages that the client is owed. */
  relay(chunk: Buffer, start: number, end: number): void;
  /** Writes to the client what `relay` has gathered. */
  flushReplies(): void;
  /** A group of this session is over. */
  groupEnded(): void;
  /** Nothing is owed and no transaction is open: does the session let go of the connection? */
  letsGo(): boolean;
  /** The loan has ended: the connection went back to its pool. */
  loanEnded(): void;
  /**
   * A plan does not fit its tables any more. Returns true when the request is made again and the error is not the
   * client's to see.
   */
  planOutdated(): boolean;
  /** What the client has sent next waits until nothing is owed: then `resume` is called. */
  readonly awaitsAnswers: boolean;
  /** A text that may name statements by their names on database connections, in the client's names. */
  translate(text: string): string;
  /** The client keeps its connection when this one is lost: no state of its own is here but a transaction. */
  readonly survivesLoss: boolean;
  /** The connection has ended under the loan. */
  connectionLost(loss: ConnectionLoss): void;
  /** The database refused the group at hand with this SQLSTATE and rolled it back: shall it run on another connection? */
  canSendAgain(sqlstate: string): boolean;
  /**
   * The loan has ended, and the group that `canSendAgain` spoke of was refused with `error`, behind the messages
   * `answered`: it is sent again elsewhere.
   */
  sendAgain(error: ErrorFields, answered: Buffer, connection: DatabaseConnection): void;
  /** The connection takes requests again: its socket has drained, or a cancel has passed. */
  resume(): void;
  /** The database reported a new value of a parameter while the session's requests ran. */
  parameterReported(): void;
  /** A notification came, the whole message `chunk[at, end)`. Returns whether its bytes go on, maybe changed. */
  notified(chunk: Buffer, at: number, end: number): boolean;
}

/** How a database connection ended under a loan. */
export interface ConnectionLoss {
  readonly error: ProxyError;
  /** What ended it, in words. */
  readonly reason: string;
  /** Groups of the session that were still owed their end. */
  readonly groups: number;
  /** Messages were sent that no Sync has followed. */
  readonly openGroup: boolean;
  readonly inTransaction: boolean;
  /** The transaction has failed already, and the client knows. */
  readonly failed: boolean;
  /** Part of a message has been relayed, so that nothing else can follow. */
  readonly midReply: boolean;
  /** The client has already had an ErrorResponse in the group at hand. */
  readonly errorSent: boolean;
}

/** Where a database connection goes when its loan or its life ends. */
export interface ConnectionOwner {
  /** Nothing is owed, as for `returned`, which follows: true when the owner has asked something of its own first. */
  hasErrand(connection: DatabaseConnection): boolean;
  /** Nothing is owed, no transaction is open, no state is left inside: others may have it. */
  returned(connection: DatabaseConnection): void;
  /** What InitQuery says for this pool; run again after DISCARD ALL, which undoes it. */
  readonly initQuery: string;
  /** The socket has closed. */
  closed(connection: DatabaseConnection, error: ProxyError): void;
  /** The connection says that its database may no longer serve: an SQLSTATE, or how the socket ended. */
  evidence(connection: DatabaseConnection, what: string): void;
  /** The database reported a parameter outside any session's request. */
  parameterChanged(connection: DatabaseConnection, name: string, value: string): void;
}
