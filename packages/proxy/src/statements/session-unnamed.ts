import { Action, Reply } from '../protocol/pending-replies.ts';
import { Change } from '../protocol/query-cycle.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { closeUnnamedStatement } from '@sluice/wire';
import { describeInternally } from './on-demand.ts';
import type { StatementSink } from './statement-sink.ts';
import { UnnamedChange } from './unnamed-change.ts';
import type { UnnamedOwner } from './unnamed-change.ts';
import { noUnnamedStatement } from './unnamed-statement.ts';
import type { UnnamedStatement } from './unnamed-statement.ts';
import { UnnamedUse, noUnnamedUse } from './unnamed-use.ts';

/**
 * The unnamed statement of one session, on whatever connection the session has. `UnnamedSlot` is the counterpart: the
 * unnamed statement of one server process, of whatever session.
 */
export class SessionUnnamed implements UnnamedOwner {
  /** The statement after all replies so far, to be prepared on another server connection. */
  settled: UnnamedStatement = noUnnamedStatement;
  #use = noUnnamedUse;
  /** The statement of the open cycle was neither described nor bound. */
  #isUndescribed = false;
  /** The client binds its statement in later cycles than that of its Parse. */
  #isBoundLater = false;
  /** The statement was changed, and the result was not checked. */
  #isUnsettled = false;
  readonly #cycles: QueryCycles;

  constructor(cycles: QueryCycles) {
    this.#cycles = cycles;
  }

  /** The statement, if everything sent so far succeeds. */
  get use(): UnnamedUse {
    return this.#use;
  }

  /** The session has no unnamed statement, now or after pending replies. */
  get isAbsent(): boolean {
    return this.settled === noUnnamedStatement && this.#use === noUnnamedUse;
  }

  /** The connection has the statement, if everything sent so far succeeds. */
  isOn({ state }: StatementSink): boolean {
    return state.unnamed.expected === this.#use.statement;
  }

  /** The client sent a request that makes this its unnamed statement, also on the connection. */
  change(connection: StatementSink, after: UnnamedStatement): UnnamedChange {
    this.#isUndescribed = false;
    this.#use = after === noUnnamedStatement ? noUnnamedUse : new UnnamedUse(after);
    connection.state.unnamed.expect(after, after.analysis);
    this.touched();
    return new UnnamedChange(this, connection.state.unnamed, after);
  }

  /** The same for a Parse that a Describe or Bind may follow. */
  parsed(connection: StatementSink, statement: UnnamedStatement): UnnamedChange {
    const change = this.change(connection, statement);
    this.#isUndescribed = true;
    return change;
  }

  /** The statement exists, although no server connection of the session has it. */
  put(statement: UnnamedStatement): void {
    statement.keep();
    this.settled = statement;
    this.#use = new UnnamedUse(statement);
  }

  /** No server connection of the session has an unnamed statement, and the session has none. */
  clear(): void {
    if (this.isAbsent) return;
    this.settled = noUnnamedStatement;
    this.#use = noUnnamedUse;
  }

  /** A request that changes the unnamed statement of the connection was sent. */
  touched(): void {
    this.#isUnsettled = true;
    this.#cycles.changes(Change.Unnamed);
  }

  /** Whether another unanswered cycle has changed the unnamed statement. */
  isUncertain(connection: StatementSink): boolean {
    if (!this.#isUnsettled || this.#cycles.hasChanged(Change.Unnamed)) return false;
    if (this.#cycles.mayStillChange(Change.Unnamed)) return true;
    this.#settle(connection);
    return false;
  }

  /** No reply is pending: the statement after the client's requests is known. */
  #settle(connection: StatementSink): void {
    connection.state.unnamed.settle();
    if (this.#use.statement !== this.settled) this.#use = new UnnamedUse(this.settled);
    this.#isUnsettled = false;
  }

  /** The lease has ended. */
  leaseEnded(connection: StatementSink): void {
    this.#settle(connection);
    this.#use.statement.keep();
  }

  /** The client describes the statement. */
  described(): void {
    this.#isUndescribed = false;
  }

  /** The client binds the statement: most drivers never bind it again. */
  bound(connection: StatementSink): void {
    if (this.#isUndescribed) {
      if (connection.cycleOpen && !this.#isBoundLater) this.#isUndescribed = false;
    } else if (!connection.cycleOpen) this.#isBoundLater = true;
  }

  /** Whether the current cycle has a statement that will be bound later, and that the client has not described. */
  get describesAtSync(): boolean {
    return this.#isUndescribed;
  }

  /** Before Sync: the types and rows of the statement must be known for other connections. */
  describeAtSync(connection: StatementSink): void {
    this.#isUndescribed = false;
    const use = this.#use;
    if (this.isOn(connection) && use.statement.source !== null)
      describeInternally(connection, use, use.analysis);
  }

  /** The session has no statement, or one that was too long to keep. It must not use that of another session. */
  ensureNone(connection: StatementSink): void {
    const { statement } = this.#use;
    const slot = connection.state.unnamed;
    if (this.isOn(connection)) return;
    const note = new UnnamedChange(null, slot, statement);
    slot.expectNone(statement);
    this.touched();
    connection.output.add(closeUnnamedStatement);
    connection.pending.append(Reply.Close, Action.Discard, note);
  }
}
