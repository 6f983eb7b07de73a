import { TransactionStatus } from '@sluice/wire';
import { has, union, without } from '../distinct.ts';
import type { Effects } from '../sql/index.ts';
import { Change, QueryCycle } from './query-cycle.ts';
import type { CycleOwner, Retry } from './query-cycle.ts';
import type { RequestSink } from './request-sink.ts';

/** A server connection, as cycles see it. */
export interface CycleConnection extends Pick<RequestSink, 'pending'> {
  readonly state: {
    /** The status byte of the last ReadyForQuery. */
    readonly status: number;
  };
  /** Extended-protocol requests without a Sync were sent; internal requests before a cycle count too. */
  readonly midCycle: boolean;
}

/** Unused cycles, for clients that pipeline. The garbage collector gets the surplus. */
const free: QueryCycle[] = [];
const mostFree = 256;

/**
 * The unanswered query cycles of one session, oldest first. The last one is the current one: the next message of the
 * client belongs to it, unless it is complete.
 *
 * While the session has one cycle at a time, it reuses the same object.
 */
export class QueryCycles {
  readonly #owner: CycleOwner;
  #first: QueryCycle;
  #last: QueryCycle;
  #complete = 0;

  constructor(owner: CycleOwner) {
    this.#owner = owner;
    this.#first = this.#last = new QueryCycle();
  }

  /** The oldest unanswered cycle; if all are answered, the next one. */
  get first(): QueryCycle {
    return this.#first;
  }

  /** The newest cycle. It has the side effects of all unanswered cycles. */
  get last(): QueryCycle {
    return this.#last;
  }

  /** The number of completely sent cycles without their ReadyForQuery. */
  get complete(): number {
    return this.#complete;
  }

  /** The number of cycles without their ReadyForQuery, including a cycle that the client has not sent completely. */
  get unanswered(): number {
    return this.#complete + (this.isOpen ? 1 : 0);
  }

  /** A cycle was sent in part. */
  get isOpen(): boolean {
    return this.#last.isBegun && !this.#last.isComplete;
  }

  /**
   * True while replies to the requests of the session are pending. An open cycle may have no pending reply at the
   * moment.
   */
  arePending({ pending }: Pick<CycleConnection, 'pending'>): boolean {
    return this.#complete > 0 || pending.hasOpenReplies;
  }

  /** True if the session has no unanswered cycle, no transaction and no open cycle on the connection. */
  isFresh(connection: CycleConnection): boolean {
    return (
      this.#complete === 0 &&
      connection.state.status === TransactionStatus.Idle &&
      !connection.midCycle
    );
  }

  // --- What the client sends ---

  /** A statement is about to be sent in the current cycle. */
  add(effects: Effects): void {
    this.#open().add(effects);
  }

  addUnread(): void {
    this.#open().addUnread();
  }

  /** Part of the current cycle is sent. */
  begin(): void {
    const cycle = this.#open();
    if (cycle.isBegun) return;
    cycle.isBegun = true;
    const isFirst = cycle === this.#first;
    if (isFirst && cycle.since === 0) cycle.since = performance.now();
    this.#owner.cycleBegan(isFirst);
  }

  /** The end of the current cycle is sent. */
  end(): void {
    this.begin();
    this.#last.isComplete = true;
    this.#complete++;
  }

  /** The cycle that was just sent is `chunk[start, end)`. */
  keep(chunk: Buffer, start: number, end: number): void {
    this.#last.keep(chunk, start, end);
  }

  /** The client sends more: the kept bytes are not all. */
  drop(): void {
    this.#last.drop();
  }

  /** The current cycle begins at `chunk[start]` with a request for a prepared statement; null: a SQL-level one. */
  beginsAt(
    connection: Pick<CycleConnection, 'state'>,
    chunk: Buffer,
    start: number,
    statement: object | null,
  ): void {
    const isAlone = this.#complete === 0 && connection.state.status === TransactionStatus.Idle;
    this.#open().beginsAt(chunk, start, statement, isAlone);
  }

  // --- What is uncertain until replies arrive ---

  /** The current cycle may change this (`Change`). */
  changes(what: Change): void {
    const cycle = this.#open();
    cycle.changes = union(cycle.changes, what);
  }

  /** Whether the current cycle may have changed this. */
  hasChanged(what: Change): boolean {
    return !this.#last.isComplete && has(this.#last.changes, what);
  }

  /** Whether a cycle before the current one may change this. */
  mayStillChange(what: Change): boolean {
    if (this.#complete === 0) return false;
    const { isComplete, changes, changesBefore } = this.#last;
    return has(changesBefore, what) || (isComplete && has(changes, what));
  }

  /** The effect of the current cycle on this is known. */
  settle(what: Change): void {
    this.#last.changes = without(this.#last.changes, what);
  }

  // --- Replies of the database ---

  /** The only unanswered cycle, if it was sent completely and the client has sent nothing after it; otherwise null. */
  get sole(): QueryCycle | null {
    return this.#complete === 1 && this.#first === this.#last && this.#last.isComplete
      ? this.#first
      : null;
  }

  /** The oldest cycle is answered. Returns how long it was the oldest, in milliseconds up to `now`. */
  answered(now: number): number {
    const cycle = this.#first;
    const age = now - cycle.since;
    if (cycle.isComplete) this.#complete--;
    const { next } = cycle;
    if (next === null) {
      cycle.clear();
      return age;
    }
    if (next.isBegun) {
      // A pipelined cycle begins to run here.
      next.since = now;
      next.relayed ||= cycle.relayed;
    } else {
      const { changes } = next;
      next.clear();
      next.changes = changes;
    }
    this.#first = next;
    discard(cycle);
    return age;
  }

  /** The database failed the first request of the only cycle: it is sent again on the same lease. */
  restart(): void {
    const cycle = this.#first;
    this.#complete = 0;
    cycle.isComplete = false;
    cycle.changes = Change.None;
  }

  /** The database ignored `syncs` Syncs after the oldest cycle: they arrived during COPY, and ended nothing. */
  ignored(syncs: number): void {
    for (let i = 0; i < syncs; i++) {
      const cycle = this.#first;
      const { next } = cycle;
      if (this.#complete > 0) this.#complete--;
      if (next === null) {
        cycle.isComplete = false;
        continue;
      }
      cycle.absorb(next);
      if (this.#last === next) this.#last = cycle;
      discard(next);
    }
  }

  /** The only cycle moves to another lease. */
  again(retry: Retry | null): void {
    this.#collapse();
    this.#first.again(retry);
  }

  /** No cycle is unanswered, or none will be answered. */
  clear(): void {
    this.#collapse();
    this.#first.clear();
  }

  #collapse(): void {
    this.#complete = 0;
    for (let cycle = this.#first.next; cycle !== null;) {
      const { next } = cycle;
      discard(cycle);
      cycle = next;
    }
    this.#first.next = null;
    this.#last = this.#first;
  }

  /** The cycle of the next message from the client. */
  #open(): QueryCycle {
    const before = this.#last;
    if (!before.isComplete) return before;
    const cycle = free.pop() ?? new QueryCycle();
    cycle.follow(before);
    before.next = cycle;
    this.#last = cycle;
    return cycle;
  }
}

function discard(cycle: QueryCycle): void {
  cycle.clear();
  if (free.length < mostFree) free.push(cycle);
}
