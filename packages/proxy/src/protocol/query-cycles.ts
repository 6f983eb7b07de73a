import { TransactionStatus } from '@sluice/wire';
import type { Effects } from '../sql/index.ts';
import type { PendingReplies } from './pending-replies.ts';
import { QueryCycle } from './query-cycle.ts';
import type { CycleOwner, Retry } from './query-cycle.ts';

/** A server connection, as cycles run on it. */
export interface CycleConnection {
  readonly pending: PendingReplies;
  readonly state: {
    /** The status byte of the last ReadyForQuery. */
    readonly status: number;
  };
  /** Requests of the extended protocol were sent that no Sync has followed, the proxy's own in front of a cycle too. */
  readonly midCycle: boolean;
}

/** Cycles that nobody uses; who sends cycles ahead takes and returns them. More than these are garbage. */
const free: QueryCycle[] = [];
const mostFree = 256;

/**
 * The unanswered query cycles of one session, oldest first. The last is the one at hand: what the client sends next belongs to
 * it, unless it is complete.
 *
 * While the session has one cycle at a time, it is the same object each time.
 */
export class QueryCycles {
  readonly #owner: CycleOwner;
  #first: QueryCycle;
  #last: QueryCycle;
  #complete = 0;

  constructor(owner: CycleOwner) {
    this.#owner = owner;
    this.#first = this.#last = new QueryCycle(owner);
  }

  /** The oldest unanswered cycle; when all is answered, the one to come. */
  get first(): QueryCycle {
    return this.#first;
  }

  /** The newest: it knows the side effects of all that is unanswered. */
  get last(): QueryCycle {
    return this.#last;
  }

  /** Cycles that were sent to their end and whose ReadyForQuery has not come. */
  get complete(): number {
    return this.#complete;
  }

  /** Cycles whose ReadyForQuery has not come; one that the client has not sent to its end is one of them. */
  get unanswered(): number {
    return this.#complete + (this.isOpen ? 1 : 0);
  }

  /** Part of a cycle was sent, and not its end. */
  get isOpen(): boolean {
    return this.#last.isBegun && !this.#last.isComplete;
  }

  /** True while replies to the session's requests are to come. An open cycle may have had all of its replies so far. */
  arePending({ pending }: Pick<CycleConnection, 'pending'>): boolean {
    return this.#complete > 0 || pending.hasOpenReplies;
  }

  /** True when nothing of the session is unanswered there, in a cycle or in a transaction, and no cycle has been begun. */
  isFresh(connection: CycleConnection): boolean {
    return (
      this.#complete === 0 &&
      connection.state.status === TransactionStatus.Idle &&
      !connection.midCycle
    );
  }

  // --- What the client sends ---

  /** A statement is about to be sent in the cycle at hand. */
  add(effects: Effects): void {
    this.#open().add(effects);
  }

  addUnread(): void {
    this.#open().addUnread();
  }

  /** Something of the cycle at hand is sent. */
  begin(): void {
    const cycle = this.#open();
    if (cycle.isBegun) return;
    cycle.isBegun = true;
    const isFirst = cycle === this.#first;
    if (isFirst && cycle.since === 0) cycle.since = performance.now();
    this.#owner.cycleBegan(isFirst);
  }

  /** The end of the cycle at hand is sent. */
  end(): void {
    this.begin();
    this.#last.isComplete = true;
    this.#complete++;
  }

  /** The cycle that was just sent is `chunk[start, end)`. */
  keep(chunk: Buffer, start: number, end: number): void {
    this.#last.keep(chunk, start, end);
  }

  /** More comes from the client: what was kept is not all that it sent. */
  drop(): void {
    this.#last.drop();
  }

  /** The cycle at hand begins at `chunk[start]` with a request for a prepared statement; null: of SQL's. */
  beginsAt(
    connection: Pick<CycleConnection, 'state'>,
    chunk: Buffer,
    start: number,
    statement: object | null,
  ): void {
    const isAlone = this.#complete === 0 && connection.state.status === TransactionStatus.Idle;
    this.#open().beginsAt(chunk, start, statement, isAlone);
  }

  // --- What is in doubt until answers come ---

  /** The cycle at hand may change this (`Change`). */
  changes(what: number): void {
    this.#open().changes |= what;
  }

  /** Whether the cycle at hand may have changed this. */
  hasChanged(what: number): boolean {
    return !this.#last.isComplete && (this.#last.changes & what) !== 0;
  }

  /** Whether a cycle before the one at hand may change this: its answer will tell. */
  mayStillChange(what: number): boolean {
    if (this.#complete === 0) return false;
    const { isComplete, changes, changesBefore } = this.#last;
    return ((isComplete ? changes | changesBefore : changesBefore) & what) !== 0;
  }

  /** What the cycle at hand has done to this is known. */
  settle(what: number): void {
    this.#last.changes &= ~what;
  }

  // --- What the database answers ---

  /** The only unanswered cycle, if it was sent to its end and nothing behind it; else null. */
  get sole(): QueryCycle | null {
    return this.#complete === 1 && this.#first === this.#last && this.#last.isComplete
      ? this.#first
      : null;
  }

  /** The oldest is answered. Returns how long it was the oldest, in milliseconds up to `now`. */
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
      // What the client sent ahead runs from here.
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

  /** The database has failed the first request of the sole cycle: all of it is sent once more on the same lease. */
  restart(): void {
    const cycle = this.#first;
    this.#complete = 0;
    cycle.isComplete = false;
    cycle.changes = 0;
  }

  /** The database has ignored so many Syncs behind the oldest cycle: they came while it read COPY data, and ended nothing. */
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

  /** The sole cycle goes to another lease. */
  again(retry: Retry | null): void {
    this.#collapse();
    this.#first.again(retry);
  }

  /** Nothing is unanswered any more, or nobody will answer it. */
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

  /** The cycle to which what the client sends belongs. */
  #open(): QueryCycle {
    const before = this.#last;
    if (!before.isComplete) return before;
    const cycle = free.pop() ?? new QueryCycle(this.#owner);
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
