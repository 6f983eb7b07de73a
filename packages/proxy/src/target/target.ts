import type { ErrorFields } from '@sluice/wire';
import type { DatabaseConnection, LoginResult } from '../backend/database-connection.ts';
import { ProxyRequest } from '../backend/proxy-request.ts';
import { Pool } from '../pool/pool.ts';
import type { ConnectFailure, PoolLimits, PoolTarget } from '../pool/pool.ts';
import { events } from '../telemetry/events.ts';

/** How a target's connections are shared out; changes on reload. */
export interface TargetLimits {
  readonly maxConnectionsPercent: number;
  readonly maxIdleConnectionsPercent: number;
  /** The limits of the pool for a database and a user. */
  poolLimits(database: string, user: string): PoolLimits;
}

/** Opens one database connection for a pool. */
export type Connect = (
  pool: Pool,
  done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
) => void;

/** One database instance, and the pools of connections to it, which share its connection budget. */
export class Target implements PoolTarget {
  readonly name: string;
  readonly #pools = new Map<string, Pool>();
  readonly #connect: Connect;
  #limits: TargetLimits;
  /** Connections open or being opened, in all pools. */
  #used = 0;
  /** What the database said of its `max_connections` less its reserved ones; null until it was asked. */
  #capacity: number | null = null;

  constructor(name: string, limits: TargetLimits, connect: Connect) {
    this.name = name;
    this.#limits = limits;
    this.#connect = connect;
  }

  get pools(): Iterable<Pool> {
    return this.#pools.values();
  }

  /** Connections open or being opened, in all pools. */
  get used(): number {
    return this.#used;
  }

  /** `max_connections` less what the database reserves, or null while it is unknown. */
  get capacity(): number | null {
    return this.#capacity;
  }

  /** Until the database was asked, one connection, to ask it. */
  get allowed(): number {
    if (this.#capacity === null) return 1;
    return Math.max(1, Math.floor((this.#capacity * this.#limits.maxConnectionsPercent) / 100));
  }

  get allowedIdle(): number {
    if (this.#capacity === null) return 1;
    return Math.floor((this.#capacity * this.#limits.maxIdleConnectionsPercent) / 100);
  }

  get idle(): number {
    let idle = 0;
    for (const pool of this.#pools.values()) idle += pool.idleCount;
    return idle;
  }

  /** The pool for a database and a user, made when it is first asked for. */
  pool(database: string, user: string, startupOnly: ReadonlyMap<string, string>): Pool {
    const key = JSON.stringify([database, user, ...startupOnly]);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new Pool(
        { database, user, startupOnly },
        this,
        this.#limits.poolLimits(database, user),
      );
      this.#pools.set(key, pool);
    }
    return pool;
  }

  reserve(pool: Pool): boolean {
    if (this.#used >= this.allowed && !this.#makeRoom(pool)) return false;
    this.#used++;
    return true;
  }

  release(): void {
    this.#used--;
    // The one who has waited longest goes first.
    const waiting = [...this.#pools.values()]
      .filter((pool) => pool.waitingSince !== null)
      .sort((a, b) => (a.waitingSince ?? 0) - (b.waitingSince ?? 0));
    for (const pool of waiting) pool.grow();
  }

  yieldsTo(pool: Pool): boolean {
    if (this.#used < this.allowed || this.#pools.size === 1) return false;
    const own = pool.waitingSince ?? Infinity;
    for (const other of this.#pools.values()) {
      if (other === pool || other.size >= other.limit) continue;
      const since = other.waitingSince;
      if (since !== null && since < own && other.waitingCount > other.openingCount) return true;
    }
    return false;
  }

  connect(
    pool: Pool,
    done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
  ): void {
    this.#connect(pool, done);
  }

  connectionEvent(
    pool: Pool,
    connection: DatabaseConnection,
    event: 'opened' | 'closed',
    why: string,
  ): void {
    if (event === 'opened' && this.#capacity === null) this.#learnCapacity(connection);
    const channel =
      event === 'opened' ? events.databaseConnectionOpened : events.databaseConnectionClosed;
    if (channel.hasSubscribers)
      channel.publish({ target: this.name, pool: pool.name, connection: connection.id, why });
  }

  connectFailed(pool: Pool, failure: ConnectFailure): void {
    if (events.databaseConnectFailed.hasSubscribers) {
      events.databaseConnectFailed.publish({
        target: this.name,
        pool: pool.name,
        sqlstate: failure.fields.sqlstate,
        message: failure.fields.message,
        final: failure.final,
      });
    }
  }

  /** Applies changed limits. Pools shrink as their connections come back. */
  reload(limits: TargetLimits): void {
    this.#limits = limits;
    for (const pool of this.#pools.values()) {
      pool.limits = limits.poolLimits(pool.database, pool.user);
      pool.grow();
    }
  }

  /** Called at every tick of the coarse clock. */
  tick(): void {
    for (const [key, pool] of this.#pools) {
      pool.tick();
      if (pool.sessions + pool.size + pool.waitingCount + pool.aside === 0) this.#pools.delete(key);
    }
  }

  /** Ends every connection; whoever waits for one gets `error`. */
  close(error: ErrorFields): void {
    for (const pool of this.#pools.values()) pool.close(error);
  }

  /** Closes the connection that has been idle longest in another pool. */
  #makeRoom(pool: Pool): boolean {
    let donor: Pool | null = null;
    for (const other of this.#pools.values()) {
      if (other === pool || other.idleSince === null || other.size <= other.limits.minimum)
        continue;
      if (donor === null || other.idleSince < (donor.idleSince ?? Infinity)) donor = other;
    }
    return donor !== null && donor.evictIdle() && this.#used < this.allowed;
  }

  #learnCapacity(connection: DatabaseConnection): void {
    connection.run(
      "SELECT current_setting('max_connections'), current_setting('superuser_reserved_connections'), coalesce(current_setting('reserved_connections', true), '0')",
      new ProxyRequest((answer) => {
        const row = answer.rows[0];
        if (row === undefined) return;
        const [most = 0, superuser = 0, reserved = 0] = row.map(Number);
        this.#capacity = Math.max(1, most - superuser - reserved);
        for (const pool of this.#pools.values()) pool.grow();
      }),
    );
  }
}
