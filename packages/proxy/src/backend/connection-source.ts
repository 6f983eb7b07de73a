import type { ErrorFields } from '@sluice/wire';
import type { InternalQuery } from '../protocol/internal-query.ts';
import type { LoginResult } from './login-result.ts';

/** A pool, as seen by the target of its connections. */
export interface SourcePool {
  readonly name: string;
  readonly database: string;
  readonly user: string;
  /** Parameters that PostgreSQL accepts only at login. */
  readonly startupOnly: ReadonlyMap<string, string>;
  /** When the first session in its borrow queue joined; null: none waits. */
  readonly waitingSince: number | null;
  readonly waitingCount: number;
  readonly openingCount: number;
  readonly size: number;
  readonly limit: number;
  readonly limits: { readonly minimum: number };
  /** The target has room for more connections. */
  grow(): void;
  /** When its longest idle connection to the target became idle, in clock milliseconds; null: none is idle. */
  idleSince(source: ConnectionSource): number | null;
  /** Closes that connection. False: there is none. */
  evictIdle(source: ConnectionSource): boolean;
}

/** A server connection, as seen by its target. */
export interface SourceConnection {
  readonly id: number;
  run(sql: string, request: InternalQuery): void;
}

/** A target, as seen by a connection: the budget that all pools share, and failure signals. */
export interface ConnectionSource {
  readonly name: string;
  /** Increases when the server behind it is certainly gone: older connections are useless. */
  readonly generation: number;
  /** It can be leased: it is neither suspect nor draining. */
  readonly isBorrowable: boolean;
  /** When any connection last received data from it, in clock milliseconds. */
  receivedAt: number;
  /** When it last reported that another server process has crashed (57P02), in clock milliseconds. */
  crashedAt: number;
  /** The last known state: the server is there, though it may refuse logins at the moment. */
  readonly answers: boolean;
  /** Calls back when no check because of a failure signal is running; `answers` has the result. */
  whenChecked(done: () => void): void;
  /** The number of its leases, over all pools. */
  leases: number;
  /** The leases relative to its capacity. */
  readonly load: number;
  /** A connection reports that the target may have failed. */
  failureSignal(what: string): void;
  /** Returns one connection to the budget. */
  release(): void;
  /** True if another pool waits for the budget, and has waited longer than the first of this one. */
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

/** Why no server connection could be opened. */
export interface ConnectFailure {
  /** The error of the database or of the proxy. */
  readonly fields: ErrorFields;
  /** True if a retry cannot succeed until somebody changes something (a wrong password, a missing database). */
  readonly final: boolean;
}
