import type { Belief } from '../backend/error-words.ts';
import { Histogram } from '../telemetry/histogram.ts';

/** What a pool counts. Plain numbers on the hot path; the admin port reads them when it is asked. */
export class PoolStats {
  /** Time from asking for a lease to having it. */
  readonly borrowWait = new Histogram();
  /** Time from the first message of a cycle to its ReadyForQuery. */
  readonly queryTime = new Histogram();
  /** Time to connect and log in to the database. */
  readonly connectTime = new Histogram();
  borrows = 0;
  borrowsAborted = 0;
  cycles = 0;
  /** Told of the next cycle that is answered, once. */
  onAnswer: (() => void) | null = null;
  /** Cycles that were sent again after the loss of their server connection. */
  cyclesSentAgain = 0;
  connectionsOpened = 0;
  connectionsFailed = 0;
  connectionsClosed = 0;
  outOfSync = 0;
  replays = 0;
  /** Leases that began with a reset. */
  resets = 0;
  /** Those that the database refused on the connection at hand, which was closed. */
  replaysRefused = 0;
  /** What was believed of server connections, and contradicted by their errors. */
  readonly beliefsCorrected: Record<Belief, number> = { statement: 0, portal: 0, name: 0 };
}
