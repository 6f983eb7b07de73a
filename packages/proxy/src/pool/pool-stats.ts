import { Histogram } from '../telemetry/histogram.ts';

/** What a pool counts. Plain numbers on the hot path; the admin port reads them when it is asked. */
export class PoolStats {
  /** Time from asking for a loan to having it. */
  readonly borrowWait = new Histogram();
  /** Time from the first message of a group to its ReadyForQuery. */
  readonly queryTime = new Histogram();
  /** Time to connect and log in to the database. */
  readonly connectTime = new Histogram();
  borrows = 0;
  borrowsAborted = 0;
  groups = 0;
  /** Told of the next group that is answered, once. */
  onAnswer: (() => void) | null = null;
  /** Groups that were sent again after the loss of their database connection. */
  groupsSentAgain = 0;
  connectionsOpened = 0;
  connectionsFailed = 0;
  connectionsClosed = 0;
  poisoned = 0;
  replays = 0;
}
