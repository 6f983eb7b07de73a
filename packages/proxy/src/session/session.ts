import type { Socket } from 'node:net';
import { buildErrorResponse, buildParameterStatus } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import type { ConnectionLoss, LoanHolder } from '../backend/loan.ts';
import { ProxyError } from '../errors.ts';
import type { Pool } from '../pool/pool.ts';
import type { Borrower } from '../pool/pool-target.ts';
import type { Listeners } from '../listening/listeners.ts';
import { SessionListening } from '../listening/session-listening.ts';
import type { ListeningOwner } from '../listening/session-listening.ts';
import { clock } from '../relay/clock.ts';
import { countRead } from '../relay/collector.ts';
import { toClient } from '../relay/gatherer.ts';
import { unsent } from '../relay/writer.ts';
import { Flag, shapeAt } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { CodeRuns } from './code-runs.ts';
import type { CodeRunner } from './code-runs.ts';
import { leavesSomething } from './function-audit.ts';
import type { Suspect } from './function-audit.ts';
import { lookSql, readLook, visible, withoutLook } from './session-look.ts';
import type { Found } from './session-look.ts';
import { ProxyRequest } from '../backend/proxy-request.ts';
import type { ProxyAnswer } from '../backend/proxy-request.ts';
import { events } from '../telemetry/events.ts';
import type { CancelKey } from './cancel-keys.ts';
import { judgeLoss } from './connection-loss.ts';
import { sayGoodbye } from './goodbye.ts';
import type { ParameterSet } from './parameter-set.ts';
import { PinReason, pinReasonOf } from './pin-reason.ts';
import { RequestRelay } from './request-relay.ts';
import type { RequestOwner } from './request-owner.ts';
import { carried, changesParameters, gives, watched } from './session-effects.ts';
import { SessionParameters } from './session-parameters.ts';
import { SessionPin } from './session-pin.ts';
import type { PinOwner, PinWatcher } from './session-pin.ts';
import { SessionSequences, touchesSequences } from './session-sequences.ts';
import { SessionState } from './session-state.ts';
import { Setback } from './setback.ts';
import type { StoredCode } from './stored-code.ts';
import { UnderWay } from './under-way.ts';

/** Whoever keeps the sessions: told what happens to them. */
export interface SessionKeeper extends PinWatcher {
  readonly longestBuffered: number;
  readonly listeners: Listeners;
  /**
   * `what` was found changed in a session after these statements, whose texts do not show it; null when they were known
   * to do so.
   */
  foundHiddenState(session: Session, what: string, statements: readonly string[] | null): void;
  ended(session: Session, reason: string): void;
}

/**
 * A session: one client's logical state. It outlives every loan, and the client's socket is its own.
 *
 * The way to the database is the request relay's; this class holds the loan, writes what the client is owed, and
 * knows when the session may let go.
 */
export class Session
  implements LoanHolder, RequestOwner, Borrower, ListeningOwner, PinOwner, CodeRunner
{
  readonly id: number;
  readonly socket: Socket;
  readonly pool: Pool;
  readonly cancelKey: CancelKey;
  readonly tls: boolean;
  /** The name that the client logged in with. */
  readonly clientUser: string;
  /** When the current state began, in clock milliseconds. */
  since = clock.now;
  /** Exact time at which the borrow queue was joined, in milliseconds. */
  waitingSince = 0;
  connection: DatabaseConnection | null = null;

  readonly #keeper: SessionKeeper;
  readonly #pin: SessionPin;
  readonly #relay = new RequestRelay(this);
  readonly #parameters: SessionParameters;
  /** Made when the session first listens. */
  #listening: SessionListening | null = null;
  /** Made when the session first runs something that may run code of the database. */
  #code: CodeRuns | null = null;
  /** Made when the session first runs something that may have to do with sequences. */
  #sequences: SessionSequences | null = null;
  /** Something was given up: a pin may be over. */
  #released = false;
  /** Counts statements that pin: a look that was sent before the newest of them says nothing about it. */
  #pinning = 0;
  #lookedAt = 0;
  readonly #underWay = new UnderWay();
  /** The refusal that the group in the borrow queue had from another server. */
  #setback: Setback | null = null;
  /** A pin is over that may have hidden others. */
  #recheck = false;
  /** A look is under way: what it will find is not known yet. */
  #isLooking = false;
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
    this.#parameters = new SessionParameters(options.pool.parameterSets, options.parameters);
    this.cancelKey = options.cancelKey;
    this.#keeper = options.keeper;
    this.#pin = new SessionPin(this, options.keeper);
  }

  /** What the session has set, on whichever database connection it is served. */
  get parameters(): ParameterSet {
    return this.#parameters.known;
  }

  get storedCode(): StoredCode {
    return this.pool.storedCode;
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

  get lexis(): number {
    return this.#parameters.lexis;
  }

  lexisTold(): void {
    if (this.connection !== null) this.#parameters.lexisTold(this.connection);
  }

  get searchPath(): string | null {
    return this.#parameters.searchPath;
  }

  statementContext(hasLiterals: boolean): string {
    return this.#parameters.statementContext(this.id, hasLiterals);
  }

  keepStatements(source: Buffer, start: number): void {
    this.#pinning++;
    if (this.pin === null || this.pin === PinReason.Listen)
      this.#pin.inTurn(PinReason.SqlPrepare, shapeAt(source, start), undefined);
  }

  get awaitsAnswers(): boolean {
    return this.#relay.awaitsAnswers;
  }

  /** The name that the client gave itself, for logs. */
  get applicationName(): string {
    return this.#parameters.get('application_name') ?? '';
  }

  /** Replies that the database connection on loan still owes. */
  get owed(): number {
    return this.connection?.owed.length ?? 0;
  }

  get inTransaction(): boolean {
    return this.connection !== null && this.connection.inTransaction;
  }

  /** True while a drain has to wait for the session: something is asked, or a transaction is open. */
  get busy(): boolean {
    const { connection } = this;
    if (connection === null) return this.#state === SessionState.Waiting;
    return connection.owed.length > 0 || connection.inTransaction || connection.groupOpen;
  }

  /** Why the session keeps its loan beyond the transaction, or null. */
  get pin(): PinReason | null {
    return this.#pin.reason;
  }

  get clientMinMessages(): string | undefined {
    return this.#parameters.get('client_min_messages');
  }

  get survivesLoss(): boolean {
    return this.pin === null && this.#listening?.losesState(this.inTransaction) !== true;
  }

  get takesNotifications(): boolean {
    const { connection } = this;
    return this.#state !== SessionState.Closed && (connection === null || !this.busy);
  }

  get unread(): number {
    return unsent(this.socket);
  }

  get clientProcessId(): number {
    return this.cancelKey.processId;
  }

  translate(text: string): string {
    return this.#relay.translate(text);
  }

  planOutdated(): boolean {
    const { connection } = this;
    // What a block has prepared unseen would be lost with the rest.
    if (connection === null || this.pin === PinReason.SqlPrepare) return false;
    this.pool.outdatePlans();
    if (connection.inTransaction) return false;
    const request = this.#relay.requestToRepeat(connection);
    if (request === null) return false;
    connection.owed.swallowHead();
    this.pool.renewPlans(connection);
    this.#relay.repeat(request);
    return true;
  }

  // --- The client's socket ---

  onData(chunk: Buffer): void {
    if (this.#state === SessionState.Closed) return;
    countRead(chunk.length);
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
    if (connection === null || this.#isRefusedAgain(connection)) {
      // A loan that cannot be had at once was queued, or has been refused already.
      if (this.#state === SessionState.Idle) this.#enter(SessionState.Waiting);
      return false;
    }
    this.#take(connection);
    return true;
  }

  granted(connection: DatabaseConnection): void {
    if (this.#isRefusedAgain(connection)) return;
    this.#take(connection);
    this.#relay.granted();
    this.#flow();
  }

  borrowFailed(error: ErrorFields): void {
    this.#underWay.clear();
    this.#enter(SessionState.Idle);
    this.#relay.refuse(buildErrorResponse({ ...error, severity: 'ERROR' }));
    this.#flow();
  }

  willRun(effects: Effects, source: Buffer, start: number): void {
    const { flags } = effects;
    this.#underWay.add(effects);
    if (this.storedCode.concerns(flags))
      (this.#code ??= new CodeRuns(this)).willRun(effects, source, start);
    if ((flags & (watched | touchesSequences)) === 0) return;
    this.#mayDraw(effects, source, start);
    if ((flags & watched) === 0) return;
    this.mayChange(effects, source, start);
    if ((flags & gives) !== 0) this.#released = true;
    if ((flags & Flag.Listen) !== 0 || this.#listening !== null) this.#mayListen();
    const reason = pinReasonOf(effects);
    if (reason === null) return;
    this.#pinning++;
    if (this.#pin.givesWayTo(reason))
      this.#pin.inTurn(reason, shapeAt(source, start), effects.details);
  }

  trace(shape: string): void {
    events.statement.publish({ client: this.id, connection: this.connection?.id, shape });
  }

  mayNameParameters(text: string): void {
    this.pool.parameterSets.noteNames(text);
  }

  mustWait({ flags }: Effects): boolean {
    const { connection, pool } = this;
    if ((flags & (touchesSequences | Flag.Transaction)) === 0 || connection === null) return false;
    if ((flags & Flag.ReadsSequence) === 0 && pool.sequenceReaders.isEmpty) return false;
    const asks = pool.sequenceReaders.has(this.applicationName);
    this.#sequences ??= new SessionSequences(this.id);
    return this.#sequences.mustWait(connection, flags, asks);
  }

  willParse(effects: Effects): void {
    const { connection } = this;
    if ((effects.flags & (touchesSequences | Flag.Transaction)) === 0 || connection === null)
      return;
    const asks = this.pool.sequenceReaders.has(this.applicationName);
    this.#sequences ??= new SessionSequences(this.id);
    this.#sequences.prepare(connection, effects.flags, asks);
  }

  willRunUnread(reason: PinReason, source: Buffer, start: number): void {
    this.#underWay.addUnread();
    const { connection } = this;
    if (connection !== null) connection.drawnBy = -1;
    if (this.#pin.givesWayTo(reason)) this.#pin.inTurn(reason, shapeAt(source, start), undefined);
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
    this.#underWay.relayed = true;
    toClient.addRange(chunk, start, end);
  }

  flushReplies(): void {
    if (toClient.bytes > 0 && !toClient.writeTo(this.socket)) this.#setBlocked();
  }

  groupEnded(): void {
    const now = performance.now();
    this.pool.stats.queryTime.observe(now - this.#groupSince);
    this.pool.stats.onAnswer?.();
    // Groups that the client sent ahead run from here.
    this.#groupSince = this.owed > 0 ? now : 0;
    this.since = clock.now;
    if (this.#groupSince === 0) this.#underWay.clear();
  }

  letsGo(): boolean {
    if (this.#relay.midMessage || this.#code?.judges() === false) return false;
    if (this.#wantsLook()) {
      this.#look();
      return false;
    }
    const { connection } = this;
    const listening = this.#listening;
    if (connection === null) return true;
    if (listening !== null && !listening.settle(connection, this.pin !== null)) return false;
    const sequences = this.#sequences;
    if (sequences?.wantsLook(this.pin) === true) {
      this.#lookForDrawn(connection, sequences);
      return false;
    }
    if (this.pin !== null) {
      // The loan goes on, so outdated plans are forgotten here.
      if (this.pin !== PinReason.SqlPrepare && this.pool.renewPlans(connection))
        connection.flushRequests();
      return false;
    }
    return listening === null || connection.needsReset || listening.release(connection);
  }

  loanEnded(): void {
    const { connection } = this;
    this.connection = null;
    this.#parameters.loanEnded(connection);
    this.#code?.loanEnded();
    this.#sequences?.loanEnded();
    this.#enter(SessionState.Idle);
    this.#listening?.loanEnded();
    // The connection may have been full, with COPY data that the database has refused: its drain is not ours any more.
    this.#flow();
    if (connection === null) return;
    this.#relay.loanEnded(connection);
  }

  resume(): void {
    if (this.#state === SessionState.Closed) return;
    this.#relay.resume();
    this.#flow();
  }

  parameterReported(): void {
    // Nothing that was asked for sets a parameter, and one has changed: a function did it.
    if (!this.#parameters.dirty) this.#parameters.suspect();
  }

  notified(chunk: Buffer, at: number, end: number): boolean {
    const { connection } = this;
    if (connection === null) return false;
    // Something listens that nobody has noticed yet: an audit will.
    this.#listening ??= this.#startListening();
    return this.#listening.notifiedOnLoan(connection, chunk, at, end);
  }

  pinListening(): void {
    if (this.pin === null) this.#pin.between(PinReason.Listen, '');
  }

  unpark(): void {
    const { connection } = this;
    if (connection !== null) connection.parked = false;
    // The connection is settled first: the loan may end, and what waited needs another.
    queueMicrotask(() => {
      if (this.#state !== SessionState.Waiting) this.resume();
    });
  }

  unpinListening(): void {
    if (this.pin === PinReason.Listen) this.#unpin(PinReason.Listen);
  }

  /** Others wait for a database connection: is the pinned one still needed? Asked only between transactions. */
  lookAgain(): void {
    const { connection } = this;
    if (connection === null || this.busy || this.pin === null || !visible.has(this.pin)) return;
    this.#look();
  }

  connectionLost(loss: ConnectionLoss): void {
    if (this.connection !== null) this.#relay.loanLost(this.connection);
    this.connection = null;
    this.#parameters.uncertain = false;
    this.#groupSince = 0;
    this.#code?.forget();
    this.#isLooking = false;
    this.#relay.dropBody();
    const outcome = judgeLoss(loss, {
      // A change of parameters that the client was told of and that was not read back yet is lost as well.
      hasLostState: this.pin !== null || this.#isUnread(loss) || this.#isUnsettled(loss),
      canSendAgain: this.#relay.canSendAgain,
      underWay: this.#underWay,
    });
    if (outcome.kind === 'end') {
      this.#end(loss.error.message, outcome.farewell);
      return;
    }
    this.#forgetUnread();
    if (outcome.kind === 'send again') {
      this.pool.stats.groupsSentAgain++;
      this.#sendAgain();
      return;
    }
    this.#underWay.clear();
    this.#enter(SessionState.Idle);
    if (outcome.answer.length > 0) this.#write(outcome.answer);
    if (outcome.lost !== null) this.#relay.transactionLost(outcome.lost);
    else if (outcome.discards) this.#relay.discardUntilSync();
    this.#listening?.loanEnded();
    this.#relay.resume();
    this.#flow();
  }

  canSendAgain(sqlstate: string): boolean {
    // Who asked for read-only transactions is refused everywhere.
    if (sqlstate === '25006' && this.#parameters.get('default_transaction_read_only') !== undefined)
      return false;
    return this.survivesLoss && this.#relay.canSendAgain && this.#underWay.repeatable(true);
  }

  sendAgain(error: ErrorFields, answered: Buffer, connection: DatabaseConnection): void {
    const age = performance.now() - this.#groupSince;
    this.#setback = new Setback(error, answered, connection, age);
    this.#sendAgain();
  }

  #sendAgain(): void {
    if (this.connection !== null) this.#relay.loanLost(this.connection);
    this.connection = null;
    this.#parameters.loanEnded(null);
    this.#groupSince = 0;
    this.#underWay.again();
    this.#enter(SessionState.Idle);
    this.#listening?.loanEnded();
    this.#relay.sendAgain();
    this.#flow();
  }

  /** Parameters may have changed that are not read back, other than by what the loss itself has undone. */
  #isUnread(loss: ConnectionLoss): boolean {
    return (
      this.#parameters.setOutside &&
      (loss.groups === 0 || loss.inTransaction || this.#underWay.count > 1)
    );
  }

  /** Channels may have been listened to that only the lost connection knew, other than by what the loss has undone. */
  #isUnsettled(loss: ConnectionLoss): boolean {
    return this.#listening?.losesState(loss.inTransaction) === true;
  }

  /** Nothing that was asked to change the session took effect, as far as the client knows. */
  #forgetUnread(): void {
    this.#listening?.forgetChange();
    this.#sequences?.lost();
    this.#parameters.forgetChanges();
  }

  /** True, and the client is told, when the server that refused the group is the one that would run it again. */
  #isRefusedAgain(connection: DatabaseConnection): boolean {
    const setback = this.#setback;
    if (setback === null) return false;
    this.#setback = null;
    if (!setback.stands(connection)) {
      this.pool.stats.groupsSentAgain++;
      return false;
    }
    this.pool.returned(connection);
    // The group is handed to the borrow queue in this very turn; only then can it be refused.
    queueMicrotask(() => {
      if (this.#state !== SessionState.Waiting) return;
      this.#write(setback.answered);
      this.borrowFailed(setback.error);
    });
    return true;
  }

  mayChange(effects: Effects, source: Buffer, start: number): void {
    const { flags } = effects;
    const parameters = this.#parameters;
    if (
      (flags & (changesParameters | Flag.SetsLocalParameter)) !== 0 &&
      parameters.willRun(effects) &&
      this.#relay.lexisChanges()
    )
      this.keepStatements(source, start);
    if ((flags & carried) !== 0 && !this.inTransaction && !this.#underWay.begins)
      parameters.setOutside = true;
  }

  #mayListen(): void {
    this.#listening ??= this.#startListening();
    // BEGIN itself is the transaction's already.
    this.#listening.mayChange(this.inTransaction || this.#underWay.begins);
  }

  #startListening(): SessionListening {
    return new SessionListening(this, this.#keeper.listeners.of(this.pool.database));
  }

  #take(connection: DatabaseConnection): void {
    this.pool.stats.borrowWait.observe(performance.now() - this.waitingSince);
    this.connection = connection;
    this.#enter(SessionState.Active);
    connection.lend(this);
    this.pool.renewPlans(connection);
    if (connection.ownNames !== null) this.#relay.reconcile(connection);
    this.pool.replay(connection, this.parameters);
    this.#listening?.begin(connection);
  }

  #wantsLook(): boolean {
    const { pin } = this;
    if (pin === null)
      return this.#recheck || this.#parameters.dirty || this.#code?.hasSuspects === true;
    if (!visible.has(pin)) return false;
    const waited = this.pool.waitingCount > 0 && clock.now > this.#lookedAt;
    return this.#released || waited;
  }

  /** Reads back what may have changed, and looks whether anything still needs this very connection. */
  #look(): void {
    const { connection } = this;
    if (connection === null) return;
    const suspects = this.#code?.takeSuspects() ?? [];
    const parameters = this.#parameters;
    if (suspects.some(({ mayHaveSet }) => mayHaveSet)) parameters.suspect();
    const { dirty } = parameters;
    const looks = suspects.length > 0 || this.pin !== null || this.#recheck;
    const statements = [
      ...(dirty ? [parameters.ask()] : []),
      ...(looks ? [lookSql(this.#relay.carriedNames())] : []),
    ];
    this.#released = false;
    this.#recheck = false;
    this.#lookedAt = clock.now;
    const pinning = this.#pinning;
    this.#isLooking = true;
    connection.run(
      statements.join(';'),
      new ProxyRequest((answer) => {
        if (answer.lost || this.connection !== connection) return;
        this.#isLooking = false;
        if (answer.error !== null) {
          this.#pin.between(PinReason.Parameters, suspects[0]?.statement ?? '');
          return;
        }
        const { known } = parameters;
        if (dirty) this.#takeParameters(answer.rows, connection);
        const pin = this.pin;
        const found = looks ? readLook(answer.rows) : null;
        if (found !== null && pinning === this.#pinning) this.#takeLook(found, suspects);
        else if (found !== null) this.#released = true;
        if (parameters.known !== known) this.#tellHidden('parameters', suspects);
        if (pin === null && this.pin !== null) this.#tellHidden(this.pin, suspects);
      }),
    );
  }

  #takeParameters(rows: ProxyAnswer['rows'], connection: DatabaseConnection): void {
    const told = this.#parameters.take(withoutLook(rows), connection, this.pool.user);
    for (const [name, value] of told) this.#write(buildParameterStatus(name, value));
  }

  #takeLook(found: Found, suspects: readonly Suspect[]): void {
    let reason: PinReason | null = null;
    for (const [candidate, isThere] of found.pins) if (isThere) reason ??= candidate;
    const { pin } = this;
    if (found.listens && this.#listening?.onLoan !== true) {
      this.#mayListen();
      this.#tellHidden(PinReason.Listen, suspects);
    }
    if (reason !== null) {
      if (pin === null) this.#pin.between(reason, suspects.at(-1)?.statement ?? '');
    } else if (pin !== null && visible.has(pin)) this.#unpin(pin);
  }

  /** Something has changed that none of these statements announced: from now on they are looked at each time. */
  #tellHidden(what: string, suspects: readonly Suspect[]): void {
    if (suspects.length === 0) return;
    const unknown = suspects.filter(({ effects }) => leavesSomething(effects));
    const told = unknown.length === 0 ? null : unknown.map(({ statement }) => statement);
    this.#keeper.foundHiddenState(this, what, told);
  }

  #mayDraw(effects: Effects, source: Buffer, start: number): void {
    const { connection, pool } = this;
    const { flags } = effects;
    if (connection === null) return;
    const readers = pool.sequenceReaders;
    if ((flags & touchesSequences) === 0 && readers.isEmpty) return;
    if ((flags & Flag.ReadsSequence) !== 0 && readers.add(this.applicationName)) {
      events.sequencesAsked.publish({
        client: this.id,
        application: this.applicationName,
        statement: shapeAt(source, start),
      });
    }
    const asks = readers.has(this.applicationName);
    this.#sequences ??= new SessionSequences(this.id);
    const sets = this.#sequences.run(connection, effects, asks);
    if (sets && this.#pin.givesWayTo(PinReason.SequenceState))
      this.#pin.inTurn(PinReason.SequenceState, shapeAt(source, start), effects.details);
  }

  /** Finds out whether the session could be told of a value by lastval(): then only this connection can tell it. */
  #lookForDrawn(connection: DatabaseConnection, sequences: SessionSequences): void {
    sequences.look(connection, this.pin, (holds) => {
      if (this.connection !== connection) return;
      if (holds && this.pin === null) this.#pin.between(PinReason.SequenceState, '');
      if (!holds && this.pin === PinReason.SequenceState) this.#unpin(this.pin);
    });
  }

  #unpin(reason: PinReason): void {
    this.#pin.end(reason, this.#parameters.uncertain);
    // What came to be while another reason held the connection anyway has not been looked at.
    this.#recheck = !visible.has(reason);
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
      this.#blocked || this.#relay.crowded || (this.connection !== null && this.connection.held);
    if (stop === this.#paused || this.#state === SessionState.Closed) return;
    this.#paused = stop;
    if (stop) this.socket.pause();
    else this.socket.resume();
  }

  /** Something may be left on the connection that no pin is for yet. */
  #mayHaveLeft(): boolean {
    return (
      this.#isLooking ||
      this.#wantsLook() ||
      this.#code?.hasUnjudged === true ||
      this.#listening?.onLoan === true
    );
  }

  #end(reason: string, farewell: Buffer | null): void {
    if (this.#state === SessionState.Closed) return;
    const waiting = this.#state === SessionState.Waiting;
    if (this.connection !== null && this.#mayHaveLeft()) this.connection.needsReset = true;
    this.#enter(SessionState.Closed);
    this.#pin.close();
    const midReply = this.connection !== null && this.connection.midReply;
    if (farewell !== null && !midReply && this.socket.writable) this.socket.write(farewell);
    sayGoodbye(this.socket, this.tls, farewell === null);
    if (waiting) this.pool.leave(this);
    const connection = this.connection;
    this.connection = null;
    connection?.abandon(this.#relay.midMessage);
    this.#relay.close();
    this.#listening?.end();
    this.#parameters.release();
    this.#keeper.ended(this, reason);
  }
}
