import type { Control } from '../database/control.ts';
import type { DatabaseFacts, Observer } from '../database/observer.ts';
import type { TestkitStage } from '../stage/index.ts';
import type { Workload } from '../workload/workload.ts';
import type { Progress } from './progress.ts';

/** One path to the database. */
export interface DatabasePath {
  readonly name: string;
  readonly kind: 'direct' | 'proxy';
  /** The current URL for clients. */
  readonly url: () => string;
  /** The URL without its password, for output. */
  readonly shown: string;
}

/** The limits of a run, for each path. */
export interface Limits {
  readonly maxClients: number;
  /** Transactions per second. */
  readonly maxRate: number;
  /** False: the limit on clients is a default, so a direct path leaves connections for others. */
  readonly isClientLimitGiven: boolean;
}

/** The duration and the number of the measurements. */
export interface Pace {
  readonly rounds: number;
  readonly secondsPerRound: number;
  readonly secondsPerRampStep: number;
  /** The rates of the steady load, each at most the limit. */
  readonly rates: readonly number[];
  /** Logins per second of the load that connects for each transaction. */
  readonly connectRate: number;
}

/** How a failover is triggered. */
export interface FailoverPlan {
  /** The description for output. */
  readonly trigger: string;
  readonly rounds: number;
  readonly writesPerSecond: number;
  readonly readsPerSecond: number;
  readonly connections: number;
  readonly idleClients: number;
  /** The timeout after which the application gives up a request, in milliseconds. */
  readonly patienceMs: number;
  /** The maximum time to wait for the failover, in milliseconds. */
  readonly timeoutMs: number;
  /** A round ends only after an outage, because the end of the trigger does not show when the failover happens. */
  readonly needsOutage: boolean;
  /** A round ends when all paths have worked for this long, in milliseconds. */
  readonly settleMs: number;
  /** Triggers the failover; resolves when it is complete, as far as the trigger can know. */
  readonly start: () => Promise<FailoverFacts>;
  /** Prepares the next round. */
  readonly repair: () => Promise<void>;
}

/** The known times of a failover, in milliseconds of the wall clock. */
export interface FailoverFacts {
  readonly faultAt: number;
  readonly promotedAt: number | null;
}

/** The common context of all claims. */
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
