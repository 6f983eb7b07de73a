import type { ErrorFields } from '@sluice/wire';
import type { ConnectionOwner } from '../backend/loan.ts';
import { DatabaseConnection } from '../backend/database-connection.ts';
import { ProxyRequest } from '../backend/proxy-request.ts';
import { ProxyError } from '../errors.ts';
import { clock } from '../relay/clock.ts';
import { ApplicationNames } from '../session/application-names.ts';
import { ParameterSets, replaySql } from '../session/parameter-set.ts';
import type { ParameterSet } from '../session/parameter-set.ts';
import { StoredCode } from '../session/stored-code.ts';
import { BackOff } from './back-off.ts';
import { IdleConnections } from './idle-connections.ts';
import { PoolStats } from './pool-stats.ts';
import type {
  Aside,
  Borrower,
  ConnectFailure,
  ConnectionSource,
  PoolLimits,
  PoolTarget,
} from './pool-target.ts';

/**
 * The database connections for one (database, user) of one role: to the writer, or to the standbys.
 *
 * Borrowers are served first in, first out; see `IdleConnections` for what they are served with.
 */
export class Pool implements ConnectionOwner {
  readonly database: string;
  readonly user: string;
  /** Parameters that can only be given in a startup packet; part of the pool's key. */
  readonly startupOnly: ReadonlyMap<string, string>;
  readonly stats = new PoolStats();
  readonly parameterSets = new ParameterSets();
  readonly storedCode = new StoredCode();
  /** Applications that have used currval() or lastval(). */
  readonly sequenceReaders = new ApplicationNames();
  /** Sessions of this pool, with a loan or without. */
  sessions = 0;
  /** Connections opened beside the pool by `openAside`, or being opened. */
  aside = 0;
  limits: PoolLimits;
  /** Moves on when the connections made so far must not be lent again (new password). */
  generation = 0;

  /** How often plans were outdated. */
  #plans = 0;
  readonly #target: PoolTarget;
  readonly #all = new Set<DatabaseConnection>();
  readonly #idle = new IdleConnections();
  readonly #waiting = new Set<Borrower>();
  #opening = 0;
  readonly #backOff = new BackOff();
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
    return this.#idle.size;
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
    if (this.#waiting.size === 0 && this.#target.held === null) {
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

  hasErrand(connection: DatabaseConnection): boolean {
    // Between loans it keeps nobody from what is his.
    if (!this.storedCode.isDue || this.#reasonToClose(connection) !== null) return false;
    this.storedCode.read(connection, () => undefined);
    return true;
  }

  returned(connection: DatabaseConnection): void {
    this.#takenBack(connection);
    const why = this.#reasonToClose(connection);
    if (why !== null) {
      connection.close(why);
      return;
    }
    if (this.#target.held === null && connection.source.lends) {
      for (const borrower of this.#waiting) {
        this.#waiting.delete(borrower);
        this.#lendOut(connection);
        borrower.granted(connection);
        return;
      }
    }
    this.#idle.add(connection);
  }

  evidence(connection: DatabaseConnection, what: string): void {
    const { source } = connection;
    if (connection.epoch === source.epoch) source.evidence(what);
  }

  /** The target lends again: serves who waits, without the pause that earlier failures asked for. */
  resume(): void {
    this.#backOff.succeeded();
    this.#backOff.skipPause();
    for (const borrower of this.#waiting) {
      if (this.#target.held !== null) return;
      const connection = this.#takeIdle(borrower);
      if (connection === null) break;
      this.#waiting.delete(borrower);
      borrower.granted(connection);
    }
    this.#grow();
  }

  /** Closes the idle connections from there, and the others at the end of their transaction. */
  retireConnections(source: ConnectionSource, why: string): void {
    for (const connection of [...this.#all]) {
      if (connection.source !== source) continue;
      if (this.#idle.includes(connection)) connection.close(why);
      else connection.retireReason ??= why;
    }
  }

  /** Ends the connections from there, lent or not: sessions learn what that means for them. */
  endConnections(source: ConnectionSource, why: string): void {
    for (const connection of [...this.#all])
      if (connection.source === source) connection.destroy(why);
  }

  /** True when a connection is lent, or runs something of the proxy's own. */
  isLent(source?: ConnectionSource): boolean {
    if (source === undefined) return this.#idle.size < this.#all.size;
    for (const connection of this.#all)
      if (connection.source === source && !this.#idle.includes(connection)) return true;
    return false;
  }

  closed(connection: DatabaseConnection, error: ProxyError): void {
    if (!this.#all.delete(connection)) return;
    this.#idle.delete(connection);
    connection.statements.clear();
    this.stats.connectionsClosed++;
    if (error.code === 'POISONED') this.stats.poisoned++;
    const { source } = connection;
    this.#takenBack(connection);
    source.connectionEvent(this, connection, 'closed', error.message);
    source.release();
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

  /** Closes an idle connection from there so that another pool may open one. False when there is none to spare. */
  evictIdle(source: ConnectionSource): boolean {
    if (this.#all.size <= this.limits.minimum) return false;
    const oldest = this.#idle.oldestOf(source);
    oldest?.close('another pool needs its place');
    return oldest !== undefined;
  }

  /** When the longest idle connection from there was returned, or null when none is idle. */
  idleSince(source: ConnectionSource): number | null {
    return this.#idle.oldestOf(source)?.since ?? null;
  }

  /**
   * Opens a connection that is in no pool but counts within the budget: closes an idle one for it if need be. Null when
   * there is no room; else what gives the place back.
   */
  openAside(done: Aside): (() => void) | null {
    if (this.#closing) return null;
    let source = this.#target.reserve(this);
    if (source === null && this.#makeRoom()) source = this.#target.reserve(this);
    const place = source;
    if (place === null) return null;
    this.aside++;
    place.connect(this, (failure, login) => done(failure, login, place));
    return () => {
      this.aside--;
      place.release();
    };
  }

  /** Why nothing is lent at the moment, or null. */
  get held(): string | null {
    return this.#target.held;
  }

  /** Whether a connection still leads to who serves this pool, with the password of now. */
  isCurrent({ source, epoch, generation }: DatabaseConnection): boolean {
    return generation === this.generation && epoch === source.epoch && this.#target.serves(source);
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
    this.#idle.close(why);
  }

  /** Closes the connection that has been idle longest. */
  #makeRoom(): boolean {
    const { oldest } = this.#idle;
    return oldest !== undefined && this.evictIdle(oldest.source);
  }

  #takeIdle(borrower: Borrower): DatabaseConnection | null {
    const connection = this.#idle.take(borrower, this.#target.isBalanced);
    if (connection !== null) this.#lendOut(connection);
    return connection;
  }

  #lendOut(connection: DatabaseConnection): void {
    connection.onLoan = true;
    connection.source.loans++;
  }

  #takenBack(connection: DatabaseConnection): void {
    if (!connection.onLoan) return;
    connection.onLoan = false;
    connection.source.loans--;
  }

  #reasonToClose(connection: DatabaseConnection): string | null {
    if (this.#closing) return 'the proxy is stopping';
    if (connection.generation !== this.generation) return 'its generation is over';
    if (this.#all.size > this.limit) return 'the pool has become smaller';
    if (connection.expiresAt <= clock.now) return 'it has reached ConnectionLifetime';
    if (connection.source.yieldsTo(this)) return 'another pool needs its place';
    return null;
  }

  #grow(): void {
    if (this.#closing || this.#backOff.pauses || this.#target.held !== null) return;
    while (
      (this.#waiting.size > this.#opening || this.size < this.limits.minimum) &&
      this.size < this.limit
    ) {
      const source = this.#target.reserve(this);
      if (source === null) break;
      this.#open(source);
      // After a failure one attempt at a time finds out whether the database is back.
      if (this.#backOff.isFailing) break;
    }
  }

  #open(source: ConnectionSource): void {
    this.#opening++;
    const started = performance.now();
    const { generation } = this;
    const { epoch } = source;
    source.connect(this, (failure, login) => {
      this.#opening--;
      const isWanted = source.epoch === epoch && this.#target.serves(source);
      if (login === null || !isWanted) {
        source.release();
        login?.socket.destroy();
        if (isWanted && failure !== null) this.#openFailed(source, failure);
        else this.#grow();
        return;
      }
      this.stats.connectTime.observe(performance.now() - started);
      this.stats.connectionsOpened++;
      this.#backOff.succeeded();
      const connection = new DatabaseConnection(login, this, this.limits.statements, source);
      connection.generation = generation;
      connection.plans = this.#plans;
      connection.expiresAt = this.#expiry();
      this.#all.add(connection);
      source.connectionEvent(this, connection, 'opened', '');
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
        this.#openFailed(connection.source, { fields: answer.error, final: true });
      }),
    );
  }

  #openFailed(source: ConnectionSource, failure: ConnectFailure): void {
    this.stats.connectionsFailed++;
    this.#backOff.failed(failure, this.limits);
    source.connectFailed(this, failure);
    if (this.#target.held !== null) return;
    if (!failure.final || this.#all.size > 0) return;
    for (const borrower of [...this.#waiting]) {
      this.#waiting.delete(borrower);
      this.stats.borrowsAborted++;
      borrower.borrowFailed(failure.fields);
    }
    this.#backOff.skipPause();
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
      const { held } = this.#target;
      const { failure } = this.#backOff;
      const detail =
        held ??
        (failure === null
          ? null
          : `The last attempt to connect failed: ${failure.fields.message ?? ''}`);
      borrower.borrowFailed({ ...error.fields, ...(detail === null ? {} : { detail }) });
    }
  }

  #prune(): void {
    this.#idle.closeExpired();
    this.#idle.closeSurplus(
      this.limits,
      () => this.#all.size > this.limits.minimum && this.#target.idle > this.#target.allowedIdle,
    );
  }
}
