import {
  bodyAt,
  buildErrorResponse,
  closeComplete,
  describesPortal,
  describesStatement,
  namedAt,
  namesStatement,
  noData,
  stringEnd,
  TransactionStatus,
} from '@sluice/wire';
import { has } from '../distinct.ts';
import type { RewriterSink } from './rewriter-sink.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import { isAscii } from '../parameters/replay-sql.ts';
import { PinReason } from '../pinning/pin-reason.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { LocalReply, NoteChain } from '../protocol/reply-notes.ts';
import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { DescriptionNote } from '../statements/analysis.ts';
import { nameIn } from '../statements/backend-names.ts';
import { ensureClientNamed, reconcileClientNamed } from '../statements/client-named-statements.ts';
import { ClientStatement } from '../statements/client-statement.ts';
import { mayBeClosedByCode, mayRunCode, parseToTry } from '../statements/closed-by-code.ts';
import type { Description } from '../statements/description.ts';
import { meaningOn } from '../statements/meaning.ts';
import { MissingName } from '../statements/missing-name.ts';
import { onlyCalled, textOf, usesNames } from '../statements/name-changes.ts';
import type { NamingText } from '../statements/name-changes.ts';
import {
  BindFailure,
  DescribeFailure,
  buildParameterDescription,
} from '../statements/on-demand-failures.ts';
import { Need, OnDemand, describeInternally, isHarmless } from '../statements/on-demand.ts';
import type { Kept } from '../statements/on-demand.ts';
import type { SessionNames } from '../statements/session-names.ts';
import type { SessionUnnamed } from '../statements/session-unnamed.ts';
import { describeMissingStatement } from '../statements/statement.ts';
import { UnnamedChange } from '../statements/unnamed-change.ts';
import { UnnamedStatement, noUnnamedStatement } from '../statements/unnamed-statement.ts';
import {
  aimQuery,
  redirectBind,
  redirectParse,
  redirectQuery,
  withoutName,
} from './aimed-requests.ts';
import { signalsOf } from './aims.ts';
import type { Signal } from './aims.ts';
import { NamesInSql } from './names-in-sql.ts';
import type { ConnectionChanges, StatementOwner } from './request-owner.ts';
import { SessionStatements } from './session-statements.ts';
import { StartValueRestorer } from './start-value-restorer.ts';
import type { TextRestoring } from './start-value-restorer.ts';

/**
 * Handles the messages that contain or name a statement: Query, Parse, Bind, Describe and Close. It registers their
 * pending replies, and rewrites those that the server connection must not get unchanged.
 *
 * Each method returns true if it has collected the message itself, and false if the message is to be forwarded
 * unchanged.
 */
export class StatementRewriter {
  readonly #onDemand: OnDemand;
  /** The current message was answered by a substitute: if it streams, its rest is dropped. */
  substituted = false;
  /** The current message depends on pending replies: nothing was done, and it waits for them. */
  waits = false;
  /** With `waits`: the message waits for another connection, which the owner requests. */
  leaves = false;
  readonly statements: SessionStatements;
  /** Most sessions need neither of these two. */
  #inSql: NamesInSql | null = null;
  #startValues: StartValueRestorer | null = null;
  readonly #owner: StatementOwner;
  readonly #leases: ConnectionChanges;
  readonly #cycles: QueryCycles;

  constructor(
    owner: StatementOwner,
    { cycles, leases }: { cycles: QueryCycles; leases: ConnectionChanges },
  ) {
    this.#owner = owner;
    this.#leases = leases;
    this.#cycles = cycles;
    this.statements = new SessionStatements(owner, cycles);
    this.#onDemand = new OnDemand(cycles);
  }

  get #names(): SessionNames {
    return this.statements.names;
  }

  get #unnamed(): SessionUnnamed {
    return this.statements.unnamed;
  }

  get #namesInSql(): NamesInSql {
    return (this.#inSql ??= new NamesInSql(this.#owner, this.#names, this.#cycles));
  }

  get #restorer(): StartValueRestorer {
    return (this.#startValues ??= new StartValueRestorer(this.#owner, this.#names, this.#cycles));
  }

  /** The number of tracked portals. */
  get portals(): number {
    return (this.#inSql?.portals ?? 0) + (this.#startValues?.portals ?? 0);
  }

  /** The length of the names and texts of prepared statements, and of the texts of tracked portals. */
  get bytes(): number {
    return this.#names.bytes + (this.#inSql?.bytes ?? 0);
  }

  /** A lease begins on a connection with client-named statements of this session or another. */
  reconcile(connection: RewriterSink): void {
    reconcileClientNamed(connection, this.#names);
  }

  /** The lease has ended: the session keeps only what it needs for the next one. */
  leaseEnded(connection: RewriterSink): void {
    this.statements.leaseEnded(connection);
    this.#onDemand.forget();
    this.#inSql?.leaseEnded();
    this.#startValues?.leaseEnded();
  }

  /**
   * Query (F): Byte1('Q') Int32 length, String query.
   */
  query(connection: RewriterSink, chunk: Buffer, at: number, next: number, end: number): boolean {
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
      const effects = this.statements.texts.classify(connection, chunk, start, textEnd);
      if (effects === null || this.#onDemand.mustWait(connection)) return this.#wait();
      if (!this.#owner.vacateFor(effects)) return this.#wait();
      if (owner.startValues !== null && this.#restorer.mustWait(effects)) return this.#wait();
      if (this.#mustMove(connection, effects)) return false;
      if (has(effects.flags, Flag.ReadsSession)) {
        const signals = signalsOf(effects);
        if (!aimQuery(owner, signals)) return this.#wait();
        const copy = Buffer.from(chunk.subarray(at, next));
        if (redirectQuery(owner, signals, copy)) aimed = copy;
      }
      if (!this.#brings(connection, effects, chunk, start)) return this.#wait();
      if (has(effects.flags, usesNames)) {
        if (this.#names.isUncertain(connection)) return this.#wait();
        note = this.#namesInSql.ofQuery(connection, {
          source: chunk,
          start,
          end: textEnd,
          effects,
        });
        pending = Reply.CountedQuery;
        called = onlyCalled(effects);
        if (effects.statements === 1 && has(effects.flags, Flag.Execute))
          this.#cycles.beginsAt(connection, chunk, at, null);
      }
      this.statements.texts.sent(effects, chunk, start, textEnd);
      this.#willRun(connection, effects, chunk, start);
      if (owner.startValues !== null) {
        const source = aimed ?? chunk;
        const from = aimed === null ? start : bodyAt(0);
        const to = from + textEnd - start;
        restoring = this.#restorer.ofText(connection, {
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
    if (!this.#unnamed.isAbsent || connection.state.unnamed.expected !== noUnnamedStatement) {
      const change = this.#unnamed.change(connection, noUnnamedStatement);
      note = note === null ? change : new NoteChain(note, change);
    }
    // An open cycle stays open: only Sync ends its implicit transaction. PostgreSQL 18 refuses everything afterwards
    // (XX000, "unexpected state STARTED"), so the connection is not leased again.
    if (connection.cycleOpen) connection.retire('Query message in an open query cycle');
    if (restoring === null) {
      this.#endsCycle(connection.pending.append(pending, Action.Forward, note));
      if (aimed !== null) connection.output.add(aimed);
    } else {
      const message = aimed ?? chunk.subarray(at, next);
      this.#endsCycle(this.#restorer.gather(connection, restoring, pending, note, message));
    }
    return aimed !== null || restoring !== null;
  }

  /** A Query was sent. `isAnswered`: the database does not skip it, as it does between an error and Sync. */
  #endsCycle(isAnswered: boolean): void {
    if (isAnswered) this.#cycles.end();
    else this.#cycles.begin();
  }

  #wait(): false {
    this.waits = true;
    return false;
  }

  /**
   * Whether a statement waits for a new connection, because it sets what PostgreSQL accepts only before temporary
   * tables were used. The cycles before it must be answered: the connection is returned between cycles.
   */
  #mustMove(connection: RewriterSink, effects: Effects): boolean {
    if (!has(effects.flags, Flag.SetsParameter) || !this.#leases.needsNewConnection(effects))
      return false;
    this.waits = true;
    this.leaves = this.#cycles.isFresh(connection);
    if (this.leaves) this.#leases.leaveConnection();
    return true;
  }

  /** Parse (F): Byte1('P') Int32 length, String name, String query, Int16 n, Int32[n] types. */
  parse(
    connection: RewriterSink,
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
          : this.#unnamed.change(connection, new UnnamedStatement(null, 0, 0, null, readUnderAny)),
      );
      return false;
    }
    const textEnd = chunk.indexOf(0, nameEnd + 1);
    if (textEnd < 0 || textEnd >= next) {
      // PostgreSQL reports the error in it.
      connection.pending.append(Reply.Parse);
      return false;
    }
    if (named) return this.#parseNamed(connection, chunk, at, nameEnd, textEnd, next);
    const effects = this.#mayParse(connection, chunk, nameEnd + 1, textEnd);
    if (effects === null) return false;
    this.statements.texts.sent(effects, chunk, nameEnd + 1, textEnd);
    this.#owner.willParse(effects);
    const readUnder = meaningOn(connection, true);
    const unnamed = new UnnamedStatement(chunk, at, next, effects, readUnder);
    const change = this.#unnamed.parsed(connection, unnamed);
    connection.pending.append(Reply.Parse, Action.Forward, change);
    return false;
  }

  /** The effects of the text of a Parse; null: the Parse waits. */
  #mayParse(
    connection: RewriterSink,
    chunk: Buffer,
    start: number,
    textEnd: number,
  ): Effects | null {
    const effects = this.statements.texts.classify(connection, chunk, start, textEnd);
    if (effects !== null && this.#mustMove(connection, effects)) return null;
    if (
      effects !== null &&
      this.#brings(connection, effects, chunk, start) &&
      (!has(effects.flags, Flag.Execute) || this.#namesInSql.read(connection, effects))
    )
      return effects;
    this.waits = true;
    return null;
  }

  #parseNamed(
    connection: RewriterSink,
    chunk: Buffer,
    at: number,
    nameEnd: number,
    textEnd: number,
    next: number,
  ): boolean {
    const name = nameIn(chunk, bodyAt(at), nameEnd);
    const names = this.#names;
    if (names.isUncertain(connection)) return this.#wait();
    const before = names.get(name);
    if (before === undefined && !isAscii(name))
      return this.#parseBeyondAscii(connection, chunk, nameEnd + 1, textEnd);
    // PostgreSQL decides whether code has closed it.
    const mayBeClosed = before !== undefined && mayBeClosedByCode(connection, name, before);
    if (before !== undefined && !mayBeClosed) return this.#parseTaken(connection, name);
    const effects = this.#mayParse(connection, chunk, nameEnd + 1, textEnd);
    if (effects === null) return false;
    const statement = this.statements.texts.intern(
      connection,
      chunk,
      nameEnd + 1,
      textEnd,
      next,
      effects,
    );
    this.statements.texts.sent(effects, chunk, nameEnd + 1, textEnd);
    this.#owner.willParse(effects);
    const kept = new ClientStatement(statement);
    // PostgreSQL parses the text again, even if the connection has it, so that the client gets the current types and
    // rows.
    if (!connection.cycleOpen) this.#cycles.beginsAt(connection, chunk, at, null);
    if (mayBeClosed) parseToTry(connection, names, name, before, chunk, at, nameEnd, next);
    kept.prepareOn(connection, kept.analysis, null, Action.Forward, names.parsed(name, kept));
    if (!describesStatement(chunk, next, bodyAt(at), nameEnd))
      describeInternally(connection, kept, kept.analysis);
    return true;
  }

  /** A Parse, with the text `chunk[start, end)`, whose name only PostgreSQL knows: the session keeps the connection. */
  #parseBeyondAscii(connection: RewriterSink, chunk: Buffer, start: number, end: number): boolean {
    const effects = this.#mayParse(connection, chunk, start, end);
    if (effects === null) return false;
    this.statements.texts.sent(effects, chunk, start, end);
    this.#owner.willParse(effects);
    // A change of other names would not be noticed, so the session must not look for these on another connection.
    if (has(effects.flags, usesNames))
      this.#owner.willRunUnread(PinReason.OtherState, chunk, start);
    else this.#owner.keepStatements(chunk, start);
    this.#names.preparedBeyondAscii(chunk, start, end, effects);
    connection.pending.append(Reply.Parse);
    return false;
  }

  /** A Parse with a name in use: PostgreSQL reports that itself, unless it finds another error first. */
  #parseTaken(connection: RewriterSink, name: string): boolean {
    ensureClientNamed(connection, this.#names, name, true, Action.Discard, null);
    connection.pending.append(Reply.Parse);
    return false;
  }

  /** Prepares a statement for the next request. */
  #prepare(
    connection: RewriterSink,
    kept: Kept,
    need: Need,
    failure: ReplyNote | null,
    differs?: () => Buffer | null,
  ): void {
    this.#names.touched();
    if (kept === this.#unnamed.use) this.#unnamed.touched();
    this.#onDemand.prepare(connection, kept, need, failure, differs);
  }

  /** The statement that the request waited for could not be prepared: the client gets the error. */
  #isUnprepared(connection: RewriterSink): boolean {
    const failure = this.#onDemand.takeFailure();
    if (failure === null) return false;
    this.#substitute(connection, failure);
    return true;
  }

  /** Prepares a statement for a request that waits until its types and rows are known. */
  #prepareAndWait(connection: RewriterSink, kept: Kept, failure: ReplyNote): false {
    this.#prepare(connection, kept, Need.PrepareAndWait, failure);
    if (this.#onDemand.isSeparate) return this.#wait();
    this.#cycles.begin();
    connection.cycleOpen = true;
    return this.#wait();
  }

  /** Bind (F): Byte1('B') Int32 length, String portal, String statement, then formats and values. */
  bind(
    connection: RewriterSink,
    chunk: Buffer,
    at: number,
    portalEnd: number,
    statementEnd: number,
    stop: number,
  ): boolean {
    const name = nameIn(chunk, portalEnd + 1, statementEnd);
    const effects = this.statements.effectsOf(name);
    if (effects !== null && has(effects.flags, Flag.ReadsSession)) {
      const signals = signalsOf(effects);
      if (signals.length > 0) {
        const copy = Buffer.from(chunk.subarray(at, stop));
        const ends = { portalEnd: portalEnd - at, statementEnd: statementEnd - at };
        return this.#bindAimed(connection, name, { signals, effects }, copy, ends);
      }
    }
    return this.#bind(connection, name, chunk, at, portalEnd, statementEnd, stop);
  }

  /**
   * A Bind of a statement that signals processes by IDs in its text or values: replaces those of clients. If the text
   * has them, it is prepared for this one time.
   */
  #bindAimed(
    connection: RewriterSink,
    name: string,
    { signals, effects }: { readonly signals: readonly Signal[]; readonly effects: Effects },
    bind: Buffer,
    { portalEnd, statementEnd }: { readonly portalEnd: number; readonly statementEnd: number },
  ): boolean {
    const owner = this.#owner;
    if (name === '' ? this.#unnamed.isUncertain(connection) : this.#names.isUncertain(connection))
      return this.#wait();
    if (!redirectBind(owner, signals, bind, statementEnd + 1)) return this.#wait();
    const parse = this.#parseUnnamed(name);
    if (parse !== null && redirectParse(owner, signals, parse)) {
      const once = new UnnamedStatement(parse, 0, parse.length, effects, readUnderAny);
      connection.output.add(parse);
      connection.pending.append(
        Reply.Parse,
        Action.Discard,
        new UnnamedChange(null, connection.state.unnamed, once),
      );
      connection.state.unnamed.expect(once, null);
      this.#unnamed.touched();
      owner.willRun(effects, parse, bodyAt(0) + 1);
      connection.output.add(withoutName(bind, portalEnd + 1, statementEnd));
      connection.pending.append(Reply.Bind);
      return true;
    }
    const isCollected = this.#bind(connection, name, bind, 0, portalEnd, statementEnd, bind.length);
    if (this.waits) return false;
    if (!isCollected) connection.output.add(bind);
    return true;
  }

  /** A Parse of the unnamed statement with the text of this statement; null if there is none. */
  #parseUnnamed(name: string): Buffer | null {
    if (name === '') {
      const { source, start, end } = this.#unnamed.use.statement;
      return source === null ? null : Buffer.from(source.subarray(start, end));
    }
    const named = this.#names.get(name);
    return named instanceof ClientStatement
      ? named.statement.namedParse('', reported(named))
      : null;
  }

  #bind(
    connection: RewriterSink,
    name: string,
    chunk: Buffer,
    at: number,
    portalEnd: number,
    statementEnd: number,
    stop: number,
  ): boolean {
    this.#onDemand.begins(connection);
    if (statementEnd === portalEnd + 1)
      return this.#bindUnnamed(connection, chunk, at, portalEnd, stop);
    if (this.#names.isUncertain(connection)) return this.#wait();
    const named = this.#names.get(name);
    if (named instanceof ClientStatement)
      return this.#bindNamed(connection, named, name, chunk, at, portalEnd, statementEnd, stop);
    if (this.#onDemand.mustWait(connection)) return this.#wait();
    let bound: NamingText | null = this.#names.beyondAscii(name);
    if (bound !== null && !this.#mayBegin(connection, bound)) return this.#wait();
    this.#inSql?.unbind(nameIn(chunk, bodyAt(at), portalEnd));
    if (bound !== null) this.#willRun(connection, bound.effects, bound.source, bound.start);
    if (named !== undefined) {
      if (!connection.cycleOpen) this.#cycles.beginsAt(connection, chunk, at, null);
      this.#willRun(connection, named.effects, named.source, named.start);
      const { effects, source, start } = named;
      bound = { source, start, end: source.length, effects };
      ensureClientNamed(connection, this.#names, name, false, Action.Discard, null);
    }
    this.#onDemand.bound(null);
    connection.pending.append(
      Reply.Bind,
      Action.Forward,
      named === undefined ? null : this.#missingName(connection, name),
    );
    const portal = nameIn(chunk, bodyAt(at), portalEnd);
    if (bound !== null) this.#boundTo(portal, bound, chunk, statementEnd + 1, stop);
    return false;
  }

  #bindUnnamed(
    connection: RewriterSink,
    chunk: Buffer,
    at: number,
    portalEnd: number,
    stop: number,
  ): boolean {
    if (this.#unnamed.isUncertain(connection)) return this.#wait();
    const unnamed = this.#unnamed.use;
    const { effects, source, start, end } = unnamed.statement;
    if (source === null || effects === null) {
      if (this.#onDemand.mustWait(connection)) return this.#wait();
      this.#unnamed.bound(connection);
      this.#inSql?.unbind(nameIn(chunk, bodyAt(at), portalEnd));
      this.#unnamed.ensureNone(connection);
      this.#onDemand.bound(null);
      connection.pending.append(Reply.Bind);
      return false;
    }
    // The text follows the empty name.
    const text = { source, start: bodyAt(start) + 1, end: end - 1, effects };
    if (this.#mustMove(connection, effects)) return false;
    if (!this.#mayBegin(connection, text)) return this.#wait();
    this.#unnamed.bound(connection);
    if (this.#bindKept(connection, unnamed, text, '', chunk, at, portalEnd, portalEnd + 2, stop))
      return false;
    return !this.waits;
  }

  #bindNamed(
    connection: RewriterSink,
    named: ClientStatement,
    name: string,
    chunk: Buffer,
    at: number,
    portalEnd: number,
    statementEnd: number,
    stop: number,
  ): boolean {
    const { statement } = named;
    const text = textOf(statement);
    const rest = statementEnd + 1;
    if (this.#mustMove(connection, statement.effects)) return false;
    if (!this.#mayBegin(connection, text)) return this.#wait();
    connection.state.statements.use(statement);
    if (!this.#bindKept(connection, named, text, name, chunk, at, portalEnd, rest, stop))
      return !this.waits;
    connection.output.add(statement.bindHead(chunk, at, portalEnd + 1, statementEnd));
    connection.output.addRange(chunk, rest, stop);
    return true;
  }

  /**
   * Collects what a statement needs before its Bind, and appends the pending reply of the Bind, whose formats and
   * values are `chunk[rest, stop)`. False: the Bind waits, or is refused.
   */
  #bindKept(
    connection: RewriterSink,
    kept: Kept,
    text: NamingText,
    name: string,
    chunk: Buffer,
    at: number,
    portalEnd: number,
    rest: number,
    stop: number,
  ): boolean {
    const { effects } = text;
    if (this.#isUnprepared(connection)) return false;
    const need = this.#onDemand.needOf(connection, kept, true);
    if (need === Need.Wait || !this.#mayContinue(connection, effects)) return this.#wait();
    if (this.#onDemand.waitsToDivide(connection, kept, need)) return this.#wait();
    const portal = nameIn(chunk, bodyAt(at), portalEnd);
    this.#inSql?.unbind(portal);
    const failure =
      need === Need.Nothing ? null : new BindFailure(name, reported(kept), chunk, rest, stop);
    if (need === Need.PrepareAndWait && failure !== null) {
      this.#meet(connection, text);
      return this.#prepareAndWait(connection, kept, failure);
    }
    if (need === Need.Changed && !this.#takesChange(connection, kept, chunk, at, failure))
      return false;
    if (!this.#bindsNames(connection, portal, text)) return this.#wait();
    this.#willRun(connection, effects, text.source, text.start);
    if (kept instanceof ClientStatement && !connection.cycleOpen)
      this.#cycles.beginsAt(connection, chunk, at, kept.statement);
    if (need === Need.Prepare || need === Need.PrepareAndCheck)
      this.#prepare(connection, kept, need, failure, () =>
        this.#differs(connection, chunk, at, failure),
      );
    // Requests may have been added before the Bind since then; a Query among them destroys the unnamed statement.
    else if (kept === this.#unnamed.use && !this.#unnamed.isOn(connection))
      this.#prepare(connection, kept, Need.Prepare, failure);
    this.#onDemand.bound(effects);
    connection.pending.append(Reply.Bind, Action.Forward, this.#onDemand.takeNote());
    this.#boundTo(portal, text, chunk, rest, stop);
    return true;
  }

  /** Prepares what the text may call by name, unseen. False: it has to wait for replies first. */
  #brings(connection: RewriterSink, effects: Effects, source: Buffer, start: number): boolean {
    return !this.#names.hasSql || this.#namesInSql.bring(connection, effects, source, start);
  }

  /** Prepares what the text of a Bind names, before it is known whether it runs. */
  #meet(connection: RewriterSink, text: NamingText): void {
    if (has(text.effects.flags, usesNames)) this.#namesInSql.meet(connection, text);
  }

  /** Prepares what the text of a Bind names. False: the meaning of the names is uncertain. */
  #bindsNames(connection: RewriterSink, portal: string, text: NamingText): boolean {
    if (!has(text.effects.flags, usesNames)) return true;
    return this.#namesInSql.bind(connection, portal, text);
  }

  /** The text is bound to a portal, with the values in `chunk[rest, stop)`. */
  #boundTo(portal: string, text: NamingText, chunk: Buffer, rest: number, stop: number): void {
    if (this.#owner.startValues === null) return;
    this.#restorer.bound(portal, text, chunk, rest, stop);
  }

  #willRun(connection: RewriterSink, effects: Effects, source: Buffer, start: number): void {
    if (has(effects.flags, mayRunCode)) connection.state.statements.codeRuns();
    this.#owner.willRun(effects, source, start);
  }

  /** Whether a statement can be bound now; otherwise it waits for replies. */
  #mayBegin(connection: RewriterSink, { effects, source, start }: NamingText): boolean {
    if (this.#owner.mustWait(effects) || !this.#owner.vacateFor(effects)) return false;
    return this.#brings(connection, effects, source, start);
  }

  /** Whether a statement can be bound while pipelined requests may still fail. */
  #mayContinue(connection: RewriterSink, effects: Effects | null): boolean {
    return isHarmless(effects) || !this.#onDemand.mustWait(connection);
  }

  /**
   * A statement has other types or rows than those reported to the client. True: the client requests them within the
   * same request. False: the request is refused.
   */
  #takesChange(
    connection: RewriterSink,
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
    connection: RewriterSink,
    chunk: Buffer,
    at: number,
    failure: BindFailure | null,
  ): Buffer | null {
    const heals = connection.state.status === TransactionStatus.Idle && describesPortal(chunk, at);
    return heals ? null : (failure?.wrongCount() ?? changedRows);
  }

  /** Whether portals are bound whose statements may reset start values. */
  get restores(): boolean {
    return this.#startValues !== null && this.#startValues.portals > 0;
  }

  /** Sets start values after the Execute in `chunk[at, …)` that was just collected. */
  restore(connection: RewriterSink, chunk: Buffer, at: number): void {
    this.#startValues?.executed(
      connection,
      nameIn(chunk, bodyAt(at), stringEnd(chunk, bodyAt(at))),
    );
  }

  /** Execute (F): Byte1('E') Int32 length, String portal, Int32 rows. Handles the effects of the portal. */
  executed(connection: RewriterSink, chunk: Buffer, at: number): ReplyNote | null {
    if (this.#inSql === null || this.#inSql.portals === 0) return null;
    return this.#inSql.executed(
      connection,
      nameIn(chunk, bodyAt(at), stringEnd(chunk, bodyAt(at))),
    );
  }

  /** Describe (F): Byte1('D') Int32 length, Byte1('S' statement or 'P' portal), String name. */
  describe(connection: RewriterSink, chunk: Buffer, at: number, nameEnd: number): boolean {
    this.#onDemand.begins(connection);
    if (!namesStatement(chunk, at)) {
      connection.pending.append(Reply.DescribePortal);
      return false;
    }
    if (nameEnd === namedAt(at)) {
      if (this.#unnamed.isUncertain(connection)) return this.#wait();
      this.#unnamed.described();
      if (this.#unnamed.use.statement.source === null) {
        this.#unnamed.ensureNone(connection);
        connection.pending.append(Reply.DescribeStatement);
        return false;
      }
      return this.#describeKept(connection, this.#unnamed.use);
    }
    const name = nameIn(chunk, namedAt(at), nameEnd);
    if (this.#names.isUncertain(connection)) return this.#wait();
    const named = this.#names.get(name);
    if (named instanceof ClientStatement) {
      if (!connection.cycleOpen) this.#cycles.beginsAt(connection, chunk, at, named.statement);
      connection.state.statements.use(named.statement);
      return this.#describeKept(connection, named);
    }
    if (named !== undefined)
      ensureClientNamed(connection, this.#names, name, false, Action.Discard, null);

    connection.pending.append(
      Reply.DescribeStatement,
      Action.Forward,
      named === undefined ? null : this.#missingName(connection, name),
    );
    return false;
  }

  #missingName(connection: RewriterSink, name: string): ReplyNote {
    return new MissingName(connection, this.#names, name, () => this.#owner.corrected('name'));
  }

  #describeKept(connection: RewriterSink, kept: Kept): boolean {
    const { description } = kept.analysis;
    const failure = new DescribeFailure(description);
    if (this.#isUnprepared(connection)) return true;
    const need = this.#onDemand.needOf(connection, kept, false);
    if (need === Need.Wait || this.#onDemand.waitsToDivide(connection, kept, need))
      return this.#wait();
    if (need === Need.PrepareAndWait) return this.#prepareAndWait(connection, kept, failure);
    if (need === Need.Changed && description !== null) {
      this.#onDemand.refused();
      const parameters = buildParameterDescription(description);
      this.#substitute(connection, Buffer.concat([parameters, changedRows]));
      return true;
    }
    if (need === Need.Prepare) {
      if (description?.rows === null && isFailed(connection, this.#cycles)) {
        // In a failed transaction, PostgreSQL still describes a statement without rows; it only refuses to prepare one.
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
    const separate = this.#onDemand.takeNote();
    connection.output.add(kept.describeMessage);
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
  closeStatement(connection: RewriterSink, chunk: Buffer, at: number, nameEnd: number): boolean {
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
        this.#unnamed.change(connection, noUnnamedStatement),
      );
      return false;
    }
    const name = nameIn(chunk, namedAt(at), nameEnd);
    if (this.#names.isUncertain(connection)) return this.#wait();
    const closed = this.#names.closed(name);
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

  /**
   * Refuses an extended-protocol request with an error of the proxy. A request for a statement that does not exist
   * makes the database fail at the same position, so that its transaction ends as the client expects.
   */
  #substitute(connection: RewriterSink, answer: Buffer): void {
    connection.output.add(describeMissingStatement);
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
function isFailed({ state, pending }: RewriterSink, cycles: QueryCycles): boolean {
  return state.status === TransactionStatus.Failed && cycles.complete === 0 && !pending.skipping;
}
