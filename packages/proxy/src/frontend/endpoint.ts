import { buildBackendKeyData, buildErrorResponse, readyForQueryIdle } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { network } from '../io/network.ts';
import { closeTimeout, closeWithin } from '../io/close-within.ts';
import { ignoring, QuietHandler } from '../io/quiet-handler.ts';
import type { Listener, SocketAddress, Transport } from '../io/transport.ts';
import { listenOnFile } from '../io/unix-socket.ts';
import { ProxyError } from '../errors.ts';
import { Listeners } from '../listen-notify/listeners.ts';
import { clock } from '../io/clock.ts';
import { memory } from '../io/memory.ts';
import { CancelKeys, secretBytes } from '../session/cancel-keys.ts';
import { Greeting } from '../session/greeting.ts';
import type { PinReason } from '../pinning/pin-reason.ts';
import type { SessionLimits } from '../session/session-limits.ts';
import { SessionState } from '../session/session-state.ts';
import { Session } from '../session/session.ts';
import type { SessionKeeper } from '../session/session.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import type { PinOwner, Touches } from '../pinning/session-pin.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { SendCancel } from '../backend/cancel-queue.ts';
import type { LoginResult } from '../backend/login-result.ts';
import type { Pool } from '../pool/pool.ts';
import type { PoolWatcher } from '../pool/pool-target.ts';
import type { ConnectFailure } from '../backend/connection-source.ts';
import type { RolePools, TargetRole } from '../targets/role-pools.ts';
import type { Target } from '../targets/target.ts';
import type { Vacancy, Vacated } from '../targets/vacancy.ts';
import { EndpointStats } from '../telemetry/endpoint-stats.ts';
import { events } from '../telemetry/events.ts';
import { ClientCounts } from './client-counts.ts';
import { descriptors } from './descriptors.ts';
import { doorway } from './doorway.ts';
import { ClientHandshake } from './handshake.ts';
import type { ClientLogin, HandshakeOptions } from './handshake.ts';
import { ReplicationLink } from './replication-link.ts';
import { splitStartup } from './startup-parameters.ts';

/** The limits of an endpoint for its clients; they change on reload. Times in milliseconds; 0: no limit. */
export interface EndpointLimits {
  readonly clients: number;
  readonly clientsPerUser: number;
  readonly clientsPerDatabase: number;
  readonly loginTimeout: number;
  readonly idleTimeout: number;
  readonly idleInTransactionTimeout: number;
  readonly queryTimeout: number;
  readonly longestBuffered: number;
  /** Sends clients a notice when their sessions are pinned and unpinned. */
  readonly pinNotice: boolean;
  readonly session: SessionLimits;
}

/** Opens a server connection outside any pool, with further startup parameters. */
export type ConnectWith = (
  target: Target,
  pool: Pool,
  startup: ReadonlyMap<string, string>,
  done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
) => void;

/** See `TargetGroup.vacate`. */
export type Vacate = (
  wants: readonly Vacated[],
  pool: Pool,
  ready: () => void,
) => { readonly vacancy: Vacancy; readonly release: () => void };

const nothing = Buffer.alloc(0);

/** Waits until a client is admitted, or has disconnected. */
class Waiting extends QuietHandler {
  readonly #disconnected: () => void;

  constructor(disconnected: () => void) {
    super();
    this.#disconnected = disconnected;
  }

  override onClose(): void {
    this.#disconnected();
  }
}

/** A client that is logging in. */
interface Arrival {
  readonly id: number;
  /** In milliseconds of `performance.now()`. */
  readonly since: number;
  /** The client is authenticated and waits for the database, for at most ConnectionBorrowTimeout. */
  admitted: boolean;
  /** Ends the login; the client gets the error if it can receive one. */
  abort: (error: ProxyError) => void;
}

/**
 * At the maximum number of clients, the time that a client has to log in before another can replace it, in
 * milliseconds.
 */
const loginGrace = 1000;

/**
 * The minimum number of connections that are accepted beyond the maximum number of clients: for errors and cancel
 * requests.
 */
const leastExtra = 16;

let nextClientId = 1;

/** Accepts client connections at one address, logs the clients in, and owns their sessions. */
export class Endpoint implements SessionKeeper, PoolWatcher {
  readonly name: string;
  readonly role: TargetRole;
  readonly stats = new EndpointStats();
  readonly listeners = new Listeners();
  limits: EndpointLimits;

  readonly #pools: RolePools;
  readonly #handshake: () => HandshakeOptions;
  readonly #sendCancel: SendCancel;
  readonly #connect: ConnectWith;
  readonly vacate: Vacate;
  readonly #keys: CancelKeys<Session | ReplicationLink>;
  readonly #links = new Set<ReplicationLink>();
  readonly #counts = new ClientCounts();
  readonly #arrivals = new Set<Arrival>();
  readonly #sessions = new Set<Session>();
  readonly #listeners: Listener[] = [];
  #removeFile: () => void = () => undefined;
  #draining = false;
  #emptied: (() => void) | null = null;

  constructor(options: {
    readonly name: string;
    /** The pools that serve it; their role is the endpoint's. */
    readonly pools: RolePools;
    readonly limits: EndpointLimits;
    /** The options for logins according to the current settings. */
    readonly handshake: () => HandshakeOptions;
    readonly cancel: SendCancel;
    readonly connect: ConnectWith;
    readonly vacate: Vacate;
    /** The keys of all endpoints: a client can cancel or terminate a client of another endpoint. */
    readonly keys: CancelKeys<Session | ReplicationLink>;
  }) {
    this.name = options.name;
    this.role = options.pools.role;
    this.#pools = options.pools;
    this.#pools.watchers.add(this);
    this.limits = options.limits;
    this.#handshake = options.handshake;
    this.#sendCancel = options.cancel;
    this.#connect = options.connect;
    this.vacate = options.vacate;
    this.#keys = options.keys;
  }

  get pinNotice(): boolean {
    return this.limits.pinNotice;
  }

  get sessionLimits(): SessionLimits {
    return this.limits.session;
  }

  get longestBuffered(): number {
    return this.limits.longestBuffered;
  }

  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /** Clients that have not logged in yet. */
  get arriving(): number {
    return this.#arrivals.size;
  }

  /** Starts to listen; resolves to the address. Port 0 chooses a free port. */
  async listen(host: string, port: number): Promise<Pick<Listener, 'address' | 'port'>> {
    return this.#listenAt({ host, port });
  }

  /** Starts to listen on a Unix socket. */
  async listenOnFile(file: string, mode: number): Promise<void> {
    this.#removeFile = await listenOnFile(file, mode, (made) => this.#listenAt({ file: made }));
  }

  async #listenAt(socketAddress: SocketAddress): Promise<Listener> {
    const isLocal = 'file' in socketAddress;
    const listener = await network.listen(socketAddress, {
      accepted: (socket) => this.#accept(socket, isLocal),
      failed: ({ message }) => events.acceptFailed.publish({ endpoint: this.name, message }),
    });
    this.#listeners.push(listener);
    return listener;
  }

  /** Stops accepting clients. */
  #close(): void {
    this.#removeFile();
    for (const listener of this.#listeners) listener.close();
  }

  /** Accepts no new clients, and ends sessions at the end of their transactions. Resolves when all have ended. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#close();
    const shutdown = new ProxyError('SHUTTING_DOWN');
    for (const arrival of [...this.#arrivals]) arrival.abort(shutdown);
    const gone = new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
    this.tick();
    for (const link of [...this.#links]) link.end();
    if (this.#sessions.size > 0) await gone;
  }

  /** Ends every client connection now. */
  stop(): void {
    this.#draining = true;
    this.#close();
    const shutdown = new ProxyError('SHUTTING_DOWN');
    for (const arrival of [...this.#arrivals]) arrival.abort(shutdown);
    for (const session of [...this.#sessions]) session.terminate(shutdown);
    this.listeners.stop();
    for (const link of [...this.#links]) link.end();
  }

  /** Called at every tick of the coarse clock: the time limits of all sessions. */
  tick(): void {
    const { now } = clock;
    this.listeners.tick();
    const { loginTimeout } = this.limits;
    if (loginTimeout > 0) {
      for (const arrival of this.#arrivals) {
        // In order of arrival.
        if (now - arrival.since < loginTimeout) break;
        if (!arrival.admitted)
          arrival.abort(new ProxyError('LOGIN_TIMEOUT', { seconds: loginTimeout / 1000 }));
      }
    }
    for (const session of this.#sessions) {
      try {
        this.#tickOf(session, now);
      } catch (error) {
        session.broken(error);
      }
    }
  }

  /** The time limits of one session. */
  #tickOf(session: Session, now: number): void {
    const { idleTimeout, idleInTransactionTimeout, queryTimeout } = this.limits;
    if (this.#draining && !session.busy) {
      session.terminate(new ProxyError('SHUTTING_DOWN'));
      return;
    }
    if (session.pin !== null && session.pool.waitingCount > 0) session.probeAgain();
    const elapsed = now - session.since;
    if (session.state === SessionState.Idle) {
      if (idleTimeout > 0 && elapsed >= idleTimeout)
        session.terminate(new ProxyError('IDLE_CLIENT_TIMEOUT', { seconds: idleTimeout / 1000 }));
    } else if (session.state === SessionState.Active || session.state === SessionState.Shared) {
      if (session.awaitsReplies) {
        if (queryTimeout > 0 && elapsed >= queryTimeout) {
          this.#cancel(session);
          session.terminate(new ProxyError('QUERY_TIMEOUT', { seconds: queryTimeout / 1000 }));
        }
      } else if (session.inTransaction) {
        if (idleInTransactionTimeout > 0 && elapsed >= idleInTransactionTimeout)
          session.terminate(
            new ProxyError('IDLE_IN_TRANSACTION_TIMEOUT', {
              seconds: idleInTransactionTimeout / 1000,
            }),
          );
      } else if (idleTimeout > 0 && elapsed >= idleTimeout)
        session.terminate(new ProxyError('IDLE_CLIENT_TIMEOUT', { seconds: idleTimeout / 1000 }));
    }
  }

  pinned(session: PinOwner, reason: PinReason, statement: string, touches: Touches): void {
    this.stats.pins.pinned(reason, statement);
    if (events.sessionPinned.hasSubscribers) {
      events.sessionPinned.publish({
        client: session.id,
        connection: session.connection?.id,
        reason,
        statement,
        application: session.applicationName,
        touches,
      });
    }
  }

  unpinned(session: PinOwner, reason: PinReason, milliseconds: number): void {
    this.stats.pins.ended(reason, milliseconds);
    if (events.sessionUnpinned.hasSubscribers)
      events.sessionUnpinned.publish({
        client: session.id,
        connection: session.connection?.id,
        reason,
        seconds: Math.round(milliseconds) / 1000,
      });
  }

  pinEnded(reason: PinReason, milliseconds: number): void {
    this.stats.pins.ended(reason, milliseconds);
  }

  foundHiddenState(session: PinOwner, what: string, statements: readonly string[] | null): void {
    this.stats.pins.hidden++;
    if (statements !== null && events.hiddenStateFound.hasSubscribers)
      events.hiddenStateFound.publish({
        client: session.id,
        what,
        statements,
        application: session.applicationName,
      });
  }

  ended(session: Session, reason: string): void {
    if (!this.#sessions.delete(session)) return;
    this.#keys.delete(session.cancelKey);
    this.#counts.remove(session.clientUser, session.pool.database);
    session.pool.sessions--;
    this.stats.closed++;
    if (events.clientClosed.hasSubscribers)
      events.clientClosed.publish({ client: session.id, reason });
    this.#checkEmpty();
  }

  clientOf(processId: number): Session | number | null {
    const client = this.#keys.owner(processId);
    if (client instanceof ReplicationLink) return client.databaseKey.processId;
    return client ?? null;
  }

  startChanged(pool: Pool, values: ReadonlyMap<string, string>): void {
    for (const session of this.#sessions) if (session.pool === pool) session.keepStart(values);
  }

  poolReplaced(pool: Pool, error: ProxyError): void {
    for (const session of [...this.#sessions]) if (session.pool === pool) session.terminate(error);
  }

  /** The database was dropped, with the sessions in it. */
  databaseDropped(database: string): void {
    const error = new ProxyError('TERMINATED');
    for (const session of [...this.#sessions])
      if (session.pool.database === database) session.terminate(error);
  }

  #accept(socket: Transport, isLocal: boolean): void {
    this.stats.received++;
    const id = nextClientId++;
    const isTaken = descriptors.take();
    if (!isTaken || !this.#hasCapacity()) {
      if (isTaken) descriptors.give();
      this.stats.failed++;
      socket.destroy();
      return;
    }
    socket.whenClosed = descriptors.give;
    if (events.clientConnected.hasSubscribers) {
      events.clientConnected.publish({
        client: id,
        endpoint: this.name,
        address: isLocal ? '[local]' : socket.remoteAddress,
        port: socket.remotePort,
      });
    }
    const handshake = new ClientHandshake(socket, isLocal, this.#handshake(), {
      loggedIn: (login) => this.#admit(arrival, login),
      cancel: (processId, secret) => {
        this.#arrivals.delete(arrival);
        this.#cancelFor(processId, secret);
      },
      full: () => this.#full(),
      failed: (error, detail) => {
        this.#arrivals.delete(arrival);
        this.stats.failed++;
        if (error !== null && events.clientLoginFailed.hasSubscribers)
          events.clientLoginFailed.publish({
            client: id,
            sqlstate: error.sqlstate,
            message: error.message,
            ...detail,
          });
      },
    });
    const arrival: Arrival = {
      id,
      since: performance.now(),
      admitted: false,
      abort: (error) => handshake.abort(error),
    };
    this.#arrivals.add(arrival);
    doorway.enter(socket);
  }

  /** The number of client connections, from accept to close. */
  get #connections(): number {
    return this.#arrivals.size + this.#sessions.size + this.#links.size;
  }

  /**
   * Why further clients are refused, or null. Those that have not logged in give way to others, so they do not count.
   */
  #full(): ProxyError | null {
    const short = memory.refusal();
    if (short !== null) return short;
    const limit = this.limits.clients;
    return limit > 0 && this.#counts.all >= limit
      ? new ProxyError('TOO_MANY_CLIENTS', { setting: 'MaxClientConnections', limit })
      : null;
  }

  /**
   * Whether another connection is accepted. There can be some more connections than clients: each gets the error that
   * there are too many, or has a cancel request. Among those that do not log in, the oldest is closed first: it has had
   * more time than a login takes.
   */
  #hasCapacity(): boolean {
    const { clients } = this.limits;
    if (clients === 0 || this.#connections < clients) return true;
    const [eldest] = this.#arrivals;
    if (eldest !== undefined && !eldest.admitted && performance.now() - eldest.since > loginGrace)
      eldest.abort(
        new ProxyError('TOO_MANY_CLIENTS', { setting: 'MaxClientConnections', limit: clients }),
      );
    return this.#connections < clients + Math.max(leastExtra, clients / 8);
  }

  #cancelFor(processId: number, secret: Buffer): void {
    const session = this.#keys.find(processId, secret);
    this.stats.cancels++;
    if (events.cancelRequested.hasSubscribers)
      events.cancelRequested.publish({ client: session?.id ?? null });
    if (session instanceof ReplicationLink) session.cancel(this.#sendCancel);
    else if (session !== undefined) this.#cancel(session);
  }

  /**
   * Cancels the current request of the session: removes it from the borrow queue, or sends a cancel request to the
   * database for the connection that it leases, once its own request is running. The connection is not leased again
   * while the cancel is pending.
   */
  #cancel(session: Session): void {
    const { connection } = session;
    if (connection === null) {
      session.cancelWaiting(new ProxyError('QUERY_CANCELED'));
      return;
    }
    if (connection.pending.length === 0) return;
    if (connection.runsOwn) {
      // For example a reset before the client's request: if canceled, it would close the connection.
      connection.onOwnAnswered = () => this.#cancel(session);
      return;
    }
    // One at a time: further cancels in the meantime count as one.
    if (connection.lease.isBeingCanceled) connection.lease.cancelAgain = true;
    else this.#deliverCancel(connection);
  }

  cancelOn(connection: ServerConnection): void {
    if (connection.pending.length === 0) return;
    if (connection.runsOwn) connection.onOwnAnswered = () => this.cancelOn(connection);
    else if (!connection.lease.isBeingCanceled) this.#deliverCancel(connection);
  }

  #deliverCancel(connection: ServerConnection): void {
    connection.lease.cancelAgain = false;
    connection.cancelSent();
    this.#sendCancel(connection, (delivered) => {
      // A cancel that may not have been delivered could still arrive, and hit a later statement.
      if (!delivered) connection.retire('could not send a cancel request');
      if (
        delivered &&
        connection.lease.cancelAgain &&
        !connection.closed &&
        connection.pending.length > 0
      )
        this.#deliverCancel(connection);
      connection.cancelPassed();
    });
  }

  /** A replication connection has a server connection of its own. */
  #replicate(arrival: Arrival, login: ClientLogin, refuse: (fields: ErrorFields) => void): void {
    const { socket } = login;
    const { tracked, startupOnly } = splitStartup(login.parameters);
    const pool = this.#pools.pool(login.database, login.databaseUser, startupOnly);
    const target = this.#pools.reserve(pool);
    if (target === null) {
      refuse(new ProxyError('NO_CONNECTION_LEFT', { allowed: this.#pools.allowed }).fields);
      return;
    }
    this.#counts.add(login.user, login.database);
    let gone = false;
    const disconnected = (): void => {
      gone = true;
      this.#arrivals.delete(arrival);
    };
    socket.handler = new Waiting(disconnected);
    const startup = new Map([...tracked, ['replication', login.replication ?? ''] as const]);
    this.#connect(target, pool, startup, (failure, database) => {
      socket.handler = ignoring;
      if (database === null || gone) {
        target.release();
        this.#counts.remove(login.user, login.database);
        database?.socket.destroy();
        if (!gone && failure !== null) refuse(failure.fields);
        return;
      }
      this.#arrivals.delete(arrival);
      this.stats.loggedIn++;
      const key = this.#keys.create(login.longCancelKey);
      const link = new ReplicationLink(arrival.id, socket, database, key, () => {
        this.#links.delete(link);
        this.#keys.delete(key);
        this.#counts.remove(login.user, login.database);
        target.release();
        this.stats.closed++;
        this.#checkEmpty();
      });
      this.#keys.set(key, link);
      this.#links.add(link);
      link.start(login.rest);
    });
  }

  #checkEmpty(): void {
    if (this.#sessions.size === 0 && this.#links.size === 0) this.#emptied?.();
  }

  /** The client is authenticated: finds its pool, gets the greeting, and starts the session. */
  #admit(arrival: Arrival, login: ClientLogin): void {
    const { socket } = login;
    arrival.admitted = true;
    const refuse = (fields: ErrorFields): void => {
      this.#arrivals.delete(arrival);
      this.stats.failed++;
      if (events.clientLoginFailed.hasSubscribers)
        events.clientLoginFailed.publish({
          client: arrival.id,
          sqlstate: fields.sqlstate,
          message: fields.message,
        });
      socket.end(buildErrorResponse({ ...fields, severity: 'FATAL' }));
      closeWithin(socket, closeTimeout);
    };
    const sendFinalMessage = (): void => {
      if (login.finalMessage !== null) socket.write(login.finalMessage);
    };
    const full = this.#counts.full(login.user, login.database, this.limits);
    if (full !== null) {
      sendFinalMessage();
      refuse(full.fields);
      return;
    }
    if (login.replication !== null) {
      sendFinalMessage();
      this.#replicate(arrival, login, refuse);
      return;
    }
    const { tracked, startupOnly } = splitStartup(login.parameters);
    const pool = this.#pools.pool(login.database, login.databaseUser, startupOnly);
    const parameters = pool.parameterSets.acquireList(tracked);
    if (parameters.greeting === null) pool.parameterSets.greetLike(parameters);
    pool.sessions++;
    this.#counts.add(login.user, login.database);
    const release = (): void => {
      pool.parameterSets.release(parameters);
      pool.sessions--;
      this.#counts.remove(login.user, login.database);
    };
    const { verdict } = pool.logins;
    if (verdict === null && parameters.greeting !== null) {
      this.#start(arrival, login, pool, parameters, login.finalMessage);
      return;
    }
    sendFinalMessage();
    let greeting: Greeting | null = null;
    let isOver = false;
    const leave = (): void => {
      isOver = true;
      socket.handler = ignoring;
      greeting?.cancel();
    };
    const disconnected = (): void => {
      leave();
      this.#arrivals.delete(arrival);
      release();
    };
    const reject = (fields: ErrorFields): void => {
      leave();
      release();
      refuse(fields);
    };
    arrival.abort = (error) => reject(error.fields);
    socket.handler = new Waiting(disconnected);
    const onVerdict = (refusal: ErrorFields | null): void => {
      if (isOver) return;
      if (refusal !== null) reject(refusal);
      else if (parameters.greeting === null) {
        greeting = new Greeting(pool, parameters, greeted);
        greeting.start();
      } else greeted(null);
    };
    const greeted = (error: ErrorFields | null): void => {
      if (error === null) {
        leave();
        this.#start(arrival, login, pool, parameters, null);
      } else reject(error);
    };
    if (verdict === undefined) pool.logins.check(onVerdict);
    else onVerdict(verdict);
  }

  #start(
    arrival: Arrival,
    login: ClientLogin,
    pool: Session['pool'],
    requested: ParameterSet,
    finalMessage: Buffer | null,
  ): void {
    this.#arrivals.delete(arrival);
    const parameters = pool.parameterSets.exchange(requested);
    const { socket } = login;
    const cancelKey = this.#keys.create(login.longCancelKey);
    const session = new Session({
      id: arrival.id,
      socket,
      tls: login.tls,
      clientUser: login.user,
      pool,
      parameters,
      cancelKey,
      keeper: this,
    });
    this.#keys.set(cancelKey, session);
    this.#sessions.add(session);
    this.stats.loggedIn++;
    this.stats.loginTime.observe(performance.now() - arrival.since);
    if (events.clientLoggedIn.hasSubscribers) {
      events.clientLoggedIn.publish({
        client: session.id,
        user: login.user,
        database: login.database,
        application: session.applicationName,
        tls: login.tls,
      });
    }
    socket.handler = session;
    const { greeting, lateNotices } = parameters;
    if (greeting === null) {
      session.terminate(new ProxyError('SHUTTING_DOWN'));
      return;
    }
    socket.write(
      Buffer.concat([
        finalMessage ?? nothing,
        greeting,
        buildBackendKeyData(cancelKey.processId, secretBytes(cancelKey)),
        lateNotices ?? nothing,
        readyForQueryIdle,
      ]),
    );
    if (login.rest !== null) session.onData(login.rest);
    socket.resume();
  }
}
