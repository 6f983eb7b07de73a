import { has } from '../distinct.ts';
import { severalSessions } from '../backend/backend-state.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Assumption } from '../backend/error-words.ts';
import { SessionListening } from '../listen-notify/session-listening.ts';
import type { ListeningOwner } from '../listen-notify/session-listening.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import type { SessionParameters } from '../parameters/session-parameters.ts';
import type { StartValues } from '../parameters/start-values.ts';
import { PinReason } from '../pinning/pin-reason.ts';
import { pinReasonOf } from '../pinning/pin-reason-of.ts';
import { Probing } from '../pinning/probing.ts';
import type { ProbeOwner } from '../pinning/probing.ts';
import type { SessionPin } from '../pinning/session-pin.ts';
import { SessionSequences, touchesSequences } from '../pinning/session-sequences.ts';
import type { Pool } from '../pool/pool.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { Flag, classifyBytes, normalizedAt } from '../sql/index.ts';
import type { Effects, Lexis } from '../sql/index.ts';
import { CodeRuns } from '../stored-code/code-runs.ts';
import type { CodeOwner } from '../stored-code/code-runs.ts';
import { leavesSomething, wasProbed } from '../stored-code/probe-sampling.ts';
import type { Suspect } from '../stored-code/probe-sampling.ts';
import { Risk } from '../stored-code/stored-code-sql.ts';
import type { StoredCode } from '../stored-code/stored-code.ts';
import { events } from '../telemetry/events.ts';
import { mayIntervene } from './interventions.ts';
import { wouldLinger } from './release-policy.ts';
import type { Lingering, Releasable } from './release-policy.ts';
import type { MayReset, StatementOwner } from './request-owner.ts';
import { tracked, changesAnyParameter, gives, watched } from './session-effects.ts';
import type { SessionCore } from './session-core.ts';
import { SessionState } from './session-state.ts';

const nothingReset: MayReset = { names: [], isKnown: true };

/** The requests of a session, as seen by the release of its connection. */
export interface SentRequests {
  /** True if a message was sent to the database in part. */
  readonly midMessage: boolean;
  /** Names of SQL-level prepared statements that do not need to keep the connection. */
  trackedNames(): readonly string[];
  /**
   * A statement is about to change how texts are parsed. True: some SQL-level statements could not be prepared again.
   */
  lexisChanges(): boolean;
}

/** The session whose requests they are. */
export interface RequestSender {
  readonly sent: SentRequests;
}

/**
 * The side effects of a session's statements: on its server connection, in its parameters, for others. It analyzes each
 * statement before it runs, and knows what has to be found out before another session can get the connection.
 */
export class StatementEffects
  implements StatementOwner, CodeOwner, ListeningOwner, ProbeOwner, Releasable, Lingering
{
  readonly probing: Probing;
  readonly pool: Pool;
  readonly parameters: SessionParameters;
  readonly pin: SessionPin;
  readonly cycles: QueryCycles;
  /** The session has lingered on its connection long enough. */
  movesOn = false;
  readonly #core: SessionCore;
  readonly #sender: RequestSender;
  /** Created when the session first listens. */
  #listening: SessionListening | null = null;
  /** Created when the session first runs something that may run code of the database. */
  #code: CodeRuns | null = null;
  /** Created when the session first runs something that may use sequences. */
  #sequences: SessionSequences | null = null;
  /** Start values that code of the database may reset in the next request. */
  #mayReset: MayReset = nothingReset;

  constructor(core: SessionCore, sender: RequestSender) {
    this.#core = core;
    this.#sender = sender;
    this.pool = core.pool;
    this.parameters = core.parameters;
    this.pin = core.pin;
    this.cycles = core.cycles;
    this.probing = new Probing(this);
  }

  get connection(): ServerConnection | null {
    return this.#core.connection;
  }

  // --- How statements are parsed ---

  get lexis(): Lexis {
    return this.parameters.lexis;
  }

  lexisReported(): void {
    if (this.connection !== null) this.parameters.lexisReported(this.connection);
  }

  get known(): ParameterSet {
    return this.parameters.known;
  }

  get clientEncoding(): string | undefined {
    return this.parameters.clientEncoding;
  }

  get startValues(): StartValues | null {
    return this.parameters.startValues;
  }

  get mayCreateInTemporary(): boolean {
    return this.parameters.mayCreateInTemporary;
  }

  get storedCode(): StoredCode {
    return this.pool.storedCode;
  }

  readsUnder(hasLiterals: boolean): ReadUnder {
    // A change that may be rolled back leaves the statement.
    return this.parameters.meaningUncertain && this.#core.isBegun
      ? readUnderAny
      : this.parameters.readsUnder(hasLiterals);
  }

  statementContext(hasLiterals: boolean): string {
    return this.parameters.statementContext(this.#core.id, hasLiterals);
  }

  publishStatement(normalizedQuery: string, connection = this.connection): void {
    const { id: client, whyAlone } = this.#core;
    events.statement.publish({ client, connection: connection?.id, normalizedQuery, whyAlone });
  }

  // --- Shared leases ---

  /** As far as the proxy knows, any connection with its parameters can serve the session. */
  get isSettled(): boolean {
    const { parameters } = this;
    return (
      this.pin.reason === null &&
      this.#listening === null &&
      !parameters.dirty &&
      !parameters.uncertain &&
      !parameters.setOutside &&
      !parameters.meaningUncertain &&
      !this.mayHaveLeft &&
      !this.probing.isUnderWay &&
      this.#core.interventions?.areUnderWay !== true
    );
  }

  /** The effects of a single read that provably changes nothing, neither in the session nor elsewhere; or null. */
  readEffects(source: Buffer, start: number, end: number): Effects | null {
    const effects = classifyBytes(source, start, end, this.lexis);
    if (effects.flags !== Flag.PlainRead || effects.statements !== 1) return null;
    return this.storedCode.provesRead(effects, source, start, end) ? effects : null;
  }

  /** The same for a text with its zero, and these effects. */
  provesRead(effects: Effects, text: Buffer): boolean {
    if (effects.flags !== Flag.PlainRead || effects.statements !== 1) return false;
    return this.storedCode.provesRead(effects, text, 0, text.length - 1);
  }

  mayNameParameters(text: string): void {
    this.pool.parameterSets.noteNames(text);
  }

  corrected(assumption: Assumption): void {
    this.pool.stats.assumptionsCorrected[assumption]++;
  }

  // --- Before a statement ---

  /** Whether a statement waits for all replies, so that the sequence values of other sessions can be discarded. */
  mustWait({ flags }: Effects): boolean {
    const { connection, pool } = this;
    if ((flags & (touchesSequences | Flag.Transaction)) === 0 || connection === null) return false;
    if (!has(flags, Flag.ReadsSequence) && pool.sequenceReaders.isEmpty) return false;
    return this.#drawing().mustWait(connection, flags, this.#readsSequences);
  }

  willParse({ flags }: Effects): void {
    const { connection } = this;
    if ((flags & (touchesSequences | Flag.Transaction)) === 0 || connection === null) return;
    this.#drawing().prepare(connection, flags, this.#readsSequences);
  }

  vacateFor(effects: Effects): boolean {
    const { connection } = this;
    if (!has(effects.flags, Flag.Ddl) || connection === null) return true;
    return this.#core.intervene().vacateFor(effects, connection);
  }

  aim(processId: number, ends: boolean): boolean {
    const { connection } = this;
    return connection === null || this.#core.intervene().aim(processId, ends, connection);
  }

  processFor(processId: number): number | null {
    return this.#core.interventions?.processFor(processId) ?? null;
  }

  willRun(effects: Effects, source: Buffer, start: number): void {
    const { flags } = effects;
    this.cycles.add(effects);
    if (has(flags, mayIntervene)) this.#core.intervene().willRun(effects);
    if (has(flags, Flag.Transaction) && rollsBack(effects)) this.#mayUndo();
    this.movesOn = false;
    if (!this.storedCode.proves(flags)) {
      const risk = (this.#code ??= new CodeRuns(this)).willRun(effects, source, start);
      if (risk !== Risk.None) this.#runsUnproven(source, start);
    }
    if ((flags & (watched | touchesSequences)) === 0) return;
    this.#mayDraw(effects, source, start);
    if (!has(flags, watched)) return;
    this.mayChange(effects, source, start, true);
    if (has(flags, gives)) this.probing.mayRelease();
    if (has(flags, Flag.Listen) || this.#listening !== null) this.mayListen();
    const reason = pinReasonOf(effects);
    if (reason === null) return;
    this.probing.mayPin();
    if (this.pin.givesWayTo(reason))
      this.pin.inTurn(reason, normalizedAt(source, start), effects.details);
  }

  willRunUnread(reason: PinReason, source: Buffer, start: number): void {
    this.cycles.addUnread();
    this.#core.intervene().willRunUnread();
    const { connection } = this;
    if (connection !== null) {
      connection.state.sequencesDrawnBy(severalSessions);
      connection.state.residue.markUnproven();
    }
    if (this.pin.givesWayTo(reason))
      this.pin.inTurn(reason, normalizedAt(source, start), undefined);
  }

  bound(chunk: Buffer, start: number, end: number): void {
    this.#code?.bound(chunk, start, end);
  }

  keepStatements(source: Buffer, start: number): void {
    this.probing.mayPin();
    const { reason } = this.pin;
    if (reason === null || reason === PinReason.Listen)
      this.pin.inTurn(PinReason.SqlPrepare, normalizedAt(source, start), undefined);
  }

  takeMayReset(): MayReset {
    const taken = this.#mayReset;
    this.#mayReset = nothingReset;
    return taken;
  }

  /** ROLLBACK also undoes what the same cycle has done without BEGIN. */
  #mayUndo(): void {
    this.parameters.mayBeUndone();
    if (this.connection !== null) this.connection.lease.hasUndone = true;
  }

  #runsUnproven(source: Buffer, start: number): void {
    this.connection?.state.residue.markUnproven();
    if (this.pool.limits.unproven === 'pin') this.mayLeaveForGood(source, start);
  }

  #mayDraw(effects: Effects, source: Buffer, start: number): void {
    const { connection, pool } = this;
    const { flags } = effects;
    if (connection === null) return;
    const readers = pool.sequenceReaders;
    if (!has(flags, touchesSequences) && readers.isEmpty) return;
    if (has(flags, Flag.ReadsSequence)) {
      const application = this.#core.applicationName;
      if (readers.add(application)) {
        events.sequenceReaderFound.publish({
          client: this.#core.id,
          application,
          statement: normalizedAt(source, start),
        });
      }
    }
    const sets = this.#drawing().run(connection, effects, this.#readsSequences);
    if (sets && this.pin.givesWayTo(PinReason.SequenceState))
      this.pin.inTurn(PinReason.SequenceState, normalizedAt(source, start), effects.details);
  }

  #drawing(): SessionSequences {
    return (this.#sequences ??= new SessionSequences(this.#core.id, this.cycles));
  }

  /** The application uses currval() or lastval(). */
  get #readsSequences(): boolean {
    const readers = this.pool.sequenceReaders;
    // The name is decoded each time, and most applications never use them.
    return !readers.isEmpty && readers.has(this.#core.applicationName);
  }

  // --- Code of the database ---

  get code(): CodeRuns | null {
    return this.#code;
  }

  mayReset(): void {
    const { startValues } = this;
    if (startValues !== null) this.#mayReset = { names: [...startValues.keys()], isKnown: false };
  }

  mayLeaveForGood(source: Buffer, start: number): void {
    if (this.pool.limits.unproven === 'trust') return;
    if (this.pin.givesWayTo(PinReason.UnprovenCode))
      this.pin.inTurn(PinReason.UnprovenCode, normalizedAt(source, start), undefined);
  }

  mayHaveLeftForGood(): void {
    if (this.pool.limits.unproven !== 'trust')
      this.connection?.retire('its session has run code that is not known');
  }

  mayChange(effects: Effects, source: Buffer, start: number, isSure = false): void {
    const { flags } = effects;
    const { parameters } = this;
    if (!isSure && parameters.startValues !== null) {
      const { names, isKnown } = this.#mayReset;
      this.#mayReset = { names: [...names, ...parameters.startValuesIn(effects)], isKnown };
    }
    const isUndoable = this.#core.isBegun || effects.statements > 1;
    if (
      has(flags, changesAnyParameter) &&
      parameters.willRun(effects, isSure, isUndoable) &&
      this.#sender.sent.lexisChanges()
    )
      this.keepStatements(source, start);
    if (has(flags, tracked) && !this.#core.isBegun) parameters.setOutside = true;
  }

  resumeRequests(): void {
    this.#core.resumeRequests();
  }

  // --- LISTEN ---

  get listening(): SessionListening | null {
    return this.#listening;
  }

  mayListen(): void {
    // BEGIN itself belongs to the transaction already.
    this.#startListening().mayChange(this.#core.isBegun);
  }

  /**
   * A notification arrived on the leased connection, the message `chunk[at, end)`. Returns whether its bytes are
   * forwarded.
   */
  notified(connection: ServerConnection, chunk: Buffer, at: number, end: number): boolean {
    // If the listening was unknown so far, a probe will find it.
    return this.#startListening().notifiedOnLease(connection, chunk, at, end);
  }

  #startListening(): SessionListening {
    return (this.#listening ??= new SessionListening(
      this,
      this.#core.keeper.listeners.of(this.pool.database),
    ));
  }

  get takesNotifications(): boolean {
    return this.#core.state !== SessionState.Closed && (this.connection === null || !this.busy);
  }

  get since(): number {
    return this.#core.since;
  }

  set since(at: number) {
    this.#core.since = at;
  }

  get unread(): number {
    return this.#core.client.unread;
  }

  get clientProcessId(): number {
    return this.#core.clientProcessId;
  }

  pinListening(): void {
    if (this.pin.reason === null) this.pin.between(PinReason.Listen, '');
  }

  unpinListening(): void {
    this.probing.unpin(PinReason.Listen);
  }

  get mostUnread(): number {
    return this.#core.keeper.sessionLimits.MaxUnreadBytes;
  }

  unreadExceeded(): void {
    this.#core.owner.exceed('MaxUnreadBytes');
  }

  reply(bytes: Buffer): void {
    this.#core.reply(bytes);
  }

  // --- Probing ---

  get listensOnLease(): boolean {
    return this.#listening?.isLeased === true;
  }

  trackedNames(): readonly string[] {
    return this.#sender.sent.trackedNames();
  }

  probed(suspects: readonly Suspect[]): void {
    for (const { effects } of suspects) wasProbed(effects);
  }

  foundHiddenState(what: string, suspects: readonly Suspect[]): void {
    // From now on, they are probed each time.
    const unknown = suspects.filter(({ effects }) => leavesSomething(effects));
    const statements = unknown.length === 0 ? null : unknown.map(({ statement }) => statement);
    this.#core.keeper.foundHiddenState(this.#core, what, statements);
  }

  // --- The end of the lease ---

  /** A request is running, or a transaction is open. */
  get busy(): boolean {
    return this.cycles.unanswered > 0 || this.probing.isUnderWay || this.#core.inTransaction;
  }

  get isKept(): boolean {
    return this.#core.interventions?.areUnderWay === true || this.#sender.sent.midMessage;
  }

  get hasUnchecked(): boolean {
    return this.#code?.hasUnchecked === true;
  }

  get canReadCode(): boolean {
    return this.storedCode.isBeingRead || this.storedCode.canBeRead;
  }

  get wantsProbe(): boolean {
    return this.probing.isWanted;
  }

  get mayHaveLeft(): boolean {
    const code = this.#code;
    return code !== null && (code.hasSuspects || code.hasUnchecked);
  }

  get isCertain(): boolean {
    return this.#code?.isCertain === true;
  }

  get parametersDirty(): boolean {
    return this.parameters.dirty;
  }

  get parametersSuspected(): boolean {
    return this.parameters.isSuspected;
  }

  get listens(): boolean {
    return this.#listening !== null;
  }

  get isPinned(): boolean {
    return this.pin.reason !== null;
  }

  get staysPinned(): boolean {
    return this.pin.lasts;
  }

  get lingers(): boolean {
    const { connection } = this;
    return wouldLinger(this) && connection !== null && this.pool.canLinger(connection);
  }

  get sequences(): SessionSequences | null {
    return this.#sequences;
  }

  get mustCheckSequences(): boolean {
    return this.#sequences?.wantsProbe(this.pin.reason) === true;
  }

  get mustUnlisten(): boolean {
    return this.#listening?.isTracked === true && this.connection?.state.needsReset !== true;
  }

  /** The connection may have state for which there is no pin yet. */
  get mayLeave(): boolean {
    return (
      this.probing.isUnderWay ||
      this.wantsProbe ||
      this.hasUnchecked ||
      this.connection?.state.residue.isUnproven === true ||
      this.listensOnLease
    );
  }

  /** The loss of the connection loses state that only the connection has, other than what the loss itself undoes. */
  losesListening(inTransaction: boolean): boolean {
    return this.#listening?.losesState(inTransaction) === true;
  }

  leaseEnded(connection: ServerConnection | null): void {
    this.parameters.leaseEnded(connection);
    this.#code?.leaseEnded();
    this.#sequences?.leaseEnded();
  }

  /** The connection is lost, and so is what ran on it. */
  connectionLost(): void {
    this.#code?.forget();
    this.probing.forget();
  }

  /** No request to change the session took effect, as far as the client knows. */
  forgetChanges(): void {
    this.#listening?.forgetChange();
    this.#sequences?.lost();
    this.parameters.forgetChanges();
  }

  end(): void {
    this.#listening?.end();
    this.parameters.release();
  }
}

/** Whether a statement of the text ends a transaction, or a part of it, without its effects. */
function rollsBack({ details }: Effects): boolean {
  return details.some(
    (effect) =>
      effect.kind === 'transaction' &&
      (effect.action === 'rollback' || effect.action === 'rollback to'),
  );
}
