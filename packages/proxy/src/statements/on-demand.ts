import { TransactionStatus } from '@sluice/wire';
import { distinct, has, mask } from '../distinct.ts';
import type { Distinct } from '../distinct.ts';
import type { StatementSink } from './statement-sink.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { Analysis, DescriptionNote } from './analysis.ts';
import type { Described } from './analysis.ts';
import type { Description } from './description.ts';
import { gatherUnder, mustSetParameters } from './meaning.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import { SeparatePreparation } from './separate-preparation.ts';

/** A prepared statement of a session, independent of the server connection. */
export interface Kept extends Described {
  /** The Parse that was described to the client, or may be. */
  analysis: Analysis;
  /** Its effects; null if unknown. */
  readonly effects: Effects | null;
  /** The parameters for parsing its text. */
  readonly readUnder: ReadUnder;
  /** A Describe for it. */
  readonly describeMessage: Buffer;
  /** Its analysis on this connection; null if it is not prepared there. */
  on(connection: StatementSink): Analysis | null;
  /** Prepares it on the connection, with the parameter types of the description. `note` belongs to the Parse. */
  prepareOn(
    connection: StatementSink,
    analysis: Analysis,
    reported: Description | null,
    action: Action,
    note: ReplyNote | null,
  ): void;
}

/** What a statement needs before it can be used on a connection. */
export const Need = distinct<'Need'>()({
  /** Nothing: its description there is the one that the client got. */
  Nothing: 0,
  /** It is prepared before the request. */
  Prepare: 1,
  /** The same, and the request is valid only if the description equals that of the client. */
  PrepareAndCheck: 2,
  /** It is prepared, and the request waits until its description is known. */
  PrepareAndWait: 3,
  /** Its description is pending. */
  Wait: 4,
  /** Its description differs from that of the client. */
  Changed: 5,
});
export type Need = Distinct<'Need'>;

/**
 * Statements without rows that may return some after a change in the catalog: CALL, EXECUTE, FETCH, and statements that
 * were not parsed.
 */
const mayGainRows = mask(Flag.Procedure, Flag.Execute, Flag.Cursor, Flag.Opaque);

/** Whether the statement has no side effects, so that it can run before its description is known. */
export function isHarmless(effects: Effects | null): boolean {
  return effects !== null && has(effects.flags, Flag.PlainRead);
}

/** Effects that make the meaning of texts uncertain before the statement is prepared. */
const changesParameters = mask(
  Flag.SetsParameter,
  Flag.SetsLocalParameter,
  Flag.ChangesRole,
  Flag.Discard,
  Flag.Opaque,
);

function mayMeanOther(effects: Effects | null): boolean {
  return has(effects?.flags ?? Flag.Opaque, changesParameters);
}

/**
 * Prepares a session's statements where they are needed. PostgreSQL parses the text again then, and its description may
 * have changed: parameters get the types of the client's description, and other rows cause the error of a direct
 * connection (0A000, "cached plan must not change result type"), never rows that the client would misread.
 */
export class OnDemand {
  readonly #cycles: QueryCycles;
  /** The analysis that the waiting request needs. */
  #awaited: Analysis | null = null;
  /** The number of uses whose validity depends on a pending description. */
  #checks = 0;
  /** A statement with side effects was bound in the open cycle. */
  #leaves = false;
  /** The open cycle has a Bind: its portals would not survive a Sync. */
  #hasBound = false;
  /** The preparation in a separate cycle for the current request. */
  #separate: SeparatePreparation | null = null;

  constructor(cycles: QueryCycles) {
    this.#cycles = cycles;
  }

  /** A pipelined request of the open cycle may still fail: statements with side effects wait until that is known. */
  mustWait(connection: StatementSink): boolean {
    return this.#checks > 0 && connection.cycleOpen;
  }

  /** A request that names a statement or portal begins. */
  begins(connection: StatementSink): void {
    if (connection.cycleOpen) return;
    this.#leaves = false;
    this.#hasBound = false;
  }

  /** A statement is bound in the current cycle. */
  bound(effects: Effects | null): void {
    this.#hasBound = true;
    if (!isHarmless(effects)) this.#leaves = true;
  }

  /**
   * Whether the request has to wait for the replies of its cycle, so that its statement can be prepared in a separate
   * one. A cycle that has only parsed, described and closed statements can be divided: nothing in it is undone with a
   * later request. But if one of these fails, PostgreSQL has to skip what follows.
   */
  waitsToDivide(connection: StatementSink, kept: Kept, need: Need): boolean {
    return (
      (need === Need.Prepare || need === Need.PrepareAndWait) &&
      connection.cycleOpen &&
      !this.#hasBound &&
      connection.pending.length > 0 &&
      connection.state.status === TransactionStatus.Idle &&
      !isHarmless(kept.effects) &&
      (mayMeanOther(kept.effects) || mustSetParameters(connection, kept.readUnder))
    );
  }

  /** No cycle is open, or it can be divided. */
  #canSeparate(connection: StatementSink, kept: Kept): boolean {
    if (!connection.cycleOpen) return true;
    const { pending } = connection;
    return (
      !this.#hasBound && pending.length === 0 && !pending.skipping && !isHarmless(kept.effects)
    );
  }

  /** What the statement needs. `binds`: it will be run, not described. */
  needOf(connection: StatementSink, kept: Kept, binds: boolean): Need {
    const here = kept.on(connection);
    // A request that the database certainly skips needs nothing.
    if (here === kept.analysis || connection.pending.skipping) return Need.Nothing;
    const reported = kept.analysis.description;
    if (here !== null) {
      if (here.usedBy === kept) return Need.Nothing;
      const now = here.description;
      if (now !== null && reported !== null && now.agreesWith(reported)) return Need.Nothing;
      if (here === this.#awaited) {
        if (now !== null) return Need.Changed;
        if (this.#cycles.arePending(connection)) return Need.Wait;
        // It was prepared and could not be described, for example because of a timeout.
        this.#awaited = null;
      }
    }
    if (reported === null) return Need.Prepare;
    if (reported.rows === null && ((kept.effects?.flags ?? Flag.Opaque) & mayGainRows) === 0)
      return Need.Prepare;
    // In a failed transaction, PostgreSQL refuses a statement with rows immediately.
    if (connection.state.status === TransactionStatus.Failed) return Need.Prepare;
    const ahead =
      binds &&
      isHarmless(kept.effects) &&
      !this.#leaves &&
      connection.state.status === TransactionStatus.Idle &&
      this.#cycles.complete === 0;
    return ahead ? Need.PrepareAndCheck : Need.PrepareAndWait;
  }

  /**
   * Prepares the statement before the request that needs it. `failure` replaces errors of the preparation. `differs` is
   * called if its description differs from that of the client: null, and the client accepts it; otherwise the client
   * gets the returned error.
   */
  prepare(
    connection: StatementSink,
    kept: Kept,
    need: Need,
    failure: ReplyNote | null,
    differs: () => Buffer | null = accepted,
  ): void {
    const { readUnder } = kept;
    this.#separate = null;
    if (
      !this.#canSeparate(connection, kept) ||
      need === Need.PrepareAndCheck ||
      !mustSetParameters(connection, readUnder)
    ) {
      gatherUnder(connection, readUnder, () =>
        this.#gather(connection, kept, need, failure, differs, Action.Discard),
      );
      return;
    }
    const separate = new SeparatePreparation(connection, failure);
    const { note } = separate;
    const gather = (): void => {
      this.#gather(connection, kept, need, note, differs, Action.Orphaned);
    };
    gatherUnder(connection, readUnder, gather, Action.Orphaned, note);
    separate.end();
    this.#separate = separate;
  }

  /** The statement was just prepared in a separate cycle. */
  get isSeparate(): boolean {
    return this.#separate !== null;
  }

  /** The note of the request for the statement that was just prepared; null if that was not in a separate cycle. */
  takeNote(): ReplyNote | null {
    const separate = this.#separate;
    this.#separate = null;
    return separate?.request ?? null;
  }

  /** Why the statement that the request waited for could not be prepared; null if it could. */
  takeFailure(): Buffer | null {
    const failure = this.#separate?.failure ?? null;
    this.#separate = null;
    if (failure !== null) this.refused();
    return failure;
  }

  #gather(
    connection: StatementSink,
    kept: Kept,
    need: Need,
    failure: ReplyNote | null,
    differs: () => Buffer | null,
    action: Action,
  ): void {
    const analysis = new Analysis();
    const reported = kept.analysis.description;
    kept.prepareOn(connection, analysis, reported, action, failure);
    let note: DescriptionNote;
    if (reported === null) {
      // The client has no description yet.
      kept.analysis = analysis;
      note = new DescriptionNote(kept, analysis);
    } else if (need === Need.Prepare) {
      // Its types were given, and it has no rows.
      analysis.description = reported.rows === null ? reported : null;
      return;
    } else if (need === Need.PrepareAndCheck) {
      this.#checks++;
      analysis.usedBy = kept;
      const over = (): void => {
        this.#checks--;
        analysis.usedBy = null;
      };
      note = new DescriptionNote(
        kept,
        analysis,
        () => {
          over();
          if (analysis.description?.agreesWith(reported) === true) return null;
          const error = differs();
          if (error === null) kept.analysis = analysis;
          return error;
        },
        over,
      );
    } else {
      this.#awaited = analysis;
      note = new DescriptionNote(kept, analysis);
    }
    connection.output.add(kept.describeMessage);
    connection.pending.append(Reply.DescribeStatement, action, note);
  }

  /** The client accepts the description on the connection. */
  adopt(connection: StatementSink, kept: Kept): void {
    kept.analysis = kept.on(connection) ?? kept.analysis;
    this.#awaited = null;
  }

  /** The client got the error that the description differs. */
  refused(): void {
    this.#awaited = null;
  }

  /** The lease has ended. */
  forget(): void {
    this.#awaited = null;
    this.#checks = 0;
    this.#separate = null;
  }
}

/** An internal Describe of a statement, whose description the client does not request. */
export function describeInternally(
  connection: StatementSink,
  kept: Kept,
  analysis: Analysis,
): void {
  connection.output.add(kept.describeMessage);
  connection.pending.append(
    Reply.DescribeStatement,
    Action.Discard,
    new DescriptionNote(kept, analysis),
  );
}

function accepted(): null {
  return null;
}
