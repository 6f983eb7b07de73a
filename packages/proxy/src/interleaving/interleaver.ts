import type { ServerConnection } from '../backend/server-connection.ts';
import { guarded } from '../io/guard.ts';
import type { Histogram } from '../telemetry/histogram.ts';
import { mayTimeOutSoon } from '../parameters/own-timeouts.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { ReadHistory } from './read-history.ts';
import type { SharedCycle } from './shared-cycle.ts';
import { SharedLease } from './shared-lease.ts';
import type { SharedLeaseKeeper } from './shared-lease.ts';

/** Which cycles run on shared leases: see the setting Interleaving. */
export type Interleaving = 'auto' | 'off' | 'always';

/** The maximum number of unanswered cycles on one connection. */
const deepest = 256;
/** The maximum expected time of all cycles on one connection, in milliseconds: a new cycle waits for them. */
const longestQueue = 5;
/** The interval between checks of the leases, in milliseconds. */
const checkInterval = 5;

/** After this time, in milliseconds, a lease takes no further cycles, so that its connection returns to the pool. */
const longestLease = 250;
/** The same while sessions wait in the borrow queue. */
const longestTurn = 10;

/** The session of shared leases for `Residue`: no session has this ID. */
const sharedSession = -1;

/** A session in the borrow queue whose read found no connection to share. */
export interface WaitingReader {
  readonly parameters: ParameterSet;
  /** A connection is shared now. */
  shareNow(): void;
}

/** The pool, as its shared leases see it. */
export interface InterleavingPool {
  readonly stats: { cyclesShared: number; cyclesMoved: number; readonly sharedWait: Histogram };
  readonly interleaving: Interleaving;
  readonly storedCode: { turnTaken(): void };
  /** Nothing is leased at the moment. */
  readonly isPaused: boolean;
  /** An idle connection, if there is one and no session waits; null otherwise. */
  borrowIdle(parameters: ParameterSet): ServerConnection | null;
  /** The number of sessions in the borrow queue. */
  readonly waitingCount: number;
  /** Removes those readers with these parameters from the borrow queue, the oldest first, while `isOpen`. */
  shareWaiting(parameters: ParameterSet, isOpen: () => boolean): void;
  /** Returns a connection on which no lease has begun. */
  returned(connection: ServerConnection): void;
  reset(connection: ServerConnection, session: number): boolean;
  replay(connection: ServerConnection, set: ParameterSet): boolean;
  parameterChanged(): void;
}

/**
 * The shared leases of a pool: chooses the connection for each cycle, and sends the cycles of one turn of the event
 * loop together.
 *
 * A cycle joins the lease with the fewest unanswered cycles. `ConcurrencyLimit` finds the number of leases; a further
 * idle connection gets a lease too if a cycle would wait longer than `longestQueue`.
 */
export class Interleaver implements SharedLeaseKeeper {
  readonly history = new ReadHistory();
  readonly #pool: InterleavingPool;
  readonly #leases = new Set<SharedLease>();
  readonly #limit = new ConcurrencyLimit();
  /** The number of open leases with the parameters of the last cycle. */
  #inUse = 0;
  /** The average time of a read, in milliseconds. */
  #readTime = 0.1;
  #isScheduled = false;
  #isChecking = false;

  constructor(pool: InterleavingPool) {
    this.#pool = pool;
  }

  /** All eligible reads use shared leases, even if nothing is known about their duration. */
  get isForced(): boolean {
    return this.#pool.interleaving === 'always';
  }

  get isOff(): boolean {
    return this.#pool.interleaving === 'off';
  }

  /** The number of shared leases. */
  get size(): number {
    return this.#leases.size;
  }

  /** The number of unanswered cycles. */
  get depth(): number {
    let depth = 0;
    for (const lease of this.#leases) depth += lease.depth;
    return depth;
  }

  /** Sends the cycle on a shared lease with these parameters. False: there is none with capacity. */
  submit(cycle: SharedCycle, parameters: ParameterSet): SharedLease | null {
    const lease = this.#leaseFor(parameters);
    if (lease === null) return null;
    this.#pool.stats.cyclesShared++;
    const isQuiet = lease.depth === 0;
    lease.add(cycle);
    // Later cycles of this turn are sent together; the first one does not wait for them.
    if (isQuiet) lease.send();
    else this.#schedule();
    if (!this.#isChecking) this.#checkLater();
    return lease;
  }

  /** A session waits for an exclusive lease: if several connections are shared, one of them becomes free soon. */
  giveWay(): void {
    let least: SharedLease | null = null;
    let open = 0;
    for (const lease of this.#leases) {
      if (!lease.isOpen) continue;
      open++;
      if (least === null || lease.depth < least.depth) least = lease;
    }
    if (least !== null && open > 1) least.isOpen = false;
  }

  /**
   * A read that waited in the borrow queue for a connection to share got this one. So do all others that wait for one.
   * False: the connection cannot be shared, and nothing was done.
   */
  begin(connection: ServerConnection, reader: WaitingReader): boolean {
    const { parameters } = reader;
    const lease = this.#beginOn(connection, parameters);
    if (lease === null) return false;
    reader.shareNow();
    this.#pool.shareWaiting(parameters, () => lease.isOpen && lease.depth < deepest);
    // If nothing was shared after all, the connection returns to the pool.
    if (lease.depth === 0) connection.flushRequests();
    return true;
  }

  #leaseFor(parameters: ParameterSet): SharedLease | null {
    if (this.#pool.isPaused) return null;
    let least: SharedLease | null = null;
    let inUse = 0;
    for (const lease of this.#leases) {
      const { connection } = lease;
      if (!lease.isOpen || lease.parameters !== parameters) continue;
      if (connection.closed || connection.retireReason !== null) continue;
      inUse++;
      if (least === null || lease.depth < least.depth) least = lease;
    }
    this.#inUse = inUse;
    if (least !== null) {
      const { depth } = least;
      const isEnough = depth === 0 || inUse >= this.#limit.value;
      if (isEnough && depth * this.#readTime < longestQueue) return least;
    }
    const begun = this.#begin(parameters);
    if (begun !== null) return begun;
    return least !== null && least.depth < deepest ? least : null;
  }

  #begin(parameters: ParameterSet): SharedLease | null {
    const pool = this.#pool;
    const connection = pool.borrowIdle(parameters);
    if (connection === null) return null;
    const lease = this.#beginOn(connection, parameters);
    if (lease === null) pool.returned(connection);
    return lease;
  }

  #beginOn(connection: ServerConnection, parameters: ParameterSet): SharedLease | null {
    const pool = this.#pool;
    const before = connection.state.parameterSet;
    // Its timeout may end the replay; an exclusive lease waits for the replay in that case.
    if (before !== parameters && mayTimeOutSoon(before)) return null;
    const lease = new SharedLease(connection, parameters, performance.now(), this);
    this.#leases.add(lease);
    connection.leaseTo(lease);
    pool.reset(connection, sharedSession);
    connection.state.used();
    connection.state.statements.leasedTo(sharedSession);
    pool.replay(connection, parameters);
    if (connection.takeReportedAside()) pool.parameterChanged();
    return lease;
  }

  // --- The end of the turn ---

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#sendAll);
  }

  readonly #sendAll = (): void => {
    this.#isScheduled = false;
    for (const lease of this.#leases)
      guarded('a shared lease', () => {
        lease.send();
      });
  };

  // --- Slow reads ---

  /**
   * Replies that have arrived are processed before the leases are checked: the event loop itself may have been late.
   */
  readonly #checkSoon = (): void => {
    setImmediate(this.#checkAll);
  };

  readonly #checkAll = (): void => {
    const now = performance.now();
    const longest = this.#pool.waitingCount > 0 ? longestTurn : longestLease;
    for (const lease of this.#leases)
      guarded('a shared lease', () => {
        lease.check(now, longest);
      });
    if (this.#leases.size > 0) this.#checkLater();
    else this.#isChecking = false;
  };

  #checkLater(): void {
    this.#isChecking = true;
    setTimeout(this.#checkSoon, checkInterval).unref();
  }

  // --- SharedLeaseKeeper ---

  ran(cycle: SharedCycle, milliseconds: number): void {
    this.history.ran(cycle.request.key, milliseconds);
    this.#readTime += (milliseconds - this.#readTime) / 64;
  }

  answered(cycle: SharedCycle, milliseconds: number, now: number): void {
    this.ran(cycle, milliseconds);
    const total = now - cycle.since;
    this.#limit.answered(total, now, this.#inUse);
    this.#pool.stats.sharedWait.observe(Math.max(0, total - milliseconds));
  }

  wasLarge(cycle: SharedCycle): void {
    this.history.wasLarge(cycle.request.key);
  }

  moved(cycles: number): void {
    this.#pool.stats.cyclesMoved += cycles;
  }

  turnTaken(): void {
    this.#pool.storedCode.turnTaken();
  }

  parameterChanged(): void {
    this.#pool.parameterChanged();
  }

  ended(lease: SharedLease): void {
    this.#leases.delete(lease);
  }
}
