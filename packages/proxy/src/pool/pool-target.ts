import type { ErrorFields } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import type { LoginResult } from '../backend/login-result.ts';
import type { Pool } from './pool.ts';

/*
 * What stands around a pool: who borrows from it, and the targets that its connections lead to.
 */

/** Who asks for a loan: a session, or a login that must learn what the database reports. */
export interface Borrower {
  /** When the borrow queue was joined, in milliseconds of `performance.now()`. */
  readonly waitingSince: number;
  granted(connection: DatabaseConnection): void;
  borrowFailed(error: ErrorFields): void;
}

/** The limits of a pool; they change on reload. Times in milliseconds. */
export interface PoolLimits {
  /** The most connections of this pool; 0: as many as the target allows. */
  readonly size: number;
  readonly minimum: number;
  readonly borrowTimeout: number;
  /** 0 is for ever. */
  readonly lifetime: number;
  readonly lifetimeJitterPercent: number;
  readonly idleTimeout: number;
  readonly statements: number;
  readonly initQuery: string;
  readonly retryMin: number;
  readonly retryMax: number;
}

/** What a pool needs of the targets that serve it. */
export interface PoolTarget {
  /** The most connections that all pools may have together. */
  readonly allowed: number;
  /** The most of them that may rest idle beyond the idle time-out. */
  readonly allowedIdle: number;
  readonly idle: number;
  /** Why nothing may be lent at the moment, as a sentence, or null: there is no writer, or the proxy is paused. */
  readonly held: string | null;
  /** Several sources serve at once, and loans are to be balanced over them. */
  readonly isBalanced: boolean;
  /** Where the next connection may be opened, its place in the budget taken; null when none is to be had now. */
  reserve(pool: Pool): ConnectionSource | null;
  /** Whether connections from there may (still) be lent. */
  serves(source: ConnectionSource): boolean;
}

/** One target, as a connection to it sees it: the budget that all pools share, and news of it. */
export interface ConnectionSource {
  readonly name: string;
  /** Moves on when the server behind it has gone for certain: connections made before lead nowhere. */
  readonly epoch: number;
  /** It may be lent from now: it is neither in doubt nor drained. */
  readonly lends: boolean;
  /** When any connection last brought something from it, in clock milliseconds. */
  heardAt: number;
  /** Its loans that are out, in all pools. */
  loans: number;
  /** The loans, in proportion to its capacity. */
  readonly load: number;
  /** A connection says that the target may not serve any more. */
  evidence(what: string): void;
  /** Gives one back to the budget. */
  release(): void;
  /** True when another pool waits for the budget and has waited longer than this one's first. */
  yieldsTo(pool: Pool): boolean;
  connect(
    pool: Pool,
    done: (error: ConnectFailure | null, login: LoginResult | null) => void,
  ): void;
  connectionEvent(
    pool: Pool,
    connection: DatabaseConnection,
    event: 'opened' | 'closed',
    why: string,
  ): void;
  connectFailed(pool: Pool, failure: ConnectFailure): void;
}

/** Why no database connection could be made. */
export interface ConnectFailure {
  /** The database's own error, or ours, in its fields. */
  readonly fields: ErrorFields;
  /** True when trying again cannot help until somebody changes something (a wrong password, a missing database). */
  readonly final: boolean;
}

/** Told of a connection that is in no pool, and where it leads. */
export type Aside = (
  failure: ConnectFailure | null,
  login: LoginResult | null,
  source: ConnectionSource,
) => void;
