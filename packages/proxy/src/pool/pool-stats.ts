import type { Assumption } from '../backend/error-words.ts';
import { newReasons } from '../interleaving/why-alone.ts';
import { Histogram } from '../telemetry/histogram.ts';

/** The counters of a pool: plain numbers on the hot path, which the admin port reads on request. */
export class PoolStats {
  /** Time from the request for a lease to the lease. */
  readonly borrowWait = new Histogram();
  /** Time from the first message of a cycle to its ReadyForQuery. */
  readonly queryTime = new Histogram();
  /** Time to connect and log in to the database. */
  readonly connectTime = new Histogram();
  borrows = 0;
  borrowsAborted = 0;
  cycles = 0;
  /** Cycles on shared leases; `cycles` includes them. */
  cyclesShared = 0;
  /** Those of them that had to run again, alone. */
  cyclesMoved = 0;
  /** Cycles that began without a lease and got an exclusive one, by the reason. */
  readonly cyclesAlone = newReasons();
  /** The time that cycles on shared leases waited for those ahead of them, and for the end of the turn. */
  readonly sharedWait = new Histogram();
  /** Called once, for the next answered cycle. */
  onAnswer: (() => void) | null = null;
  /** Cycles retried after the loss of their server connection. */
  cyclesSentAgain = 0;
  connectionsOpened = 0;
  connectionsFailed = 0;
  connectionsClosed = 0;
  outOfSync = 0;
  replays = 0;
  /** Leases that began with a reset. */
  resets = 0;
  /** Replays that the database refused; the connection was closed. */
  replaysRefused = 0;
  /** Assumptions about server connections that an error contradicted. */
  readonly assumptionsCorrected: Record<Assumption, number> = { statement: 0, portal: 0, name: 0 };
}
