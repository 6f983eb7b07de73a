import type { FailoverKind } from '@sluice/testkit';
import type { Claim } from './report/schema.ts';

/** The options of `sluice prove`, with defaults. */
export interface ProveOptions {
  /** Undefined, with an empty `through`, for the test cluster. */
  readonly direct: string | undefined;
  readonly through: readonly { readonly name: string; readonly url: string }[];
  /** The name of an included workload, or a file. Undefined: `web`, and `orm` for pinning, because `web` never pins. */
  readonly workload: string | undefined;
  /** A recorded trace for the claim of pinning; `pg_stat_statements` reads it from the database. */
  readonly trace: string | undefined;
  readonly only: readonly Claim[];
  readonly maxClients: number | undefined;
  readonly maxRate: number | undefined;
  /** The rates of the steady load; undefined: an eighth, a quarter, half and all of the maximum. */
  readonly rates: readonly number[] | undefined;
  readonly rounds: number;
  readonly seconds: number | undefined;
  readonly schema: string;
  /** A shell command that makes the database fail over. */
  readonly failoverCommand: string | undefined;
  readonly failoverByHand: boolean;
  readonly failoverRounds: number | undefined;
  /** The maximum time to wait for a failover, in seconds. */
  readonly failoverTimeout: number;
  /** The time for which all paths must work before a failover counts as over, in seconds. */
  readonly failoverSettle: number;
  /** How the primary of the test cluster fails. */
  readonly failoverKind: Exclude<FailoverKind, 'blackhole'>;
  /** The number of writes per second on each path during a failover. */
  readonly failoverRate: number;
}

/** The dialogue of a run with the user. */
export interface Dialogue {
  /** The stream for the progress. */
  readonly stderr: NodeJS.WritableStream;
  /** Asks a yes-or-no question. */
  readonly confirm: (question: string, signal: AbortSignal) => Promise<boolean>;
  /** Resolves when the user has pressed Enter. */
  readonly pressEnter: (message: string, signal: AbortSignal) => Promise<void>;
}
