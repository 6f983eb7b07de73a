import type { Socket } from 'node:net';
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
import { toServer } from '../io/write-buffer.ts';
import { mayNameStatements } from '../statements/backend-names.ts';
import { describeMissingStatement } from '../statements/statement.ts';
import { BackendState } from './backend-state.ts';
import type { Address } from './dial.ts';
import {
  contradictedBelief,
  endsConnection,
  notServing,
  rolledBack,
  tellsOutdatedPlan,
} from './error-words.ts';
import type { ConnectionLoss, ConnectionOwner, LeaseOwner } from './lease-owner.ts';
import { longestReported, mostReported } from './limits.ts';
import type { LoginResult } from './login-result.ts';
import { Lease } from './lease.ts';
import { Pipe } from './pipe.ts';
import type { ErrorMessage, FailureOutcome, NoticeOutcome } from './pipe.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { isUnfinished } from './unfinished.ts';

let nextId = 1;

/**
 * A server connection: a pipe to a server process, what that process holds, and the lease of the session that has it. It
 * decides what the server's errors and the end of the connection mean for the session and for the pool.
 *
 * Invariants: whatever is out of sync ends this connection and no other; the connection goes back to its pool only between
 * cycles, outside transactions, with nothing pending and no cancel on its way.
 */
export class ServerConnection {
  readonly id = nextId++;
  readonly pipe: Pipe;
  readonly lease = new Lease<LeaseOwner<ServerConnection>>();
  readonly state: BackendState;
  readonly processId: number;
  readonly secretKey: Buffer;
  readonly tls: boolean;
  readonly address: Address;
  readonly createdAt = clock.now;
  /** When it had logged in, in milliseconds of `performance.now()`. */
  readonly loggedInAt = performance.now();
  /** When ConnectionLifetime is over (clock milliseconds). */
  expiresAt = Infinity;
  /** When the current lease, or the current rest in the pool, began (clock milliseconds). */
  since = clock.now;
  /** The target that it leads to, and the target's generation when it was made. */
  readonly source: ConnectionSource;
  readonly generation: number;
  /** A session has it; the pool counts. */
  isLeased = false;
  /** The pool's generation at login; an older one is not lent again. */
  loginGeneration = 0;
  /** Set when the connection must not be lent again, and why. */
  retireReason: string | null = null;
  /** Called once, when a statement of the proxy's own has been answered. */
  onOwnAnswered: (() => void) | null = null;
  /** A client of the proxy has this session ended (pg_terminate_backend, DROP DATABASE … WITH (FORCE)). */
  isEnding = false;
  /** Called when an administrator ends it while it stands in for a client. */
  onTerminated: (() => void) | null = null;
  /** The proxy asks several questions: nobody gets the connection between them. */
  #isAsked = false;

  readonly #owner: ConnectionOwner<ServerConnection>;
  #idle = false;
  /** The database has said why it closes: an idle time-out is no sign of trouble, and a shutdown was told as one. */
  #saidGoodbye = false;
  /** The database has said that all its processes go: what runs here did not end it. */
  #toldToGo = false;

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
      heard: () => {
        source.heardAt = clock.now;
      },
      ready: (status, note, action) => {
        if (!this.#onReady(status, note, action)) return false;
        if (action === Action.Internal && this.onOwnAnswered !== null) this.#tellOwnAnswered();
        return true;
      },
      failed: (message, entry, handOver) => this.#onError(message, entry, handOver),
      noticed: (chunk, from, at, next, entry) => this.#onNotice(chunk, from, at, next, entry),
      parameter: (chunk, start, end, entry) => this.#onParameter(chunk, start, end, entry),
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

  /** In a turn of its own: what has been read may hold more answers. */
  #tellOwnAnswered(): void {
    const tell = this.onOwnAnswered;
    this.onOwnAnswered = null;
    if (tell !== null) queueMicrotask(tell);
  }

  get socket(): Socket {
    return this.pipe.socket;
  }

  get pending(): PendingReplies {
    return this.pipe.pending;
  }

  /** Settles when the socket is closed: PostgreSQL leaves that to the end of the server process, which is gone then. */
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

  get isAsked(): boolean {
    return this.#isAsked;
  }

  set isAsked(asked: boolean) {
    this.#isAsked = asked;
    if (!asked) this.#settle();
  }

  /** Rests in its pool. */
  get isIdle(): boolean {
    return this.#idle;
  }

  /** Between leases: removes what a session has left that has ended. */
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

  /** Requests of the extended protocol were sent that no Sync has followed, the proxy's own in front of a cycle too. */
  get midCycle(): boolean {
    return this.pipe.isMidCycle;
  }

  get inTransaction(): boolean {
    return this.state.inTransaction;
  }

  /** True when no request may be written: the socket is full, or the lease is closed to requests. */
  get writesPaused(): boolean {
    return this.pipe.isFull || this.lease.isClosedToRequests;
  }

  /** True while the database runs a statement of the proxy's own, which no client's cancel is meant for. */
  get runsOwn(): boolean {
    return (this.pending.head & 0xf0) === Action.Internal;
  }

  /** True while the parameters of the lease are not set for certain: what was sent behind them may have to go elsewhere. */
  get replaying(): boolean {
    return this.lease.replay !== null;
  }

  /** True while part of a message has gone to the session and the rest has not come. */
  get midReply(): boolean {
    return this.pipe.isMidReply;
  }

  /** Begins a lease. */
  leaseTo(leaseOwner: LeaseOwner<ServerConnection>): void {
    // A broken invariant. Each reply goes to its own owner all the same, and before the next can come the connection is closed.
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

  /** Writes what was gathered for the database; entries for it stand in `pending` already. */
  flushRequests(): void {
    this.pipe.flush();
  }

  /**
   * Puts a statement of the proxy's own in front of what is gathered next, in a cycle of its own. With `latin1` each
   * character of `sql` is one byte.
   */
  gather(sql: string, request: InternalQuery, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    // A simple Query destroys the unnamed statement (manual, "Extended Query").
    this.state.unnamed.destroyed();
    this.pipe.gather(sql, request, encoding);
  }

  /** Runs a statement of the proxy's own at once; its whole answer goes to `request`. */
  run(sql: string, request: InternalQuery, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    this.gather(sql, request, encoding);
    this.flushRequests();
  }

  /**
   * Sets the parameters of the lease in front of its first request. `sql` makes the database end its process when it cannot:
   * then nothing behind it has run, and the holder is told (`replayRefused`).
   */
  replay(sql: string): void {
    const request = new InternalQuery((answer) => {
      this.lease.replayDone();
      if (!answer.lost) this.lease.owner?.replayed();
    });
    this.lease.replaySent(request);
    this.gather(sql, request);
  }

  /** A cancel for what runs here has been sent out; the connection is not lent on before `cancelPassed`. */
  cancelSent(): void {
    this.lease.cancelSent();
  }

  /** The database has closed the cancel's own connection, so the signal has been given. */
  cancelPassed(): void {
    if (!this.lease.cancelPassed() || this.closed) return;
    this.lease.owner?.resume();
    this.#settle();
  }

  /** The session has gone: what it is still owed is dropped, its transaction rolled back. */
  orphan(midMessage: boolean): void {
    this.lease.end();
    this.pipe.orphan();
    if (midMessage || this.pending.copyIn) {
      // The database waits for bytes that nobody will send.
      this.close('its client disconnected in the middle of a message or of COPY');
      return;
    }
    this.pipe.pauseReading(false);
    if (this.cycleOpen || this.pending.skipping) {
      // Without a Sync the database keeps its answers, and an implicit transaction, for ever. A Sync alone would
      // commit what the client had not asked to commit: a request that must fail goes first.
      this.cycleOpen = false;
      this.pending.append(Reply.DescribeStatement | Action.Orphaned);
      this.pending.append(Reply.Sync | Action.Orphaned);
      toServer.add(describeMissingStatement);
      toServer.add(syncMessage);
      this.flushRequests();
    } else this.#settle();
  }

  /** The holder can take replies again, or cannot. */
  setBlocked(blocked: boolean): void {
    this.pipe.pauseReading(blocked);
  }

  /** The holder lets go by itself, after its pin has gone. Does nothing while something is owed. */
  settle(): void {
    this.#settle();
  }

  /** Closes the connection, telling the database when it is between requests. */
  close(reason: string): void {
    if (this.closed) return;
    this.pipe.end();
    this.#onLost(reason);
  }

  /** Closes the connection at once, whatever it is doing. */
  destroy(reason: string): void {
    this.socket.destroy();
    this.#onLost(reason);
  }

  /** Something is not as it must be: the connection is closed, and whoever is owed anything is told. */
  closeOutOfSync(what: string): void {
    this.#fail(new ProxyError('OUT_OF_SYNC', { what }), what);
  }

  #onReady(status: number, note: ReplyNote | null, action: number): boolean {
    this.state.ready(status);
    if (action !== Action.Internal) return true;
    // The proxy's own statements begin and end outside transactions.
    if (status !== TransactionStatus.Idle) {
      this.closeOutOfSync('an internal query left a transaction open');
      return false;
    }
    if (note instanceof InternalQuery) note.finish();
    return !this.closed;
  }

  #onNotice(chunk: Buffer, from: number, at: number, next: number, entry: number): NoticeOutcome {
    const { owner } = this.lease;
    if (chunk[at] === BackendCode.NotificationResponse)
      return owner?.notified(chunk, at, next) === true ? 'forwarded' : 'dropped';
    if (this.#isFarewell(chunk, at, next)) {
      // What the server process had in its buffer comes with its last words. As long as it tells of nothing that was
      // done, a read may still run again.
      return isUnfinished(chunk, from, at) ? 'withdrawn' : 'dropped';
    }
    // Outside any request a notice belongs to the lease's owner, if there is one.
    const isPending = (entry & 0xf0) === Action.Forward && entry !== Reply.Nothing;
    return isPending || (entry === Reply.Nothing && owner !== null) ? 'forwarded' : 'dropped';
  }

  #onError(
    { chunk, from, at, next }: ErrorMessage,
    entry: number,
    handOver: () => void,
  ): FailureOutcome {
    if (this.#isReplayRefused(chunk, at, next)) return 'closed';
    if (this.#isTakenBack(chunk, from, at, next, entry)) return 'withdrawn';
    handOver();
    return this.#onFailed(chunk, at, next, entry) ? 'forwarded' : 'dropped';
  }

  /** ErrorResponse. Returns whether its bytes go to the session. */
  #onFailed(chunk: Buffer, at: number, next: number, entry: number): boolean {
    const action = entry & 0xf0;
    const note = this.pending.headNote;
    if (entry === Reply.Nothing) {
      // Between requests the database only ever says goodbye (57P01, 25P03, ...), and closes.
      this.retireReason ??= 'the database closed it';
      this.#saidGoodbye = true;
      return this.lease.owner !== null;
    }
    if (action === Action.Internal) {
      note?.failed?.(chunk, at, next);
      this.pending.fail();
      return false;
    }
    const instead = note?.failed?.(chunk, at, next) ?? null;
    if (this.pending.ambiguous) this.retireReason ??= 'a Sync inside failed COPY data';
    if (action === Action.Forward && tellsOutdatedPlan(chunk, at, next)) {
      this.pending.fail();
      if (this.lease.owner?.planOutdated() !== true) this.pipe.errorSent = true;
      return this.pipe.errorSent;
    }
    const belief =
      action === Action.Forward || action === Action.Discard
        ? contradictedBelief(chunk, at, next)
        : null;
    if (belief !== null && this.lease.owner !== null) {
      this.pending.fail();
      if (this.lease.owner.beliefContradicted(belief, chunk, at, next)) return false;
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
    // The database ends its connection; the client keeps its own, so for the client it is no more than an error.
    const error = buildErrorResponse({
      ...readErrorMessage(chunk, at, next),
      severity: 'ERROR',
    });
    this.lease.owner?.relay(error, 0, error.length);
    return false;
  }

  /**
   * The database does not serve (any more): the cycle at hand runs elsewhere, or the connection is given up and the
   * session says what that means. Then neither the error nor what came before it in the cycle goes to the client.
   */
  #isTakenBack(chunk: Buffer, from: number, at: number, next: number, entry: number): boolean {
    const fields = readErrorMessage(chunk, at, next);
    const { severity, sqlstate, message } = fields;
    if (sqlstate === '57P01' && this.onTerminated !== null) this.onTerminated();
    else if (notServing.has(sqlstate) && !this.isEnding) this.#owner.failureSignal(this, sqlstate);
    const isPending = (entry & 0xf0) === Action.Forward && entry !== Reply.Nothing;
    if (
      isPending &&
      rolledBack.has(sqlstate) &&
      isUnfinished(chunk, from, at) &&
      this.#takeBack(fields, chunk.subarray(from, at))
    )
      return true;
    if (severity === 'ERROR' || !this.#survivesLoss) return false;
    // Outside a transaction its own words say best what became of the statement.
    if (isPending && !this.inTransaction) return false;
    this.#onLost(message);
    return true;
  }

  /** The holder goes on when the connection is lost. */
  get #survivesLoss(): boolean {
    return !this.isEnding && this.lease.owner?.survivesLoss === true;
  }

  /** The parameters in front of the lease cannot be set here, and the database has ended its process before all else. */
  #isReplayRefused(chunk: Buffer, at: number, next: number): boolean {
    const leaseOwner = this.lease.owner;
    const { replay } = this.lease;
    if (replay === null || this.pending.headNote !== replay || leaseOwner === null) return false;
    const fields = readErrorMessage(chunk, at, next);
    if (notServing.has(fields.sqlstate)) return false;
    // A process that lives may be running what stands behind.
    const nothingRan = fields.severity === 'FATAL';
    this.lease.end();
    this.pipe.close();
    this.socket.destroy();
    // Newest first: what was assumed when the requests were sent is taken back.
    this.pending.clear();
    const reason = `the database refused the parameters of a session: ${fields.message ?? ''}`;
    // Its place is free before the holder asks for another.
    this.#owner.closed(this, new ProxyError('SERVER_CONNECTION_LOST', { reason }));
    leaseOwner.replayRefused(fields, nothingRan);
    return true;
  }

  /**
   * "The postmaster has commanded this server process to roll back and exit" is a warning (57P02: another process has
   * crashed; 57P01: an immediate shutdown), then it closes.
   */
  #isFarewell(chunk: Buffer, at: number, next: number): boolean {
    if (chunk[at] !== BackendCode.NoticeResponse) return false;
    const { sqlstate } = readErrorMessage(chunk, at, next);
    if (sqlstate !== '57P02' && sqlstate !== '57P01') return false;
    this.#toldToGo = true;
    if (sqlstate === '57P02') this.source.crashedAt = clock.now;
    this.#owner.failureSignal(this, sqlstate);
    return true;
  }

  /** The refused cycle runs elsewhere: what is still owed for it here is owed to nobody. */
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
    // Answers to cycles before this one may stand gathered.
    leaseOwner.flushReplies();
    this.lease.end();
    this.retireReason ??= `the database refused a request (${fields.sqlstate})`;
    this.pending.fail();
    this.pipe.orphan();
    this.pipe.pauseReading(false);
    leaseOwner.sendAgain(fields, answered, this);
    return true;
  }

  /** An error that names a statement by the name it bears here, in the client's words; null for all others. */
  #renamed(chunk: Buffer, at: number, next: number): Buffer | null {
    const message = chunk.subarray(bodyAt(at), next);
    const leaseOwner = this.lease.owner;
    if (leaseOwner === null || !mayNameStatements(message)) return null;
    const body = Buffer.from(leaseOwner.translate(message.toString('latin1')), 'latin1');
    return buildMessage(BackendCode.ErrorResponse, body);
  }

  #onParameter(chunk: Buffer, start: number, end: number, entry: number): boolean {
    const [name, value] = readParameterStatus(chunk, start, end);
    this.state.reported.set(name, value);
    if (this.state.reported.size > mostReported || end - start > longestReported) {
      this.closeOutOfSync('the database reported more or longer parameters than PostgreSQL does');
      return false;
    }
    const leaseOwner = this.lease.owner;
    const isTold =
      (entry & 0xf0) === Action.Forward || this.pending.headNote?.tellsParameters === true;
    if (leaseOwner === null || !isTold) {
      if (entry === Reply.Nothing) this.#owner.parameterChanged(this, name, value);
      if (entry !== Reply.Nothing || leaseOwner === null) return false;
    }
    leaseOwner.parameterReported(name, value);
    return true;
  }

  /** Between requests: gives the connection back, or first removes what the session left inside. */
  #settle(): void {
    if (this.closed || this.#idle || this.pending.length > 0 || this.lease.isBeingCanceled) return;
    if (this.#isAsked) return;
    const leaseOwner = this.lease.owner;
    if (leaseOwner !== null) {
      // The database is about to end it, and the session with it.
      if (this.isEnding) return;
      if (leaseOwner.awaitsAnswers) {
        leaseOwner.resume();
        return;
      }
      if (this.cycleOpen || this.pending.skipping || this.state.status !== TransactionStatus.Idle)
        return;
      if (!leaseOwner.letsGo()) return;
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
    } else if (!this.#owner.hasErrand(this)) {
      this.#idle = true;
      this.since = clock.now;
      this.#owner.returned(this);
    }
  }

  /** A statement of the proxy's own without which the connection cannot be lent again. */
  #mustSucceed(what: string): InternalQuery {
    return new InternalQuery((answer) => {
      if (answer.error !== null) this.retireReason ??= `${what} failed: ${answer.error.message}`;
    });
  }

  /** The socket ended, and not by our doing. */
  #onGone(reason: string): void {
    if (this.closed) return;
    if (!this.#saidGoodbye && !this.isEnding) this.#owner.failureSignal(this, reason);
    this.#onLost(reason, !this.#saidGoodbye && !this.#toldToGo);
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
      errorSent: this.pipe.errorSent || (this.isEnding && this.#saidGoodbye),
    };
    this.pending.clear();
    if (leaseOwner !== null) {
      leaseOwner.flushReplies();
      leaseOwner.connectionLost(loss);
    }
    this.#owner.closed(this, error);
  }
}
