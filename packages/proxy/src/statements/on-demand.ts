import { TransactionStatus } from '@sluice/wire';
import type { StatementSink } from './statement-sink.ts';
import { toServer } from '../io/write-buffer.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { Analysis, Telling } from './analysis.ts';
import type { Described } from './analysis.ts';
import type { Description } from './description.ts';
import type { ReadUnder } from '../parameters/read-under.ts';

/** A prepared statement that a session keeps, whichever server connection serves it. */
export interface Kept extends Described {
  /** The Parse of which the client was told, or may ask. */
  analysis: Analysis;
  /** What it does; null when nobody knows. */
  readonly effects: Effects | null;
  /** Under what its text is read. */
  readonly readUnder: ReadUnder;
  /** Describe for it. */
  readonly describeMessage: Buffer;
  /** What it came to on this connection; null when it is not prepared there. */
  on(connection: StatementSink): Analysis | null;
  /** Prepares it on the connection, with the parameter types that were told. `note` goes with the Parse. */
  prepareOn(
    connection: StatementSink,
    analysis: Analysis,
    told: Description | null,
    action: number,
    note: ReplyNote | null,
  ): void;
}

/** What it takes to use a statement on a connection. */
export const Need = {
  /** Nothing: what it came to there is what the client was told. */
  Nothing: 0,
  /** It is prepared in front of what uses it. */
  Prepare: 1,
  /** The same, and what uses it counts only if the statement came to what the client was told. */
  PrepareAndCheck: 2,
  /** It is prepared, and what uses it waits until it is known what it came to. */
  PrepareAndWait: 3,
  /** What it came to is under way. */
  Wait: 4,
  /** It has come to something else than the client was told. */
  Changed: 5,
} as const;

/** Statements without rows that may have some after a change in the catalogue: CALL, EXECUTE, FETCH, and what is not read. */
const mayGainRows = Flag.Procedure | Flag.Execute | Flag.Cursor | Flag.Opaque;

/** Whether running the statement leaves nothing, so that it may run before it is known to be what the client takes it for. */
export function isHarmless(effects: Effects | null): boolean {
  return effects !== null && (effects.flags & Flag.PlainRead) !== 0;
}

/**
 * Prepares a session's statements where they are needed. PostgreSQL reads a text anew then, and what the client was told of
 * the statement may not be so any more: parameters are given the types that were told, and rows of another kind are the
 * error that they are on a direct connection (0A000, "cached plan must not change result type"), never rows that the
 * client takes for something else.
 */
export class OnDemand {
  readonly #cycles: QueryCycles;
  /** What the request that waits has had prepared. */
  #awaited: Analysis | null = null;
  /** Uses that count only if an answer under way is as expected. */
  #checks = 0;
  /** Something was bound in the open cycle that leaves something. */
  #leaves = false;

  constructor(cycles: QueryCycles) {
    this.#cycles = cycles;
  }

  /**
   * Something was sent ahead in the open cycle that may turn out not to count: what changes anything waits until that is known.
   */
  mustWait(connection: StatementSink): boolean {
    return this.#checks > 0 && connection.cycleOpen;
  }

  /** A request that names a statement or portal begins. */
  begins(connection: StatementSink): void {
    if (!connection.cycleOpen) this.#leaves = false;
  }

  /** A statement is bound in the cycle at hand. */
  bound(effects: Effects | null): void {
    if (!isHarmless(effects)) this.#leaves = true;
  }

  /** What it takes to use the statement. `binds`: it is going to be run, not described. */
  needOf(connection: StatementSink, kept: Kept, binds: boolean): number {
    const here = kept.on(connection);
    // What the database is certain to skip needs nothing.
    if (here === kept.analysis || connection.pending.skipping) return Need.Nothing;
    const told = kept.analysis.description;
    if (here !== null) {
      if (here.usedBy === kept) return Need.Nothing;
      const now = here.description;
      if (now !== null && told !== null && now.agreesWith(told)) return Need.Nothing;
      if (here === this.#awaited) {
        if (now !== null) return Need.Changed;
        if (this.#cycles.arePending(connection)) return Need.Wait;
        // It was prepared and could not be described: a time limit, say.
        this.#awaited = null;
      }
    }
    if (told === null) return Need.Prepare;
    if (told.rows === null && ((kept.effects?.flags ?? Flag.Opaque) & mayGainRows) === 0)
      return Need.Prepare;
    // In a failed transaction a statement with rows is refused at once.
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
   * Prepares the statement for what needs it. `differs` is called when it has come to something else than was told:
   * true, and the client takes that; else the error that it returns goes to the client.
   */
  prepare(
    connection: StatementSink,
    kept: Kept,
    need: number,
    failure: ReplyNote | null,
    differs: () => Buffer | null,
  ): void {
    const analysis = new Analysis();
    const told = kept.analysis.description;
    kept.prepareOn(connection, analysis, told, Action.Discard, failure);
    let telling: Telling;
    if (told === null) {
      // The client was told nothing yet.
      kept.analysis = analysis;
      telling = new Telling(kept, analysis);
    } else if (need === Need.Prepare) {
      // Its types were given, and it has no rows.
      analysis.description = told.rows === null ? told : null;
      return;
    } else if (need === Need.PrepareAndCheck) {
      this.#checks++;
      analysis.usedBy = kept;
      const over = (): void => {
        this.#checks--;
        analysis.usedBy = null;
      };
      telling = new Telling(
        kept,
        analysis,
        () => {
          over();
          if (analysis.description?.agreesWith(told) === true) return null;
          const error = differs();
          if (error === null) kept.analysis = analysis;
          return error;
        },
        over,
      );
    } else {
      this.#awaited = analysis;
      telling = new Telling(kept, analysis);
    }
    toServer.add(kept.describeMessage);
    connection.pending.append(Reply.DescribeStatement | Action.Discard, telling);
  }

  /** The client takes what the statement has come to on the connection. */
  adopt(connection: StatementSink, kept: Kept): void {
    kept.analysis = kept.on(connection) ?? kept.analysis;
    this.#awaited = null;
  }

  /** The client was told that the statement has come to something else. */
  refused(): void {
    this.#awaited = null;
  }

  /** The lease has ended. */
  forget(): void {
    this.#awaited = null;
    this.#checks = 0;
  }
}
