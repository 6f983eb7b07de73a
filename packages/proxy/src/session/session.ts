import type { Socket } from 'node:net';
import { TransactionStatus, buildErrorResponse, readyForQueryIdle } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ConnectionLoss, DatabaseConnection, LoanHolder } from '../backend/database-connection.ts';
import { ProxyError } from '../errors.ts';
import type { Borrower, Pool } from '../pool/pool.ts';
import { clock } from '../relay/clock.ts';
import { toClient } from '../relay/gatherer.ts';
import type { Effects } from '../sql/index.ts';
import type { CancelKey } from './cancel-keys.ts';
import type { ParameterSet } from './parameter-set.ts';
import { PinReason, pinReasonOf } from './pin-reason.ts';
import { RequestRelay } from './request-relay.ts';
import type { RequestOwner } from './request-relay.ts';

/** What a session is doing; each is a list of the endpoint's, so that a gauge is a length. */
export const SessionState = {
  /** Between transactions: holds no database connection. */
  Idle: 'idle',
  /** In the borrow queue. */
  Waiting: 'waiting',
  /** Holds a loan and is owed something. */
  Active: 'active',
  Closed: 'closed',
} as const;

export type SessionState = (typeof SessionState)[keyof typeof SessionState];

/** How long a client that is being closed may take to read what it was sent, in milliseconds. */
const closeTimeout = 5000;

/** Whoever keeps the sessions: told what happens to them. */
export interface SessionKeeper {
  readonly longestBuffered: number;
  pinned(session: Session, reason: PinReason, effects: Effects | null): void;
  ended(session: Session, reason: string): void;
}

/**
 * A session: one client's logical state. It outlives every loan, and the client's socket is its own.
 *
 * The way to the database is the request relay's; this class holds the loan, writes what the client is owed, and
 * knows when the session may let go.
 */
export class Session implements LoanHolder, RequestOwner, Borrower {
  readonly id: number;
  readonly socket: Socket;
  readonly pool: Pool;
  readonly parameters: ParameterSet;
  readonly cancelKey: CancelKey;
  readonly tls: boolean;
  /** The name that the client logged in with. */
  readonly clientUser: string;
  /** When the current state began, in clock milliseconds. */
  since = clock.now;
  /** Exact time at which the borrow queue was joined, in milliseconds. */
  waitingSince = 0;
  connection: DatabaseConnection | null = null;
  pin: PinReason | null = null;
  /** A drain asks the session to go at the end of its transaction. */
  leaving = false;

  readonly #keeper: SessionKeeper;
  readonly #relay = new RequestRelay(this);
  #state: SessionState = SessionState.Idle;
  #paused = false;
  #blocked = false;
  /** When the oldest group under way began, in milliseconds of `performance.now()`; 0 when none is. */
  #groupSince = 0;

  constructor(options: {
    readonly id: number;
    readonly socket: Socket;
    readonly tls: boolean;
    readonly clientUser: string;
    readonly pool: Pool;
    readonly parameters: ParameterSet;
    readonly cancelKey: CancelKey;
    readonly keeper: SessionKeeper;
  }) {
    this.id = options.id;
    this.socket = options.socket;
    this.tls = options.tls;
    this.clientUser = options.clientUser;
    this.pool = options.pool;
    this.parameters = options.parameters;
    this.cancelKey = options.cancelKey;
    this.#keeper = options.keeper;
  }

  get state(): SessionState {
    return this.#state;
  }

  get blocked(): boolean {
    return this.#blocked;
  }

  get longestBuffered(): number {
    return this.#keeper.longestBuffered;
  }

  get statementContext(): string {
    return this.parameters.values.get('client_encoding') ?? '';
  }

  /** The name that the client gave itself, for logs. */
  get applicationName(): string {
    return this.parameters.values.get('application_name') ?? '';
  }

  /** Replies that the database connection on loan still owes. */
  get owed(): number {
    return this.connection?.owed.length ?? 0;
  }

  get inTransaction(): boolean {
    return this.connection !== null && this.connection.status !== TransactionStatus.Idle;
  }

  // --- The client's socket ---

  onData(chunk: Buffer): void {
    if (this.#state === SessionState.Closed) return;
    this.#relay.onData(chunk);
  }

  onDrain(): void {
    this.#blocked = false;
    this.connection?.setBlocked(false);
    this.#flow();
  }

  onClosed(): void {
    this.#end('the client closed its connection', null);
  }

  /** Ends the session for `error`, which the client is told unless it is in the middle of a reply. */
  terminate(error: ProxyError): void {
    this.#end(error.message, buildErrorResponse({ ...error.fields, severity: 'FATAL' }));
  }

  /** The proxy drains: the session goes now if nothing runs, else at the end of its transaction. */
  leave(): void {
    this.leaving = true;
    if (this.connection === null && this.#state === SessionState.Idle)
      this.terminate(new ProxyError('SHUTTING_DOWN'));
  }

  /** Refuses the request that waits in the borrow queue, if there is one. */
  cancelWaiting(error: ProxyError): void {
    if (this.#state !== SessionState.Waiting) return;
    this.pool.leave(this);
    this.borrowFailed(error.fields);
  }

  // --- The way to the database ---

  borrow(): boolean {
    this.waitingSince = performance.now();
    const connection = this.pool.borrow(this);
    if (connection === null) {
      // A loan that cannot be had at once was queued, or has been refused already.
      if (this.#state === SessionState.Idle) this.#enter(SessionState.Waiting);
      return false;
    }
    this.#take(connection);
    return true;
  }

  granted(connection: DatabaseConnection): void {
    this.#take(connection);
    this.#relay.resume();
    this.#flow();
  }

  borrowFailed(error: ErrorFields): void {
    this.#enter(SessionState.Idle);
    this.#relay.refuse(buildErrorResponse({ ...error, severity: 'ERROR' }));
    this.#flow();
  }

  willRun(effects: Effects): void {
    if (this.pin !== null) return;
    const reason = pinReasonOf(effects);
    if (reason !== null) this.#pinFor(reason, effects);
  }

  willRunUnread(): void {
    if (this.pin === null) this.#pinFor(PinReason.LongStatement, null);
  }

  pause(): void {
    this.#flow();
  }

  reply(bytes: Buffer): void {
    this.#write(bytes);
  }

  terminated(): void {
    this.#end('the client said Terminate', null);
  }

  violated(error: ProxyError): void {
    this.terminate(error);
  }

  groupStarted(): void {
    this.pool.stats.groups++;
    if (this.#groupSince === 0) {
      this.#groupSince = performance.now();
      this.since = clock.now;
    }
  }

  // --- The loan ---

  relay(chunk: Buffer, start: number, end: number): void {
    toClient.addRange(chunk, start, end);
  }

  flushReplies(): void {
    if (toClient.bytes > 0 && !toClient.writeTo(this.socket)) this.#setBlocked();
  }

  groupEnded(): void {
    const now = performance.now();
    this.pool.stats.queryTime.observe(now - this.#groupSince);
    // Groups that the client sent ahead run from here.
    this.#groupSince = this.owed > 0 ? now : 0;
    this.since = clock.now;
  }

  letsGo(): boolean {
    return this.pin === null && !this.#relay.midMessage;
  }

  loanEnded(): void {
    this.connection = null;
    this.#relay.loanEnded();
    this.#enter(SessionState.Idle);
    if (this.leaving) this.terminate(new ProxyError('SHUTTING_DOWN'));
  }

  resume(): void {
    if (this.#state === SessionState.Closed) return;
    this.#relay.resume();
    this.#flow();
  }

  parameterReported(_name: string, _value: string): void {
    // The client is told by the same bytes; what a session sets pins it, so nothing is carried yet.
  }

  connectionLost(loss: ConnectionLoss): void {
    this.connection = null;
    this.#relay.dropBody();
    if (loss.midReply) {
      // Half a message has gone out: nothing can follow it.
      this.#end(loss.error.message, null);
      return;
    }
    if (loss.inTransaction || this.pin !== null) {
      // What the client believes its transaction or session to be is gone, and only a new one can replace it.
      this.#end(
        loss.error.message,
        loss.errorSent ? null : buildErrorResponse({ ...loss.error.fields, severity: 'FATAL' }),
      );
      return;
    }
    const error = buildErrorResponse({ ...loss.error.fields, severity: 'ERROR' });
    for (let group = 0; group < loss.groups; group++) {
      if (group > 0 || !loss.errorSent) this.#write(error);
      this.#write(readyForQueryIdle);
    }
    if (loss.openGroup) {
      if (loss.groups > 0 || !loss.errorSent) this.#write(error);
      this.#relay.discardUntilSync();
    }
    this.#enter(SessionState.Idle);
    this.#relay.resume();
    this.#flow();
  }

  #take(connection: DatabaseConnection): void {
    this.pool.stats.borrowWait.observe(performance.now() - this.waitingSince);
    this.connection = connection;
    this.#enter(SessionState.Active);
    connection.lend(this);
    this.pool.replay(connection, this.parameters);
  }

  #pinFor(reason: PinReason, effects: Effects | null): void {
    this.pin = reason;
    if (this.connection !== null) this.connection.needsReset = true;
    this.#keeper.pinned(this, reason, effects);
  }

  #enter(state: SessionState): void {
    this.#state = state;
    this.since = clock.now;
  }

  #write(bytes: Buffer): void {
    if (!this.socket.write(bytes)) this.#setBlocked();
  }

  #setBlocked(): void {
    this.#blocked = true;
    this.#flow();
  }

  /** Reads from the client only while what it sends can go on, and what it is owed can be written. */
  #flow(): void {
    const stop =
      this.#blocked || this.#relay.waiting || (this.connection !== null && this.connection.held);
    if (stop === this.#paused || this.#state === SessionState.Closed) return;
    this.#paused = stop;
    if (stop) this.socket.pause();
    else this.socket.resume();
  }

  #end(reason: string, farewell: Buffer | null): void {
    if (this.#state === SessionState.Closed) return;
    const waiting = this.#state === SessionState.Waiting;
    this.#enter(SessionState.Closed);
    const midReply = this.connection !== null && this.connection.midReply;
    if (farewell !== null && !midReply && this.socket.writable) this.socket.write(farewell);
    this.socket.resume();
    // Sends what was written, then closes; a client that does not read is not waited for long.
    this.socket.setTimeout(closeTimeout, () => this.socket.destroy());
    this.socket.destroySoon();
    if (waiting) this.pool.leave(this);
    const connection = this.connection;
    this.connection = null;
    connection?.abandon(this.#relay.midMessage);
    this.#relay.close();
    this.pool.parameterSets.release(this.parameters);
    this.#keeper.ended(this, reason);
  }
}
