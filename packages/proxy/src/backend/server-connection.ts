import {
  BackendCode,
  bodyAt,
  buildErrorResponse,
  buildMessage,
  readErrorMessage,
  readParameterStatus,
  syncMessage,
  TransactionStatus,
} from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { ProxyError } from '../errors.ts';
import type { ConnectionSource } from './connection-source.ts';
import { seedSql } from './reset-sql.ts';
import { clock } from '../io/clock.ts';
import { caught } from '../io/guard.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { PendingReplies, ReplyNote } from '../protocol/pending-replies.ts';
import type { RequestOutput } from '../protocol/request-sink.ts';
import type { Transport } from '../io/transport.ts';
import { toServer } from '../io/write-buffer.ts';
import { mayNameStatements } from '../statements/backend-names.ts';
import { describeMissingStatement } from '../statements/statement.ts';
import { BackendState } from './backend-state.ts';
import type { Address } from './dial.ts';
import {
  contradictedAssumption,
  endsConnection,
  notServing,
  rolledBack,
  reportsOutdatedPlan,
} from './error-words.ts';
import type { ConnectionLoss, ConnectionOwner, LeaseOwner } from './lease-owner.ts';
import { longestReported, serverLimits } from './limits.ts';
import type { LoginResult } from './login-result.ts';
import { Lease } from './lease.ts';
import { Pipe } from './pipe.ts';
import type { ErrorMessage, FailureOutcome, NoticeOutcome } from './pipe.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { isUnfinished } from './unfinished.ts';

let nextId = 1;

/**
 * A server connection: a pipe to a server process, the state of that process, and the lease of its session. It decides
 * what errors of the server and the end of the connection mean for the session and the pool.
 *
 * Invariants: a connection that is out of sync is closed, and no other; the connection returns to its pool only between
 * cycles, outside transactions, with no pending reply and no pending cancel request.
 */
export class ServerConnection {
  readonly id = nextId++;
  readonly pipe: Pipe;
  readonly output: RequestOutput = toServer;
  readonly lease = new Lease<LeaseOwner<ServerConnection>>();
  readonly state: BackendState;
  readonly processId: number;
  readonly secretKey: Buffer;
  readonly tls: boolean;
  readonly address: Address;
  readonly createdAt = clock.now;
  /** When it logged in, in milliseconds of `performance.now()`. */
  readonly loggedInAt = performance.now();
  /** When ConnectionLifetime ends (clock milliseconds). */
  expiresAt = Infinity;
  /** When the current lease or idle time began (clock milliseconds). */
  since = clock.now;
  /** Its target, and the generation of the target when it was opened. */
  readonly source: ConnectionSource;
  readonly generation: number;
  /** A session has leased it; counted by the pool. */
  isLeased = false;
  /** The login generation of the pool when it was opened; an older one is not leased again. */
  loginGeneration = 0;
  /** Called once, when an internal query has been answered. */
  onOwnAnswered: (() => void) | null = null;
  /** A client of the proxy is terminating this session (pg_terminate_backend, DROP DATABASE … WITH (FORCE)). */
  isEnding = false;
  /** Called when an administrator terminates it while it is the stand-in for a client. */
  onTerminated: (() => void) | null = null;
  #retireReason: string | null = null;

  readonly #owner: ConnectionOwner<ServerConnection>;
  #idle = false;
  /** The server reported parameters in its replies to internal queries. */
  #reportedAside = false;
  /**
   * The database has reported why it closes: an idle timeout is no failure signal, and a shutdown was reported as one.
   */
  #closeAnnounced = false;
  /** The database has reported that all its processes exit: the running statement is not the cause. */
  #serverExits = false;

  constructor(
    login: LoginResult,
    owner: ConnectionOwner<ServerConnection>,
    statementLimit: number,
    source: ConnectionSource,
  ) {
    this.#owner = owner;
    this.source = source;
    this.generation = source.generation;
    this.processId = login.processId;
    this.secretKey = login.secretKey;
    this.tls = login.tls;
    this.address = login.address;
    this.state = new BackendState(login.parameters, statementLimit);
    this.pipe = new Pipe(login.socket, {
      received: () => {
        source.receivedAt = clock.now;
      },
      ready: (status, note, action) => {
        if (!this.#onReady(status, note, action)) return false;
        if (action === Action.Internal && this.onOwnAnswered !== null) this.#notifyOwnAnswered();
        return true;
      },
      failed: (message, handOver) => this.#onError(message, handOver),
      noticed: (chunk, from, at, next) => this.#onNotice(chunk, from, at, next),
      parameter: (chunk, start, end) => this.#onParameter(chunk, start, end),
      drainedReplies: () => this.#settle(),
      drained: () => {
        if (!this.writesPaused) this.lease.owner?.resume();
      },
      gone: (reason) => this.#onGone(reason),
      outOfSync: (what) => this.closeOutOfSync(what),
      failedToEnd: (what) => owner.closed(this, new ProxyError('OUT_OF_SYNC', { what })),
      orphanedCopy: () => this.close('its client disconnected before COPY began'),
    });
  }

  /** In a separate turn, because the bytes read may contain more replies. */
  #notifyOwnAnswered(): void {
    const notify = this.onOwnAnswered;
    this.onOwnAnswered = null;
    if (notify !== null) queueMicrotask(notify);
  }

  get socket(): Transport {
    return this.pipe.socket;
  }

  get pending(): PendingReplies {
    return this.pipe.pending;
  }

  /**
   * Settles when the socket is closed. PostgreSQL leaves that to the exit of the server process, which is gone then.
   */
  get ended(): Promise<void> {
    return this.pipe.ended;
  }

  /** Extended-protocol messages were sent since the last Sync: an implicit transaction may be open. */
  get cycleOpen(): boolean {
    return this.pipe.cycleOpen;
  }

  set cycleOpen(open: boolean) {
    this.pipe.cycleOpen = open;
  }

  /** Why the connection must not be leased again; null: it can. */
  get retireReason(): string | null {
    return this.#retireReason;
  }

  /** No session leases the connection after this one. The first reason counts. */
  retire(reason: string): void {
    this.#retireReason ??= reason;
  }

  /** The proxy runs several internal queries: nothing of a session runs between them. */
  get isReserved(): boolean {
    return this.lease.isReserved;
  }

  set isReserved(reserved: boolean) {
    this.lease.isReserved = reserved;
    if (!reserved) this.#settle();
  }

  /** It is idle in its pool. */
  get isIdle(): boolean {
    return this.#idle;
  }

  /** Between leases: removes the state of a session that has ended. */
  clean(): void {
    if (!this.#idle || this.closed) return;
    this.#idle = false;
    this.state.needsReset = true;
    this.#settle();
  }

  get leaseOwner(): LeaseOwner<ServerConnection> | null {
    return this.lease.owner;
  }

  get closed(): boolean {
    return this.pipe.isClosed;
  }

  /** Extended-protocol requests without a Sync were sent; internal requests before a cycle count too. */
  get midCycle(): boolean {
    return this.pipe.isMidCycle;
  }

  get inTransaction(): boolean {
    return this.state.inTransaction;
  }

  /** True if no request can be written: the socket is full, or the lease is paused. */
  get writesPaused(): boolean {
    return this.pipe.isFull || this.lease.isClosedToRequests;
  }

  /** True while the database runs an internal query, which must not get a client's cancel. */
  get runsOwn(): boolean {
    return this.pending.headAction === Action.Internal;
  }

  /** True while the parameters of the lease are not certainly set: the requests after them may have to go elsewhere. */
  get replaying(): boolean {
    return this.lease.replay !== null;
  }

  /** True while a message was forwarded to the session in part. */
  get midReply(): boolean {
    return this.pipe.isMidReply;
  }

  /** Begins a lease. */
  leaseTo(leaseOwner: LeaseOwner<ServerConnection>): void {
    // A broken invariant. Replies still go to their own owners, and the connection is closed before the next one
    // arrives.
    if (this.pending.length > 0)
      queueMicrotask(() => {
        caught('a lease', new Error('a server connection was leased with replies pending'));
        this.closeOutOfSync('leased with replies pending');
      });
    this.lease.begin(leaseOwner);
    this.pending.owner = leaseOwner;
    this.#idle = false;
    this.since = clock.now;
  }

  /** Writes the collected requests to the database; `pending` has their entries already. */
  flushRequests(): void {
    this.pipe.flush();
  }

  /**
   * Adds an internal query before the next collected request, in a separate cycle. With `latin1` each character of
   * `sql` is one byte.
   */
  gather(sql: string, request: InternalQuery, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    // A simple Query destroys the unnamed statement (manual, "Extended Query").
    this.state.unnamed.destroyed();
    this.pipe.gather(sql, request, encoding);
  }

  /** Runs an internal query immediately; `request` gets its complete answer. */
  run(sql: string, request: InternalQuery, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    this.gather(sql, request, encoding);
    this.flushRequests();
  }

  /**
   * Sets the parameters of the lease before its first request. If the database cannot set them, `sql` makes it end the
   * process: then nothing after it has run, and the owner is notified (`replayRefused`).
   */
  replay(sql: string): void {
    const request = new InternalQuery((answer) => {
      this.lease.replayDone();
      if (!answer.lost) this.lease.owner?.replayed();
    });
    this.lease.replaySent(request);
    this.gather(sql, request);
  }

  /** A cancel request was sent for the running statement; the connection is not leased again before `cancelPassed`. */
  cancelSent(): void {
    this.lease.cancelSent();
  }

  /** The database has closed the connection of the cancel request, so the signal was sent. */
  cancelPassed(): void {
    if (!this.lease.cancelPassed() || this.closed) return;
    const { owner } = this.lease;
    // Others may have waited longer than the owner's next request.
    this.#settle();
    owner?.resume();
  }

  /** The session is gone: its pending replies are discarded, and its transaction is rolled back. */
  orphan(midMessage: boolean): void {
    this.lease.end();
    this.pipe.orphan();
    if (midMessage || this.pending.copyIn) {
      // The database waits for bytes that will never come.
      this.close('its client disconnected in the middle of a message or of COPY');
      return;
    }
    this.pipe.pauseReading(false);
    if (this.cycleOpen || this.pending.skipping) {
      // Without a Sync, the database keeps its replies and an implicit transaction forever. A Sync alone would commit
      // what the client had not committed, so a request that must fail precedes it.
      this.cycleOpen = false;
      this.pending.append(Reply.DescribeStatement, Action.Orphaned);
      this.pending.append(Reply.Sync, Action.Orphaned);
      toServer.add(describeMissingStatement);
      toServer.add(syncMessage);
      this.flushRequests();
    } else this.#settle();
  }

  /** Whether the owner can take replies. */
  setBlocked(blocked: boolean): void {
    this.pipe.pauseReading(blocked);
  }

  /** The owner returns the connection after its pin has ended. Does nothing while a reply is pending. */
  settle(): void {
    this.#settle();
  }

  /** Closes the connection, with Terminate if it is between requests. */
  close(reason: string): void {
    if (this.closed) return;
    this.pipe.end();
    this.#onLost(reason);
  }

  /** Closes the connection immediately. */
  destroy(reason: string): void {
    this.socket.destroy();
    this.#onLost(reason);
  }

  /** Closes the connection because it is out of sync, and notifies the owners of pending replies. */
  closeOutOfSync(what: string): void {
    this.#fail(new ProxyError('OUT_OF_SYNC', { what }), what);
  }

  #onReady(status: number, note: ReplyNote | null, action: Action): boolean {
    this.state.ready(status);
    if (action !== Action.Internal) return true;
    // Internal queries begin and end outside transactions.
    if (status !== TransactionStatus.Idle) {
      this.closeOutOfSync('an internal query left a transaction open');
      // Its reply is no longer pending, so it was not undone with the others.
      note?.undo(false);
      return false;
    }
    if (this.#reportedAside && this.pending.headAction !== Action.Internal)
      this.#notifyParametersReported();
    if (note instanceof InternalQuery) note.finish();
    return !this.closed;
  }

  /**
   * The server may have reloaded its configuration, which it reports with its next reply, even to an internal query.
   * The session with the lease is notified, or the next one.
   */
  #notifyParametersReported(): void {
    const { owner } = this.lease;
    if (owner === null) return;
    this.#reportedAside = false;
    owner.parametersReported(this);
  }

  /**
   * At the start of a lease: whether the server reported parameters in replies to internal queries since the last one.
   */
  takeReportedAside(): boolean {
    const isReported = this.#reportedAside;
    this.#reportedAside = false;
    return isReported;
  }

  /**
   * The session with the lease is notified of what the server has reported after the internal queries that are pending.
   */
  reportLater(): void {
    this.#reportedAside = true;
  }

  /** True while the reply that comes next goes to a client. */
  get #isForwarding(): boolean {
    const { headReply, headAction } = this.pending;
    return headReply !== Reply.Nothing && headAction === Action.Forward;
  }

  #onNotice(chunk: Buffer, from: number, at: number, next: number): NoticeOutcome {
    const { owner } = this.lease;
    if (chunk[at] === BackendCode.NotificationResponse)
      return owner?.notified(chunk, at, next) === true ? 'forwarded' : 'dropped';
    if (this.#announcesExit(chunk, at, next)) {
      // The bytes in the buffer of the server process come with its last message. Unless they report something that was
      // done, a read can be retried.
      return isUnfinished(chunk, from, at) ? 'withdrawn' : 'dropped';
    }
    // Outside a request, a notice belongs to the owner of the lease, if there is one.
    const isBetweenRequests = this.pending.headReply === Reply.Nothing;
    return this.#isForwarding || (isBetweenRequests && owner !== null) ? 'forwarded' : 'dropped';
  }

  #onError({ chunk, from, at, next }: ErrorMessage, handOver: () => void): FailureOutcome {
    if (this.#isReplayRefused(chunk, at, next)) return 'closed';
    if (this.#isTakenBack(chunk, from, at, next)) return 'withdrawn';
    handOver();
    return this.#onFailed(chunk, at, next) ? 'forwarded' : 'dropped';
  }

  /** ErrorResponse. Returns whether its bytes go to the session. */
  #onFailed(chunk: Buffer, at: number, next: number): boolean {
    const action = this.pending.headAction;
    const note = this.pending.headNote;
    if (this.pending.headReply === Reply.Nothing) {
      // Between requests, the database only reports why it closes (57P01, 25P03, ...).
      this.retire('the database closed it');
      this.#closeAnnounced = true;
      return this.lease.owner !== null;
    }
    if (action === Action.Internal) {
      note?.failed?.(chunk, at, next);
      this.pending.fail();
      return false;
    }
    this.lease.hasUndone = true;
    const instead = note?.failed?.(chunk, at, next) ?? null;
    if (this.pending.ambiguous) this.retire('a Sync inside failed COPY data');
    if (action === Action.Forward && reportsOutdatedPlan(chunk, at, next)) {
      this.pending.fail();
      if (this.lease.owner?.planOutdated() !== true) this.pipe.errorSent = true;
      return this.pipe.errorSent;
    }
    // An error with another explanation contradicts nothing.
    const assumption =
      instead === null && (action === Action.Forward || action === Action.Discard)
        ? contradictedAssumption(chunk, at, next)
        : null;
    if (assumption !== null && this.lease.owner !== null) {
      this.pending.fail();
      if (this.lease.owner.assumptionContradicted(assumption, chunk, at, next)) return false;
      this.pipe.errorSent = true;
      const error = this.#renamed(chunk, at, next);
      if (error !== null) this.lease.owner.relay(error, 0, error.length);
      return error === null;
    }
    this.pipe.errorSent = action !== Action.Orphaned;
    if (action === Action.Synthetic && note?.bytes !== undefined) {
      this.lease.owner?.relay(note.bytes, 0, note.bytes.length);
      this.pending.fail();
      return false;
    }
    this.pending.fail();
    if (action === Action.Orphaned) return false;
    const renamed = instead ?? this.#renamed(chunk, at, next);
    if (renamed !== null) {
      this.lease.owner?.relay(renamed, 0, renamed.length);
      return false;
    }
    if (!this.#survivesLoss || !endsConnection(chunk, at, next)) return true;
    // The database closes its connection, but the client keeps its own, so for the client it is only an error.
    const error = buildErrorResponse({
      ...readErrorMessage(chunk, at, next),
      severity: 'ERROR',
    });
    this.lease.owner?.relay(error, 0, error.length);
    return false;
  }

  /**
   * The database no longer serves: the current cycle runs elsewhere, or the connection is closed and the session
   * decides what that means. Then the client gets neither the error nor what preceded it in the cycle.
   */
  #isTakenBack(chunk: Buffer, from: number, at: number, next: number): boolean {
    const fields = readErrorMessage(chunk, at, next);
    const { severity, sqlstate, message } = fields;
    if (sqlstate === '57P01' && this.onTerminated !== null) this.onTerminated();
    else if (notServing.has(sqlstate) && !this.isEnding) this.#owner.failureSignal(this, sqlstate);
    const isForwarding = this.#isForwarding;
    if (
      isForwarding &&
      rolledBack.has(sqlstate) &&
      isUnfinished(chunk, from, at) &&
      this.#takeBack(fields, chunk.subarray(from, at))
    )
      return true;
    if (severity === 'ERROR' || !this.#survivesLoss) return false;
    // Outside a transaction, the database's error describes best what happened to the statement.
    if (isForwarding && !this.inTransaction) return false;
    this.#onLost(message);
    return true;
  }

  /** The session continues when the connection is lost. */
  get #survivesLoss(): boolean {
    return !this.isEnding && this.lease.owner?.survivesLoss === true;
  }

  /** The parameters of the lease cannot be set here, and the database has ended its process before anything else. */
  #isReplayRefused(chunk: Buffer, at: number, next: number): boolean {
    const leaseOwner = this.lease.owner;
    const { replay } = this.lease;
    if (replay === null || this.pending.headNote !== replay || leaseOwner === null) return false;
    const fields = readErrorMessage(chunk, at, next);
    if (notServing.has(fields.sqlstate)) return false;
    // A process that is alive may run what follows.
    const nothingRan = fields.severity === 'FATAL';
    this.lease.end();
    this.pipe.close();
    this.socket.destroy();
    // Newest first: undoes the assumptions made when the requests were sent.
    this.pending.clear();
    const reason = `the database refused the parameters of a session: ${fields.message ?? ''}`;
    // The connection slot is free before the session requests another.
    this.#owner.closed(this, new ProxyError('SERVER_CONNECTION_LOST', { reason }));
    leaseOwner.replayRefused(fields, nothingRan);
    return true;
  }

  /**
   * "The postmaster has commanded this server process to roll back and exit" is a warning (57P02: another process has
   * crashed; 57P01: an immediate shutdown), before it closes.
   */
  #announcesExit(chunk: Buffer, at: number, next: number): boolean {
    if (chunk[at] !== BackendCode.NoticeResponse) return false;
    const { sqlstate } = readErrorMessage(chunk, at, next);
    if (sqlstate !== '57P02' && sqlstate !== '57P01') return false;
    this.#serverExits = true;
    if (sqlstate === '57P02') this.source.crashedAt = clock.now;
    this.#owner.failureSignal(this, sqlstate);
    return true;
  }

  /** The refused cycle runs elsewhere: its pending replies here are orphaned. */
  #takeBack(fields: ErrorFields, answered: Buffer): boolean {
    const leaseOwner = this.lease.owner;
    if (
      leaseOwner === null ||
      this.isEnding ||
      this.state.status !== TransactionStatus.Idle ||
      this.cycleOpen ||
      this.pending.countCycles() !== 1 ||
      !leaseOwner.canSendAgain(fields.sqlstate)
    )
      return false;
    // Replies to cycles before this one may be collected.
    leaseOwner.flushReplies();
    this.lease.end();
    this.retire(`the database refused a request (${fields.sqlstate})`);
    this.pending.fail();
    this.pipe.orphan();
    this.pipe.pauseReading(false);
    leaseOwner.sendAgain(fields, answered, this);
    return true;
  }

  /** An error with the client's name of a statement instead of that on the server connection; null for all others. */
  #renamed(chunk: Buffer, at: number, next: number): Buffer | null {
    const message = chunk.subarray(bodyAt(at), next);
    const leaseOwner = this.lease.owner;
    if (leaseOwner === null || !mayNameStatements(message)) return null;
    const body = Buffer.from(leaseOwner.translate(message.toString('latin1')), 'latin1');
    return buildMessage(BackendCode.ErrorResponse, body);
  }

  #onParameter(chunk: Buffer, start: number, end: number): boolean {
    const [name, value] = readParameterStatus(chunk, start, end);
    this.state.reported.set(name, value);
    if (this.state.reported.size > serverLimits.mostReported || end - start > longestReported) {
      this.closeOutOfSync('the database reported more or longer parameters than PostgreSQL does');
      return false;
    }
    const leaseOwner = this.lease.owner;
    const isForwarded =
      this.pending.headAction === Action.Forward ||
      this.pending.headNote?.forwardsParameterStatus === true;
    if (leaseOwner === null || !isForwarded) {
      if (this.pending.headReply !== Reply.Nothing) {
        this.#reportedAside = true;
        return false;
      }
      this.#owner.parameterChanged(this, name, value);
      if (leaseOwner === null) return false;
    }
    leaseOwner.parameterReported(name, value);
    return true;
  }

  /** Between requests: returns the connection, or first removes the state of the session. */
  #settle(): void {
    if (this.closed || this.#idle || this.pending.length > 0 || this.lease.isBeingCanceled) return;
    if (this.lease.isReserved) return;
    const leaseOwner = this.lease.owner;
    if (leaseOwner !== null) {
      // The database is about to terminate it, and the session too.
      if (this.isEnding) return;
      if (leaseOwner.awaitsAnswers) {
        leaseOwner.resume();
        return;
      }
      if (this.cycleOpen || this.pending.skipping || this.state.status !== TransactionStatus.Idle)
        return;
      if (!leaseOwner.tryRelease()) return;
      this.lease.end();
      this.pending.owner = null;
      this.pipe.pauseReading(false);
      this.state.residue.ended();
      leaseOwner.leaseEnded();
    }
    if (this.retireReason !== null) {
      this.close(this.retireReason);
    } else if (this.state.status !== TransactionStatus.Idle) {
      this.run('ROLLBACK', this.#mustSucceed('ROLLBACK'));
    } else if (this.state.needsReset) {
      this.state.reset();
      this.run('DISCARD ALL', this.#mustSucceed('DISCARD ALL'));
      this.run(seedSql(2 * Math.random() - 1), this.#mustSucceed('setseed()'));
      const { initQuery } = this.#owner;
      if (initQuery !== '') this.run(initQuery, this.#mustSucceed('InitQuery'));
    } else if (!this.#owner.startInternalQuery(this)) {
      this.#idle = true;
      this.since = clock.now;
      this.#owner.returned(this);
    }
  }

  /** An internal query without whose success the connection cannot be leased again. */
  #mustSucceed(what: string): InternalQuery {
    return new InternalQuery((answer) => {
      if (answer.error !== null) this.retire(`${what} failed: ${answer.error.message}`);
    });
  }

  /** The socket was closed by the other side. */
  #onGone(reason: string): void {
    if (this.closed) return;
    if (!this.#closeAnnounced && !this.isEnding) this.#owner.failureSignal(this, reason);
    this.#onLost(reason, !this.#closeAnnounced && !this.#serverExits);
  }

  #onLost(reason: string, silent = false): void {
    if (this.closed) return;
    this.#fail(new ProxyError('SERVER_CONNECTION_LOST', { reason }), reason, silent);
  }

  #fail(error: ProxyError, reason: string, silent = false): void {
    this.pipe.close();
    const leaseOwner = this.lease.end();
    const loss: ConnectionLoss = {
      error,
      silent,
      isEnding: this.isEnding,
      reason,
      cycles: this.pending.countCycles(),
      openCycle: this.cycleOpen || this.pending.skipping,
      inTransaction: this.state.status !== TransactionStatus.Idle,
      failed: this.state.status === TransactionStatus.Failed,
      midReply: this.midReply,
      errorSent: this.pipe.errorSent || (this.isEnding && this.#closeAnnounced),
    };
    this.pending.clear();
    if (leaseOwner !== null) {
      leaseOwner.flushReplies();
      leaseOwner.connectionLost(loss);
    }
    this.#owner.closed(this, error);
  }
}
