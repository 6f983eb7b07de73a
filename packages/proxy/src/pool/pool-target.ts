import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import type { ProxyError } from '../errors.ts';
import type { LoginResult } from '../backend/login-result.ts';
import type { Interleaving } from '../interleaving/interleaver.ts';
import type { ConnectFailure, ConnectionSource, SourcePool } from '../backend/connection-source.ts';

/* The environment of a pool: its borrowers, and the targets of its connections. */

/** The criteria for the idle connection that suits a borrower best. */
export interface Suited {
  /** The last connection, if the borrower has state there. */
  readonly lastConnection?: ServerConnection | null;
  /** The parameters to set before its first request. */
  readonly parameters: ParameterSet;
}

/** A borrower: a session, or a login that must learn what the database reports. */
export interface Borrower extends Suited {
  /** Its waiting cycle can share a connection with these parameters. */
  wouldShare?(parameters: ParameterSet): boolean;
  /** It has left the queue, because a connection is shared now. */
  shareNow?(): void;
  /** When it joined the borrow queue, in milliseconds of `performance.now()`. */
  readonly waitingSince: number;
  /** A used connection refused its parameters, so it needs a new one. */
  readonly needsNew?: boolean;
  granted(connection: ServerConnection): void;
  borrowFailed(error: ErrorFields): void;
}

/** A session that keeps a connection only until another session needs it. */
export interface Lingerer {
  readonly connection: ServerConnection | null;
  /** When it began to linger, in clock milliseconds. */
  readonly since: number;
  moveOn(): void;
}

/** The limits of a pool; they change on reload. Times in milliseconds. */
export interface PoolLimits {
  /** The maximum number of connections of this pool; 0: as many as the target allows. */
  readonly size: number;
  readonly minimum: number;
  readonly borrowTimeout: number;
  /** 0: no limit. */
  readonly lifetime: number;
  readonly lifetimeJitterPercent: number;
  readonly idleTimeout: number;
  readonly statements: number;
  /** What to do about unproven code: see the setting UnprovenCode. */
  readonly unproven: 'reset' | 'pin' | 'trust';
  /** Which cycles run on shared leases: see the setting Interleaving. */
  readonly interleaving: Interleaving;
  readonly initQuery: string;
  readonly retryMin: number;
  readonly retryMax: number;
}

/** Counts statements that may have changed login-time settings. */
export interface LoginChanges {
  version: number;
  /** Those of them that may have changed login event triggers: new server connections get other notices. */
  triggers: number;
  /** When a client last had the server reload its configuration, in milliseconds of `performance.now()`. */
  reloadedAt: number;
}

type Rows = readonly (readonly (string | null)[])[];

/** The numbers for one user, and for one database. */
export interface Counts {
  readonly clientsOfRole: number;
  readonly clientsOfDatabase: number;
  readonly connectionsOfRole: number;
  readonly connectionsOfDatabase: number;
}

/** The owner of the sessions of a pool. */
export interface PoolWatcher {
  /** The pool's connections start with other values than those given, with which the sessions started. */
  startChanged(pool: SourcePool, values: ReadonlyMap<string, string>): void;
  /** The sessions of the pool have lost their role or their database. */
  poolReplaced(pool: SourcePool, error: ProxyError): void;
}

/** What a pool needs of its targets. */
export interface PoolTarget {
  /** The maximum number of connections of all pools together. */
  readonly allowed: number;
  /** The maximum number of connections that can be idle beyond the idle timeout. */
  readonly allowedIdle: number;
  readonly idle: number;
  /** Why nothing can be leased at the moment, as a sentence, or null: there is no writer, or the proxy is paused. */
  readonly pauseReason: string | null;
  /** Several sources serve at once, and leases are balanced over them. */
  readonly isBalanced: boolean;
  /** Counts changes of login-time settings; shared by all pools. */
  readonly loginChanges: LoginChanges;
  /**
   * Queries the server, not on a connection of a pool: `done` gets the rows, or null without a response. False if there
   * is no server to query.
   */
  queryServer(sql: string, done: (rows: Rows | null) => void): boolean;
  /** Clients and connections of the proxy, by user name and database name. */
  countOf(user: string, database: string): Counts;
  /** A statement needs the pool's database or user without connections: none are opened in the meantime. */
  isVacated(pool: SourcePool): boolean;
  /** Notified about the sessions of a pool. */
  readonly watchers: ReadonlySet<PoolWatcher>;
  /** The source for the next connection, with a slot of the budget reserved; null if none is available. */
  reserve(pool: SourcePool): ConnectionSource | null;
  /** Whether connections to this source can (still) be leased. */
  serves(source: ConnectionSource): boolean;
}

/** Called with a connection that is in no pool, and its source. */
export type Aside = (
  failure: ConnectFailure | null,
  login: LoginResult | null,
  source: ConnectionSource,
) => void;
