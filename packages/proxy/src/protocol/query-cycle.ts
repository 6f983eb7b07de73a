import { FrontendCode as Code, wholeMessageEnd } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { distinct, has, mask, union } from '../distinct.ts';
import type { Distinct } from '../distinct.ts';
import { Flag } from '../sql/index.ts';
import type { Effects, TransactionChange } from '../sql/index.ts';

/** The maximum number of retries of a refused cycle. Databases that refuse it each time have a permanent reason. */
const mostAfterRefusal = 3;
/** The maximum number of retries after a loss: a statement that crashes its server must not crash another one. */
const mostAfterLoss = 1;

/** Statements whose text does not show whether they commit. */
const mayCommit = mask(Flag.Opaque, Flag.Procedure, Flag.Do);

/** The only effects of a statement that leaves nothing after PostgreSQL rolls it back. */
const undoneByRollback = mask(Flag.PlainRead, Flag.Writes, Flag.Transaction);

/** Session state that an unanswered cycle may change and that later messages depend on. A mask. */
export const Change = distinct<'Change'>()({
  None: 0,
  /** Prepared statement names. */
  Names: 1,
  /** The same, by SQL: it takes effect only when the statement is complete. */
  SqlNames: 2,
  /** The unnamed statement. */
  Unnamed: 4,
  /** The parameters that decide how texts are parsed: client_encoding, standard_conforming_strings. */
  Lexis: 8,
});
export type Change = Distinct<'Change'>;

/** The owner of query cycles. */
export interface CycleOwner {
  /** A cycle begins to run. `isFirst`: the session has no other unanswered cycle. */
  cycleBegan(isFirst: boolean): void;
}

/** The server of a connection. */
export interface Origin {
  /** The target, by identity. */
  readonly source: object;
  /** Increases when another server replaces the target. */
  readonly generation: number;
}

/** The reason for a retry: what a server did to the cycle before. */
export interface Retry {
  /** The error that the client gets if the cycle is not retried. */
  readonly error: ErrorFields;
  /** What the client would have got before the error. */
  readonly answered: Buffer;
  /** The reason has been checked as far as possible. */
  readonly checked: boolean;
  whenChecked(done: () => void): void;
  /** Nothing suggests another outcome on any server. */
  readonly isConfirmed: boolean;
  /** `connection` leads to the same server, which would have the same outcome. */
  stands(connection: Origin): boolean;
}

/**
 * The messages of one client up to the one that ReadyForQuery answers, from the first message until that answer. It has
 * everything that is needed to decide, after a lost connection, what happened to the cycle and whether it can be
 * retried.
 *
 * A session reuses one object. Only a client that pipelines cycles needs more (`QueryCycles`).
 */
export class QueryCycle {
  /** The next cycle of the session. */
  next: QueryCycle | null = null;
  /** Part of it has been sent. */
  isBegun = false;
  /** Its last message, the one that ReadyForQuery answers, has been sent. */
  isComplete = false;
  /** When it became the oldest unanswered cycle, in milliseconds of `performance.now()`; 0: not yet. */
  since = 0;
  /** Part of a response has been forwarded to the client. */
  relayed = false;
  /** What it may change (`Change`). */
  changes: Change = Change.None;
  /** The changes of the cycles that were unanswered when it began. */
  changesBefore: Change = Change.None;
  /** Why it is retried, while it waits for a lease. */
  retry: Retry | null = null;
  /** The prepared statement of its first message, by identity; null: a SQL-level one. */
  statement: object | null = null;

  /*
   * The side effects of this cycle and of the unanswered cycles before it, because a lost connection loses them
   * together.
   */

  /** A statement may have committed: if the connection is lost, it is unknown whether it did. */
  mayCommit = false;
  /** It begins a transaction and does not end it. */
  begins = false;
  /** It ends the transaction that was open before. */
  ends = false;
  /** The number of statements sent. */
  statements = 0;
  #effects: Effects | null = null;
  #attempts = 0;

  /**
   * The bytes of the cycle, if it came alone and complete in one chunk and can be sent again; a reference, not a copy.
   */
  #bytes: Buffer | null = null;
  #start = 0;
  #end = 0;
  /**
   * The chunk in which it began with a prepared statement, outside a transaction and with no other unanswered cycle.
   */
  #beginning: Buffer | null = null;
  #beginningAt = 0;

  // --- Side effects ---

  add(effects: Effects): void {
    this.statements++;
    this.#effects = effects;
    if (has(effects.flags, mayCommit)) this.mayCommit = true;
    if (effects.transaction !== null) this.#follow(effects.transaction);
  }

  /** A statement is sent that was not analyzed. */
  addUnread(): void {
    this.statements++;
    this.#effects = null;
    this.mayCommit = true;
  }

  /**
   * Whether the cycle can be sent again. `rolledBack`: the database refused it, so it has no effect. Otherwise it may
   * have run, and only a read can run twice.
   */
  repeatable(rolledBack: boolean): boolean {
    const effects = this.#effects;
    if (this.relayed || this.statements !== 1 || effects === null || effects.statements > 1)
      return false;
    if (this.#attempts >= (rolledBack ? mostAfterRefusal : mostAfterLoss)) return false;
    const { flags } = effects;
    if (has(flags, Flag.Transaction) && !(this.begins && !this.ends)) return false;
    if ((flags & ~undoneByRollback) !== 0) return false;
    if (rolledBack) return flags !== 0;
    return !has(flags, Flag.Writes) && flags !== 0;
  }

  #follow({ begins, ends, mayCommit }: TransactionChange): void {
    if (begins !== null) this.begins = begins;
    if (ends) this.ends = true;
    if (mayCommit) this.mayCommit = true;
  }

  // --- Bytes for a retry ---

  /** All of its bytes are available. */
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

  /** The bytes of the cycle, followed by what the client has sent since. */
  takeBefore(rest: Buffer | null): Buffer | null {
    const cycle = this.#bytes?.subarray(this.#start, this.#end) ?? null;
    this.#bytes = null;
    return cycle === null || rest === null ? (cycle ?? rest) : Buffer.concat([cycle, rest]);
  }

  /**
   * It begins at `chunk[start]` with a request for this statement. `isAlone`: no other cycle is unanswered, and no
   * transaction is open.
   */
  beginsAt(chunk: Buffer, start: number, statement: object | null, isAlone: boolean): void {
    this.#beginning = isAlone ? chunk : null;
    this.#beginningAt = start;
    this.statement = statement;
  }

  /** The connection on which it began was closed. */
  forgetBeginning(): void {
    this.statement = null;
    this.#beginning = null;
  }

  /** Its bytes from its first prepared statement on, once, whether or not they came alone; null if unknown. */
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

  /** It is answered or given up, with all cycles before it. */
  clear(): void {
    this.#attempts = 0;
    this.#restart();
    this.#bytes = null;
    this.retry = null;
  }

  /** It is sent again, on another lease, because of `retry`. */
  again(retry: Retry | null): void {
    this.#attempts++;
    this.#restart();
    this.retry = retry;
  }

  /** It follows `before`, which is unanswered. */
  follow(before: QueryCycle): void {
    this.statements = before.statements;
    this.#effects = before.#effects;
    this.#attempts = before.#attempts;
    this.mayCommit = before.mayCommit;
    this.begins = before.begins;
    this.ends = before.ends;
    this.changesBefore = union(before.changes, before.changesBefore);
  }

  /** The next cycle belongs to this one: the database has ignored the Sync between them. */
  absorb(next: QueryCycle): void {
    this.next = next.next;
    this.isComplete = next.isComplete;
    this.statements = next.statements;
    this.#effects = next.#effects;
    this.mayCommit = next.mayCommit;
    this.begins = next.begins;
    this.ends = next.ends;
    this.changes = union(this.changes, next.changes);
  }

  #restart(): void {
    this.next = null;
    this.isBegun = false;
    this.isComplete = false;
    this.since = 0;
    this.relayed = false;
    this.changes = Change.None;
    this.changesBefore = Change.None;
    this.statement = null;
    this.#beginning = null;
    this.statements = 0;
    this.#effects = null;
    this.mayCommit = false;
    this.begins = false;
    this.ends = false;
  }
}
