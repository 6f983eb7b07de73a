import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import type { ProxyError } from '../errors.ts';
import type { LoginResult } from '../backend/login-result.ts';
import type { ConnectFailure, ConnectionSource, SourcePool } from '../backend/connection-source.ts';

/*
 * What stands around a pool: who borrows from it, and the targets that its connections lead to.
 */

/** Who asks for a lease: a session, or a login that must learn what the database reports. */
export interface Borrower {
  /** Where it was served last, if it has a state of its own there. */
  readonly lastConnection?: ServerConnection | null;
  /** What is set in front of its first request. */
  readonly parameters: ParameterSet;
  /** When the borrow queue was joined, in milliseconds of `performance.now()`. */
  readonly waitingSince: number;
  /** What it has to set was refused by a connection that had been used: it asks for one that no session had before. */
  readonly needsNew?: boolean;
  granted(connection: ServerConnection): void;
  borrowFailed(error: ErrorFields): void;
}

/** A session that keeps a connection only until somebody else needs it. */
export interface Lingerer {
  readonly connection: ServerConnection | null;
  /** When it began to, in clock milliseconds. */
  readonly since: number;
  moveOn(): void;
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
  /** What is done about effects that are not proven: see the setting UnprovenCode. */
  readonly unproven: 'reset' | 'pin' | 'trust';
  readonly initQuery: string;
  readonly retryMin: number;
  readonly retryMax: number;
}

/** Counts statements that may have changed what PostgreSQL decides at login. */
export interface LoginChanges {
  version: number;
  /** When a client had the server read its configuration again last, in milliseconds of `performance.now()`. */
  reloadedAt: number;
}

type Rows = readonly (readonly (string | null)[])[];

/** How many there are with one user, and with one database. */
export interface Counts {
  readonly clientsOfRole: number;
  readonly clientsOfDatabase: number;
  readonly connectionsOfRole: number;
  readonly connectionsOfDatabase: number;
}

/** Whoever keeps sessions of pools. */
export interface PoolWatcher {
  /** The pool's connections begin with other values than those that sessions were begun with, which are given. */
  startChanged(pool: SourcePool, values: ReadonlyMap<string, string>): void;
  /** The sessions of the pool have lost their role or their database. */
  poolReplaced(pool: SourcePool, error: ProxyError): void;
}

/** What a pool needs of the targets that serve it. */
export interface PoolTarget {
  /** The most connections that all pools may have together. */
  readonly allowed: number;
  /** The most of them that may rest idle beyond the idle time-out. */
  readonly allowedIdle: number;
  readonly idle: number;
  /** Why nothing may be lent at the moment, as a sentence, or null: there is no writer, or the proxy is paused. */
  readonly pauseReason: string | null;
  /** Several sources serve at once, and leases are to be balanced over them. */
  readonly isBalanced: boolean;
  /** Counts what may change what PostgreSQL decides at login; shared by all pools. */
  readonly loginChanges: LoginChanges;
  /**
   * Asks the server, not on a connection of any pool: `done` gets the rows, or null when there was no answer. False when
   * there is nobody to ask.
   */
  askServer(sql: string, done: (rows: Rows | null) => void): boolean;
  /** Clients and connections of the proxy, by the name of their user and their database. */
  countOf(user: string, database: string): Counts;
  /** A statement needs the pool's database or user to itself: nothing is opened for it meanwhile. */
  isVacated(pool: SourcePool): boolean;
  /** Told what becomes of the sessions of a pool. */
  readonly watchers: ReadonlySet<PoolWatcher>;
  /** Where the next connection may be opened, its place in the budget taken; null when none is to be had now. */
  reserve(pool: SourcePool): ConnectionSource | null;
  /** Whether connections from there may (still) be lent. */
  serves(source: ConnectionSource): boolean;
}

/** Told of a connection that is in no pool, and where it leads. */
export type Aside = (
  failure: ConnectFailure | null,
  login: LoginResult | null,
  source: ConnectionSource,
) => void;
