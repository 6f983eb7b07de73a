import type { FailoverKind } from '@sluice/testkit';
import type { Claim } from './report/schema.ts';

/** What `sluice prove` was told, defaults included. */
export interface ProveOptions {
  /** Undefined with an empty `through`: the test cluster. */
  readonly direct: string | undefined;
  readonly through: readonly { readonly name: string; readonly url: string }[];
  /** The name of a workload that comes with Sluice, or a file. Undefined: `web`, and `orm` for the claim of pinning, which `web` has nothing for. */
  readonly workload: string | undefined;
  /** A recorded trace for the claim of pinning; `pg_stat_statements` reads the database. */
  readonly trace: string | undefined;
  readonly only: readonly Claim[];
  readonly maxClients: number | undefined;
  readonly maxRate: number | undefined;
  /** The rates of the steady load; undefined: an eighth, a quarter, half, and all of the most there may be. */
  readonly rates: readonly number[] | undefined;
  readonly rounds: number;
  readonly seconds: number | undefined;
  readonly schema: string;
  /** A shell command that makes the database fail over. */
  readonly failoverCommand: string | undefined;
  readonly failoverByHand: boolean;
  readonly failoverRounds: number | undefined;
  /** Seconds after which a failover that has not been seen is given up. */
  readonly failoverTimeout: number;
  /** Seconds for which all paths have to be served again before a failover counts as over. */
  readonly failoverSettle: number;
  /** How the test cluster's primary fails. */
  readonly failoverKind: Exclude<FailoverKind, 'blackhole'>;
  /** Writes a second on each path while the database fails over. */
  readonly failoverRate: number;
}

/** How a run talks to a person. */
export interface Dialogue {
  /** Progress goes there. */
  readonly stderr: NodeJS.WritableStream;
  /** Asks a question that is answered by yes or no. */
  readonly confirm: (question: string, signal: AbortSignal) => Promise<boolean>;
  /** Resolves when the person has pressed Enter. */
  readonly pressEnter: (message: string, signal: AbortSignal) => Promise<void>;
}
