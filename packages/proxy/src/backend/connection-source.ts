import type { ErrorFields } from '@sluice/wire';
import type { InternalQuery } from '../protocol/internal-query.ts';
import type { LoginResult } from './login-result.ts';

/** A pool, as the target that its connections lead to sees it. */
export interface SourcePool {
  readonly name: string;
  readonly database: string;
  readonly user: string;
  /** Parameters that PostgreSQL takes only at a login. */
  readonly startupOnly: ReadonlyMap<string, string>;
  /** When the first of its borrow queue joined it; null: nobody waits. */
  readonly waitingSince: number | null;
  readonly waitingCount: number;
  readonly openingCount: number;
  readonly size: number;
  readonly limit: number;
  readonly limits: { readonly minimum: number };
  /** The target has got room for more connections. */
  grow(): void;
  /** Since when its longest idle connection to the target has been idle, in clock milliseconds; null: none is. */
  idleSince(source: ConnectionSource): number | null;
  /** Closes that connection. False: there is none. */
  evictIdle(source: ConnectionSource): boolean;
}

/** A server connection, as its target sees it. */
export interface SourceConnection {
  readonly id: number;
  run(sql: string, request: InternalQuery): void;
}

/** One target, as a connection to it sees it: the budget that all pools share, and news of it. */
export interface ConnectionSource {
  readonly name: string;
  /** Moves on when the server behind it has gone for certain: connections made before lead nowhere. */
  readonly generation: number;
  /** It may be lent from now: it is neither in doubt nor drained. */
  readonly isBorrowable: boolean;
  /** When any connection last brought something from it, in clock milliseconds. */
  heardAt: number;
  /** When it last told a connection that another server process has crashed (57P02), in clock milliseconds. */
  crashedAt: number;
  /** What was last heard of it: the server is there, though it may let nobody in at the moment. */
  readonly answers: boolean;
  /** Calls back when no check is under way that evidence has asked for; what it found stands in `answers`. */
  whenChecked(done: () => void): void;
  /** Its leases that are out, in all pools. */
  leases: number;
  /** The leases, in proportion to its capacity. */
  readonly load: number;
  /** A connection says that the target may not serve any more. */
  failureSignal(what: string): void;
  /** Gives one back to the budget. */
  release(): void;
  /** True when another pool waits for the budget and has waited longer than this one's first. */
  yieldsTo(pool: SourcePool): boolean;
  connect(
    pool: SourcePool,
    done: (error: ConnectFailure | null, login: LoginResult | null) => void,
  ): void;
  connectionEvent(
    pool: SourcePool,
    connection: SourceConnection,
    event: 'opened' | 'closed',
    why: string,
  ): void;
  connectFailed(pool: SourcePool, failure: ConnectFailure): void;
}

/** Why no server connection could be made. */
export interface ConnectFailure {
  /** The database's own error, or ours, in its fields. */
  readonly fields: ErrorFields;
  /** True when trying again cannot help until somebody changes something (a wrong password, a missing database). */
  readonly final: boolean;
}
