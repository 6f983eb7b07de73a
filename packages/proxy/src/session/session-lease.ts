import { BackendCode, bodyAt, buildErrorResponse, buildParameterStatus } from '@sluice/wire';
import type { BoundCycle, ErrorFields, ParsedCycle } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Assumption } from '../backend/error-words.ts';
import type { ConnectionLoss, LeaseOwner } from '../backend/lease-owner.ts';
import type { ProxyError } from '../errors.ts';
import { readKey } from '../interleaving/read-history.ts';
import { BoundRequest } from '../interleaving/bound-request.ts';
import { ParsedRequest, QueryRequest } from '../interleaving/shared-request.ts';
import type { SharedRequest } from '../interleaving/shared-request.ts';
import type { WhyAlone } from '../interleaving/why-alone.ts';
import { SharedCycle } from '../interleaving/shared-cycle.ts';
import type { SharedReader } from '../interleaving/shared-cycle.ts';
import type { SharedLease } from '../interleaving/shared-lease.ts';
import { memory } from '../io/memory.ts';
import { mayTimeOutSoon } from '../parameters/own-timeouts.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import { PinReason } from '../pinning/pin-reason.ts';
import type { Borrower, Lingerer } from '../pool/pool-target.ts';
import type { Pool } from '../pool/pool.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import type { InternalAnswer } from '../protocol/internal-query.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { SessionRecovery } from '../recovery/session-recovery.ts';
import { Suspicion } from '../recovery/suspicion.ts';
import type { RecoveryOwner } from '../recovery/session-recovery.ts';
import { normalizedAt } from '../sql/index.ts';
import type { Effect, Effects } from '../sql/index.ts';
import type { ClientStatement } from '../statements/client-statement.ts';
import { events } from '../telemetry/events.ts';
import { Release, nextRelease } from './release-policy.ts';
import { RequestForwarder } from './request-forwarder.ts';
import type { RequestOwner } from './request-owner.ts';
import type { SessionCore } from './session-core.ts';
import { SessionState } from './session-state.ts';
import type { StatementEffects } from './statement-effects.ts';

/**
 * The maximum number of unanswered cycles of a session: as many cycles as are reused. More would become garbage, which
 * on Node.js stops all sessions while it is collected.
 */
const mostUnanswered = 256;

/** The maximum number of unanswered cycles of a session while its pool has no free connection. */
const mostAhead = 32;

/** The longest text of a cycle on a shared lease, in bytes. */
const longestShared = 8 * 1024;

/** temp_buffers cannot be changed after temporary tables were used, possibly by other sessions. */
function setsBeforeUse(effect: Effect): boolean {
  return (
    effect.kind === 'parameter' &&
    typeof effect.names !== 'string' &&
    effect.names.includes('temp_buffers')
  );
}

/** The leases of a session, one after the other: borrowing, the requests at the start of a lease, and returning. */
export class SessionLease
  implements
    LeaseOwner<ServerConnection>,
    Borrower,
    Lingerer,
    RecoveryOwner,
    RequestOwner,
    SharedReader
{
  readonly requests: RequestForwarder;
  readonly pool: Pool;
  readonly cycles: QueryCycles;
  /** When the session joined the borrow queue, exactly, in milliseconds. */
  waitingSince = 0;
  /** The next lease must be on a new connection. */
  needsNew = false;
  /** The lease is the first of its connection. */
  isFirstLease = false;
  /** The last connection of the session. The session prefers it, because its own state there needs no reset. */
  lastConnection: ServerConnection | null = null;
  readonly #core: SessionCore;
  readonly #effects: StatementEffects;
  readonly #recovery = new SessionRecovery(this);
  /** A cycle of the session has ended on its connection. */
  #hasRun = false;
  /** The number of operations that wait to learn whether the session has ended. */
  #holds = 0;
  /** The cycle on a shared lease, and that lease; null: none. */
  #shared: SharedCycle | null = null;
  #sharedLease: SharedLease | null = null;
  /** The next cycle must not run on a shared lease. */
  #runsAlone = false;
  /** The key of the read that runs on the exclusive lease, to learn how long it takes; 0: none. */
  #timedKey = 0;
  /** The report version of the pool that the client was last informed of. */
  #reportVersion: number;

  constructor(core: SessionCore, effects: StatementEffects) {
    this.pool = core.pool;
    this.cycles = core.cycles;
    this.#core = core;
    this.#effects = effects;
    this.#reportVersion = core.pool.reportVersion;
    this.requests = new RequestForwarder(this, effects);
  }

  get parameters(): ParameterSet {
    return this.#effects.known;
  }

  get connection(): ServerConnection | null {
    return this.#core.connection;
  }

  get since(): number {
    return this.#core.since;
  }

  get isWaiting(): boolean {
    return this.#core.state === SessionState.Waiting;
  }

  // --- Shared leases ---

  get isShared(): boolean {
    return this.#shared !== null;
  }

  mayShare(): boolean {
    const { interleaver, storedCode } = this.pool;
    this.#timedKey = 0;
    this.#core.whyAlone = undefined;
    if (interleaver.isOff) return false;
    if (this.#runsAlone) return this.#alone('moved');
    if (!interleaver.isForced && !storedCode.trustsTurns) return this.#alone('turns');
    return this.#canShare || this.#alone('session');
  }

  share(chunk: Buffer, at: number, next: number): boolean {
    const start = bodyAt(at);
    const end = next - 1;
    if (end - start > longestShared || chunk.indexOf(0, start) !== end) return this.#alone('form');
    const effects = this.#effects.readEffects(chunk, start, end);
    if (effects === null) return this.#alone('effects');
    const key = readKey(effects, chunk, start, end);
    return this.#isShort(key) && this.#submit(new QueryRequest(chunk, at, next, key), chunk, start);
  }

  shareBound(named: ClientStatement, chunk: Buffer, at: number, cycle: BoundCycle): boolean {
    const { statement } = named;
    const { description } = named.analysis;
    if (description === null || cycle.end - at > longestShared) return this.#alone('form');
    // Its connection has to prepare it under other parameters than the session has now.
    if (!this.parameters.hasMeaning(statement.readUnder)) return this.#alone('session');
    if (!this.#effects.provesRead(statement.effects, statement.text)) return this.#alone('effects');
    return (
      this.#isShort(statement.id) &&
      this.#submit(new BoundRequest(named, description, chunk, at, cycle), statement.text, 0)
    );
  }

  shareParsed(chunk: Buffer, at: number, cycle: ParsedCycle): boolean {
    const { textStart, textEnd, end } = cycle;
    if (end - at > longestShared) return this.#alone('form');
    const effects = this.#effects.readEffects(chunk, textStart, textEnd);
    if (effects === null) return this.#alone('effects');
    const key = readKey(effects, chunk, textStart, textEnd);
    return (
      this.#isShort(key) && this.#submit(new ParsedRequest(chunk, at, cycle, key), chunk, textStart)
    );
  }

  hasOtherForm(): boolean {
    return this.#alone('form');
  }

  #alone(why: WhyAlone): false {
    this.#core.whyAlone = why;
    return false;
  }

  wouldShare(parameters: ParameterSet): boolean {
    return this.#waitsToShare && this.parameters === parameters;
  }

  /** The cycle would run on a shared lease if any connection were shared. */
  get #waitsToShare(): boolean {
    return this.#core.whyAlone === 'connections';
  }

  /** A connection is shared now: the cycle that waits in the borrow queue runs on it. */
  shareNow(): void {
    this.#core.enter(SessionState.Idle);
    this.requests.resume();
    this.flow();
  }

  /** Whether reads with this key have been short so far. If that is unknown, the exclusive lease measures it. */
  #isShort(key: number): boolean {
    const { interleaver } = this.pool;
    if (interleaver.isForced || interleaver.history.isShort(key)) return true;
    this.#timedKey = key;
    return this.#alone('time');
  }

  /** Submits the read. Its text begins at `source[start]`, and ends with a zero. False: no connection can be shared. */
  #submit(request: SharedRequest, source: Buffer, start: number): boolean {
    const cycle = new SharedCycle(this, request, performance.now());
    // The session is ready for the answer before the request is sent.
    this.#shared = cycle;
    this.#core.enter(SessionState.Shared);
    this.#sharedLease = this.pool.interleaver.submit(cycle, this.parameters);
    if (this.#sharedLease === null) {
      this.#shared = null;
      this.#core.enter(SessionState.Idle);
      return this.#alone('connections');
    }
    this.pool.stats.cycles++;
    if (events.statement.hasSubscribers)
      this.#effects.publishStatement(normalizedAt(source, start), this.#sharedLease.connection);
    return true;
  }

  /** The session has no state that only some connection has, and nothing about it is uncertain. */
  get #canShare(): boolean {
    const { lastConnection, pool } = this;
    if (this.#holds > 0 || this.needsNew || this.cycles.first.retry !== null || memory.isShort)
      return false;
    // Its client does not read, so the proxy would have to buffer the next reply too. On an exclusive lease, it stops
    // reading from the server instead.
    if (this.#core.client.blocked) return false;
    if (this.#reportVersion !== pool.reportVersion || !this.#effects.isSettled) return false;
    const residue = lastConnection?.state.residue;
    return residue === undefined || !residue.isOf(this.#core.id) || !residue.isUnproven;
  }

  sharedAnswered(chunk: Buffer, start: number, end: number): void {
    const core = this.#core;
    const since = this.#shared?.since ?? 0;
    this.#leaveShared();
    if (core.state === SessionState.Closed) return;
    const { stats } = this.pool;
    stats.queryTime.observe(performance.now() - since);
    stats.onAnswer?.();
    core.enter(SessionState.Idle);
    core.client.relay(chunk, start, end);
    core.client.flush();
    this.requests.answered(chunk[start] === BackendCode.ParseComplete);
    this.flow();
  }

  runsAlone(suspect: ServerConnection | null, error: ErrorFields | null): void {
    this.#leaveShared();
    if (this.#core.state === SessionState.Closed) return;
    this.#core.enter(SessionState.Idle);
    this.#runsAlone = true;
    if (suspect !== null && error !== null) this.cycles.again(new Suspicion(suspect, error));
    this.requests.resume();
    this.flow();
  }

  /** The client cancels its cycle on a shared lease. Returns the connection that runs it; null: none does. */
  cancelShared(error: ErrorFields): ServerConnection | null {
    const cycle = this.#shared;
    const lease = this.#sharedLease;
    this.#leaveShared();
    if (cycle === null || lease === null) return null;
    const isInFlight = lease.cancel(cycle);
    this.borrowFailed(error);
    return isInFlight ? lease.connection : null;
  }

  broken(error: unknown): void {
    this.#core.owner.broken(error);
  }

  #leaveShared(): void {
    this.#shared = null;
    this.#sharedLease = null;
  }

  // --- Borrowing ---

  /** The connection of a new lease; null: `granted` or `borrowFailed` will be called, or has been. */
  borrow(): ServerConnection | null {
    this.#runsAlone = false;
    if (this.#holds > 0) return null;
    this.waitingSince = performance.now();
    const runsAgain = this.cycles.first.retry !== null;
    if (runsAgain && this.#recovery.mustWait()) {
      this.#core.enter(SessionState.Waiting);
      return null;
    }
    const short = memory.refusal();
    if (short !== null) {
      this.#refuseSoon(short);
      return null;
    }
    const connection = this.pool.borrow(this);
    if (connection === null || (runsAgain && this.#recovery.isRefusedAgain(connection))) {
      // A lease that was not available immediately is queued, or has been refused already.
      if (this.#core.state === SessionState.Idle) this.#core.enter(SessionState.Waiting);
      return null;
    }
    // It was available immediately, so the clock is not read again.
    this.#take(connection, 0);
    return connection;
  }

  /** The cycle joins the borrow queue in this turn; it can be refused only afterwards. */
  #refuseSoon(error: ProxyError): void {
    this.#core.enter(SessionState.Waiting);
    queueMicrotask(() => {
      if (this.isWaiting) this.borrowFailed(error.fields);
    });
  }

  borrowAgain(): void {
    const connection = this.pool.borrow(this);
    if (connection !== null) this.granted(connection);
  }

  granted(connection: ServerConnection): void {
    if (this.cycles.first.retry !== null && this.#recovery.isRefusedAgain(connection)) return;
    if (this.#waitsToShare && this.pool.interleaver.begin(connection, this)) return;
    this.#take(connection, performance.now() - this.waitingSince);
    this.requests.granted();
    this.flow();
  }

  borrowFailed(error: ErrorFields): void {
    this.cycles.clear();
    this.#core.enter(SessionState.Idle);
    this.requests.refuse(buildErrorResponse({ ...error, severity: 'ERROR' }));
    this.flow();
  }

  /** The session borrows no connection until `unblockRequests`. */
  block(): void {
    this.#holds++;
  }

  /** Returns whether requests continue. */
  unblock(): boolean {
    this.#holds--;
    return this.#holds === 0 && this.#core.state === SessionState.Idle;
  }

  needsNewConnection(effects: Effects): boolean {
    const { connection, cycles } = this;
    if (this.isFirstLease || connection === null || this.isPinned) return false;
    if (connection.midCycle || !effects.details.some(setsBeforeUse)) return false;
    // Pending replies decide whether a transaction is open.
    if (cycles.complete > 0) return true;
    if (this.inTransaction) return false;
    // What ran here may have left state that has to be read before the connection is returned.
    const next = this.#hasRun ? nextRelease(this.#effects) : Release.Let;
    return next === Release.Let || next === Release.Linger;
  }

  leaveConnection(): void {
    const { connection } = this;
    if (connection === null) return;
    if (this.#effects.mayLeave || this.#effects.mustUnlisten) connection.state.needsReset = true;
    this.leaseEnded();
    this.wantNew();
    connection.orphan(false);
    // The requests before the lease were only collected so far.
    connection.flushRequests();
    queueMicrotask(() => {
      if (this.#core.state === SessionState.Idle) this.#core.owner.resume();
    });
  }

  /** `waited`: since the lease was requested, in milliseconds. */
  #take(connection: ServerConnection, waited: number): void {
    const core = this.#core;
    const { pool } = this;
    const { parameters, listening } = this.#effects;
    pool.stats.borrowWait.observe(waited);
    if (core.whyAlone !== undefined) pool.stats.cyclesAlone[core.whyAlone]++;
    core.connection = connection;
    this.#hasRun = false;
    core.enter(SessionState.Active);
    connection.leaseTo(this);
    pool.reset(connection, core.id);
    this.isFirstLease = !connection.state.isUsed;
    connection.state.used();
    this.needsNew = false;
    connection.state.statements.leasedTo(core.id);
    if (connection.state.clientNamed !== null) this.requests.reconcile(connection);
    const before = connection.state.parameterSet;
    // A timeout of the previous session could end the replay before PostgreSQL treats errors as the end of its process.
    if (pool.replay(connection, parameters.known) && mayTimeOutSoon(before))
      connection.lease.pauseRequests();
    // The requests at the start of the lease change what the connection has reported, so others' values are visible
    // until they are answered.
    if (connection.pending.length === 0) {
      const isReported = connection.takeReportedAside();
      if (isReported || this.#reportVersion !== pool.reportVersion) {
        this.#reportVersion = pool.reportVersion;
        this.#reportChanges(connection, before, isReported);
      }
    } else if (this.#reportVersion !== pool.reportVersion) {
      this.#reportVersion = pool.reportVersion;
      connection.reportLater();
    }
    listening?.begin(connection);
    if (events.leaseBegan.hasSubscribers) this.#show(connection);
  }

  /** Lets a test inspect the connection before the first request of the session. */
  #show(connection: ServerConnection): void {
    const { parameters, listening } = this.#effects;
    events.leaseBegan.publish({
      session: this.#core.id,
      user: this.pool.user,
      database: this.pool.database,
      port: connection.socket.remotePort,
      connection,
      parameters: parameters.known.values,
      names: this.requests.trackedNames(),
      channels: listening?.channels ?? [],
      query: (sql: string, done: (answer: InternalAnswer) => void) =>
        connection.gather(sql, new InternalQuery(done)),
    });
  }

  // --- Requests ---

  get longestBuffered(): number {
    return this.#core.keeper.longestBuffered;
  }

  get mostPending(): number {
    return this.#core.keeper.sessionLimits.MaxPendingReplies;
  }

  /**
   * A session that pipelines keeps its connection. While others wait for a connection, it begins no cycle before all
   * replies have come, and then waits in the queue like them. While others would have to wait, it pipelines only a few
   * cycles.
   */
  get maySendAhead(): boolean {
    const { connection, pool } = this;
    if (connection !== null && connection.pending.length >= this.mostPending) return false;
    if (this.cycles.complete >= mostUnanswered) return false;
    // A session that listens determines its channels when it returns its connection: UNLISTEN and LISTEN that the
    // client has pipelined belong to one lease.
    if (this.#core.isBegun || this.isPinned || this.#effects.listening !== null) return true;
    if (pool.waitingCount > 0) return false;
    return this.cycles.complete < mostAhead || pool.hasCapacity;
  }

  /** While memory is short, requests outside transactions are refused on an existing lease too. */
  refusal(): Buffer | null {
    if (!memory.isShort || this.#core.isBegun) return null;
    const error = memory.refusal();
    return error === null ? null : buildErrorResponse({ ...error.fields, severity: 'ERROR' });
  }

  workLater(): void {
    this.#core.owner.workLater();
  }

  terminated(): void {
    this.#core.owner.end('the client sent Terminate', null);
  }

  terminate(error: ProxyError): void {
    this.#core.owner.terminate(error);
  }

  // --- Replies ---

  get blocked(): boolean {
    return this.#core.client.blocked;
  }

  relay(chunk: Buffer, start: number, end: number): void {
    this.cycles.first.relayed = true;
    this.#core.client.relay(chunk, start, end);
  }

  flushReplies(): void {
    const core = this.#core;
    core.client.flush();
    if (core.connection !== null && this.requests.mayContinue(core.connection))
      core.owner.workLater();
  }

  cycleEnded(): void {
    this.#hasRun = true;
    if (this.#timedKey !== 0) {
      const { since } = this.cycles.first;
      this.pool.interleaver.history.ran(this.#timedKey, performance.now() - since);
      this.#timedKey = 0;
    }
    this.#core.cycleEnded();
  }

  syncsIgnored(count: number): void {
    this.cycles.ignored(count);
  }

  get awaitsAnswers(): boolean {
    return this.requests.awaitsAnswers;
  }

  get meaningUncertain(): boolean {
    return this.#effects.parameters.meaningUncertain;
  }

  readsUnder(hasLiterals: boolean): ReadUnder {
    return this.#effects.readsUnder(hasLiterals);
  }

  translate(text: string): string {
    return this.requests.translate(text);
  }

  parameterReported(name: string, value: string): void {
    const { parameters } = this.#effects;
    parameters.reportedToClient(name, value);
    // No request sets a parameter, but one has changed: by a function, or because the server reloaded its
    // configuration, which it reports with the next reply.
    if (parameters.dirty) return;
    parameters.suspect();
    this.pool.parameterChanged();
  }

  parametersReported(connection: ServerConnection): void {
    this.#reportChanges(connection, null, true);
  }

  /**
   * Reports parameters that have changed on the server to the client. `isFirst`: the pool may not know about it yet.
   */
  #reportChanges(
    connection: ServerConnection,
    before: ParameterSet | null,
    isFirst: boolean,
  ): void {
    const changed = this.#effects.parameters.takeUnreported(connection, before);
    for (const [name, value] of changed) this.#core.reply(buildParameterStatus(name, value));
    if (isFirst && changed.length > 0) this.pool.parameterChanged();
  }

  notified(chunk: Buffer, at: number, end: number): boolean {
    const { connection } = this;
    return connection !== null && this.#effects.notified(connection, chunk, at, end);
  }

  resume(): void {
    this.#core.owner.resume();
  }

  // --- Returning ---

  tryRelease(): boolean {
    const effects = this.#effects;
    const { connection } = this;
    let next = nextRelease(effects);
    if (next === Release.Judge) {
      effects.code?.judge();
      next = nextRelease(effects);
    }
    if (next === Release.Let || connection === null) return true;
    if (next === Release.SettleListening) {
      if (effects.listening?.settle(connection, effects.isPinned) === false) return false;
      next = nextRelease(effects, true);
    }
    switch (next) {
      case Release.Let:
        return true;
      case Release.Linger:
        this.pool.lingering.add(this);
        break;
      case Release.ReadBack:
        effects.probing.readBack(connection);
        break;
      case Release.ReadStoredCode:
        effects.code?.read(connection);
        break;
      case Release.Probe:
        effects.probing.run(connection);
        break;
      case Release.CheckSequences:
        if (effects.sequences !== null)
          effects.probing.checkSequences(connection, effects.sequences);
        break;
      case Release.Unlisten:
        effects.listening?.release(connection);
        break;
      default:
    }
    return false;
  }

  leaseEnded(): void {
    const { connection } = this;
    this.#core.connection = null;
    this.lastConnection = connection;
    this.pool.lingering.delete(this);
    this.#effects.leaseEnded(connection);
    this.becomeIdle();
    // The connection may have been full of COPY data that the database has refused. Its drain no longer concerns this
    // session.
    this.flow();
    if (connection !== null) this.requests.leaseEnded(connection);
  }

  /** Other sessions need the connection on which this one only lingers, or it has lingered long enough. */
  moveOn(): void {
    const { connection } = this;
    if (!this.pool.lingering.delete(this) || connection === null || this.#effects.busy) return;
    this.#effects.movesOn = true;
    connection.settle();
  }

  /**
   * Other sessions wait for a server connection: probes whether the pin is still necessary. Only between transactions.
   */
  probeAgain(): void {
    const { connection } = this;
    const { busy, probing } = this.#effects;
    if (connection !== null && !busy && probing.seesPin) probing.run(connection);
  }

  end(reason: string, lastMessage: Buffer | null): void {
    this.#core.owner.end(reason, lastMessage);
  }

  /** The session is about to end: it no longer waits for a lease, and its state has to be removed. */
  leave(): void {
    const { connection } = this;
    const isWaiting = this.isWaiting;
    if (this.#shared !== null) this.#sharedLease?.giveUp(this.#shared);
    this.#leaveShared();
    if (connection !== null && this.#effects.mayLeave) connection.state.needsReset = true;
    // The code is not read for a session that leaves.
    this.#effects.code?.judge();
    this.pool.lingering.delete(this);
    if (isWaiting) this.pool.leave(this);
  }

  /** The end of the session: drops what it has on its connection, or has left on the last one. */
  close(): void {
    const { connection } = this;
    this.#core.connection = null;
    connection?.orphan(this.requests.midMessage);
    if (connection === null) this.pool.forget(this.lastConnection, this.#core.id);
    this.lastConnection = null;
  }

  // --- Loss ---

  get survivesLoss(): boolean {
    return !this.isPinned && !this.losesListening(this.inTransaction);
  }

  connectionLost(loss: ConnectionLoss): void {
    this.#core.interventions?.end();
    this.#recovery.connectionLost(loss);
  }

  canSendAgain(sqlstate: string): boolean {
    return this.#recovery.canSendAgain(sqlstate);
  }

  sendAgain(error: ErrorFields, answered: Buffer, connection: ServerConnection): void {
    this.#recovery.sendAgain(error, answered, connection);
  }

  replayed(): void {
    this.requests.settled();
    if (this.connection?.lease.isPaused === true) this.#core.resumeRequests();
  }

  replayRefused(error: ErrorFields, nothingRan: boolean): void {
    this.#recovery.replayRefused(error, nothingRan);
  }

  planOutdated(): boolean {
    return this.#recovery.planOutdated();
  }

  assumptionContradicted(assumption: Assumption, chunk: Buffer, at: number, next: number): boolean {
    return this.#recovery.assumptionContradicted(assumption, chunk, at, next);
  }

  giveUpLease(isLost: boolean): void {
    const { connection } = this;
    if (connection !== null) this.requests.leaseLost(connection);
    this.#core.connection = null;
    this.pool.lingering.delete(this);
    this.#effects.parameters.uncertain = false;
    if (isLost) this.#effects.connectionLost();
  }

  becomeIdle(): void {
    this.#effects.parameters.leaseEnded(null);
    this.#core.enter(SessionState.Idle);
    this.#effects.listening?.leaseEnded();
  }

  wantNew(): void {
    this.needsNew = true;
  }

  get inTransaction(): boolean {
    return this.#core.inTransaction;
  }

  get isPinned(): boolean {
    return this.#effects.isPinned;
  }

  get keepsUnseenStatements(): boolean {
    return this.#core.pin.reason === PinReason.SqlPrepare;
  }

  get requestsReadOnly(): boolean {
    return this.#effects.parameters.get('default_transaction_read_only') !== undefined;
  }

  get setOutside(): boolean {
    return this.#effects.parameters.setOutside;
  }

  losesListening(inTransaction: boolean): boolean {
    return this.#effects.losesListening(inTransaction);
  }

  forgetPin(): void {
    this.#core.pin.forget();
  }

  forgetChanges(): void {
    this.#effects.forgetChanges();
  }

  corrected(assumption: Assumption): void {
    this.#effects.corrected(assumption);
  }

  reply(bytes: Buffer): void {
    this.#core.reply(bytes);
  }

  flow(): void {
    this.#core.owner.flow();
  }
}
