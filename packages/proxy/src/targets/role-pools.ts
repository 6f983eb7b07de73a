import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import { Pool } from '../pool/pool.ts';
import type {
  Counts,
  LoginChanges,
  PoolLimits,
  PoolTarget,
  PoolWatcher,
} from '../pool/pool-target.ts';
import type { ConnectionSource } from '../backend/connection-source.ts';
import type { Target } from './target.ts';
import type { Vacancy } from './vacancy.ts';

/** The role of an endpoint, as in RDS Proxy (TargetRole). */
export type TargetRole = 'READ_WRITE' | 'READ_ONLY';

/** The current limits of the pool for a database and a user, from the settings. */
export type LimitsOf = (database: string, user: string) => PoolLimits;

/**
 * The pools of the endpoints of one role, and their current targets: the writer, or the standbys. A pool and its borrow
 * queue outlive every target, so sessions do not notice a change.
 */
export class RolePools implements PoolTarget {
  readonly role: TargetRole;
  pauseReason: string | null = 'No target is available yet.';
  readonly loginChanges: LoginChanges;
  readonly watchers = new Set<PoolWatcher>();
  /** Statements that need a database or a role without connections. */
  readonly vacancies: ReadonlySet<Vacancy>;
  readonly #pools = new Map<string, Pool>();
  #limitsOf: LimitsOf;
  #serving: readonly Target[] = [];

  constructor(
    role: TargetRole,
    limitsOf: LimitsOf,
    shared: {
      readonly loginChanges: LoginChanges;
      readonly vacancies: ReadonlySet<Vacancy>;
    },
  ) {
    this.role = role;
    this.loginChanges = shared.loginChanges;
    this.vacancies = shared.vacancies;
    this.#limitsOf = limitsOf;
  }

  get pools(): Iterable<Pool> {
    return this.#pools.values();
  }

  /** The targets that serve, healthy or suspect. */
  get serving(): readonly Target[] {
    return this.#serving;
  }

  get isBalanced(): boolean {
    return this.#serving.length > 1;
  }

  get allowed(): number {
    let allowed = 0;
    for (const target of this.#serving) allowed += target.allowedInPools;
    return Math.max(1, allowed);
  }

  get allowedIdle(): number {
    let allowed = 0;
    for (const target of this.#serving) allowed += target.allowedIdle;
    return allowed;
  }

  get idle(): number {
    let idle = 0;
    for (const pool of this.#pools.values()) idle += pool.idleCount;
    return idle;
  }

  /** The number of sessions that wait for a lease. */
  get waiting(): number {
    let waiting = 0;
    for (const pool of this.#pools.values()) waiting += pool.waitingCount;
    return waiting;
  }

  /** The pool for a database and a user, created on first use. */
  pool(database: string, user: string, startupOnly: ReadonlyMap<string, string>): Pool {
    const key = JSON.stringify([database, user, ...startupOnly]);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new Pool({ database, user, startupOnly }, this, this.#limitsOf(database, user));
      this.#pools.set(key, pool);
    }
    return pool;
  }

  queryServer(...[sql, done]: Parameters<PoolTarget['queryServer']>): boolean {
    return this.#serving.some((target) => target.isBorrowable && target.query(sql, done));
  }

  isVacated(pool: Pool): boolean {
    for (const vacancy of this.vacancies) if (vacancy.concerns(pool)) return true;
    return false;
  }

  countOf(user: string, database: string): Counts {
    const counts = {
      clientsOfRole: 0,
      clientsOfDatabase: 0,
      connectionsOfRole: 0,
      connectionsOfDatabase: 0,
    };
    for (const pool of this.#pools.values()) {
      const connections = pool.connections.size + pool.aside;
      if (pool.user === user) {
        counts.clientsOfRole += pool.sessions;
        counts.connectionsOfRole += connections;
      }
      if (pool.database === database) {
        counts.clientsOfDatabase += pool.sessions;
        counts.connectionsOfDatabase += connections;
      }
    }
    return counts;
  }

  reserve(pool: Pool): Target | null {
    // The emptiest first; nearly always there are one or two targets.
    const borrowable = this.#serving.filter(({ isBorrowable }) => isBorrowable);
    if (borrowable.length > 1) borrowable.sort((a, b) => a.fullness - b.fullness);
    for (const target of borrowable) if (target.reserve(pool)) return target;
    return null;
  }

  serves(source: ConnectionSource): boolean {
    return this.#serving.some((target) => target === source);
  }

  /** Changes the targets. Connections to other targets are closed at the end of their transactions. */
  serve(targets: readonly Target[], why: string): void {
    const leavers = this.#serving.filter((target) => !targets.includes(target));
    this.#serving = targets;
    for (const target of leavers) {
      this.retire(target, why);
      target.users.delete(this);
    }
    for (const target of targets) target.users.add(this);
  }

  /** Leaves a target as transactions end: its idle connections are closed, and leased ones are not leased again. */
  retire(target: Target, why: string): void {
    for (const pool of this.#pools.values()) pool.retireConnections(target, why);
  }

  /** Closes the connections to a target that no longer serves, even during transactions. */
  end(target: Target, why: string): void {
    for (const pool of this.#pools.values()) pool.endConnections(target, why);
  }

  /** Allows leases (null), or stops them with this reason. */
  pause(why: string | null): void {
    const wasPaused = this.pauseReason !== null;
    this.pauseReason = why;
    if (wasPaused) this.resume();
  }

  /** More can be leased than before: serves the borrow queues. */
  resume(): void {
    if (this.pauseReason === null) for (const pool of this.#pools.values()) pool.resume();
  }

  /** True if nothing runs on any connection, to any target or to this one. */
  isQuiet(target?: Target): boolean {
    for (const pool of this.#pools.values()) if (pool.isLeased(target)) return false;
    return true;
  }

  /** All connections to a target, leased or idle. */
  *connectionsTo(target: Target): Iterable<ServerConnection> {
    for (const pool of this.#pools.values())
      for (const connection of pool.connections) if (connection.source === target) yield connection;
  }

  /** Applies changed limits. Pools shrink as connections are returned. */
  reload(limitsOf: LimitsOf): void {
    this.#limitsOf = limitsOf;
    for (const pool of this.#pools.values()) {
      pool.limits = limitsOf(pool.database, pool.user);
      pool.grow();
    }
  }

  /** The password of a user has changed: connections with the old one are not leased again. */
  recycle(user: string, why: string): void {
    for (const pool of this.#pools.values()) if (pool.user === user) pool.recycle(why);
  }

  /** Called at every tick of the coarse clock. */
  tick(): void {
    for (const [key, pool] of this.#pools) {
      pool.tick();
      if (pool.sessions + pool.size + pool.waitingCount + pool.aside === 0) this.#pools.delete(key);
    }
  }

  /** Closes every connection; sessions that wait for one get `error`. */
  close(error: ErrorFields): void {
    for (const pool of this.#pools.values()) pool.close(error);
  }
}
