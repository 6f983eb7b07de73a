import type { Control } from '../database/control.ts';
import type { DatabaseFacts, Observer } from '../database/observer.ts';
import type { TestkitStage } from '../stage/index.ts';
import type { Workload } from '../workload/workload.ts';
import type { Progress } from './progress.ts';

/** One way to the database. */
export interface DatabasePath {
  readonly name: string;
  readonly kind: 'direct' | 'proxy';
  /** Where clients dial at this moment. */
  readonly url: () => string;
  /** The same without its password, for people. */
  readonly shown: string;
}

/** What a run must never exceed, on each path. */
export interface Limits {
  readonly maxClients: number;
  /** Transactions a second. */
  readonly maxRate: number;
  /** False: the limit on clients is a default, so a direct path leaves room for others. */
  readonly isClientLimitGiven: boolean;
}

/** How long and how often things are measured. */
export interface Pace {
  readonly rounds: number;
  readonly secondsPerRound: number;
  readonly secondsPerRampStep: number;
  /** Rates of the steady load, each at most the limit. */
  readonly rates: readonly number[];
  /** Logins a second of the load that connects for each transaction. */
  readonly connectRate: number;
}

/** How the database is made to fail over. */
export interface FailoverPlan {
  /** For people. */
  readonly trigger: string;
  readonly rounds: number;
  readonly writesPerSecond: number;
  readonly readsPerSecond: number;
  readonly connections: number;
  readonly idleClients: number;
  /** How long a request may take before the application gives up, in milliseconds. */
  readonly patienceMs: number;
  /** Gives up when nothing has failed over after so many milliseconds. */
  readonly timeoutMs: number;
  /** A round is over only once an outage was seen: the trigger itself does not tell when the failover comes. */
  readonly needsOutage: boolean;
  /** A round is over when all paths have been served for so long, in milliseconds. */
  readonly settleMs: number;
  /** Makes it fail over; resolves when that is done, as far as it can tell. */
  readonly start: () => Promise<FailoverFacts>;
  /** Makes the next round possible. */
  readonly repair: () => Promise<void>;
}

/** What is known of a failover, in milliseconds of the wall clock. */
export interface FailoverFacts {
  readonly faultAt: number;
  readonly promotedAt: number | null;
}

/** What all claims are proved with. */
export interface ProveRun {
  readonly paths: readonly DatabasePath[];
  readonly workload: Workload;
  readonly limits: Limits;
  readonly pace: Pace;
  readonly control: Control;
  readonly observer: Observer;
  readonly facts: DatabaseFacts;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly testkit: TestkitStage | undefined;
}
