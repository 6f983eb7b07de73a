import type { LoginResult } from '../backend/login-result.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import type {
  ConnectFailure,
  ConnectionSource,
  SourceConnection,
  SourcePool,
} from '../backend/connection-source.ts';
import { events } from '../telemetry/events.ts';
import type { Role } from './role.ts';
import { TargetState } from './target-state.ts';
import type { UnavailableReason } from './target-state.ts';

/** What `max_connections` says, and what is reserved of it. */
export const capacitySql =
  "SELECT pg_catalog.current_setting('max_connections'), pg_catalog.current_setting('superuser_reserved_connections'), " +
  "coalesce(pg_catalog.current_setting('reserved_connections', true), '0')";

/** Where a target is. */
export interface TargetAddress {
  /** For logs, metrics and people. */
  readonly name: string;
  /** An address, or a name that could not be resolved. */
  readonly host: string;
  readonly port: number;
  /** The host name or address as it was configured, before it was resolved: what an IAM token is signed for. */
  readonly endpoint: string;
  /** The name that its certificate must bear. */
  readonly serverName: string;
}

/** How a target's connections are shared out, in percent of what it allows; changes on reload. */
export interface Shares {
  readonly maxConnectionsPercent: number;
  readonly maxIdleConnectionsPercent: number;
}

/** Gets the rows of an answer; null when there was none. */
type Told = (rows: readonly (readonly (string | null)[])[] | null) => void;

/** What a target asks of those who know the way to it. */
export interface TargetOwner {
  /** Opens one server connection for a pool. */
  connect(
    target: Target,
    pool: SourcePool,
    done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
  ): void;
  /** Asks it on the health check's connection; false when that cannot be used. */
  ask(target: Target, sql: string, done: Told): boolean;
  /** Traffic says that the target may not serve any more. */
  failureSignal(target: Target, what: string): void;
}

/** The health check's connection stands as long as the target does, so its place is kept for it. */
const reserved = 1;

/** One database instance, and its connection budget, which all pools share that it serves. */
export class Target implements ConnectionSource {
  #address: TargetAddress;
  state: TargetState = TargetState.Registering;
  reason: UnavailableReason | null = null;
  /** Why it is unavailable, in words. */
  message = '';
  /** What it said of itself when it last answered. */
  role: Role | null = null;
  /** How far it is behind the writer, in seconds; of the writer, 0. */
  lag = 0;
  /** An operator wants it free of clients. */
  drained = false;
  /** The roles that it serves: whose pools have a claim on its budget. */
  readonly users = new Set<{ readonly pools: Iterable<SourcePool> }>();
  generation = 0;
  heardAt = 0;
  crashedAt = -Infinity;
  answers = true;
  leases = 0;
  readonly #owner: TargetOwner;
  #suspicion: string | null = null;
  /** Who waits until it is in doubt no more. */
  #waiting: (() => void)[] = [];
  #shares: Shares;
  /** Connections open or being opened, in all pools, and the one that is reserved. */
  #used = reserved;
  /** What the database said of its `max_connections` less its reserved ones; null until it was asked. */
  #capacity: number | null = null;

  constructor(address: TargetAddress, shares: Shares, owner: TargetOwner) {
    this.#address = address;
    this.#shares = shares;
    this.#owner = owner;
  }

  get address(): TargetAddress {
    return this.#address;
  }

  get name(): string {
    return this.#address.name;
  }

  /** Another name leads to the same address now: the old one may lead elsewhere. It is called as before. */
  rename({ endpoint, serverName }: TargetAddress): void {
    this.#address = { ...this.#address, endpoint, serverName };
  }

  /** What traffic said against it, while a check of it is under way: nothing is lent meanwhile. */
  get suspicion(): string | null {
    return this.#suspicion;
  }

  set suspicion(suspicion: string | null) {
    this.#suspicion = suspicion;
    if (suspicion !== null) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) queueMicrotask(done);
  }

  whenChecked(done: () => void): void {
    if (this.#suspicion === null) queueMicrotask(done);
    else this.#waiting.push(done);
  }

  /** Connections open or being opened, the health check's included. */
  get used(): number {
    return this.#used;
  }

  /** `max_connections` less what the database reserves, or null while it is unknown. */
  get capacity(): number | null {
    return this.#capacity;
  }

  /** The most connections, the health check's included. Until the database was asked, one to ask it. */
  get allowed(): number {
    if (this.#capacity === null) return reserved + 1;
    const share = Math.floor((this.#capacity * this.#shares.maxConnectionsPercent) / 100);
    return Math.max(reserved + 1, share);
  }

  /** The most connections that pools may have together. */
  get allowedInPools(): number {
    return this.allowed - reserved;
  }

  get allowedIdle(): number {
    if (this.#capacity === null) return 1;
    return Math.floor((this.#capacity * this.#shares.maxIdleConnectionsPercent) / 100);
  }

  get isBorrowable(): boolean {
    return this.suspicion === null && !this.drained;
  }

  get load(): number {
    return this.leases / (this.#capacity ?? 1);
  }

  /** How full it is, 0 to 1: where the next connection is best opened. */
  get fullness(): number {
    return this.#used / this.allowed;
  }

  /** Takes one connection from the budget; false when it is used up and no other pool has one to spare. */
  reserve(pool: SourcePool): boolean {
    if (this.#used >= this.allowed && !this.#closeIdleOfAnother(pool)) return false;
    this.#used++;
    return true;
  }

  release(): void {
    this.#used--;
    // The one who has waited longest goes first.
    const waiting = [...this.#pools()]
      .filter((pool) => pool.waitingSince !== null)
      .sort((a, b) => (a.waitingSince ?? 0) - (b.waitingSince ?? 0));
    for (const pool of waiting) pool.grow();
  }

  yieldsTo(pool: SourcePool): boolean {
    if (this.#used < this.allowed) return false;
    const own = pool.waitingSince ?? Infinity;
    for (const other of this.#pools()) {
      if (other === pool || other.size >= other.limit) continue;
      const since = other.waitingSince;
      if (since !== null && since < own && other.waitingCount > other.openingCount) return true;
    }
    return false;
  }

  connect(
    pool: SourcePool,
    done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
  ): void {
    this.#owner.connect(this, pool, done);
  }

  /** Asks it on a connection that belongs to no pool; false when there is none. */
  ask(sql: string, done: Told): boolean {
    return this.#owner.ask(this, sql, done);
  }

  failureSignal(what: string): void {
    this.#owner.failureSignal(this, what);
  }

  /** Takes note of what it said of itself. */
  learn(role: Role): void {
    const known = this.#capacity === role.capacity;
    this.role = role;
    this.#capacity = role.capacity;
    if (!known) for (const pool of this.#pools()) pool.grow();
  }

  connectionEvent(
    pool: SourcePool,
    connection: SourceConnection,
    event: 'opened' | 'closed',
    why: string,
  ): void {
    if (event === 'opened' && this.#capacity === null) this.#learnCapacity(connection);
    const channel =
      event === 'opened' ? events.serverConnectionOpened : events.serverConnectionClosed;
    if (channel.hasSubscribers)
      channel.publish({ target: this.name, pool: pool.name, connection: connection.id, why });
  }

  connectFailed(pool: SourcePool, failure: ConnectFailure): void {
    // One that is full still serves.
    if (!failure.final && !failure.fields.sqlstate.startsWith('53'))
      this.failureSignal(failure.fields.message);
    if (events.serverConnectFailed.hasSubscribers) {
      events.serverConnectFailed.publish({
        target: this.name,
        pool: pool.name,
        sqlstate: failure.fields.sqlstate,
        message: failure.fields.message,
        final: failure.final,
      });
    }
  }

  /** Applies changed shares. Pools shrink as their connections come back. */
  reload(shares: Shares): void {
    this.#shares = shares;
  }

  /** All pools that have a claim on its budget. */
  *#pools(): Iterable<SourcePool> {
    for (const user of this.users) yield* user.pools;
  }

  /** Closes the connection to this target that has been idle longest in another pool. */
  #closeIdleOfAnother(pool: SourcePool): boolean {
    let donor: SourcePool | null = null;
    let longest = Infinity;
    for (const other of this.#pools()) {
      if (other === pool || other.size <= other.limits.minimum) continue;
      const since = other.idleSince(this);
      if (since === null || since >= longest) continue;
      donor = other;
      longest = since;
    }
    return donor !== null && donor.evictIdle(this) && this.#used < this.allowed;
  }

  /** A health check that is not let in learns nothing: then the first connection of a pool asks. */
  #learnCapacity(connection: SourceConnection): void {
    connection.run(
      capacitySql,
      new InternalQuery((answer) => {
        const row = answer.rows[0];
        if (row === undefined) return;
        const [most = 0, superuser = 0, others = 0] = row.map(Number);
        this.#capacity = Math.max(1, most - superuser - others);
        for (const pool of this.#pools()) pool.grow();
      }),
    );
  }
}
