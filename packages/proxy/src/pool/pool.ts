import type { ErrorFields } from '@sluice/wire';
import type { ConnectionOwner } from '../backend/database-connection.ts';
import { DatabaseConnection } from '../backend/database-connection.ts';
import type { LoginResult } from '../backend/database-connection.ts';
import { ProxyRequest } from '../backend/proxy-request.ts';
import { ProxyError } from '../errors.ts';
import { clock } from '../relay/clock.ts';
import { ApplicationNames } from '../session/application-names.ts';
import { ParameterSets, replaySql } from '../session/parameter-set.ts';
import type { ParameterSet } from '../session/parameter-set.ts';
import { PoolStats } from './pool-stats.ts';

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

/** What a pool needs of its target: the budget that all pools share, and new connections. */
export interface PoolTarget {
  readonly name: string;
  /** The most connections that all pools of the target may have together. */
  readonly allowed: number;
  /** The most of them that may rest idle beyond the idle time-out. */
  readonly allowedIdle: number;
  readonly idle: number;
  /** Takes one from the budget; false when it is used up and nothing idle elsewhere could be closed. */
  reserve(pool: Pool): boolean;
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

/**
 * The database connections to one target for one (database, user).
 *
 * Borrowers are served first in, first out. Idle connections are lent last in, first out, so that the surplus
 * grows old and is closed.
 */
export class Pool implements ConnectionOwner {
  readonly database: string;
  readonly user: string;
  /** Parameters that can only be given in a startup packet; part of the pool's key. */
  readonly startupOnly: ReadonlyMap<string, string>;
  readonly stats = new PoolStats();
  readonly parameterSets = new ParameterSets();
  /** Applications that have used currval() or lastval(). */
  readonly sequenceReaders = new ApplicationNames();
  /** Sessions of this pool, with a loan or without. */
  sessions = 0;
  limits: PoolLimits;
  /** Moves on when the connections made so far must not be lent again (fail-over, new password). */
  generation = 0;

  /** How often plans were outdated. */
  #plans = 0;
  readonly #target: PoolTarget;
  readonly #all = new Set<DatabaseConnection>();
  readonly #idle: DatabaseConnection[] = [];
  readonly #waiting = new Set<Borrower>();
  #opening = 0;
  #failures = 0;
  #retryAt = 0;
  #lastFailure: ConnectFailure | null = null;
  #closing = false;

  constructor(
    key: {
      readonly database: string;
      readonly user: string;
      readonly startupOnly: ReadonlyMap<string, string>;
    },
    target: PoolTarget,
    limits: PoolLimits,
  ) {
    this.database = key.database;
    this.user = key.user;
    this.startupOnly = key.startupOnly;
    this.#target = target;
    this.limits = limits;
  }

  get name(): string {
    return `${this.database}/${this.user}`;
  }

  /** Connections open or being opened. */
  get size(): number {
    return this.#all.size + this.#opening;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  get openingCount(): number {
    return this.#opening;
  }

  /** All open connections, lent or idle. */
  get connections(): ReadonlySet<DatabaseConnection> {
    return this.#all;
  }

  /** The most connections that this pool may have now. */
  get limit(): number {
    const { size } = this.limits;
    return size > 0 ? Math.min(size, this.#target.allowed) : this.#target.allowed;
  }

  get initQuery(): string {
    return this.limits.initQuery;
  }

  /** When the first in the borrow queue joined it, or null. */
  get waitingSince(): number | null {
    for (const borrower of this.#waiting) return borrower.waitingSince;
    return null;
  }

  /** Lends an idle connection at once, or puts the borrower into the queue and returns null. */
  borrow(borrower: Borrower): DatabaseConnection | null {
    this.stats.borrows++;
    if (this.#waiting.size === 0) {
      const connection = this.#takeIdle(borrower);
      if (connection !== null) return connection;
    }
    this.#waiting.add(borrower);
    this.#grow();
    if (this.limits.borrowTimeout === 0) queueMicrotask(() => this.#expire(performance.now()));
    return null;
  }

  /** Takes a borrower out of the queue. */
  leave(borrower: Borrower): void {
    if (this.#waiting.delete(borrower)) this.stats.borrowsAborted++;
  }

  /** Makes the connection's parameters those of `set`, in front of the borrower's first request. */
  replay(connection: DatabaseConnection, set: ParameterSet): void {
    if (connection.parameterSet === set) return;
    const sql = replaySql(connection.parameterSet, set);
    connection.parameterSet = set;
    if (sql === '') return;
    this.stats.replays++;
    connection.gather(
      sql,
      new ProxyRequest((answer) => {
        if (answer.error === null) return;
        // The client's request is behind it already, and must not run under other parameters than its own.
        connection.poison(`parameters could not be set: ${answer.error.message ?? ''}`);
      }),
    );
  }

  /** A plan was found to be outdated: every connection prepares its statements again, as it is lent next. */
  outdatePlans(): void {
    this.#plans++;
  }

  /**
   * Forgets the connection's prepared statements if plans were outdated since, in front of the borrower's next request.
   * Returns whether that took one of the proxy's own.
   */
  renewPlans(connection: DatabaseConnection): boolean {
    if (connection.plans === this.#plans) return false;
    connection.plans = this.#plans;
    if (connection.statements.size === 0 && connection.ownNames === null) return false;
    connection.statements.clear();
    connection.ownNames = null;
    connection.gather('DEALLOCATE ALL', new ProxyRequest(() => undefined));
    return true;
  }

  returned(connection: DatabaseConnection): void {
    const why = this.#reasonToClose(connection);
    if (why !== null) {
      connection.close(why);
      return;
    }
    for (const borrower of this.#waiting) {
      this.#waiting.delete(borrower);
      borrower.granted(connection);
      return;
    }
    this.#idle.push(connection);
  }

  closed(connection: DatabaseConnection, error: ProxyError): void {
    if (!this.#all.delete(connection)) return;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    connection.statements.clear();
    this.stats.connectionsClosed++;
    if (error.code === 'POISONED') this.stats.poisoned++;
    this.#target.connectionEvent(this, connection, 'closed', error.message);
    this.#target.release();
  }

  parameterChanged(): void {
    // A greeting learnt before would tell new clients what is no longer so.
    this.parameterSets.forgetGreetings();
  }

  /** Opens what the queue and the minimum ask for, as far as limits allow. */
  grow(): void {
    this.#grow();
  }

  /** Called at every tick of the coarse clock. */
  tick(): void {
    this.#expire(performance.now());
    this.#grow();
    this.#prune();
  }

  /** Closes an idle connection so that another pool may open one. False when there is none to spare. */
  evictIdle(): boolean {
    if (this.#idle.length === 0 || this.#all.size <= this.limits.minimum) return false;
    const oldest = this.#idle.shift();
    oldest?.close('another pool needs its place');
    return oldest !== undefined;
  }

  /** When the longest idle connection was returned, or null when none is idle. */
  get idleSince(): number | null {
    return this.#idle[0]?.since ?? null;
  }

  /**
   * Opens a connection that is in no pool but counts within the budget: closes an idle one for it if need be. Null when
   * there is no room; else what gives the place back.
   */
  openAside(
    done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
  ): (() => void) | null {
    const target = this.#target;
    if (this.#closing) return null;
    if (!target.reserve(this) && !(this.evictIdle() && target.reserve(this))) return null;
    target.connect(this, done);
    return () => target.release();
  }

  /** Ends every loan and every connection now, and refuses all that wait. */
  close(error: ErrorFields): void {
    this.#closing = true;
    for (const borrower of [...this.#waiting]) {
      this.#waiting.delete(borrower);
      borrower.borrowFailed(error);
    }
    for (const connection of [...this.#all]) connection.close('the proxy is stopping');
  }

  /** Closes what is idle and retires what is lent; the next borrowers get new connections. */
  recycle(why: string): void {
    this.generation++;
    for (const connection of [...this.#idle]) connection.close(why);
  }

  #takeIdle(borrower: Borrower): DatabaseConnection | null {
    const idle = this.#idle;
    // One that already has the borrower's parameters needs no replay; a few are looked at, newest first.
    const wanted = (borrower as { readonly parameters?: ParameterSet }).parameters;
    let at = idle.length - 1;
    for (let i = at; i >= 0 && i > idle.length - 9; i--) {
      if (idle[i]?.parameterSet !== wanted) continue;
      at = i;
      break;
    }
    const connection = idle[at];
    if (connection === undefined) return null;
    if (at === idle.length - 1) idle.pop();
    else idle.splice(at, 1);
    return connection;
  }

  #reasonToClose(connection: DatabaseConnection): string | null {
    if (this.#closing) return 'the proxy is stopping';
    if (connection.generation !== this.generation) return 'its generation is over';
    if (this.#all.size > this.limit) return 'the pool has become smaller';
    if (connection.expiresAt <= clock.now) return 'it has reached ConnectionLifetime';
    if (this.#target.yieldsTo(this)) return 'another pool needs its place';
    return null;
  }

  #grow(): void {
    if (this.#closing || clock.now < this.#retryAt) return;
    while (
      (this.#waiting.size > this.#opening || this.size < this.limits.minimum) &&
      this.size < this.limit &&
      this.#target.reserve(this)
    ) {
      this.#open();
      // After a failure one attempt at a time finds out whether the database is back.
      if (this.#failures > 0) break;
    }
  }

  #open(): void {
    this.#opening++;
    const started = performance.now();
    const { generation } = this;
    this.#target.connect(this, (failure, login) => {
      if (failure !== null || login === null) {
        this.#opening--;
        this.#target.release();
        if (failure !== null) this.#openFailed(failure);
        return;
      }
      this.stats.connectTime.observe(performance.now() - started);
      this.stats.connectionsOpened++;
      this.#failures = 0;
      const connection = new DatabaseConnection(login, this, this.limits.statements);
      connection.generation = generation;
      connection.plans = this.#plans;
      connection.expiresAt = this.#expiry();
      this.#opening--;
      this.#all.add(connection);
      this.#target.connectionEvent(this, connection, 'opened', '');
      this.#initialise(connection);
    });
  }

  #initialise(connection: DatabaseConnection): void {
    const { initQuery } = this.limits;
    if (initQuery === '') {
      connection.settle();
      return;
    }
    connection.run(
      initQuery,
      new ProxyRequest((answer) => {
        if (answer.error === null) return;
        connection.retireReason = `InitQuery failed: ${answer.error.message ?? ''}`;
        this.#openFailed({ fields: answer.error, final: true });
      }),
    );
  }

  #openFailed(failure: ConnectFailure): void {
    this.stats.connectionsFailed++;
    this.#failures++;
    this.#lastFailure = failure;
    const { retryMin, retryMax } = this.limits;
    const delay = Math.min(retryMax, retryMin * 2 ** Math.min(this.#failures - 1, 20));
    this.#retryAt = clock.now + delay * (0.75 + Math.random() / 2);
    this.#target.connectFailed(this, failure);
    if (!failure.final || this.#all.size > 0) return;
    for (const borrower of [...this.#waiting]) {
      this.#waiting.delete(borrower);
      this.stats.borrowsAborted++;
      borrower.borrowFailed(failure.fields);
    }
    this.#retryAt = 0;
  }

  #expiry(): number {
    const { lifetime, lifetimeJitterPercent } = this.limits;
    if (lifetime === 0) return Infinity;
    return clock.now + lifetime * (1 - (Math.random() * lifetimeJitterPercent) / 100);
  }

  #expire(now: number): void {
    const { borrowTimeout } = this.limits;
    for (const borrower of this.#waiting) {
      const waited = now - borrower.waitingSince;
      if (waited < borrowTimeout) break;
      const error = new ProxyError('BORROW_TIMEOUT', {
        pool: this.name,
        size: this.#all.size,
        limit: this.limit,
        queue: this.#waiting.size,
        waited: Math.round(waited),
      });
      this.#waiting.delete(borrower);
      this.stats.borrowsAborted++;
      const last = this.#failures > 0 ? this.#lastFailure : null;
      borrower.borrowFailed({
        ...error.fields,
        ...(last === null
          ? {}
          : { detail: `The last attempt to connect failed: ${last.fields.message ?? ''}` }),
      });
    }
  }

  #prune(): void {
    const idle = this.#idle;
    const { now } = clock;
    for (let i = idle.length - 1; i >= 0; i--) {
      const connection = idle[i];
      if (connection !== undefined && connection.expiresAt <= now)
        connection.close('it has reached ConnectionLifetime');
    }
    // The longest idle stand first.
    for (;;) {
      const oldest = idle[0];
      if (oldest === undefined || this.#all.size <= this.limits.minimum) break;
      if (
        now - oldest.since < this.limits.idleTimeout ||
        this.#target.idle <= this.#target.allowedIdle
      )
        break;
      oldest.close('MaxIdleConnectionsPercent');
    }
  }
}
