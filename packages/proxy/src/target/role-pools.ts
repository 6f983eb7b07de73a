import type { ErrorFields } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import { Pool } from '../pool/pool.ts';
import type { ConnectionSource, PoolLimits, PoolTarget } from '../pool/pool-target.ts';
import type { Target } from './target.ts';

/** What an endpoint is for, by RDS Proxy's names (TargetRole). */
export type TargetRole = 'READ_WRITE' | 'READ_ONLY';

/** The limits of the pool for a database and a user, as settings say now. */
export type LimitsOf = (database: string, user: string) => PoolLimits;

/**
 * The pools of the endpoints of one role, and the targets that serve them at the moment: the writer, or the standbys.
 * A pool and its borrow queue outlive every target, so sessions notice nothing when others come to serve.
 */
export class RolePools implements PoolTarget {
  readonly role: TargetRole;
  held: string | null = 'No target has been found yet.';
  readonly #pools = new Map<string, Pool>();
  #limitsOf: LimitsOf;
  #serving: readonly Target[] = [];

  constructor(role: TargetRole, limitsOf: LimitsOf) {
    this.role = role;
    this.#limitsOf = limitsOf;
  }

  get pools(): Iterable<Pool> {
    return this.#pools.values();
  }

  /** The targets that serve, well or in doubt. */
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

  /** Sessions that wait for a loan. */
  get waiting(): number {
    let waiting = 0;
    for (const pool of this.#pools.values()) waiting += pool.waitingCount;
    return waiting;
  }

  /** The pool for a database and a user, made when it is first asked for. */
  pool(database: string, user: string, startupOnly: ReadonlyMap<string, string>): Pool {
    const key = JSON.stringify([database, user, ...startupOnly]);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new Pool({ database, user, startupOnly }, this, this.#limitsOf(database, user));
      this.#pools.set(key, pool);
    }
    return pool;
  }

  reserve(pool: Pool): Target | null {
    // The emptiest first; nearly always there is one target, or two.
    const lending = this.#serving.filter(({ lends }) => lends);
    if (lending.length > 1) lending.sort((a, b) => a.fullness - b.fullness);
    for (const target of lending) if (target.reserve(pool)) return target;
    return null;
  }

  serves(source: ConnectionSource): boolean {
    return this.#serving.some((target) => target === source);
  }

  /** Other targets serve from now on. Connections to one that does not are closed at the end of their transaction. */
  serve(targets: readonly Target[], why: string): void {
    const leaving = this.#serving.filter((target) => !targets.includes(target));
    this.#serving = targets;
    for (const target of leaving) {
      this.retire(target, why);
      target.users.delete(this);
    }
    for (const target of targets) target.users.add(this);
  }

  /** Leaves a target as transactions end: its idle connections are closed, those on loan are not lent again. */
  retire(target: Target, why: string): void {
    for (const pool of this.#pools.values()) pool.retireConnections(target, why);
  }

  /** Ends the connections to a target that serves no more, whatever they are doing. */
  end(target: Target, why: string): void {
    for (const pool of this.#pools.values()) pool.endConnections(target, why);
  }

  /** Lends, or says why not. */
  hold(why: string | null): void {
    const wasHeld = this.held !== null;
    this.held = why;
    if (wasHeld) this.resume();
  }

  /** More may be lent than before: whoever waits is served. */
  resume(): void {
    if (this.held === null) for (const pool of this.#pools.values()) pool.resume();
  }

  /** True when nothing runs on any connection, to any target or to this one. */
  isQuiet(target?: Target): boolean {
    for (const pool of this.#pools.values()) if (pool.isLent(target)) return false;
    return true;
  }

  /** All connections to a target, lent or idle. */
  *connectionsTo(target: Target): Iterable<DatabaseConnection> {
    for (const pool of this.#pools.values())
      for (const connection of pool.connections) if (connection.source === target) yield connection;
  }

  /** Applies changed limits. Pools shrink as their connections come back. */
  reload(limitsOf: LimitsOf): void {
    this.#limitsOf = limitsOf;
    for (const pool of this.#pools.values()) {
      pool.limits = limitsOf(pool.database, pool.user);
      pool.grow();
    }
  }

  /** The password of a user has changed: connections made with the old one are not lent again. */
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

  /** Ends every connection; whoever waits for one gets `error`. */
  close(error: ErrorFields): void {
    for (const pool of this.#pools.values()) pool.close(error);
  }
}
