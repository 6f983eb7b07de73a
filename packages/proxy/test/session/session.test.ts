import assert from 'node:assert/strict';
import {
  BackendCode,
  FrontendCode,
  buildBind,
  buildExecute,
  buildMessage,
  buildParameterStatus,
  buildParse,
  buildQuery,
  syncMessage,
  terminateMessage,
} from '@sluice/wire';
import { ProxyError } from '../../src/errors.ts';
import type { Interleaving } from '../../src/interleaving/interleaver.ts';
import { memory } from '../../src/io/memory.ts';
import { Listeners } from '../../src/listen-notify/listeners.ts';
import { Pool } from '../../src/pool/pool.ts';
import type { PoolTarget } from '../../src/pool/pool-target.ts';
import { Session } from '../../src/session/session.ts';
import type { SessionKeeper } from '../../src/session/session.ts';
import { limitsExceeded } from '../../src/session/session-limits.ts';
import type { SessionLimit, SessionLimits } from '../../src/session/session-limits.ts';
import { SessionState } from '../../src/session/session-state.ts';
import { fingerprintSql } from '../../src/stored-code/stored-code-sql.ts';
import { loadParser } from '../../src/sql/index.ts';
import { MemorySocket, ScriptedSource, repliesIn } from '../scripted-server.ts';
import type { ScriptedServer } from '../scripted-server.ts';
import { test } from 'node:test';

await loadParser();

/** Lets later turns of the event loop run. */
function laterTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** The proxy's own statements, by their contents. */
const own = /pg_catalog|pg_proc|DISCARD|exit_on_error|sluice look/;

/** A pool of connections to scripted servers, and its sessions. */
class World {
  readonly source = new ScriptedSource();
  readonly pool: Pool;
  readonly ended: string[] = [];
  readonly pins: string[] = [];
  pauseReason: string | null = null;
  /** No limits, except these. */
  limits: Partial<SessionLimits> = {};
  #sessions = 0;

  constructor(size = 1, interleaving: Interleaving = 'off') {
    const { source } = this;
    const world = (): World => this;
    const target: PoolTarget = {
      allowed: 10,
      allowedIdle: 10,
      idle: 0,
      get pauseReason() {
        return world().pauseReason;
      },
      isBalanced: false,
      loginChanges: { version: 0, triggers: 0, reloadedAt: 0 },
      queryServer: () => false,
      countOf: () => ({
        clientsOfRole: 1,
        clientsOfDatabase: 1,
        connectionsOfRole: 1,
        connectionsOfDatabase: 1,
      }),
      isVacated: () => false,
      watchers: new Set(),
      reserve: () => source,
      serves: () => true,
    };
    this.pool = new Pool({ database: 'd', user: 'u', startupOnly: new Map() }, target, {
      size,
      minimum: 0,
      borrowTimeout: 10_000,
      lifetime: 0,
      lifetimeJitterPercent: 0,
      idleTimeout: 0,
      statements: 100,
      unproven: 'trust',
      interleaving,
      initQuery: '',
      retryMin: 100,
      retryMax: 1000,
    });
    source.onRelease = () => this.pool.grow();
  }

  /** Answers only the proxy's own requests. */
  async turn(): Promise<void> {
    for (let round = 0; round < 20; round++) {
      for (const server of this.source.servers) server.answerWhile((request) => own.test(request));
      await laterTurn();
    }
  }

  client(parameters: readonly (readonly [string, string])[] = []): Client {
    return new Client(this, ++this.#sessions, parameters);
  }

  /** Lingering sessions end their leases. */
  moveOn(): void {
    for (const lingerer of this.pool.lingering) lingerer.moveOn();
  }

  /** The server of the newest connection. */
  get server(): ScriptedServer {
    const server = this.source.servers.at(-1);
    assert(server !== undefined, 'nobody has connected');
    return server;
  }
}

class Client {
  readonly socket = new MemorySocket();
  readonly session: Session;

  constructor(world: World, id: number, parameters: readonly (readonly [string, string])[]) {
    const keeper: SessionKeeper = {
      pinNotice: false,
      longestBuffered: 100_000,
      sessionLimits: {
        MaxPreparedStatements: Infinity,
        MaxSessionParameters: Infinity,
        MaxListenChannels: Infinity,
        MaxPortals: Infinity,
        MaxSessionMemory: Infinity,
        MaxUnreadBytes: Infinity,
        MaxPendingReplies: Infinity,
        ...world.limits,
      },
      listeners: new Listeners(),
      pinned: (_, reason) => void world.pins.push(reason),
      unpinned: (_, reason) => void world.pins.push(`not ${reason}`),
      pinEnded: () => undefined,
      clientOf: () => null,
      vacate: () => {
        throw new Error('nothing is vacated here');
      },
      foundHiddenState: () => undefined,
      ended: (_, reason) => void world.ended.push(reason),
      cancelOn: () => assert.fail('nothing runs on a shared lease'),
    };
    this.session = new Session({
      id,
      socket: this.socket,
      tls: false,
      clientUser: 'u',
      pool: world.pool,
      parameters: world.pool.parameterSets.acquire(parameters),
      cancelKey: { processId: 5_000_000 + id, secret: 0 },
      keeper,
    });
  }

  send(...bytes: readonly Buffer[]): void {
    this.session.onData(Buffer.concat(bytes));
  }

  replies(): string[] {
    return repliesIn(this.socket.written());
  }
}

/** The client's requests, without the proxy's. */
function requests(server: ScriptedServer): string[] {
  server.read();
  const all = server.received.filter((request) => !own.test(request));
  server.received.length = 0;
  return all;
}

/** Answers everything, including the proxy's own statements, until there are no more requests. */
async function settle(server: ScriptedServer): Promise<void> {
  for (let round = 0; round < 20; round++) {
    server.answer();
    await laterTurn();
  }
}

const select = buildQuery('SELECT 1');
const begin = buildQuery('BEGIN');
const commit = buildQuery('COMMIT');

test('a session is idle until it sends a request', async () => {
  const world = new World();
  const { session } = world.client();
  await world.turn();
  assert.equal(session.state, SessionState.Idle);
  assert(!session.busy);
  assert.equal(world.source.servers.length, 0);
});

test('it waits for a connection, is served, and is busy in the meantime', async () => {
  const world = new World();
  const client = world.client();
  client.send(select);
  assert(client.session.busy);
  await world.turn();
  assert.deepEqual(requests(world.server), ['Q SELECT 1']);
  assert.equal(client.session.state, SessionState.Active);
  assert(client.session.awaitsReplies);
  assert(client.session.busy);
  await settle(world.server);
  assert.deepEqual(client.replies(), ['C SELECT', 'ZI']);
  assert(!client.session.busy);
  assert(!client.session.awaitsReplies);
});

test('one connection serves two sessions in turn', async () => {
  const world = new World(1);
  const first = world.client();
  const second = world.client();
  first.send(select);
  second.send(buildQuery('SELECT 2'));
  await world.turn();
  assert.equal(second.session.state, SessionState.Waiting);
  await settle(world.server);
  assert.deepEqual(first.replies(), ['C SELECT', 'ZI']);
  assert.deepEqual(second.replies(), ['C SELECT', 'ZI']);
  assert.equal(world.source.servers.length, 1);
});

test('a transaction keeps its connection', async () => {
  const world = new World(1);
  const first = world.client();
  const second = world.client();
  first.send(begin);
  await world.turn();
  await settle(world.server);
  second.send(select);
  await settle(world.server);
  assert.equal(second.session.state, SessionState.Waiting);
  assert(first.session.inTransaction && first.session.busy);
  first.send(commit);
  await settle(world.server);
  assert.deepEqual(second.replies(), ['C SELECT', 'ZI']);
  assert.deepEqual(first.replies(), ['C BEGIN', 'ZT', 'C COMMIT', 'ZI']);
});

test('cycles are counted, and timed', async () => {
  const world = new World();
  const client = world.client();
  client.send(begin, select, commit);
  await world.turn();
  await settle(world.server);
  assert.equal(world.pool.stats.cycles, 3);
  assert.equal(world.pool.stats.queryTime.count, 3);
  assert.deepEqual(client.replies(), ['C BEGIN', 'ZT', 'C SELECT', 'ZT', 'C COMMIT', 'ZI']);
});

test('Terminate ends the session', async () => {
  const world = new World();
  const client = world.client();
  client.send(select);
  await world.turn();
  await settle(world.server);
  client.send(terminateMessage);
  assert.equal(client.session.state, SessionState.Closed);
  assert.deepEqual(world.ended, ['the client sent Terminate']);
  assert(client.socket.destroyed);
});

test('a session that is ended reports the reason once', () => {
  const world = new World();
  const client = world.client();
  client.session.terminate(new ProxyError('SHUTTING_DOWN'));
  client.session.terminate(new ProxyError('SHUTTING_DOWN'));
  assert.equal(client.replies().length, 1);
  assert.equal(world.ended.length, 1);
  client.send(select);
  assert.equal(client.session.state, SessionState.Closed);
});

test('a request in the borrow queue can be canceled', async () => {
  const world = new World();
  world.pauseReason = 'paused';
  const client = world.client();
  client.send(select);
  await world.turn();
  assert.equal(world.pool.waitingCount, 1);
  client.session.cancelWaiting(new ProxyError('QUERY_CANCELED'));
  assert.equal(world.pool.waitingCount, 0);
  assert.deepEqual(client.replies(), ['E 57014', 'ZI']);
  assert.equal(client.session.state, SessionState.Idle);
});

test('a session that ends leaves the borrow queue', () => {
  const world = new World();
  world.pauseReason = 'paused';
  const client = world.client();
  client.send(select);
  assert.equal(world.pool.waitingCount, 1);
  client.session.onClose();
  assert.equal(world.pool.waitingCount, 0);
});

test('its transaction is rolled back when the client disconnects', async () => {
  const world = new World();
  const client = world.client();
  client.send(begin);
  await world.turn();
  await settle(world.server);
  requests(world.server);
  client.session.onClose();
  assert.deepEqual(requests(world.server), ['Q ROLLBACK']);
});

test('a session whose requests are blocked does not borrow until they are unblocked', async () => {
  const world = new World();
  const client = world.client();
  client.session.blockRequests();
  client.session.blockRequests();
  client.send(select);
  await world.turn();
  assert.equal(world.source.servers.length, 0);
  client.session.unblockRequests();
  await world.turn();
  assert.equal(world.source.servers.length, 0);
  client.session.unblockRequests();
  await world.turn();
  assert.deepEqual(requests(world.server), ['Q SELECT 1']);
});

test('the client is not read while it does not read its replies', async () => {
  const world = new World();
  const client = world.client();
  client.socket.resume();
  client.send(select);
  await world.turn();
  client.socket.isFull = true;
  world.server.answer();
  assert(client.socket.isPaused());
  client.socket.isFull = false;
  client.session.onDrain();
  assert(!client.socket.isPaused());
});

test('a client that does not read its replies runs nothing on shared leases, which keep replies', async () => {
  const world = new World(1, 'always');
  const client = world.client();
  client.socket.resume();
  client.send(select);
  await world.turn();
  await settle(world.server);
  const { stats } = world.pool;
  client.socket.isFull = true;
  const before = stats.cyclesShared;
  client.send(select, select, select);
  await settle(world.server);
  assert.equal(stats.cyclesShared, before + 1);
  client.socket.drain();
  client.send(select);
  await settle(world.server);
  const answered = repliesIn(client.socket.written()).filter((reply) => reply === 'ZI');
  assert.equal(answered.length, 5);
});

test('a temporary table pins, and a session that ends pinned has its connection reset or closed', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildQuery('CREATE TEMPORARY TABLE a ()'));
  await world.turn();
  await settle(world.server);
  assert.equal(world.pins.length, 1);
  assert.notEqual(client.session.pin, null);
  assert.notEqual(client.session.connection, null);
  requests(world.server);
  client.session.onClose();
  assert(world.server.read().some((request) => request.includes('DISCARD ALL')));
});

test('a read is retried on another connection after the loss of its own, once the reason is known', async () => {
  const world = new World();
  const client = world.client();
  client.send(select);
  await world.turn();
  const lost = world.server;
  requests(lost);
  lost.vanish();
  await world.turn();
  assert.equal(client.session.state, SessionState.Waiting);
  assert.equal(world.source.checks.length, 1);
  world.source.generation++;
  for (const checked of world.source.checks) checked();
  await world.turn();
  assert.notEqual(world.server, lost);
  assert.deepEqual(requests(world.server), ['Q SELECT 1']);
  await settle(world.server);
  assert.deepEqual(client.replies(), ['C SELECT', 'ZI']);
  assert.equal(world.pool.stats.cyclesSentAgain, 1);
});

test('a read that may have crashed its server process is not retried', async () => {
  const world = new World();
  const client = world.client();
  client.send(select);
  await world.turn();
  world.server.vanish();
  await world.turn();
  for (const checked of world.source.checks) checked();
  await world.turn();
  assert.equal(world.source.servers.length, 1);
  assert.equal(client.replies().at(-1), 'ZI');
  assert.equal(client.session.state, SessionState.Idle);
});

test('a write is reported as lost, and the session continues', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildQuery('INSERT INTO a VALUES (1)'));
  await world.turn();
  world.server.vanish();
  await world.turn();
  const [error, ready] = client.replies();
  assert.match(error ?? '', /^E /);
  assert.equal(ready, 'ZI');
  client.send(select);
  await world.turn();
  assert.deepEqual(requests(world.server), ['Q SELECT 1']);
});

test('a lost transaction fails until the client ends it', async () => {
  const world = new World();
  const client = world.client();
  client.send(begin);
  await world.turn();
  await settle(world.server);
  client.replies();
  world.server.vanish();
  await world.turn();
  assert.deepEqual(client.replies(), []);
  client.send(select);
  assert.deepEqual(client.replies(), ['E 40001', 'ZE']);
  client.send(buildQuery('ROLLBACK'));
  assert.deepEqual(client.replies(), ['C ROLLBACK', 'ZI']);
  client.send(select);
  await world.turn();
  assert.deepEqual(requests(world.server), ['Q SELECT 1']);
});

test('a cycle that a server refuses during its shutdown is retried elsewhere', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildQuery('INSERT INTO a VALUES (1)'));
  await world.turn();
  const refusing = world.server;
  requests(refusing);
  world.source.generation++;
  const error = { severity: 'ERROR', sqlstate: '25006', message: 'read-only' };
  refusing.errors.set('INSERT INTO a VALUES (1)', error);
  refusing.answer();
  await world.turn();
  assert.notEqual(world.server, refusing);
  assert.deepEqual(requests(world.server), ['Q INSERT INTO a VALUES (1)']);
  await settle(world.server);
  assert.deepEqual(client.replies(), ['C INSERT', 'ZI']);
});

test('a pinned session ends with the loss of its connection', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildQuery('SELECT pg_advisory_lock(1)'));
  await world.turn();
  await settle(world.server);
  assert.notEqual(client.session.pin, null);
  client.replies();
  world.server.vanish();
  assert.equal(client.session.state, SessionState.Closed);
  assert.equal(client.replies().length, 1);
});

test('two statements of a pipeline are both reported as lost', async () => {
  const world = new World();
  const client = world.client();
  client.send(select, select);
  await world.turn();
  world.server.vanish();
  await world.turn();
  assert.deepEqual(
    client.replies().map(([code]) => code),
    ['E', 'Z', 'E', 'Z'],
  );
  assert.equal(world.source.servers.length, 1);
});

test('a session pipelines at most 256 cycles, also in a transaction', async () => {
  for (const first of [[], [begin]]) {
    const world = new World(2);
    const client = world.client();
    client.send(...first, ...Array.from({ length: 1000 }, () => select));
    for (let round = 0; round < 20; round++) await world.turn();
    let sent = requests(world.server).length;
    assert.equal(sent, 256);
    for (let round = 0; round < 20; round++) {
      await settle(world.server);
      sent += requests(world.server).length;
      assert((client.session.connection?.pending.length ?? 0) <= 256);
    }
    assert.equal(sent, 1000 + first.length);
  }
});

test('a session sends no more while MaxPendingReplies are pending, also in a cycle', async () => {
  const step = Buffer.concat([buildBind('', ''), buildExecute('')]);
  const many = (message: Buffer): Buffer[] => Array.from({ length: 300 }, () => message);
  for (const messages of [many(select), [buildParse('', 'SELECT 1'), ...many(step), syncMessage]]) {
    const world = new World(2);
    world.limits = { MaxPendingReplies: 100 };
    const client = world.client();
    client.send(...messages);
    let most = 0;
    for (let round = 0; round < 40; round++) {
      await world.turn();
      most = Math.max(most, client.session.connection?.pending.length ?? 0);
      await settle(world.server);
    }
    assert(most >= 100 && most < 110, `${most} replies were pending`);
    assert.equal(client.session.connection, null);
  }
});

test('an open cycle is dropped up to its Sync when its connection is lost', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildParse('', 'INSERT INTO a VALUES (1)'), buildBind('', ''), buildExecute(''));
  await world.turn();
  world.server.vanish();
  await world.turn();
  assert.deepEqual(
    client.replies().map(([code]) => code),
    ['E'],
  );
  client.send(buildExecute(''), syncMessage);
  assert.deepEqual(client.replies(), ['ZI']);
});

test('a parameter that the database reports is forwarded to the client', async () => {
  const world = new World();
  const client = world.client();
  client.send(begin);
  await world.turn();
  await settle(world.server);
  client.replies();
  client.send(buildQuery('SET LOCAL DateStyle = German'));
  world.server.socket.feed(buildParameterStatus('DateStyle', 'German'));
  world.server.answer();
  assert.deepEqual(client.replies(), ['S', 'C SET', 'ZT']);
});

test('a session gets its previous connection, although another one is newer', async () => {
  const world = new World(2);
  const first = world.client();
  const second = world.client();
  first.send(buildQuery('SELECT 11'));
  second.send(buildQuery('SELECT 12'));
  await world.turn();
  assert.equal(world.source.servers.length, 2);
  const servers = world.source.servers.map((server) => ({ server, had: requests(server) }));
  const its = servers.find(({ had }) => had.includes('Q SELECT 11'))?.server;
  assert(its !== undefined);
  for (const client of [first, second, second, first, second, first]) {
    for (const { server } of servers) await settle(server);
    world.moveOn();
    requests(its);
    client.send(buildQuery('SELECT 13'));
    await world.turn();
    assert.equal(requests(its).includes('Q SELECT 13'), client === first);
  }
});

test('a session gets a connection that already has its parameters', async () => {
  const world = new World(2);
  const german = world.client([['datestyle', 'German']]);
  const other = world.client();
  german.send(begin);
  other.send(begin);
  await world.turn();
  const its = world.source.servers.find(({ received }) =>
    received.some((text) => text.includes('German')),
  );
  assert(its !== undefined);
  german.send(commit);
  await settle(its);
  other.send(commit);
  for (const server of world.source.servers) await settle(server);
  world.moveOn();
  for (const server of world.source.servers) await settle(server);
  // The other connection is used once more, so that it is the newest idle one.
  other.send(select);
  for (const server of world.source.servers) await settle(server);
  world.moveOn();
  for (const server of world.source.servers) await settle(server);
  assert(!its.socket.destroyed);
  requests(its);
  const third = world.client([['datestyle', 'German']]);
  third.send(select);
  await world.turn();
  assert.deepEqual(requests(its), ['Q SELECT 1']);
});

test('a read may be retried after another loss was reported', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildQuery('INSERT INTO a VALUES (1)'));
  await world.turn();
  world.server.vanish();
  await world.turn();
  client.replies();
  client.send(select);
  await world.turn();
  const lost = world.server;
  lost.vanish();
  world.source.generation++;
  for (const checked of world.source.checks) checked();
  await world.turn();
  assert.notEqual(world.server, lost);
  assert.deepEqual(client.replies(), []);
});

test('a read is not retried if part of its reply was forwarded', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildParse('', 'SELECT 1'), buildBind('', ''), buildExecute(''), syncMessage);
  await world.turn();
  world.server.answer(1);
  assert.deepEqual(client.replies(), ['1']);
  world.server.vanish();
  await world.turn();
  assert.deepEqual(
    client.replies().map(([code]) => code),
    ['E', 'Z'],
  );
  assert.equal(world.source.servers.length, 1);
});

test('the rest of a long statement is dropped when its connection is lost', async () => {
  const world = new World();
  const client = world.client();
  const long = buildQuery(`INSERT INTO a VALUES ('${'x'.repeat(200_000)}')`);
  client.send(begin);
  await world.turn();
  await settle(world.server);
  client.send(long.subarray(0, 150_000));
  client.replies();
  world.server.vanish();
  await world.turn();
  // The effects of the statement were not read back, so the session is pinned, and ends.
  assert.equal(client.session.state, SessionState.Closed);
});

test('the rest of COPY data is dropped when its connection is lost', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildQuery('COPY a FROM STDIN'));
  await world.turn();
  world.server.socket.feed(buildMessage(BackendCode.CopyInResponse, Buffer.alloc(3)));
  const data = buildMessage(FrontendCode.CopyData, Buffer.alloc(1000));
  client.send(data.subarray(0, 500));
  world.server.vanish();
  await world.turn();
  client.replies();
  client.send(data.subarray(500));
  client.send(select);
  await world.turn();
  assert.deepEqual(requests(world.server), ['Q SELECT 1']);
});

test('a client that keeps sending while it waits is not read', async () => {
  const world = new World();
  world.pauseReason = 'paused';
  const client = world.client();
  client.socket.resume();
  client.send(select);
  assert(!client.socket.isPaused());
  client.send(select);
  assert(client.socket.isPaused());
  world.pauseReason = null;
  world.pool.grow();
  await world.turn();
  assert(!client.socket.isPaused());
});

test('the unproven state of a session is removed when it disconnects', async () => {
  const world = new World();
  const client = world.client();
  client.send(begin);
  await world.turn();
  await settle(world.server);
  client.send(buildQuery('SELECT own_function()'));
  client.session.onClose();
  const asked: string[] = [];
  for (let round = 0; round < 3; round++) {
    world.server.answer();
    world.server.read();
    asked.push(...world.server.received);
  }
  assert(asked.includes('Q ROLLBACK'));
  assert(asked.includes('Q DISCARD ALL'), asked.join());
});

test('a pin ends when a probe finds no state', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildQuery('CREATE TEMPORARY TABLE a ()'));
  await world.turn();
  await settle(world.server);
  assert.equal(world.pins.length, 1);
  world.server.rowsOf = (sql) =>
    sql.includes('sluice look') ? [['sluice look', 'f', 'f', 'f', 'f', 'f']] : [];
  client.send(buildQuery('DROP TABLE a'));
  await settle(world.server);
  assert.equal(client.session.pin, null);
  assert.deepEqual(world.pins, [world.pins[0], `not ${world.pins[0] ?? ''}`]);
});

test('a pin stays when a probe still finds its state', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildQuery('CREATE TEMPORARY TABLE a ()'));
  await world.turn();
  await settle(world.server);
  world.server.rowsOf = (sql) =>
    sql.includes('sluice look') ? [['sluice look', 'f', 't', 'f', 'f', 'f']] : [];
  client.send(buildQuery('DROP TABLE b'));
  await settle(world.server);
  assert.notEqual(client.session.pin, null);
});

test('a session is busy during a probe', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildQuery('CREATE TEMPORARY TABLE a ()'));
  await world.turn();
  await settle(world.server);
  assert(!client.session.busy);
  client.send(buildQuery('DROP TABLE a'));
  world.server.answer(1);
  assert(!client.session.awaitsReplies);
  assert(client.session.busy);
  await settle(world.server);
  assert(!client.session.busy);
});

test('statements are analyzed with what is known if the database cannot be queried', async () => {
  const world = new World(1);
  const first = world.client();
  const second = world.client();
  first.send(select);
  await world.turn();
  await settle(world.server);
  // The code may have changed since, and the database must not be queried now.
  world.pool.storedCode.outdate();
  Object.defineProperty(world.pool.storedCode, 'canBeRead', { get: () => false });
  first.send(select);
  await settle(world.server);
  assert.notEqual(first.session.connection, null);
  second.send(buildQuery('SELECT 2'));
  await settle(world.server);
  assert.deepEqual(second.replies(), ['C SELECT', 'ZI']);
  assert.equal(first.session.connection, null);
});

test('no session waits long while another connection reads the catalog', async () => {
  const world = new World(1);
  const first = world.client();
  const second = world.client();
  first.send(select);
  await world.turn();
  await settle(world.server);
  world.pool.storedCode.outdate();
  // It never ends.
  Object.defineProperty(world.pool.storedCode, 'isBeingRead', { get: () => true });
  first.send(select);
  await settle(world.server);
  second.send(buildQuery('SELECT 2'));
  const deadline = performance.now() + 10_000;
  const replies: string[] = [];
  while (replies.length === 0 && performance.now() < deadline) {
    await settle(world.server);
    replies.push(...second.replies());
  }
  assert.deepEqual(replies, ['C SELECT', 'ZI']);
  assert.equal(first.session.connection, null);
});

test('no request of a client runs between the queries of a reading', async () => {
  const world = new World(1);
  const client = world.client();
  const other = world.client();
  client.send(select);
  await world.turn();
  await settle(world.server);
  const { storedCode } = world.pool;
  storedCode.outdate();
  // Another connection reads, and does not see what has changed since.
  let isBeingRead = true;
  Object.defineProperty(storedCode, 'isBeingRead', { get: () => isBeingRead });
  let ended = (): void => assert.fail('the session does not wait for the reading');
  storedCode.whenRead = (whenEnded) => {
    ended = whenEnded;
  };
  client.send(select);
  await settle(world.server);
  other.send(buildQuery('SELECT 2'));
  await settle(world.server);
  const { received } = world.server;
  received.length = 0;
  // The code has changed, so that a reading takes several queries.
  world.server.rowsOf = (text) =>
    text.includes(fingerprintSql) ? [['prelude'], ['changed', 'o']] : [];
  client.send(begin);
  isBeingRead = false;
  ended();
  await settle(world.server);
  assert(storedCode.isKnown);
  assert.deepEqual(client.replies().slice(-2), ['C BEGIN', 'ZT']);
  const isOwn = (request: string): boolean => own.test(request);
  assert(received.filter(isOwn).length > 1, 'several queries');
  assert.deepEqual(received.slice(received.indexOf('Q BEGIN')).filter(isOwn), []);
});

/** The session has been ended because of this limit. */
function assertExceeds(client: Client, world: World, setting: SessionLimit, before: number): void {
  assert.equal(client.replies().at(-1), 'E 54000', setting);
  assert.equal(client.session.state, SessionState.Closed);
  assert.equal(world.ended.length, 1);
  assert.equal(limitsExceeded[setting], before + 1);
}

const long = 'x'.repeat(1000);

for (const [title, setting, limit, parameters, within, beyond] of [
  [
    'prepared statements',
    'MaxPreparedStatements',
    2,
    [],
    [buildParse('a', 'SELECT 1'), buildParse('b', 'SELECT 2'), syncMessage],
    [buildParse('c', 'SELECT 3')],
  ],
  ['parameters', 'MaxSessionParameters', 1, ['app.a', 'app.b'], [], [select]],
  [
    'portals',
    'MaxPortals',
    2,
    [],
    [
      begin,
      buildQuery('PREPARE q AS SELECT 1'),
      buildParse('e', 'EXECUTE q'),
      ...['p1', 'p2'].map((portal) => buildBind(portal, 'e')),
      syncMessage,
    ],
    [buildBind('p3', 'e')],
  ],
  [
    'the length of statements',
    'MaxSessionMemory',
    3000,
    [],
    [buildParse('a', `SELECT '${long}'`), buildParse('b', `SELECT '${long}' b`), syncMessage],
    [buildParse('c', `SELECT '${long}' c`)],
  ],
  ['the length of parameters', 'MaxSessionMemory', 3000, [`app.${long.repeat(3)}`], [], [select]],
] as const)
  test(`limit: ${title}`, async () => {
    const world = new World();
    world.limits = { [setting]: limit };
    const client = world.client(parameters.map((name) => [name, '1']));
    const before = limitsExceeded[setting];
    if (within.length > 0) {
      client.send(...within);
      await world.turn();
      await settle(world.server);
      assert.equal(limitsExceeded[setting], before);
      assert.notEqual(client.session.state, SessionState.Closed);
    }
    client.send(...beyond);
    assertExceeds(client, world, setting, before);
  });

test('while memory is short, new work is refused, also on a kept connection; a transaction continues', async (t) => {
  const world = new World(2);
  const idle = world.client();
  const pinned = world.client();
  const inside = world.client();
  t.after(() => (memory.limit = Number.MAX_SAFE_INTEGER));
  pinned.send(buildQuery('CREATE TEMP TABLE t (a int)'));
  await world.turn();
  await settle(world.server);
  inside.send(begin);
  for (let round = 0; round < 3; round++) {
    await world.turn();
    for (const server of world.source.servers) await settle(server);
  }
  assert.equal(pinned.replies().at(-1), 'ZI');
  assert.deepEqual(inside.replies(), ['C BEGIN', 'ZT']);
  const { refused } = memory;
  memory.limit = 1;
  idle.send(select);
  pinned.send(select);
  inside.send(select);
  await world.turn();
  for (const server of world.source.servers) await settle(server);
  assert.deepEqual(idle.replies(), ['E 53200', 'ZI']);
  assert.deepEqual(pinned.replies(), ['E 53200', 'ZI']);
  assert.deepEqual(inside.replies(), ['C SELECT', 'ZT']);
  assert.equal(memory.refused, refused + 2);
  memory.limit = Number.MAX_SAFE_INTEGER;
  idle.send(select);
  inside.send(commit);
  await world.turn();
  for (const server of world.source.servers) await settle(server);
  assert.deepEqual(idle.replies(), ['C SELECT', 'ZI']);
});

test('a session pipelines at most 32 cycles, and none while others wait', async () => {
  const world = new World(1);
  const first = world.client();
  first.send(...Array.from({ length: 100 }, () => select));
  await world.turn();
  assert.equal(requests(world.server).length, 32);
  await settle(world.server);
  assert.equal(first.replies().length, 200);
  requests(world.server);
  const second = world.client();
  first.send(select);
  await world.turn();
  second.send(buildQuery('SELECT 2'));
  assert.equal(world.pool.waitingCount, 1);
  first.send(...Array.from({ length: 5 }, () => buildQuery('SELECT 3')));
  await world.turn();
  assert.deepEqual(requests(world.server), ['Q SELECT 1']);
  world.server.answer();
  await world.turn();
  // It has waited longer.
  assert.deepEqual(requests(world.server), ['Q SELECT 2']);
  await settle(world.server);
  assert.equal(first.replies().length, 12);
});

for (const [what, code, length] of [
  ['an unknown code', 'z', 4],
  ['a length below that of the length itself', 'Q', 3],
  ['a length above that of any message', 'Q', 0x40000000],
  ['a long message without user data', 'E', 10_001],
] as const)
  test(`a message with ${what} ends the session`, () => {
    const world = new World();
    const client = world.client();
    const head = Buffer.from(`${code}\0\0\0\0`);
    head.writeUInt32BE(length, 1);
    client.send(head);
    assert.deepEqual(client.replies(), ['E 08P01']);
    assert.equal(client.session.state, SessionState.Closed);
  });

test('many small messages in one chunk are processed in several turns', async () => {
  const world = new World();
  const client = world.client();
  client.send(buildParse('a', 'SELECT 1'), syncMessage);
  await world.turn();
  await settle(world.server);
  client.replies();
  const count = 100_000;
  const sent = Buffer.alloc(count * syncMessage.length, syncMessage);
  client.session.onData(sent);
  let answered = client.replies().length;
  assert(answered < count, 'all were answered at once');
  for (let turns = 0; answered < count && turns < 10_000; turns++) {
    await laterTurn();
    for (const server of world.source.servers) server.answer();
    answered += client.replies().length;
  }
  assert.equal(answered, count);
});
