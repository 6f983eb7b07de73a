import type { ErrorFields } from '@sluice/wire';
import type { ConnectionOwner } from '../backend/lease-owner.ts';
import { connectionLimitOf } from '../backend/error-words.ts';
import type { LoginNotices } from '../backend/login-notices.ts';
import { ServerConnection } from '../backend/server-connection.ts';
import { Interleaver } from '../interleaving/interleaver.ts';
import type { Interleaving, InterleavingPool } from '../interleaving/interleaver.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { ProxyError } from '../errors.ts';
import { memory } from '../io/memory.ts';
import { clock } from '../io/clock.ts';
import { events } from '../telemetry/events.ts';
import { ApplicationNames } from './application-names.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import { mostNames, ParameterSets } from '../parameters/parameter-sets.ts';
import { replaySql, setsBeforeEncoding } from '../parameters/replay-sql.ts';
import { StoredCode } from '../stored-code/stored-code.ts';
import { BackOff } from './back-off.ts';
import { IdleConnections } from './idle-connections.ts';
import { LoginWatch } from './login-watch.ts';
import { settingsChanged, StartValueQuery } from './start-value-query.ts';
import { PoolStats } from './pool-stats.ts';
import { resetSql } from '../backend/reset-sql.ts';
import type {
  Aside,
  Borrower,
  Lingerer,
  LoginChanges,
  PoolLimits,
  PoolTarget,
  Suited,
} from './pool-target.ts';
import type { ConnectFailure, ConnectionSource } from '../backend/connection-source.ts';

/** How long a session can keep a connection that it may not need, in milliseconds. */
const longestLingering = 1000;

/**
 * The server connections for one (database, user) of one role: to the writer, or to the standbys.
 *
 * Borrowers are served first in, first out; `IdleConnections` chooses their connections.
 */
export class Pool implements ConnectionOwner<ServerConnection>, InterleavingPool {
  readonly database: string;
  readonly user: string;
  /** Parameters that can only be in a startup packet; part of the pool's key. */
  readonly startupOnly: ReadonlyMap<string, string>;
  readonly stats = new PoolStats();
  readonly parameterSets: ParameterSets = new ParameterSets(() => {
    const { database, user } = this;
    events.customNamesForgotten.publish({ database, user, limit: mostNames });
  });
  /** What the newest connection reported at login. */
  #reported: ReadonlyMap<string, string> | null = null;
  /** The notices of its login, or null: clients that log in get them too. */
  loginNotices: LoginNotices | null = null;
  /**
   * Increases when the database has reported a value that no session is known to have set: other clients may need a
   * ParameterStatus.
   */
  reportVersion = 0;
  readonly storedCode = new StoredCode();
  /** What PostgreSQL would decide when a client logs in. */
  readonly logins = new LoginWatch(this);
  /** Its shared leases. */
  readonly interleaver: Interleaver = new Interleaver(this);
  /** Applications that have used currval() or lastval(). */
  readonly sequenceReaders = new ApplicationNames();
  /** Sessions that keep a connection only until another session needs it. */
  readonly lingering = new Set<Lingerer>();
  /** The sessions of this pool, with or without a lease. */
  sessions = 0;
  /** Connections opened beside the pool by `openAside`, or being opened. */
  aside = 0;
  limits: PoolLimits;
  /** Increases when the existing connections must not be leased again (new password). */
  loginGeneration = 0;

  /** The number of pinned sessions. */
  #pinned = 0;
  readonly #target: PoolTarget;
  readonly #all = new Set<ServerConnection>();
  readonly #idle = new IdleConnections();
  readonly #waiting = new Set<Borrower>();
  #opening = 0;
  readonly #backOff = new BackOff();
  #closing = false;
  /** Queries the start values of connections from before the last change of login-time settings. */
  #startValueQuery: StartValueQuery | null = null;
  /** Its connections were closed for a statement, and no session has borrowed since. */
  #staysEmpty = false;

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

  /** Connections that are open or being opened. */
  get size(): number {
    return this.#all.size + this.#opening;
  }

  get idleCount(): number {
    return this.#idle.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Whether another borrower would get a connection, or a new one would be opened. */
  get hasCapacity(): boolean {
    return this.#idle.size > 0 || this.#shared < this.limit;
  }

  get openingCount(): number {
    return this.#opening;
  }

  /** All open connections, leased or idle. */
  get connections(): ReadonlySet<ServerConnection> {
    return this.#all;
  }

  /** The current maximum number of connections of this pool. */
  get limit(): number {
    const { size } = this.limits;
    return size > 0 ? Math.min(size, this.#target.allowed) : this.#target.allowed;
  }

  get loginChanges(): LoginChanges {
    return this.#target.loginChanges;
  }

  /** Nothing is leased at the moment. */
  get isPaused(): boolean {
    return this.#target.pauseReason !== null;
  }

  /** A statement needs its database or its user without connections. */
  get isVacated(): boolean {
    return this.#target.isVacated(this);
  }

  /** The clients with this pool's user, and with its database, in all pools. */
  get clients(): { readonly ofRole: number; readonly ofDatabase: number } {
    const counts = this.#target.countOf(this.user, this.database);
    return { ofRole: counts.clientsOfRole, ofDatabase: counts.clientsOfDatabase };
  }

  /** The server connections with this pool's user, and with its database, in all pools. */
  get ownConnections(): { readonly ofRole: number; readonly ofDatabase: number } {
    const counts = this.#target.countOf(this.user, this.database);
    return { ofRole: counts.connectionsOfRole, ofDatabase: counts.connectionsOfDatabase };
  }

  isLimitOfOthers(fields: ErrorFields): boolean {
    const limit = connectionLimitOf(fields);
    if (limit === null) return false;
    const { ofRole, ofDatabase } = this.ownConnections;
    return (limit === 'role' ? ofRole : ofDatabase) === 0;
  }

  queryServer(...[sql, done]: Parameters<PoolTarget['queryServer']>): boolean {
    return this.#target.queryServer(sql, done);
  }

  get initQuery(): string {
    return this.limits.initQuery;
  }

  /** When the first session in the borrow queue joined it, or null. */
  get waitingSince(): number | null {
    for (const borrower of this.#waiting) return borrower.waitingSince;
    return null;
  }

  /** Leases an idle connection immediately, or queues the borrower and returns null. */
  borrow(borrower: Borrower): ServerConnection | null {
    this.stats.borrows++;
    this.#staysEmpty = false;
    if (
      this.#waiting.size === 0 &&
      !memory.isShort &&
      this.#target.pauseReason === null &&
      borrower.needsNew !== true
    ) {
      const connection = this.#takeIdle(borrower);
      if (connection !== null) return connection;
    }
    this.#waiting.add(borrower);
    this.interleaver.giveWay();
    if (borrower.needsNew === true) this.#closeIdleForNew();
    else
      for (const session of this.lingering) {
        // In a separate turn: it may return its connection immediately, and a borrower that is still in `borrow` cannot
        // be granted anything.
        queueMicrotask(() => session.moveOn());
        break;
      }
    this.#grow();
    if (this.limits.borrowTimeout === 0) queueMicrotask(() => this.#expire(performance.now()));
    return null;
  }

  get interleaving(): Interleaving {
    return this.limits.interleaving;
  }

  borrowIdle(parameters: ParameterSet): ServerConnection | null {
    if (this.#waiting.size > 0 || memory.isShort || this.isPaused) return null;
    const connection = this.#takeIdle({ parameters });
    if (connection !== null) this.stats.borrows++;
    return connection;
  }

  shareWaiting(parameters: ParameterSet, isOpen: () => boolean): void {
    for (const borrower of [...this.#waiting]) {
      if (!isOpen()) return;
      if (borrower.wouldShare?.(parameters) !== true) continue;
      this.#waiting.delete(borrower);
      borrower.shareNow?.();
    }
  }

  /** Removes a borrower from the queue. */
  leave(borrower: Borrower): void {
    if (this.#waiting.delete(borrower)) this.stats.borrowsAborted++;
  }

  /**
   * Sets the connection's parameters to `set` before the borrower's next request. Returns whether that takes a
   * statement. If PostgreSQL refuses, its process exits before it runs what follows.
   */
  replay(connection: ServerConnection, set: ParameterSet): boolean {
    const before = connection.state.parameterSet;
    if (before === set) return false;
    const early = setsBeforeEncoding(before, set, connection.state.reported);
    const sql = replaySql(early ?? before, set);
    connection.state.parametersSet(set);
    if (sql === '') return false;
    this.stats.replays++;
    if (early !== null)
      connection.gather(
        replaySql(before, early),
        mustSucceed(connection, 'the database refused parameters of a session'),
      );
    connection.replay(sql);
    return true;
  }

  /**
   * A lease of this session begins on the connection (0: of no session): resets it before the first request if another
   * session may have left state there. Returns whether that takes a statement.
   */
  reset(connection: ServerConnection, session: number): boolean {
    const { unproven } = this.limits;
    const { storedCode } = this;
    const isLeft = connection.state.residue.begin(session, storedCode.edition, (endedAt) =>
      storedCode.isTrusted(endedAt),
    );
    if (!isLeft || unproven === 'trust') return false;
    this.stats.resets++;
    connection.state.reset();
    connection.state.residue.begin(session, storedCode.edition, () => true);
    connection.gather(resetSql(2 * Math.random() - 1), mustSucceed(connection, 'the reset failed'));
    if (this.limits.initQuery !== '')
      connection.gather(this.limits.initQuery, mustSucceed(connection, 'InitQuery failed'));
    return true;
  }

  /** A session with state on this connection has ended: removes the state now, locks above all. */
  forget(connection: ServerConnection | null, session: number): void {
    if (
      connection === null ||
      !connection.state.residue.isOf(session) ||
      !connection.state.residue.isUnproven
    )
      return;
    if (!connection.isIdle || !this.#idle.includes(connection)) return;
    this.#idle.delete(connection);
    connection.clean();
  }

  /**
   * A session is pinned. Its connection is no longer shared and does not count against the pool's limit; it still
   * counts against the target's budget.
   */
  pinBegan(): void {
    this.#pinned++;
    if (this.#waiting.size > 0) this.#grow();
  }

  pinEnded(): void {
    this.#pinned--;
  }

  /** Connections that count against the pool's own limit. */
  get #shared(): number {
    return this.size - this.#pinned;
  }

  /** Whether a session can keep a connection that it does not need at the moment. */
  canLinger(connection: ServerConnection): boolean {
    return (
      this.#waiting.size === 0 &&
      this.#target.pauseReason === null &&
      this.#reasonToClose(connection) === null
    );
  }

  startInternalQuery(connection: ServerConnection): boolean {
    const renewal = this.#startValueQuery;
    if (renewal !== null) {
      if (renewal.run(connection)) return true;
      // It may have started with the new values, and the sessions do not have their own yet.
      if (!renewal.knows(connection)) connection.retire(settingsChanged);
    }
    const { storedCode } = this;
    if (this.#reasonToClose(connection) !== null) return false;
    // Planned work waits until nothing runs.
    if (this.#target.pauseReason !== null) return false;
    if (this.logins.learn(connection)) return true;
    if (!storedCode.isDue) return false;
    // Sessions in the borrow queue come first, for a while.
    if (this.#waiting.size > 0 && !storedCode.isOverdue) return false;
    this.storedCode.read(connection, () => undefined);
    return true;
  }

  returned(connection: ServerConnection): void {
    this.#takenBack(connection);
    const why = this.#reasonToClose(connection);
    if (why !== null) {
      connection.close(why);
      return;
    }
    if (this.#target.pauseReason === null && connection.source.isBorrowable) {
      const borrower = this.#nextFor(connection);
      if (borrower !== undefined) {
        this.#waiting.delete(borrower);
        this.#leaseOut(connection);
        borrower.granted(connection);
        return;
      }
    }
    this.#idle.add(connection);
    if (this.#waiting.size === 0) return;
    this.#closeIdleForNew();
    this.#grow();
  }

  /**
   * The first borrower in the queue that can use the connection. A new connection goes first to a borrower that needs a
   * new one.
   */
  #nextFor(connection: ServerConnection): Borrower | undefined {
    let next: Borrower | undefined;
    for (const borrower of this.#waiting) {
      if (borrower.needsNew !== true) next ??= borrower;
      else if (!connection.state.isUsed) return borrower;
      // Few borrowers wait for a new connection, so the rest need not be checked.
      if (next !== undefined && connection.state.isUsed) return next;
    }
    return next;
  }

  /** A session waits for a new connection, and there is no room for one: an idle one is closed. */
  #closeIdleForNew(): void {
    if (this.#shared < this.limit || this.#opening > 0 || this.#target.pauseReason !== null) return;
    for (const { needsNew } of this.#waiting) {
      if (needsNew !== true) continue;
      this.#idle.oldest?.close('a session needs a new connection');
      return;
    }
  }

  failureSignal(connection: ServerConnection, what: string): void {
    const { source } = connection;
    if (connection.generation === source.generation) source.failureSignal(what);
  }

  /** The target can be leased again: serves the queue, without the delay for earlier failures. */
  resume(): void {
    this.#backOff.succeeded();
    for (const borrower of this.#waiting) {
      if (this.#target.pauseReason !== null) return;
      if (borrower.needsNew === true) continue;
      const connection = this.#takeIdle(borrower);
      if (connection === null) break;
      this.#waiting.delete(borrower);
      borrower.granted(connection);
    }
    this.#grow();
  }

  /** Closes the idle connections to this source, and the others at the end of their transactions. */
  retireConnections(source: ConnectionSource, why: string): void {
    for (const connection of [...this.#all]) {
      if (connection.source !== source) continue;
      if (this.#idle.includes(connection)) connection.close(why);
      else connection.retire(why);
    }
  }

  /** Closes the connections to this source, leased or not; sessions learn the consequences. */
  endConnections(source: ConnectionSource, why: string): void {
    for (const connection of [...this.#all])
      if (connection.source === source) connection.destroy(why);
  }

  /** True if a connection is leased, or runs an internal query. */
  isLeased(source?: ConnectionSource): boolean {
    if (source === undefined) return this.#idle.size < this.#all.size;
    for (const connection of this.#all)
      if (connection.source === source && !this.#idle.includes(connection)) return true;
    return false;
  }

  closed(connection: ServerConnection, error: ProxyError): void {
    if (!this.#all.delete(connection)) return;
    this.#idle.delete(connection);
    connection.state.statements.clear();
    this.stats.connectionsClosed++;
    if (error.code === 'OUT_OF_SYNC') this.stats.outOfSync++;
    const { source } = connection;
    this.#takenBack(connection);
    source.connectionEvent(this, connection, 'closed', error.message);
    source.release();
  }

  /** A new connection starts with other values than the last: new and existing clients get a ParameterStatus. */
  #compareReports(reported: ReadonlyMap<string, string>): void {
    const last = this.#reported;
    this.#reported = new Map(reported);
    if (last === null) return;
    for (const [name, value] of reported)
      if (name !== 'in_hot_standby' && last.get(name) !== value) {
        this.#forgetGreetings();
        return;
      }
  }

  #forgetGreetings(): void {
    this.reportVersion++;
    this.parameterSets.forgetGreetings();
  }

  parameterChanged(): void {
    // A stored greeting would give new clients outdated values. The other pools ask the server whether it has reloaded
    // its configuration, when the next client logs in.
    this.#forgetGreetings();
    this.loginChanges.version++;
  }

  /** Opens connections for the queue and the minimum, within the limits. */
  grow(): void {
    this.logins.resume();
    this.#grow();
  }

  /** Called at every tick of the coarse clock. */
  tick(): void {
    this.#startValueQuery?.tick();
    for (const session of this.lingering) {
      const { connection } = session;
      if (
        connection === null ||
        !this.canLinger(connection) ||
        clock.now - session.since > longestLingering
      )
        session.moveOn();
    }
    this.#expire(performance.now());
    this.#grow();
    this.#prune();
  }

  /** Closes an idle connection to this source so that another pool can open one. False if there is none. */
  evictIdle(source: ConnectionSource): boolean {
    if (this.#all.size <= this.limits.minimum) return false;
    const oldest = this.#idle.oldestOf(source);
    oldest?.close('another pool needs the connection slot');
    return oldest !== undefined;
  }

  /**
   * Closes up to `most` connections that no session has leased, for a statement that they block, and opens none for the
   * minimum until a session borrows again. `closing` gets the end of each. Returns the number of connections.
   */
  closeIdle(most: number, closing: (closed: Promise<void>) => void): number {
    const why = 'a statement needs the database or the role without connections';
    if (this.sessions === 0) this.#staysEmpty = true;
    let closed = 0;
    for (const connection of [...this.#all]) {
      if (closed >= most) break;
      if (connection.leaseOwner !== null) continue;
      closed++;
      closing(connection.ended);
      if (this.#idle.includes(connection)) connection.close(why);
      else connection.retire(why);
    }
    return closed;
  }

  /**
   * Removes an idle connection from the pool, for a use other than a lease; the caller must close it. Null if none is
   * idle.
   */
  takeIdle(): ServerConnection | null {
    const connection = this.#idle.oldest;
    if (connection === undefined) return null;
    this.#idle.delete(connection);
    return connection;
  }

  /** When the longest idle connection to this source was returned, or null if none is idle. */
  idleSince(source: ConnectionSource): number | null {
    return this.#idle.oldestOf(source)?.since ?? null;
  }

  /**
   * Opens a connection that is in no pool but counts against the budget; closes an idle one for it if necessary. Null
   * if there is no room; otherwise a function that returns the slot.
   */
  openAside(done: Aside, evenVacated = false): (() => void) | null {
    if (this.#closing || (!evenVacated && this.isVacated)) return null;
    let source = this.#target.reserve(this);
    if (source === null && this.#closeIdleOfAnother()) source = this.#target.reserve(this);
    const reserved = source;
    if (reserved === null) return null;
    this.aside++;
    reserved.connect(this, (failure, login) => done(failure, login, reserved));
    return () => {
      this.aside--;
      reserved.release();
    };
  }

  /** Why nothing is leased at the moment, or null. */
  get pauseReason(): string | null {
    return this.#target.pauseReason;
  }

  /** Whether a connection still leads to a target of this pool, with the current password. */
  isCurrent({ source, generation, loginGeneration }: ServerConnection): boolean {
    return (
      loginGeneration === this.loginGeneration &&
      generation === source.generation &&
      this.#target.serves(source)
    );
  }

  /** Closes every connection now, and refuses all waiting borrowers. */
  close(error: ErrorFields): void {
    this.#closing = true;
    for (const borrower of [...this.#waiting]) {
      this.#waiting.delete(borrower);
      borrower.borrowFailed(error);
    }
    for (const connection of [...this.#all]) connection.close('the proxy is stopping');
  }

  /** Closes idle connections and retires leased ones; the next borrowers get new connections. */
  recycle(why: string): void {
    this.loginGeneration++;
    this.#idle.close(why);
  }

  /** The server has reloaded its configuration: stored greetings may be outdated. */
  configurationRead(): void {
    this.#forgetGreetings();
  }

  /**
   * From now on, connections start with other values of these parameters: new clients get new connections. Existing
   * sessions keep their start values: the pool queries the old connections for them, and takes those that these do not
   * report from `set`.
   */
  renew(
    names: readonly string[],
    set: ReadonlyMap<string, string>,
    until: number,
    newcomers: number,
    done: () => void,
  ): void {
    const queryServer: PoolTarget['queryServer'] = (sql, done) => this.queryServer(sql, done);
    const query = new StartValueQuery(names, set, until, queryServer, (values) => {
      if (this.#startValueQuery === query) this.#startValueQuery = null;
      this.recycle(settingsChanged);
      this.#forgetGreetings();
      if (values.size > 0)
        for (const watcher of this.#target.watchers) watcher.startChanged(this, values);
      done();
      this.#grow();
    });
    this.#startValueQuery = query;
    const knowing = [...this.#all].filter((connection) => query.knows(connection));
    const idle = knowing.find((connection) => this.#idle.includes(connection));
    if (names.length === 0 || this.sessions <= newcomers) query.forgo();
    else if (knowing.length === 0) query.giveUp();
    else if (idle !== undefined) {
      this.#idle.delete(idle);
      query.run(idle);
    } else
      for (const session of this.lingering)
        if (session.connection !== null && query.knows(session.connection)) {
          session.moveOn();
          break;
        }
  }

  /** The role or the database was replaced by another one with the same name: the old sessions and connections end. */
  replaced(error: ProxyError): void {
    this.recycle(error.message);
    this.#forgetGreetings();
    for (const watcher of this.#target.watchers) watcher.poolReplaced(this, error);
    this.#grow();
  }

  /** Closes the longest idle connection. */
  #closeIdleOfAnother(): boolean {
    const { oldest } = this.#idle;
    return oldest !== undefined && this.evictIdle(oldest.source);
  }

  #takeIdle(borrower: Suited): ServerConnection | null {
    const connection = this.#idle.take(borrower, this.#target.isBalanced);
    if (connection !== null) this.#leaseOut(connection);
    return connection;
  }

  #leaseOut(connection: ServerConnection): void {
    connection.isLeased = true;
    connection.source.leases++;
  }

  #takenBack(connection: ServerConnection): void {
    if (!connection.isLeased) return;
    connection.isLeased = false;
    connection.source.leases--;
  }

  #reasonToClose(connection: ServerConnection): string | null {
    if (this.#closing) return 'the proxy is stopping';
    if (connection.retireReason !== null) return connection.retireReason;
    if (connection.loginGeneration !== this.loginGeneration) return 'its credentials have changed';
    if (this.#all.size - this.#pinned > this.limit) return 'the limit of the pool was lowered';
    if (connection.expiresAt <= clock.now) return 'it has reached ConnectionLifetime';
    if (connection.source.yieldsTo(this)) return 'another pool needs the connection slot';
    return null;
  }

  #grow(): void {
    const backOff = this.#backOff;
    if (
      this.#closing ||
      backOff.pauses(this.#waiting.size > 0) ||
      this.#target.pauseReason !== null
    )
      return;
    // Until existing sessions have their start values, a new connection could not be leased.
    if (this.isVacated || this.#startValueQuery !== null) return;
    const minimum = this.#staysEmpty || backOff.pauses(false) ? 0 : this.limits.minimum;
    while (
      (this.#waiting.size > this.#opening || this.size < minimum) &&
      this.#shared < this.limit
    ) {
      const source = this.#target.reserve(this);
      if (source === null) break;
      this.#open(source);
      // After a failure, one attempt at a time checks whether the database is back.
      if (this.#backOff.isFailing) break;
    }
  }

  #open(source: ConnectionSource): void {
    this.#opening++;
    const started = performance.now();
    const { loginGeneration } = this;
    const { generation } = source;
    source.connect(this, (failure, login) => {
      this.#opening--;
      const isWanted =
        source.generation === generation && this.#target.serves(source) && !this.isVacated;
      if (login === null || !isWanted) {
        source.release();
        login?.socket.destroy();
        if (isWanted && failure !== null) this.#openFailed(source, failure, started);
        else this.#grow();
        return;
      }
      this.stats.connectTime.observe(performance.now() - started);
      this.stats.connectionsOpened++;
      this.#backOff.succeeded();
      const connection = new ServerConnection(login, this, this.limits.statements, source);
      connection.loginGeneration = loginGeneration;
      connection.expiresAt = this.#expiry();
      this.#all.add(connection);
      source.connectionEvent(this, connection, 'opened', '');
      if (loginGeneration === this.loginGeneration)
        this.loginNotices = login.notices.isEmpty ? null : login.notices;
      this.#compareReports(login.parameters);
      this.#initialise(connection);
    });
  }

  #initialise(connection: ServerConnection): void {
    const { initQuery } = this.limits;
    if (initQuery === '') {
      connection.settle();
      return;
    }
    connection.run(
      initQuery,
      new InternalQuery((answer) => {
        if (answer.error === null) return;
        connection.retire(`InitQuery failed: ${answer.error.message ?? ''}`);
        this.#openFailed(connection.source, { fields: answer.error, final: true }, Infinity);
      }),
    );
  }

  /** `started`: when the attempt began, in milliseconds of `performance.now()`. */
  #openFailed(source: ConnectionSource, failure: ConnectFailure, started: number): void {
    this.stats.connectionsFailed++;
    this.#backOff.failed(failure, this.limits);
    source.connectFailed(this, failure);
    if (this.#target.pauseReason !== null) return;
    if (!failure.final && !this.isLimitOfOthers(failure.fields)) return;
    // The remaining connections serve the queue, if they can be leased again.
    for (const { loginGeneration, retireReason } of this.#all)
      if (loginGeneration === this.loginGeneration && retireReason === null) return;
    for (const borrower of [...this.#waiting]) {
      // An error from before the borrower's request may be outdated.
      if (borrower.waitingSince > started) continue;
      this.#waiting.delete(borrower);
      this.stats.borrowsAborted++;
      borrower.borrowFailed(failure.fields);
    }
    this.#backOff.skipPause();
    if (this.#waiting.size > 0) this.#grow();
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
      const { pauseReason } = this.#target;
      const { failure } = this.#backOff;
      const detail =
        pauseReason ??
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

/** An internal query before the requests of a session, which must not run if it fails. */
function mustSucceed(connection: ServerConnection, what: string): InternalQuery {
  return new InternalQuery((answer) => {
    if (answer.error !== null) connection.closeOutOfSync(`${what}: ${answer.error.message ?? ''}`);
  });
}
