import assert from 'node:assert/strict';
import type { ErrorFields } from '@sluice/wire';
import type {
  ConnectFailure,
  ConnectionSource,
  SourcePool,
} from '../../src/backend/connection-source.ts';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import type { ParameterSet } from '../../src/parameters/parameter-set.ts';
import { Pool } from '../../src/pool/pool.ts';
import type { Borrower, PoolLimits, PoolTarget, PoolWatcher } from '../../src/pool/pool-target.ts';
import { ScriptedSource } from '../scripted-server.ts';
import type { ScriptedServer } from '../scripted-server.ts';
import { ScriptedOwner } from '../session/scripted-owner.ts';

/** A target that accepts, refuses or delays connections, as the test decides. */
export class PoolSource extends ScriptedSource {
  override readonly name: string;
  /** Why all connections are refused; null: they are accepted. */
  failure: ConnectFailure | null = null;
  /** Attempts wait until `connectHeld`. */
  holds = false;
  yields = false;
  /** Reports of new connections, in addition to the usual ones. */
  reports: readonly (readonly [string, string])[] = [];
  /** Called with the server of each new connection. */
  onServer: (server: ScriptedServer) => void = () => undefined;
  released = 0;
  attempts = 0;
  readonly failures: ConnectFailure[] = [];
  /** Opened and closed connections, with the reason. */
  readonly news: string[] = [];
  #held: (() => void)[] = [];

  constructor(name = 'scripted') {
    super();
    this.name = name;
  }

  override release(): void {
    this.released++;
    super.release();
  }
  override yieldsTo(): boolean {
    return this.yields;
  }
  override connect(...[pool, done]: Parameters<ConnectionSource['connect']>): void {
    this.attempts++;
    const { reports } = this;
    const attempt = (): void => {
      const { failure } = this;
      if (failure !== null) queueMicrotask(() => done(failure, null));
      else
        super.connect(pool, (_, login) => {
          const server = this.servers.at(-1);
          if (server !== undefined) this.onServer(server);
          for (const [name, value] of reports) login?.parameters.set(name, value);
          // Each server process has its own ID.
          done(null, login === null ? null : { ...login, processId: this.servers.length });
        });
    };
    if (this.holds) this.#held.push(attempt);
    else attempt();
  }
  connectHeld(): void {
    for (const attempt of this.#held.splice(0)) attempt();
  }
  override connectionEvent(...[, , event, why]: readonly unknown[]): void {
    this.news.push(`${String(event)} ${String(why)}`.trim());
  }
  override connectFailed(_pool: SourcePool, failure: ConnectFailure): void {
    this.failures.push(failure);
  }
}

class Target implements PoolTarget {
  allowed = 10;
  allowedIdle = 10;
  idle = 0;
  pauseReason: string | null = null;
  isBalanced = false;
  isVacatedNow = false;
  /** Sources whose connections must not be leased any longer. */
  readonly left = new Set<ConnectionSource>();
  readonly loginChanges = { version: 0, triggers: 0, reloadedAt: 0 };
  readonly watchers = new Set<PoolWatcher>();
  /** The source of the next connection; null: no slot is free. */
  next: ConnectionSource | null;
  /** Queries that were sent to the server beside the pool. */
  readonly questions: string[] = [];

  constructor(source: ConnectionSource) {
    this.next = source;
  }

  /** The answer of the server beside the pool; null: it was lost; undefined: there is no connection to it. */
  answer: (readonly (string | null)[])[] | null | undefined = undefined;

  queryServer(...[sql, done]: Parameters<PoolTarget['queryServer']>): boolean {
    const { answer } = this;
    this.questions.push(sql);
    if (answer === undefined) return false;
    queueMicrotask(() => done(answer));
    return true;
  }
  /** The server connections of all pools together; null: a number for each name. */
  connections: { readonly ofRole: number; readonly ofDatabase: number } | null = null;

  countOf(user: string, database: string): ReturnType<PoolTarget['countOf']> {
    return {
      clientsOfRole: user.length,
      clientsOfDatabase: database.length,
      connectionsOfRole: this.connections?.ofRole ?? user.length + 10,
      connectionsOfDatabase: this.connections?.ofDatabase ?? database.length + 10,
    };
  }
  isVacated(): boolean {
    return this.isVacatedNow;
  }
  reserve(): ConnectionSource | null {
    return this.next;
  }
  serves(source: ConnectionSource): boolean {
    return !this.left.has(source);
  }
}

/** The parts of a session that a pool needs: it keeps its lease until `endLease`. */
export class PoolClient implements Borrower {
  readonly owner = new ScriptedOwner();
  readonly parameters: ParameterSet;
  waitingSince = performance.now();
  needsNew = false;
  lastConnection: ServerConnection | null = null;
  failure: ErrorFields | null = null;
  readonly #pool: Pool;

  constructor(pool: Pool, parameters: ParameterSet) {
    this.#pool = pool;
    this.parameters = parameters;
  }

  get connection(): ServerConnection | null {
    return this.owner.connection;
  }

  /** Its connection. */
  get leased(): ServerConnection {
    const { connection } = this;
    assert(connection !== null, 'no connection was granted');
    return connection;
  }

  borrow(): this {
    this.waitingSince = performance.now();
    const connection = this.#pool.borrow(this);
    if (connection !== null) this.granted(connection);
    return this;
  }

  granted(connection: ServerConnection): void {
    this.owner.keepsLease = true;
    this.owner.lease(connection);
    connection.state.used();
  }

  borrowFailed(error: ErrorFields): void {
    this.failure = error;
  }

  endLease(): void {
    this.owner.keepsLease = false;
    this.leased.settle();
  }
}

/** A pool of connections to scripted servers. */
export class PoolBench {
  readonly source = new PoolSource();
  readonly target = new Target(this.source);
  readonly pool: Pool;
  readonly #sources: PoolSource[] = [this.source];

  constructor(limits: Partial<PoolLimits> = {}) {
    this.pool = new Pool({ database: 'shop', user: 'ann', startupOnly: new Map() }, this.target, {
      size: 0,
      minimum: 0,
      borrowTimeout: 10_000,
      lifetime: 0,
      lifetimeJitterPercent: 0,
      idleTimeout: 1000,
      statements: 100,
      unproven: 'reset',
      interleaving: 'off',
      initQuery: '',
      retryMin: 100,
      retryMax: 1000,
      ...limits,
    });
  }

  /** Changes limits, as a reload does. */
  limit(limits: Partial<PoolLimits>): void {
    this.pool.limits = { ...this.pool.limits, ...limits };
  }

  /** Adds a target, which the next connections use. */
  addSource(name: string): PoolSource {
    const source = new PoolSource(name);
    this.#sources.push(source);
    this.target.next = source;
    return source;
  }

  client(parameters: readonly (readonly [string, string])[] = []): PoolClient {
    return new PoolClient(this.pool, this.pool.parameterSets.acquire(parameters));
  }

  /** Servers of all connections, the newest of each source last. */
  get servers(): ScriptedServer[] {
    return this.#sources.flatMap(({ servers }) => servers);
  }

  /** Answers all requests, until there are no more. */
  async turn(): Promise<void> {
    // More requests may follow an answer in a later turn.
    for (let quiet = 0, rounds = 0; quiet < 3; quiet++, rounds++) {
      assert(rounds < 500, 'there is no end of requests');
      for (const server of this.servers) if (server.answer()) quiet = 0;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /** A client with a lease. */
  async leased(parameters: readonly (readonly [string, string])[] = []): Promise<PoolClient> {
    const client = this.client(parameters).borrow();
    await this.turn();
    assert(client.connection !== null, 'no connection was granted');
    return client;
  }

  /** This number of idle connections; the first has been idle longest. */
  async idle(count: number): Promise<ServerConnection[]> {
    const clients: PoolClient[] = [];
    for (let made = 0; made < count; made++) clients.push(await this.leased());
    const connections = clients.map(({ leased }) => leased);
    for (const client of clients) {
      client.endLease();
      await this.turn();
    }
    return connections;
  }
}
