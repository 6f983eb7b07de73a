import {
  bodyAt,
  boundValue,
  buildCloseStatement,
  buildErrorResponse,
  closeComplete,
  closeUnnamedStatement,
  describesPortal,
  describesStatement,
  messageEnd,
  namedAt,
  namesStatement,
  noData,
  readInt4,
  stringEnd,
  syncMessage,
  TransactionStatus,
  writeInt4,
  writeLength,
} from '@sluice/wire';
import { has, mask } from '../distinct.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { toServer } from '../io/write-buffer.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import { Flag, classifyBytes, normalizedOf } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { events } from '../telemetry/events.ts';
import { DescriptionNote } from '../statements/analysis.ts';
import type { Analysis } from '../statements/analysis.ts';
import {
  backendNameIn,
  backendNamePrefix,
  hideBackendNames,
  showClientNames,
} from '../statements/backend-names.ts';
import { ClientStatement } from '../statements/client-statement.ts';
import type { Description } from '../statements/description.ts';
import type { ConversationOwner } from '../recovery/lost-conversation.ts';
import { MissingName } from '../statements/missing-name.ts';
import { NameTaken } from '../statements/name-taken.ts';
import { NameChanges, bytesOf, meetNames, textOf, usesNames } from '../statements/name-changes.ts';
import type { NamingText } from '../statements/name-changes.ts';
import {
  bringSqlStatements,
  ensureClientNamed,
  reconcileClientNamed,
} from '../statements/client-named-statements.ts';
import { Change } from '../protocol/query-cycle.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { LocalReply, NoteChain } from '../protocol/reply-notes.ts';
import { UnnamedChange } from '../statements/unnamed-change.ts';
import { Need, OnDemand, isHarmless } from '../statements/on-demand.ts';
import type { Kept } from '../statements/on-demand.ts';
import {
  BindFailure,
  DescribeFailure,
  buildParameterDescription,
} from '../statements/on-demand-failures.ts';
import { PinReason } from '../pinning/pin-reason.ts';
import type { ConnectionChanges, StatementOwner } from './request-owner.ts';
import { SeparatePreparation } from '../statements/separate-preparation.ts';
import { SessionNames } from '../statements/session-names.ts';
import type { Named } from '../statements/session-names.ts';
import { StartValueRestorer } from './start-value-restorer.ts';
import type { TextRestoring } from './start-value-restorer.ts';
import { aimText, signalsOf } from './aims.ts';
import type { Signal } from './aims.ts';
import { describeMissingStatement, statements } from '../statements/statement.ts';
import type { Statement } from '../statements/statement.ts';
import { gatherUnder, meaningOn, mustSetParameters } from '../statements/meaning.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import { UnnamedStatement, noUnnamedStatement } from '../statements/unnamed-statement.ts';
import { UnnamedUse, noUnnamedUse } from '../statements/unnamed-use.ts';

/** Flags of statements that may set parameters without naming them as such. */
const maySetUnseen = mask(
  Flag.UnknownFunction,
  Flag.Procedure,
  Flag.Do,
  Flag.SetsParameter,
  Flag.Opaque,
);

/** Flags of statements that may contain the name of a prepared statement, if only in code that they create or call. */
const mayNameStatements = mask(
  Flag.Prepare,
  Flag.Execute,
  Flag.Deallocate,
  Flag.Do,
  Flag.UnknownFunction,
  Flag.Procedure,
  Flag.Opaque,
);

/** Flags of statements that run code, such as triggers, which may close statements without showing it. */
const mayClose = mask(Flag.Do, Flag.UnknownFunction, Flag.Procedure, Flag.Opaque, Flag.Writes);

/** Flags of statements after which code may call the session's statements by name, now or later in a transaction. */
const mayCall = mask(mayClose, Flag.Ddl, Flag.Transaction);

/** More or longer SQL-level statements than these are not prepared on every connection; the session keeps one. */
const mostBrought = 32;
const longestBrought = 65_536;

/** The number of statements that no other session can share. */
let ownStatements = 0;

/**
 * Handles the messages that contain or name a statement: Query, Parse, Bind, Describe and Close. It registers their
 * pending replies, and rewrites those that the server connection must not get unchanged.
 *
 * Each method returns true if it has collected the message itself, and false if the message is to be forwarded
 * unchanged.
 */
export class StatementRewriter implements ConversationOwner {
  /** The unnamed statement after all replies so far, to be prepared on another server connection. */
  settled: UnnamedStatement = noUnnamedStatement;
  /** The same, if everything sent so far succeeds. */
  #unnamed = noUnnamedUse;
  readonly #onDemand: OnDemand;
  /** The unnamed statement of the open cycle was neither described nor bound. */
  #undescribed = false;
  /** The client binds its unnamed statement in later cycles than that of its Parse. */
  #keepsUnnamed = false;
  /** The unnamed statement was changed, and the result was not checked. */
  #unnamedUnsettled = false;
  /** The current message was answered by a substitute: if it streams, its rest is dropped. */
  substituted = false;
  /** The current message depends on pending replies: nothing was done, and it waits for them. */
  waits = false;
  /** With `waits`: for another connection, which the owner arranges. */
  leaves = false;
  readonly names: SessionNames;
  readonly #startValues: StartValueRestorer;
  readonly #owner: StatementOwner;
  readonly #leases: ConnectionChanges;
  readonly #cycles: QueryCycles;
  /** The process IDs in the current Bind have been replaced. */
  #isAimed = false;
  /** The preparation in a separate cycle for the current request. */
  #separate: SeparatePreparation | null = null;
  /** How texts are parsed was changed, and the result was not checked. */
  #lexisUnsettled = false;
  /** Portals whose statements use names: the effects of their Execute. */
  #bound: Map<string, NamingText> | null = null;
  /** The length of their texts. */
  #boundBytes = 0;

  constructor(
    owner: StatementOwner,
    { cycles, leases }: { cycles: QueryCycles; leases: ConnectionChanges },
  ) {
    this.#owner = owner;
    this.#leases = leases;
    this.#cycles = cycles;
    this.names = new SessionNames(cycles);
    this.#startValues = new StartValueRestorer(owner, this.names, cycles);
    this.#onDemand = new OnDemand(cycles);
  }

  /** The number of tracked portals. */
  get portals(): number {
    return (this.#bound?.size ?? 0) + this.#startValues.portals;
  }

  /** The length of the names and texts of prepared statements, and of the texts of tracked portals. */
  get bytes(): number {
    return this.names.bytes + this.#boundBytes;
  }

  close(): void {
    this.names.clear();
  }

  /** A lease begins on a connection with client-named statements of this session or another. */
  reconcile(connection: ServerConnection): void {
    reconcileClientNamed(connection, this.names);
  }

  /** The lease has ended: the session keeps only what it needs for the next one. */
  leaseEnded(connection: ServerConnection): void {
    this.names.settled();
    this.#lexisUnsettled = false;
    this.#settleUnnamed(connection);
    this.#unnamed.statement.keep();
    this.#onDemand.forget();
    this.#separate = null;
    this.#bound = null;
    this.#boundBytes = 0;
    this.#startValues.leaseEnded();
  }

  /**
   * The current cycle is about to change how texts are parsed. True if some SQL-level statements could not be prepared
   * again then.
   */
  lexisChanges(): boolean {
    this.#lexisUnsettled = true;
    this.#cycles.changes(Change.Lexis);
    return this.names.keepFragile();
  }

  effectsOf(name: string): Effects | null {
    return (name === '' ? this.#unnamed.statement : this.names.get(name))?.effects ?? null;
  }

  keepParsed(chunk: Buffer, at: number, next: number, effects: Effects): void {
    const nameEnd = stringEnd(chunk, bodyAt(at));
    const name = nameIn(chunk, bodyAt(at), nameEnd);
    if (name === '') {
      const unnamed = new UnnamedStatement(chunk, at, next, effects, readUnderAny);
      unnamed.keep();
      this.settled = unnamed;
      this.#unnamed = new UnnamedUse(unnamed);
    } else if (this.names.get(name) === undefined) {
      const textEnd = chunk.indexOf(0, nameEnd + 1);
      const statement = this.#intern(null, chunk, nameEnd + 1, textEnd, next, effects);
      this.names.put(name, new ClientStatement(statement));
    }
  }

  /** The Parse at the beginning of `chunk` has succeeded on another connection. */
  unnamedParsed(chunk: Buffer): void {
    const next = messageEnd(chunk, 0);
    const start = bodyAt(0) + 1;
    const effects = classifyBytes(chunk, start, chunk.indexOf(0, start), this.#owner.lexis);
    const unnamed = new UnnamedStatement(chunk, 0, next, effects, this.#owner.readsUnder(true));
    unnamed.keep();
    this.settled = unnamed;
    this.#unnamed = new UnnamedUse(unnamed);
  }

  /** The session has no unnamed statement. */
  noUnnamed(): void {
    if (this.settled === noUnnamedStatement && this.#unnamed === noUnnamedUse) return;
    this.settled = noUnnamedStatement;
    this.#unnamed = noUnnamedUse;
  }

  forget(name: string): void {
    if (name === '') this.noUnnamed();
    else this.names.delete(name);
  }

  /** The protocol-level statement with the name `chunk[start, end)`, while no reply is pending; null if there is none. */
  statementAt(chunk: Buffer, start: number, end: number): ClientStatement | null {
    const named = this.names.get(nameIn(chunk, start, end));
    return named instanceof ClientStatement ? named : null;
  }

  /** Replaces the names of statements on the server connection by those of the client. */
  translate(text: string): string {
    return showClientNames(text, (name) => this.names.nameOf(name));
  }

  /**
   * The error says that a statement does not exist. True if code that the session has run has closed it: then its name
   * has no meaning. The error is not translated yet.
   */
  hasClosed(connection: ServerConnection, error: string): boolean {
    const backendName = backendNameIn(error);
    const called = backendName === null ? null : this.names.calledBy(backendName);
    if (called === null) return false;
    const [name, statement] = called;
    if (!connection.state.statements.wasClosedByCode(statement)) return false;
    this.names.forget(name);
    return true;
  }

  /**
   * Query (F): Byte1('Q') Int32 length, String query.
   */
  query(
    connection: ServerConnection,
    chunk: Buffer,
    at: number,
    next: number,
    end: number,
  ): boolean {
    const owner = this.#owner;
    let note: ReplyNote | null = null;
    let aimed: Buffer | null = null;
    let pending: Reply = Reply.Query;
    let restoring: TextRestoring | null = null;
    let called: string | null = null;
    if (next > end) owner.willRunUnread(PinReason.LongStatement, chunk, bodyAt(at));
    else {
      const start = bodyAt(at);
      const textEnd = Math.max(start, next - 1);
      const effects = this.#classify(connection, chunk, start, textEnd);
      if (effects === null || this.#onDemand.mustWait(connection)) return this.#wait();
      if (!this.#owner.vacateFor(effects)) return this.#wait();
      if (owner.startValues !== null && this.#startValues.mustWait(effects)) return this.#wait();
      if (this.#mustMove(connection, effects)) return false;
      if (has(effects.flags, Flag.ReadsSession)) {
        const signals = signalsOf(effects);
        if (!this.#aim(signals, () => null)) return this.#wait();
        const copy = Buffer.from(chunk.subarray(at, next));
        if (aimText(copy, 5, signals, (id) => owner.processFor(id))) aimed = copy;
      }
      if (!this.#bringsNames(connection, effects, chunk, start)) return this.#wait();
      if (has(effects.flags, usesNames)) {
        if (this.names.isUncertain(connection)) return this.#wait();
        note = this.#meetNames(connection, { source: chunk, start, end: textEnd, effects });
        pending = Reply.CountedQuery;
        called = onlyCalled(effects);
        if (effects.statements === 1 && has(effects.flags, Flag.Execute))
          this.#cycles.beginsAt(connection, chunk, at, null);
      }
      this.#findNames(effects, chunk, start, textEnd);
      this.#willRun(connection, effects, chunk, start);
      if (owner.startValues !== null) {
        const source = aimed ?? chunk;
        const from = aimed === null ? start : 5;
        const to = from + textEnd - start;
        restoring = this.#startValues.ofText(connection, {
          source,
          start: from,
          end: to,
          effects,
        });
      }
    }
    if (called !== null) {
      const gone = this.#missingName(connection, called);
      note = note === null ? gone : new NoteChain(note, gone);
    }
    // "If a simple Query message is received, the unnamed statement is destroyed" (manual, "Extended Query").
    if (
      this.#unnamed.statement !== noUnnamedStatement ||
      this.settled !== noUnnamedStatement ||
      connection.state.unnamed.expected !== noUnnamedStatement
    ) {
      const change = this.#changeUnnamed(connection, noUnnamedStatement);
      note = note === null ? change : new NoteChain(note, change);
    }
    // An open cycle stays open: only Sync ends its implicit transaction. PostgreSQL 18 refuses everything afterwards
    // (XX000, "unexpected state STARTED"), so the connection is not leased again.
    if (connection.cycleOpen) connection.retireReason ??= 'Query message in an open query cycle';
    if (restoring === null) {
      this.#endsCycle(connection.pending.append(pending, Action.Forward, note));
      if (aimed !== null) toServer.add(aimed);
    } else {
      const message = aimed ?? chunk.subarray(at, next);
      this.#endsCycle(this.#startValues.gather(connection, restoring, pending, note, message));
    }
    return aimed !== null || restoring !== null;
  }

  /** A Query was sent. `isAnswered`: the database does not skip it, as it does between an error and Sync. */
  #endsCycle(isAnswered: boolean): void {
    if (isAnswered) this.#cycles.end();
    else this.#cycles.begin();
  }

  /** Finds the clients that these calls signal; `valueOf` returns the value of a parameter. False: not immediately. */
  #aim(signals: readonly Signal[], valueOf: (parameter: number) => number | null): boolean {
    let isTaken = true;
    for (const signal of signals) {
      const processId =
        'parameter' in signal
          ? valueOf(signal.parameter)
          : 'isOwn' in signal
            ? this.#owner.clientProcessId
            : signal.processId;
      if (processId !== null && !this.#owner.aim(processId, signal.ends)) isTaken = false;
    }
    return isTaken;
  }

  /**
   * A Bind of a statement that signals processes by IDs in its text or values: replaces those of clients. If the text
   * has them, it is prepared for this one time. Undefined: nothing to do.
   */
  #aimBind(
    connection: ServerConnection,
    chunk: Buffer,
    at: number,
    portalEnd: number,
    statementEnd: number,
    stop: number,
  ): boolean | undefined {
    const name = nameIn(chunk, portalEnd + 1, statementEnd);
    const effects = this.effectsOf(name);
    if (this.#isAimed || effects === null || !has(effects.flags, Flag.ReadsSession))
      return undefined;
    const signals = signalsOf(effects);
    if (signals.length === 0) return undefined;
    if (name === '' ? this.#unnamedUncertain(connection) : this.names.isUncertain(connection))
      return this.#wait();
    const copy = Buffer.from(chunk.subarray(at, stop));
    const valuesAt = statementEnd + 1 - at;
    const valueOf = (parameter: number): number | null => {
      const value = boundValue(copy, valuesAt, parameter);
      return value === null ? null : readInt4(copy, value);
    };
    if (!this.#aim(signals, valueOf)) return this.#wait();
    const processFor = (id: number): number | null => this.#owner.processFor(id);
    for (const signal of signals) {
      const value = 'parameter' in signal ? boundValue(copy, valuesAt, signal.parameter) : null;
      const real = value === null ? null : processFor(readInt4(copy, value) ?? 0);
      if (value !== null && real !== null) writeInt4(copy, value, real);
    }
    const parseOnce = this.#aimedParse(name, signals);
    if (parseOnce !== null) {
      const once = new UnnamedStatement(parseOnce, 0, parseOnce.length, effects, readUnderAny);
      toServer.add(parseOnce);
      connection.pending.append(
        Reply.Parse,
        Action.Discard,
        new UnnamedChange(null, connection.state.unnamed, once),
      );
      connection.state.unnamed.expect(once, null);
      this.#unnamedChanged();
      this.#owner.willRun(effects, parseOnce, 6);
      toServer.add(withoutName(copy, portalEnd + 1 - at, statementEnd - at));
      connection.pending.append(Reply.Bind);
      return true;
    }
    this.#isAimed = true;
    const isGathered = this.bind(
      connection,
      copy,
      0,
      portalEnd - at,
      statementEnd - at,
      copy.length,
    );
    this.#isAimed = false;
    if (this.waits) return false;
    if (!isGathered) toServer.add(copy);
    return true;
  }

  /**
   * A Parse of the unnamed statement with server processes instead of those that the text names; null: it names none.
   */
  #aimedParse(name: string, signals: readonly Signal[]): Buffer | null {
    const named = this.names.get(name);
    const { source, start, end } = this.#unnamed.statement;
    let parseMessage: Buffer | null = null;
    if (name === '' && source !== null) parseMessage = Buffer.from(source.subarray(start, end));
    else if (named instanceof ClientStatement)
      parseMessage = named.statement.namedParse('', reported(named));
    if (parseMessage === null) return null;
    const changed = aimText(parseMessage, 6, signals, (id) => this.#owner.processFor(id));
    return changed ? parseMessage : null;
  }

  /** Prepares the statements that a Query names before it, in a separate cycle. */
  #meetNames(connection: ServerConnection, text: NamingText): ReplyNote {
    const changes = this.#changesOf(connection, text);
    const met = meetNames(
      connection,
      this.names,
      text,
      Action.Orphaned,
      changes.preparation,
      (effects) => this.#owner.willRun(effects, text.source, text.start),
    );
    if (met && !connection.cycleOpen) {
      toServer.add(syncMessage);
      connection.pending.append(Reply.Sync, Action.Discard);
    }
    return changes;
  }

  /** The changes of the session's names by a text that is about to run. */
  #changesOf(connection: ServerConnection, text: NamingText): NameChanges {
    const changes = new NameChanges(connection, this.names, text);
    if (changes.any) this.names.sqlSent();
    if (changes.keepsConnection) this.#owner.keepStatements(text.source, text.start);
    return changes;
  }

  /**
   * The effects of a text. Null: it waits for replies to earlier cycles, which may change how texts are parsed, or for
   * an internal query.
   */
  #classify(
    connection: ServerConnection,
    chunk: Buffer,
    start: number,
    end: number,
  ): Effects | null {
    const cycles = this.#cycles;
    const isUnsure = this.#lexisUnsettled && !cycles.hasChanged(Change.Lexis);
    if (isUnsure && !cycles.arePending(connection)) {
      // ReadyForQuery has arrived, after the messages that report the change.
      this.#lexisUnsettled = false;
      this.#owner.lexisReported();
    }
    let effects = classifyBytes(chunk, start, end, this.#owner.lexis);
    if (has(effects.flags, mayNameStatements) && hideBackendNames(chunk, start, end))
      effects = classifyBytes(chunk, start, end, this.#owner.lexis);
    const { reason } = effects;
    const isUnread = reason === 'backslash' || reason === 'encoding';
    if (isUnread && isUnsure && this.#lexisUnsettled) return null;
    return this.#owner.mustWait(effects) ? null : effects;
  }

  #wait(): false {
    this.waits = true;
    return false;
  }

  /**
   * Whether a statement waits for a new connection, because it sets what PostgreSQL accepts only before temporary
   * tables were used. The cycles before it must be answered: the connection is returned between cycles.
   */
  #mustMove(connection: ServerConnection, effects: Effects): boolean {
    if (!has(effects.flags, Flag.SetsParameter) || !this.#leases.needsNewConnection(effects))
      return false;
    this.waits = true;
    this.leaves = this.#cycles.isFresh(connection);
    if (this.leaves) this.#leases.leaveConnection();
    return true;
  }

  #findNames(effects: Effects, chunk: Buffer, start: number, end: number): void {
    if (events.statement.hasSubscribers)
      this.#owner.publishStatement(normalizedOf(chunk, start, end));
    if (has(effects.flags, maySetUnseen))
      this.#owner.mayNameParameters(chunk.toString('latin1', start, end));
  }

  /** Parse (F): Byte1('P') Int32 length, String name, String query, Int16 n, Int32[n] types. */
  parse(
    connection: ServerConnection,
    chunk: Buffer,
    at: number,
    nameEnd: number,
    next: number,
    end: number,
  ): boolean {
    const named = nameEnd > bodyAt(at);
    this.#onDemand.begins(connection);
    if (this.#onDemand.mustWait(connection)) return this.#wait();
    if (next > end) {
      // Too long to keep: the statement exists on this connection with the client's name, so the session is pinned.
      this.#owner.willRunUnread(PinReason.LongStatement, chunk, nameEnd + 1);
      connection.pending.append(
        Reply.Parse,
        Action.Forward,
        named
          ? null
          : this.#changeUnnamed(connection, new UnnamedStatement(null, 0, 0, null, readUnderAny)),
      );
      return false;
    }
    const textEnd = chunk.indexOf(0, nameEnd + 1);
    if (textEnd < 0 || textEnd >= next) {
      // PostgreSQL reports the error in it.
      connection.pending.append(Reply.Parse);
      return false;
    }
    if (!named) {
      const effects = this.#classify(connection, chunk, nameEnd + 1, textEnd);
      if (effects === null) return this.#wait();
      if (this.#mustMove(connection, effects)) return false;
      if (!this.#bringsNames(connection, effects, chunk, nameEnd + 1)) return this.#wait();
      if (!this.#readNames(connection, effects)) return this.#wait();
      this.#findNames(effects, chunk, nameEnd + 1, textEnd);
      this.#owner.willParse(effects);
      const readUnder = meaningOn(connection, true);
      const unnamed = new UnnamedStatement(chunk, at, next, effects, readUnder);
      connection.pending.append(
        Reply.Parse,
        Action.Forward,
        this.#changeUnnamed(connection, unnamed),
      );
      this.#undescribed = true;
      return false;
    }
    const name = nameIn(chunk, bodyAt(at), nameEnd);
    const { names } = this;
    if (names.isUncertain(connection)) return this.#wait();
    const before = names.get(name);
    // PostgreSQL decides whether code has closed it.
    const mayBeClosed = before !== undefined && this.#mayBeClosed(connection, name, before);
    if (before !== undefined && !mayBeClosed) return this.#parseTaken(connection, name);
    const effects = this.#classify(connection, chunk, nameEnd + 1, textEnd);
    if (effects === null) return this.#wait();
    if (this.#mustMove(connection, effects)) return false;
    if (!this.#bringsNames(connection, effects, chunk, nameEnd + 1)) return this.#wait();
    if (!this.#readNames(connection, effects)) return this.#wait();
    const statement = this.#intern(connection, chunk, nameEnd + 1, textEnd, next, effects);
    this.#findNames(effects, chunk, nameEnd + 1, textEnd);
    this.#owner.willParse(effects);
    const kept = new ClientStatement(statement);
    // PostgreSQL parses the text again, even if the connection has it, so that the client gets the current types and
    // rows.
    if (!connection.cycleOpen) this.#cycles.beginsAt(connection, chunk, at, null);
    if (mayBeClosed) this.#tryName(connection, name, before, chunk, at, nameEnd, next);
    kept.prepareOn(connection, kept.analysis, null, Action.Forward, names.parsed(name, kept));
    if (!describesStatement(chunk, next, bodyAt(at), nameEnd))
      this.#describe(connection, kept, kept.analysis);
    return true;
  }

  /** An internal Describe of a statement. */
  #describe(connection: ServerConnection, kept: Kept, analysis: Analysis): void {
    toServer.add(kept.describeMessage);
    connection.pending.append(
      Reply.DescribeStatement,
      Action.Discard,
      new DescriptionNote(kept, analysis),
    );
  }

  /**
   * True if the current cycle has an unnamed statement that will be bound later, and that the client has not described.
   */
  get describesAtSync(): boolean {
    return this.#undescribed;
  }

  /** Before Sync: the types and rows of the unnamed statement must be known for other connections. */
  describeAtSync(connection: ServerConnection): void {
    this.#undescribed = false;
    const unnamed = this.#unnamed;
    if (
      connection.state.unnamed.expected === unnamed.statement &&
      unnamed.statement.source !== null
    )
      this.#describe(connection, unnamed, unnamed.analysis);
  }

  /** Whether code that the session has run may have closed the statement with this name. */
  #mayBeClosed(connection: ServerConnection, name: string, named: Named): boolean {
    const { statements: here, clientNamed } = connection.state;
    if (named instanceof ClientStatement) return here.mayBeClosedByCode(named.statement);
    return (
      here.hasRunCode && clientNamed?.owner === this.names && clientNamed.byName.get(name) === named
    );
  }

  /**
   * Before the Parse in `chunk[at, next)`, with the name of a statement that code may have closed: a Parse of the same text
   * under the name that the statement has on the connection. Its error is that of the client. If it succeeds, the
   * statement was closed.
   */
  #tryName(
    connection: ServerConnection,
    name: string,
    named: Named,
    chunk: Buffer,
    at: number,
    nameEnd: number,
    next: number,
  ): void {
    const { statements: here, clientNamed } = connection.state;
    let gone: ReplyNote;
    let closeMessage: Buffer;
    if (named instanceof ClientStatement) {
      const { statement } = named;
      gone = here.close(statement);
      toServer.add(statement.parseOther(chunk, nameEnd + 1, next));
      ({ closeMessage } = statement);
    } else {
      clientNamed?.byName.delete(name);
      gone = { undo: () => void clientNamed?.byName.set(name, named) };
      toServer.addRange(chunk, at, next);
      closeMessage = buildCloseStatement(chunk.subarray(bodyAt(at), nameEnd));
    }
    const taken = new NameTaken(name, gone, this.names.closed(name));
    connection.pending.append(Reply.Parse, Action.Discard, taken);
    toServer.add(closeMessage);
    connection.pending.append(Reply.Close, Action.Discard);
  }

  /** A Parse with a name in use: PostgreSQL reports that itself, unless it finds another error first. */
  #parseTaken(connection: ServerConnection, name: string): boolean {
    ensureClientNamed(connection, this.names, name, true, Action.Discard, null);
    connection.pending.append(Reply.Parse);
    return false;
  }

  /**
   * The statement of a Parse. It is the session's own if it calls others by name, or if the session has the same text
   * already, because errors name statements.
   */
  #intern(
    connection: ServerConnection | null,
    chunk: Buffer,
    start: number,
    textEnd: number,
    end: number,
    effects: Effects,
  ): Statement {
    const withLiterals = hasLiterals(chunk, start, textEnd);
    const context = this.#owner.statementContext(withLiterals);
    const readUnder = connection === null ? readUnderAny : meaningOn(connection, withLiterals);
    const statement = statements.intern(chunk, start, end, context, effects, readUnder);
    if (!has(effects.flags, Flag.Execute) && !this.names.has(statement)) return statement;
    statements.release(statement);
    return statements.intern(
      chunk,
      start,
      end,
      `${++ownStatements}\0${context}`,
      effects,
      readUnder,
    );
  }

  /**
   * A statement is about to be prepared or run that may call others by name, unseen: prepares these before it. False:
   * it has to wait for replies first.
   */
  #bringsNames(
    connection: ServerConnection,
    effects: Effects,
    source: Buffer,
    start: number,
  ): boolean {
    if (!this.names.hasSql || !this.#mayCall(effects)) return true;
    // Within a transaction they have existed since it began.
    if (connection.inTransaction || connection.midCycle) return true;
    if (this.names.isUncertain(connection) || this.#cycles.complete > 0) return false;
    const brought = bringSqlStatements(connection, this.names);
    const bytes = brought.reduce((sum, statement) => sum + statement.source.length, 0);
    if (brought.length > mostBrought || bytes > longestBrought) {
      for (const statement of brought) statement.isTracked = false;
      this.#owner.keepStatements(source, start);
    }
    return true;
  }

  #mayCall({ flags, details }: Effects): boolean {
    if (has(flags, mayCall)) return true;
    if (!has(flags, Flag.Execute)) return false;
    return details.some((effect) => {
      const called = effect.kind === 'execute' ? this.names.get(bytesOf(effect.name)) : undefined;
      return called !== undefined && has(called.effects.flags, mayCall);
    });
  }

  /** A text is prepared whose EXECUTE decides its rows. False: that is uncertain. */
  #readNames(connection: ServerConnection, effects: Effects): boolean {
    if (!has(effects.flags, Flag.Execute)) return true;
    if (this.names.isUncertain(connection)) return false;
    for (const effect of effects.details)
      if (effect.kind === 'execute')
        ensureClientNamed(
          connection,
          this.names,
          bytesOf(effect.name),
          false,
          Action.Discard,
          null,
        );
    return true;
  }

  /** Prepares a statement for the next request. */
  #prepare(
    connection: ServerConnection,
    kept: Kept,
    need: number,
    failure: ReplyNote | null,
    differs: () => Buffer | null = () => null,
  ): void {
    this.names.touched();
    if (kept === this.#unnamed) this.#unnamedChanged();
    this.#separate = null;
    if (
      connection.cycleOpen ||
      need === Need.PrepareAndCheck ||
      !mustSetParameters(connection, kept.readUnder)
    ) {
      gatherUnder(connection, kept.readUnder, () =>
        this.#onDemand.prepare(connection, kept, need, failure, differs),
      );
      return;
    }
    const separate = new SeparatePreparation(connection, failure);
    const { note } = separate;
    const prepare = (): void => {
      this.#onDemand.prepare(connection, kept, need, note, differs, Action.Orphaned);
    };
    gatherUnder(connection, kept.readUnder, prepare, Action.Orphaned, note);
    separate.end();
    this.#separate = separate;
  }

  /** The note of a request for the statement that was just prepared, if that was in a separate cycle. */
  #takeSeparate(): ReplyNote | null {
    const separate = this.#separate;
    this.#separate = null;
    return separate?.request ?? null;
  }

  /** The statement that the request waited for could not be prepared: the client gets the error. */
  #isUnprepared(connection: ServerConnection): boolean {
    const failure = this.#separate?.failure ?? null;
    this.#separate = null;
    if (failure === null) return false;
    this.#onDemand.refused();
    this.#substitute(connection, failure);
    return true;
  }

  /** The same for a request that waits until the types and rows of the statement are known. */
  #prepareAndWait(connection: ServerConnection, kept: Kept, failure: ReplyNote): false {
    this.#prepare(connection, kept, Need.PrepareAndWait, failure);
    if (this.#separate !== null) return this.#wait();
    this.#cycles.begin();
    connection.cycleOpen = true;
    return this.#wait();
  }

  /** Bind (F): Byte1('B') Int32 length, String portal, String statement, then formats and values. */
  bind(
    connection: ServerConnection,
    chunk: Buffer,
    at: number,
    portalEnd: number,
    statementEnd: number,
    stop: number,
  ): boolean {
    const aimed = this.#aimBind(connection, chunk, at, portalEnd, statementEnd, stop);
    if (aimed !== undefined) return aimed;
    this.#onDemand.begins(connection);
    if (statementEnd === portalEnd + 1)
      return this.#bindUnnamed(connection, chunk, at, portalEnd, stop);
    const name = nameIn(chunk, portalEnd + 1, statementEnd);
    if (this.names.isUncertain(connection)) return this.#wait();
    const named = this.names.get(name);
    if (named instanceof ClientStatement)
      return this.#bindNamed(connection, named, name, chunk, at, portalEnd, statementEnd, stop);
    if (this.#onDemand.mustWait(connection)) return this.#wait();
    this.#unbind(nameIn(chunk, bodyAt(at), portalEnd));
    let bound: NamingText | null = null;
    if (named !== undefined) {
      if (!connection.cycleOpen) this.#cycles.beginsAt(connection, chunk, at, null);
      this.#willRun(connection, named.effects, named.source, named.start);
      const { effects, source, start } = named;
      bound = { source, start, end: source.length, effects };
      ensureClientNamed(connection, this.names, name, false, Action.Discard, null);
    }
    this.#onDemand.bound(null);
    connection.pending.append(
      Reply.Bind,
      Action.Forward,
      named === undefined ? null : this.#missingName(connection, name),
    );
    const portal = nameIn(chunk, bodyAt(at), portalEnd);
    if (bound !== null) this.#startValues.bound(portal, bound, chunk, statementEnd + 1, stop);
    return false;
  }

  #bindUnnamed(
    connection: ServerConnection,
    chunk: Buffer,
    at: number,
    portalEnd: number,
    stop: number,
  ): boolean {
    if (this.#unnamedUncertain(connection)) return this.#wait();
    const unnamed = this.#unnamed;
    const { effects, source, start, end } = unnamed.statement;
    // The text follows the header and the empty name.
    const text =
      effects !== null && source !== null
        ? { source, start: start + 6, end: end - 1, effects }
        : null;
    if (text !== null && this.#mustMove(connection, text.effects)) return false;
    if (text !== null && !this.#mayBegin(connection, text)) return this.#wait();
    // Most drivers never bind it again.
    if (this.#undescribed && connection.cycleOpen && !this.#keepsUnnamed) this.#undescribed = false;
    else if (!this.#undescribed && !connection.cycleOpen) this.#keepsUnnamed = true;
    if (this.#isUnprepared(connection)) return true;
    const need = source === null ? Need.Nothing : this.#onDemand.needOf(connection, unnamed, true);
    if (need === Need.Wait || !this.#mayContinue(connection, effects)) return this.#wait();
    const portal = nameIn(chunk, bodyAt(at), portalEnd);
    this.#unbind(portal);
    const failure =
      need === Need.Nothing
        ? null
        : new BindFailure('', reported(unnamed), chunk, portalEnd + 2, stop);
    if (need === Need.PrepareAndWait && failure !== null) {
      if (text !== null && has(text.effects.flags, usesNames)) this.#meet(connection, text);
      return this.#prepareAndWait(connection, unnamed, failure);
    }
    if (need === Need.Changed && !this.#takesChange(connection, unnamed, chunk, at, failure))
      return true;
    if (text !== null) {
      if (has(text.effects.flags, usesNames) && !this.#bindNaming(connection, portal, text))
        return this.#wait();
      // The request before it may be a Query, which destroys the unnamed statement.
      this.#willRun(connection, text.effects, text.source, text.start);
    }
    if (source === null) this.#ensureNoUnnamed(connection);
    else if (need === Need.Prepare || need === Need.PrepareAndCheck)
      this.#prepare(connection, unnamed, need, failure, () =>
        this.#differs(connection, chunk, at, failure),
      );
    else if (connection.state.unnamed.expected !== unnamed.statement)
      this.#prepare(connection, unnamed, Need.Prepare, failure);
    this.#onDemand.bound(effects);
    connection.pending.append(Reply.Bind, Action.Forward, this.#takeSeparate());
    if (text !== null) this.#startValues.bound(portal, text, chunk, portalEnd + 2, stop);
    return false;
  }

  #bindNamed(
    connection: ServerConnection,
    named: ClientStatement,
    name: string,
    chunk: Buffer,
    at: number,
    portalEnd: number,
    statementEnd: number,
    stop: number,
  ): boolean {
    const { statement } = named;
    const { effects } = statement;
    const text = textOf(statement);
    if (this.#mustMove(connection, effects)) return false;
    if (!this.#mayBegin(connection, text)) return this.#wait();
    connection.state.statements.use(statement);
    if (this.#isUnprepared(connection)) return true;
    const need = this.#onDemand.needOf(connection, named, true);
    if (need === Need.Wait || !this.#mayContinue(connection, effects)) return this.#wait();
    const portal = nameIn(chunk, bodyAt(at), portalEnd);
    this.#unbind(portal);
    const failure =
      need === Need.Nothing
        ? null
        : new BindFailure(name, reported(named), chunk, statementEnd + 1, stop);
    if (need === Need.PrepareAndWait && failure !== null) {
      if (has(effects.flags, usesNames)) this.#meet(connection, text);
      return this.#prepareAndWait(connection, named, failure);
    }
    if (need === Need.Changed && !this.#takesChange(connection, named, chunk, at, failure))
      return true;
    if (has(effects.flags, usesNames)) {
      if (!this.#bindNaming(connection, portal, text)) return this.#wait();
    }
    this.#willRun(connection, effects, text.source, text.start);
    if (!connection.cycleOpen) this.#cycles.beginsAt(connection, chunk, at, statement);
    if (need === Need.Prepare || need === Need.PrepareAndCheck)
      this.#prepare(connection, named, need, failure, () =>
        this.#differs(connection, chunk, at, failure),
      );
    statement.gatherBind(chunk, at, portalEnd + 1, statementEnd);
    toServer.addRange(chunk, statementEnd + 1, stop);
    this.#onDemand.bound(effects);
    connection.pending.append(Reply.Bind, Action.Forward, this.#takeSeparate());
    this.#startValues.bound(portal, text, chunk, statementEnd + 1, stop);
    return true;
  }

  #willRun(connection: ServerConnection, effects: Effects, source: Buffer, start: number): void {
    if (has(effects.flags, mayClose)) connection.state.statements.codeRuns();
    this.#owner.willRun(effects, source, start);
  }

  /** Whether a statement can be bound now; otherwise it waits for replies. */
  #mayBegin(connection: ServerConnection, { effects, source, start }: NamingText): boolean {
    if (this.#owner.mustWait(effects) || !this.#owner.vacateFor(effects)) return false;
    return this.#bringsNames(connection, effects, source, start);
  }

  /** Whether a statement can be bound while pipelined requests may still fail. */
  #mayContinue(connection: ServerConnection, effects: Effects | null): boolean {
    return isHarmless(effects) || !this.#onDemand.mustWait(connection);
  }

  /** Prepares the statements that a text names before it, before it is known whether it runs. */
  #meet(connection: ServerConnection, text: NamingText): void {
    meetNames(connection, this.names, text, Action.Discard, null, () => undefined);
  }

  /**
   * A statement has other types or rows than those reported to the client. True: the client requests them within the
   * same request. False: the request is refused.
   */
  #takesChange(
    connection: ServerConnection,
    kept: Kept,
    chunk: Buffer,
    at: number,
    failure: BindFailure | null,
  ): boolean {
    const error = this.#differs(connection, chunk, at, failure);
    if (error === null) {
      this.#onDemand.adopt(connection, kept);
      return true;
    }
    this.#onDemand.refused();
    this.#substitute(connection, error);
    return false;
  }

  /** The error for a Bind in `chunk[at…]` to a statement whose rows have changed; null if its client requests them. */
  #differs(
    connection: ServerConnection,
    chunk: Buffer,
    at: number,
    failure: BindFailure | null,
  ): Buffer | null {
    const heals = connection.state.status === TransactionStatus.Idle && describesPortal(chunk, at);
    return heals ? null : (failure?.wrongCount() ?? changedRows);
  }

  /** Whether portals are bound whose statements may reset start values. */
  get restores(): boolean {
    return this.#startValues.portals > 0;
  }

  /** Sets start values after the Execute in `chunk[at, …)` that was just collected. */
  restore(connection: ServerConnection, chunk: Buffer, at: number): void {
    this.#startValues.executed(connection, nameIn(chunk, bodyAt(at), stringEnd(chunk, bodyAt(at))));
  }

  /** A statement that uses names is bound to a portal. False: their meaning is uncertain. */
  #bindNaming(connection: ServerConnection, portal: string, text: NamingText): boolean {
    if (this.names.isUncertain(connection)) return false;
    meetNames(connection, this.names, text, Action.Discard, null, (effects) =>
      this.#owner.willRun(effects, text.source, text.start),
    );
    (this.#bound ??= new Map()).set(portal, text);
    this.#boundBytes += text.end - text.start;
    return true;
  }

  /** The portal no longer has a statement that uses names. */
  #unbind(portal: string): void {
    const text = this.#bound?.get(portal);
    if (text === undefined) return;
    this.#bound?.delete(portal);
    this.#boundBytes -= text.end - text.start;
  }

  /** Execute (F): Byte1('E') Int32 length, String portal, Int32 rows. Handles the effects of the portal. */
  executed(connection: ServerConnection, chunk: Buffer, at: number): ReplyNote | null {
    if (this.#bound === null) return null;
    const text = this.#bound.get(nameIn(chunk, bodyAt(at), stringEnd(chunk, bodyAt(at))));
    return text === undefined ? null : this.#changesOf(connection, text);
  }

  /** Describe (F): Byte1('D') Int32 length, Byte1('S' statement or 'P' portal), String name. */
  describe(connection: ServerConnection, chunk: Buffer, at: number, nameEnd: number): boolean {
    this.#onDemand.begins(connection);
    if (!namesStatement(chunk, at)) {
      connection.pending.append(Reply.DescribePortal);
      return false;
    }
    if (nameEnd === namedAt(at)) {
      if (this.#unnamedUncertain(connection)) return this.#wait();
      this.#undescribed = false;
      if (this.#unnamed.statement.source === null) {
        this.#ensureNoUnnamed(connection);
        connection.pending.append(Reply.DescribeStatement);
        return false;
      }
      return this.#describeKept(connection, this.#unnamed);
    }
    const name = nameIn(chunk, namedAt(at), nameEnd);
    if (this.names.isUncertain(connection)) return this.#wait();
    const named = this.names.get(name);
    if (named instanceof ClientStatement) {
      if (!connection.cycleOpen) this.#cycles.beginsAt(connection, chunk, at, named.statement);
      connection.state.statements.use(named.statement);
      return this.#describeKept(connection, named);
    }
    if (named !== undefined)
      ensureClientNamed(connection, this.names, name, false, Action.Discard, null);

    connection.pending.append(
      Reply.DescribeStatement,
      Action.Forward,
      named === undefined ? null : this.#missingName(connection, name),
    );
    return false;
  }

  #missingName(connection: ServerConnection, name: string): ReplyNote {
    return new MissingName(connection, this.names, name, () => this.#owner.corrected('name'));
  }

  #describeKept(connection: ServerConnection, kept: Kept): boolean {
    const { description } = kept.analysis;
    const failure = new DescribeFailure(description);
    if (this.#isUnprepared(connection)) return true;
    const need = this.#onDemand.needOf(connection, kept, false);
    if (need === Need.Wait) return this.#wait();
    if (need === Need.PrepareAndWait) return this.#prepareAndWait(connection, kept, failure);
    if (need === Need.Changed && description !== null) {
      this.#onDemand.refused();
      const parameters = buildParameterDescription(description);
      this.#substitute(connection, Buffer.concat([parameters, changedRows]));
      return true;
    }
    if (need === Need.Prepare) {
      if (description?.rows === null && isFailed(connection, this.#cycles)) {
        // PostgreSQL describes a statement without rows even now; it only cannot prepare one.
        const bytes = Buffer.concat([buildParameterDescription(description), noData]);
        connection.pending.append(Reply.Local, Action.Forward, new LocalReply(bytes, null));
        return true;
      }
      this.#prepare(connection, kept, need, failure);
    }
    const here = kept.on(connection);
    const described =
      here === null
        ? null
        : new DescriptionNote(kept, here, () => {
            kept.analysis = here;
            return null;
          });
    const separate = this.#takeSeparate();
    toServer.add(kept.describeMessage);
    connection.pending.append(
      Reply.DescribeStatement,
      Action.Forward,
      described === null || separate === null
        ? (described ?? separate)
        : new NoteChain(described, separate),
    );
    return true;
  }

  /** Close (F): Byte1('C') Int32 length, Byte1('S' statement or 'P' portal), String name. */
  closeStatement(
    connection: ServerConnection,
    chunk: Buffer,
    at: number,
    nameEnd: number,
  ): boolean {
    this.#onDemand.begins(connection);
    if (!namesStatement(chunk, at)) {
      connection.pending.append(Reply.Close);
      return false;
    }
    if (this.#onDemand.mustWait(connection)) return this.#wait();
    if (nameEnd === namedAt(at)) {
      connection.pending.append(
        Reply.Close,
        Action.Forward,
        this.#changeUnnamed(connection, noUnnamedStatement),
      );
      return false;
    }
    const name = nameIn(chunk, namedAt(at), nameEnd);
    if (this.names.isUncertain(connection)) return this.#wait();
    const closed = this.names.closed(name);
    const own = connection.state.clientNamed?.byName;
    const hadOwn = own?.get(name);
    if (own !== undefined && hadOwn !== undefined) {
      own.delete(name);
      const back: ReplyNote = { undo: () => void own.set(name, hadOwn) };
      connection.pending.append(
        Reply.Close,
        Action.Forward,
        closed === null ? back : new NoteChain(closed, back),
      );
      return false;
    }
    if (closed === null) {
      connection.pending.append(Reply.Close);
      return false;
    }
    // Others may use the statement: the connection keeps it until it is the least recently used.
    connection.pending.append(Reply.Local, Action.Forward, new LocalReply(closeComplete, closed));
    return true;
  }

  /** The client changes its unnamed statement, and so that of the connection. */
  #changeUnnamed(connection: ServerConnection, after: UnnamedStatement): UnnamedChange {
    this.#undescribed = false;
    this.#unnamed = after === noUnnamedStatement ? noUnnamedUse : new UnnamedUse(after);
    connection.state.unnamed.expect(after, after.analysis);
    this.#unnamedChanged();
    return new UnnamedChange(this, connection.state.unnamed, after);
  }

  /** Whether another unanswered cycle has changed the unnamed statement. */
  #unnamedUncertain(connection: ServerConnection): boolean {
    if (!this.#unnamedUnsettled || this.#cycles.hasChanged(Change.Unnamed)) return false;
    if (this.#cycles.mayStillChange(Change.Unnamed)) return true;
    this.#settleUnnamed(connection);
    return false;
  }

  #unnamedChanged(): void {
    this.#unnamedUnsettled = true;
    this.#cycles.changes(Change.Unnamed);
  }

  /** No reply is pending: the unnamed statement after the client's requests is known. */
  #settleUnnamed(connection: ServerConnection): void {
    connection.state.unnamed.settle();
    if (this.#unnamed.statement !== this.settled) this.#unnamed = new UnnamedUse(this.settled);
    this.#unnamedUnsettled = false;
  }

  /**
   * The session has no unnamed statement, or one that was too long to keep. It must not use that of another session.
   */
  #ensureNoUnnamed(connection: ServerConnection): void {
    const { statement } = this.#unnamed;
    const slot = connection.state.unnamed;
    if (slot.expected === statement) return;
    const note = new UnnamedChange(null, slot, statement);
    slot.expectNone(statement);
    this.#unnamedChanged();
    toServer.add(closeUnnamedStatement);
    connection.pending.append(Reply.Close, Action.Discard, note);
  }

  /**
   * Refuses an extended-protocol request with an error of the proxy. A request for a statement that does not exist
   * makes the database fail at the same position, so that its transaction ends as the client expects.
   */
  #substitute(connection: ServerConnection, answer: Buffer): void {
    toServer.add(describeMissingStatement);
    this.substituted = true;
    connection.pending.append(
      Reply.DescribeStatement,
      Action.Synthetic,
      new LocalReply(answer, null),
    );
  }
}

/** "Cached plan must not change result type", as in PostgreSQL. */
const changedRows = buildErrorResponse({
  severity: 'ERROR',
  sqlstate: '0A000',
  message: 'cached plan must not change result type',
  // asyncpg, pgjdbc and Rails recognize the error by this, and prepare the statement again.
  routine: 'RevalidateCachedQuery',
});

function reported({ analysis }: Kept): Description | null {
  return analysis.description;
}

/** Whether the transaction has failed, and the client knows. */
function isFailed({ state, pending }: ServerConnection, cycles: QueryCycles): boolean {
  return state.status === TransactionStatus.Failed && cycles.complete === 0 && !pending.skipping;
}

/** The statement that a text with a single EXECUTE calls; null for other texts. */
function onlyCalled({ statements: count, details }: Effects): string | null {
  if (count !== 1) return null;
  for (const effect of details) if (effect.kind === 'execute') return bytesOf(effect.name);
  return null;
}

const firstOfPrefix = backendNamePrefix.charCodeAt(0);

/** PostgreSQL truncates the names of statements to 63 bytes (NAMEDATALEN - 1). */
function nameIn(chunk: Buffer, start: number, end: number): string {
  if (chunk[start] === firstOfPrefix) hideBackendNames(chunk, start, end);
  return chunk.toString('latin1', start, Math.min(end, start + 63));
}

/** A Bind for the unnamed statement instead of the one that `message[start, end)` names. */
function withoutName(message: Buffer, start: number, end: number): Buffer {
  const bind = Buffer.concat([message.subarray(0, start), message.subarray(end)]);
  writeLength(bind);
  return bind;
}

/** Whether the text may contain a quoted literal. */
function hasLiterals(chunk: Buffer, start: number, end: number): boolean {
  // Only within the text: a chunk may contain many more.
  const text = chunk.subarray(start, end);
  if (text.includes(0x27)) return true;
  for (let at = text.indexOf(0x24); at >= 0; at = text.indexOf(0x24, at + 1)) {
    // $1 is a parameter; anything else may begin a dollar-quoted string.
    const after = text[at + 1] ?? 0;
    if (after < 0x30 || after > 0x39) return true;
  }
  return false;
}
