import type { ServerConnection } from '../backend/server-connection.ts';
import { guarded } from '../io/guard.ts';
import { mayTimeOutSoon } from '../parameters/own-timeouts.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import { ReadHistory } from './read-history.ts';
import type { SharedCycle } from './shared-cycle.ts';
import { SharedLease } from './shared-lease.ts';
import type { SharedLeaseKeeper } from './shared-lease.ts';

/** Which cycles run on shared leases: see the setting Interleaving. */
export type Interleaving = 'auto' | 'off' | 'always';

/** The maximum number of unanswered cycles on one connection. */
const deepest = 64;
/** The maximum expected time of all cycles on one connection, in milliseconds: a new cycle waits for them. */
const longestQueue = 1;
/** The interval between checks of the leases, in milliseconds. */
const checkInterval = 5;

/** The session of shared leases for `Residue`: no session has this ID. */
const sharedSession = -1;

/** The pool, as its shared leases see it. */
export interface InterleavingPool {
  readonly stats: { cyclesShared: number; cyclesMoved: number };
  readonly interleaving: Interleaving;
  /** Nothing is leased at the moment. */
  readonly isPaused: boolean;
  /** An idle connection, if there is one and no session waits; null otherwise. */
  borrowIdle(parameters: ParameterSet): ServerConnection | null;
  /** Returns a connection on which no lease has begun. */
  returned(connection: ServerConnection): void;
  reset(connection: ServerConnection, session: number): boolean;
  replay(connection: ServerConnection, set: ParameterSet): boolean;
  parameterChanged(): void;
}

/**
 * The shared leases of a pool: chooses the connection for each cycle, and sends the cycles of one turn of the event loop
 * together.
 *
 * How many connections have shared leases follows from how long reads take: a cycle joins the lease with the fewest
 * unanswered cycles, unless these take longer than `longestQueue`. Then a further idle connection gets a lease. So short reads
 * share few connections, which saves system calls, and longer ones use the pool in parallel.
 */
export class Interleaver implements SharedLeaseKeeper {
  readonly history = new ReadHistory();
  readonly #pool: InterleavingPool;
  readonly #leases = new Set<SharedLease>();
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

  /** A session waits for an exclusive lease: one connection takes no further cycles, so that it becomes free soon. */
  giveWay(): void {
    let least: SharedLease | null = null;
    for (const lease of this.#leases) {
      if (lease.isOpen && (least === null || lease.depth < least.depth)) least = lease;
    }
    if (least !== null) least.isOpen = false;
  }

  #leaseFor(parameters: ParameterSet): SharedLease | null {
    if (this.#pool.isPaused) return null;
    let least: SharedLease | null = null;
    for (const lease of this.#leases) {
      const { connection } = lease;
      if (!lease.isOpen || lease.parameters !== parameters) continue;
      if (connection.closed || connection.retireReason !== null) continue;
      if (least === null || lease.depth < least.depth) least = lease;
    }
    if (least !== null && least.depth * this.#readTime < longestQueue) return least;
    const begun = this.#begin(parameters);
    if (begun !== null) return begun;
    return least !== null && least.depth < deepest ? least : null;
  }

  #begin(parameters: ParameterSet): SharedLease | null {
    const pool = this.#pool;
    const connection = pool.borrowIdle(parameters);
    if (connection === null) return null;
    const before = connection.state.parameterSet;
    if (before !== parameters && mayTimeOutSoon(before)) {
      // Its timeout may end the replay; an exclusive lease waits for the replay in that case.
      pool.returned(connection);
      return null;
    }
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

  /** Replies that have arrived are processed before the leases are checked: the event loop itself may have been late. */
  readonly #checkSoon = (): void => {
    setImmediate(this.#checkAll);
  };

  readonly #checkAll = (): void => {
    const now = performance.now();
    for (const lease of this.#leases)
      guarded('a shared lease', () => {
        lease.check(now);
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
    this.history.ran(cycle.key, milliseconds);
    this.#readTime += (milliseconds - this.#readTime) / 64;
  }

  wasLarge(cycle: SharedCycle): void {
    this.history.wasLarge(cycle.key);
  }

  moved(cycles: number): void {
    this.#pool.stats.cyclesMoved += cycles;
  }

  parameterChanged(): void {
    this.#pool.parameterChanged();
  }

  ended(lease: SharedLease): void {
    this.#leases.delete(lease);
  }
}
