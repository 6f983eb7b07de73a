import { FrontendCode as Code, wholeMessageEnd } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';

/** How often one cycle that was refused is sent again; databases that refuse it each time have their own reason. */
const mostAfterRefusal = 3;
/** How often after a loss: a statement that brings its server down must not bring down the next, and the next. */
const mostAfterLoss = 1;

/** Statements of which the text does not show whether they commit. */
const mayCommit = Flag.Opaque | Flag.Procedure | Flag.Do;

/** The only effects of a statement that leaves nothing behind when PostgreSQL rolls it back. */
const undoneByRollback = Flag.PlainRead | Flag.Writes | Flag.Transaction;

/** What a cycle may change that later messages build on, until it is answered. A mask. */
export const Change = {
  /** What names of the session stand for. */
  Names: 1,
  /** The same, by SQL: it counts only when the statement is done. */
  SqlNames: 2,
  /** The unnamed statement. */
  Unnamed: 4,
  /** How texts are read: client_encoding, standard_conforming_strings. */
  Lexis: 8,
} as const;

/** Who gets the replies to a query cycle. */
export interface CycleOwner {
  /** Takes `chunk[start, end)`, whole or partial messages that the client is owed. */
  relay(chunk: Buffer, start: number, end: number): void;
  /** Writes to the client what `relay` has gathered. */
  flushReplies(): void;
  /** A cycle begins to run. `isFirst`: no other of the session is unanswered. */
  cycleBegan(isFirst: boolean): void;
  /** The oldest cycle is answered: its ReadyForQuery has been relayed. */
  cycleEnded(): void;
}

/** Which server a connection leads to. */
export interface Origin {
  /** One of the targets, by identity. */
  readonly source: object;
  /** Moves on when another server has taken the target's place. */
  readonly generation: number;
}

/** Why a cycle runs again: what a server did to it before. */
export interface Retry {
  /** What the client is told if the cycle does not run again. */
  readonly error: ErrorFields;
  /** What the client would have had in front of the error. */
  readonly answered: Buffer;
  /** What there is to know about it is known. */
  readonly checked: boolean;
  whenChecked(done: () => void): void;
  /** Nothing speaks for another outcome on any server. */
  readonly isConfirmed: boolean;
  /** `connection` leads to the very server that did it, and would do it again. */
  stands(connection: Origin): boolean;
}

/**
 * One client's messages up to the one that ReadyForQuery answers, from the first message until that answer: what has to be
 * known to say what became of it when its connection is lost, and whether it may be sent again.
 *
 * A session uses one object over and over; only who sends cycles ahead of answers needs more (`QueryCycles`).
 */
export class QueryCycle {
  owner: CycleOwner;
  /** The next cycle of the session. */
  next: QueryCycle | null = null;
  /** Something of it has been sent. */
  isBegun = false;
  /** Its last message, the one that ReadyForQuery answers, has been sent. */
  isComplete = false;
  /** When it was the only one or became the oldest, in milliseconds of `performance.now()`; 0: not yet. */
  since = 0;
  /** Part of an answer has gone to the client. */
  relayed = false;
  /** What it may change (`Change`). */
  changes = 0;
  /** The same of the cycles that were unanswered when it began. */
  changesBefore = 0;
  /** Why it runs again, while it waits for a lease. */
  retry: Retry | null = null;
  /** The prepared statement that it began with, by identity; null for one of SQL's. */
  statement: object | null = null;

  /*
   * Side effects: of this cycle, and of those that the client sent before it without waiting for all answers, since these are
   * what a lost connection loses together.
   */

  /** A statement may have committed: nobody knows whether the database did so before the connection was lost. */
  mayCommit = false;
  /** A transaction is begun here and not ended. */
  begins = false;
  /** The transaction that was open before is ended here. */
  ends = false;
  /** Statements that were sent. */
  statements = 0;
  #effects: Effects | null = null;
  #attempts = 0;

  /** The cycle as the client sent it, if it came whole and alone in one chunk and can be sent again; a reference, no copy. */
  #bytes: Buffer | null = null;
  #start = 0;
  #end = 0;
  /** The chunk in which it began with a prepared statement, outside any transaction and with nothing else unanswered. */
  #beginning: Buffer | null = null;
  #beginningAt = 0;

  constructor(owner: CycleOwner) {
    this.owner = owner;
  }

  // --- Side effects ---

  /** A statement is sent. */
  add(effects: Effects): void {
    this.statements++;
    this.#effects = effects;
    if ((effects.flags & mayCommit) !== 0) this.mayCommit = true;
    if ((effects.flags & Flag.Transaction) !== 0) this.#follow(effects);
  }

  /** Something is sent that was not looked at. */
  addUnread(): void {
    this.statements++;
    this.#effects = null;
    this.mayCommit = true;
  }

  /**
   * Whether it may be sent again. `rolledBack`: the database itself refused it, so it has no effect; else it may have
   * run, and only what does not change anything may run twice.
   */
  repeatable(rolledBack: boolean): boolean {
    const effects = this.#effects;
    if (this.relayed || this.statements !== 1 || effects === null || effects.statements > 1)
      return false;
    if (this.#attempts >= (rolledBack ? mostAfterRefusal : mostAfterLoss)) return false;
    const { flags } = effects;
    if ((flags & Flag.Transaction) !== 0 && !(this.begins && !this.ends)) return false;
    if ((flags & ~undoneByRollback) !== 0) return false;
    if (rolledBack) return flags !== 0;
    return (flags & Flag.Writes) === 0 && flags !== 0;
  }

  #follow(effects: Effects): void {
    for (const effect of effects.details) {
      if (effect.kind !== 'transaction') continue;
      switch (effect.action) {
        case 'begin':
          this.begins = true;
          break;
        case 'rollback':
        case 'commit':
        case 'prepare':
          this.ends = true;
          this.begins = effect.chain;
          if (effect.action !== 'rollback') this.mayCommit = true;
          break;
        case 'commit prepared':
        case 'rollback prepared':
          this.mayCommit = true;
          break;
        default:
        // Savepoints neither begin nor end a transaction.
      }
    }
  }

  // --- Bytes, to be sent again ---

  /** The whole of it is at hand. */
  get isKept(): boolean {
    return this.#bytes !== null;
  }

  /** The cycle is `chunk[start, end)`. */
  keep(chunk: Buffer, start: number, end: number): void {
    this.#bytes = chunk;
    this.#start = start;
    this.#end = end;
  }

  drop(): void {
    this.#bytes = null;
  }

  /** The cycle, in front of what the client has sent since. */
  takeBefore(rest: Buffer | null): Buffer | null {
    const cycle = this.#bytes?.subarray(this.#start, this.#end) ?? null;
    this.#bytes = null;
    return cycle === null || rest === null ? (cycle ?? rest) : Buffer.concat([cycle, rest]);
  }

  /** It begins at `chunk[start]` with a request for this statement; `isAlone`: nothing else is unanswered or open. */
  beginsAt(chunk: Buffer, start: number, statement: object | null, isAlone: boolean): void {
    this.#beginning = isAlone ? chunk : null;
    this.#beginningAt = start;
    this.statement = statement;
  }

  /** The connection on which it began has been given up. */
  forgetBeginning(): void {
    this.statement = null;
    this.#beginning = null;
  }

  /** Its bytes from the prepared statement that it began with, once: whether or not they came alone. Null if that cannot be said. */
  takeFromBeginning(): Buffer | null {
    const chunk = this.#beginning;
    this.#beginning = null;
    if (chunk === null) return null;
    for (let at = this.#beginningAt; at < chunk.length;) {
      const code = chunk[at];
      at = wholeMessageEnd(chunk, at);
      if (at < 0) return null;
      if (code === Code.Query || code === Code.Sync) return chunk.subarray(this.#beginningAt, at);
    }
    return null;
  }

  // --- Use and reuse ---

  /** It is answered or given up, with all before it. */
  clear(): void {
    this.#attempts = 0;
    this.#restart();
    this.#bytes = null;
    this.retry = null;
  }

  /** It is sent again, on another lease; `retry` says why. */
  again(retry: Retry | null): void {
    this.#attempts++;
    this.#restart();
    this.retry = retry;
  }

  /** It follows this one, which is unanswered. */
  follow(before: QueryCycle): void {
    this.owner = before.owner;
    this.statements = before.statements;
    this.#effects = before.#effects;
    this.#attempts = before.#attempts;
    this.mayCommit = before.mayCommit;
    this.begins = before.begins;
    this.ends = before.ends;
    this.changesBefore = before.changes | before.changesBefore;
  }

  /** The next cycle is part of this one after all: the database has ignored the Sync between them. */
  absorb(next: QueryCycle): void {
    this.next = next.next;
    this.isComplete = next.isComplete;
    this.statements = next.statements;
    this.#effects = next.#effects;
    this.mayCommit = next.mayCommit;
    this.begins = next.begins;
    this.ends = next.ends;
    this.changes |= next.changes;
  }

  #restart(): void {
    this.next = null;
    this.isBegun = false;
    this.isComplete = false;
    this.since = 0;
    this.relayed = false;
    this.changes = 0;
    this.changesBefore = 0;
    this.statement = null;
    this.#beginning = null;
    this.statements = 0;
    this.#effects = null;
    this.mayCommit = false;
    this.begins = false;
    this.ends = false;
  }
}
