import type { LoginResult } from '../backend/login-result.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import type {
  ConnectFailure,
  ConnectionSource,
  SourceConnection,
  SourcePool,
} from '../backend/connection-source.ts';
import { events } from '../telemetry/events.ts';
import { capacitySql, readCapacity } from './role.ts';
import type { Role } from './role.ts';
import { TargetState } from './target-state.ts';
import type { UnavailableReason } from './target-state.ts';

/** The address of a target. */
export interface TargetAddress {
  /** For logs, metrics and the admin port. */
  readonly name: string;
  /** An address, a name that could not be resolved, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** The host name or address in the settings, before it was resolved: IAM tokens are signed for it. */
  readonly endpoint: string;
  /** The name that its certificate must have. */
  readonly serverName: string;
}

/** The shares of a target's connections, in percent; they change on reload. */
export interface Shares {
  readonly maxConnectionsPercent: number;
  readonly maxIdleConnectionsPercent: number;
}

/** Gets the rows of an answer; null if there was none. */
type Done = (rows: readonly (readonly (string | null)[])[] | null) => void;

/** What a target needs to open connections. */
export interface TargetOwner {
  /** Opens one server connection for a pool. */
  connect(
    target: Target,
    pool: SourcePool,
    done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
  ): void;
  /** Runs a query on the connection of the health check; false if that cannot be used. */
  query(target: Target, sql: string, done: Done): boolean;
  /** Traffic signals that the target may have failed. */
  failureSignal(target: Target, what: string): void;
}

/** The connection of the health check exists as long as the target, so its slot is reserved. */
const reserved = 1;

/** One database instance, and its connection budget, which all its pools share. */
export class Target implements ConnectionSource {
  #address: TargetAddress;
  state: TargetState = TargetState.Registering;
  reason: UnavailableReason | null = null;
  /** Why it is unavailable, as text. */
  message = '';
  /** Its last reported role. */
  role: Role | null = null;
  /** Its replication lag, in seconds; 0 for the writer. */
  lag = 0;
  /** An operator drains it. */
  drained = false;
  /** The roles that it serves: their pools share its budget. */
  readonly users = new Set<{ readonly pools: Iterable<SourcePool> }>();
  generation = 0;
  receivedAt = 0;
  crashedAt = -Infinity;
  answers = true;
  leases = 0;
  readonly #owner: TargetOwner;
  #suspicion: string | null = null;
  /** Those who wait until it is no longer suspect. */
  #waiting: (() => void)[] = [];
  #shares: Shares;
  /** Connections that are open or being opened, in all pools, and the reserved one. */
  #used = reserved;
  /** `max_connections` minus the reserved connections, from the database; null until known. */
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

  /** Another name leads to the same address now: the old one may lead elsewhere. The target keeps its name. */
  rename({ endpoint, serverName }: TargetAddress): void {
    this.#address = { ...this.#address, endpoint, serverName };
  }

  /** The failure signal, while a check because of it is running: nothing is leased in the meantime. */
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

  /** Connections that are open or being opened, including the health check's. */
  get used(): number {
    return this.#used;
  }

  /** `max_connections` minus the reserved connections, or null while unknown. */
  get capacity(): number | null {
    return this.#capacity;
  }

  /** The maximum number of connections, including the health check's. Until the capacity is known, one to query it. */
  get allowed(): number {
    if (this.#capacity === null) return reserved + 1;
    const share = Math.floor((this.#capacity * this.#shares.maxConnectionsPercent) / 100);
    return Math.max(reserved + 1, share);
  }

  /** The maximum number of connections of all pools together. */
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

  /** How full it is, from 0 to 1: decides where the next connection is opened. */
  get fullness(): number {
    return this.#used / this.allowed;
  }

  /** Takes one connection from the budget; false if it is used up and no other pool has one to spare. */
  reserve(pool: SourcePool): boolean {
    if (this.#used >= this.allowed && !this.#closeIdleOfAnother(pool)) return false;
    this.#used++;
    return true;
  }

  release(): void {
    this.#used--;
    // The pool that has waited longest comes first.
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

  /** Runs a query on a connection that belongs to no pool; false if there is none. */
  query(sql: string, done: Done): boolean {
    return this.#owner.query(this, sql, done);
  }

  failureSignal(what: string): void {
    this.#owner.failureSignal(this, what);
  }

  /** Records its reported role. */
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
    // A full target still serves.
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

  /** Applies changed shares. Pools shrink as connections are returned. */
  reload(shares: Shares): void {
    this.#shares = shares;
  }

  /** All pools that share its budget. */
  *#pools(): Iterable<SourcePool> {
    for (const user of this.users) yield* user.pools;
  }

  /** Closes the longest idle connection to this target in another pool. */
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

  /** A health check whose login is refused learns nothing: then the first connection of a pool queries the capacity. */
  #learnCapacity(connection: SourceConnection): void {
    connection.run(
      capacitySql,
      new InternalQuery((answer) => {
        const row = answer.rows[0];
        if (row === undefined) return;
        this.#capacity = readCapacity(row[0]);
        for (const pool of this.#pools()) pool.grow();
      }),
    );
  }
}
