import assert from 'node:assert/strict';
import { afterEach, suite, test } from 'node:test';
import { ProxyError } from '../../src/errors.ts';
import { clock } from '../../src/io/clock.ts';
import { memory } from '../../src/io/memory.ts';
import { AsideConnection } from '../../src/pool/aside-connection.ts';
import type { Lingerer, PoolWatcher } from '../../src/pool/pool-target.ts';
import { connectTo, ScriptedServer } from '../scripted-server.ts';
import { PoolBench } from './pool-bench.ts';
import type { PoolClient } from './pool-bench.ts';

const refused = {
  fields: { severity: 'FATAL', sqlstate: '28P01', message: 'password authentication failed' },
  final: true,
};
const unreachable = {
  fields: { severity: 'FATAL', sqlstate: '08006', message: 'connection refused' },
  final: false,
};

/** A lingering session, and how often it was asked to end its lease. */
function lingererOn(connection: Lingerer['connection']): Lingerer & { notified: number } {
  return {
    connection,
    since: clock.now,
    notified: 0,
    moveOn() {
      this.notified++;
    },
  };
}

/** The requests to a connection's server since the last call. */
function askedOn(bench: PoolBench, at = 0): string[] {
  const server = bench.servers[at];
  assert(server !== undefined);
  server.read();
  return server.received.splice(0);
}

suite('borrowing', () => {
  afterEach(() => {
    memory.limit = Number.MAX_SAFE_INTEGER;
  });

  test('the first client waits for a new connection', async () => {
    const bench = new PoolBench();
    const client = bench.client().borrow();
    const { pool, source } = bench;
    assert.equal(client.connection, null);
    assert.deepEqual(
      [pool.waitingCount, pool.openingCount, pool.size, pool.idleCount],
      [1, 1, 1, 0],
    );
    assert.equal(pool.waitingSince, client.waitingSince);
    await bench.turn();
    assert.equal(client.leased.source, source);
    assert.deepEqual(
      [pool.waitingCount, pool.openingCount, pool.size, pool.idleCount],
      [0, 0, 1, 0],
    );
    assert.equal(pool.waitingSince, null);
    assert.deepEqual([...pool.connections], [client.leased]);
    assert.equal(source.leases, 1);
    assert.deepEqual(source.news, ['opened']);
    assert.equal(pool.stats.borrows, 1);
    assert.equal(pool.stats.borrowsAborted, 0);
    assert.equal(pool.stats.connectionsOpened, 1);
    assert.equal(pool.stats.connectTime.count, 1);
  });

  test('an idle connection is leased immediately', async () => {
    const bench = new PoolBench();
    const [idle] = await bench.idle(1);
    assert.equal(bench.pool.idleCount, 1);
    assert.equal(bench.source.leases, 0);
    const client = bench.client().borrow();
    assert.equal(client.connection, idle);
    assert.equal(bench.pool.idleCount, 0);
    assert.equal(bench.source.leases, 1);
    assert.equal(bench.pool.size, 1);
  });

  test('waiting sessions are served first in, first out', async () => {
    const bench = new PoolBench({ size: 1 });
    const first = await bench.leased();
    const second = bench.client().borrow();
    const third = bench.client().borrow();
    first.endLease();
    await bench.turn();
    assert.ok(second.leased);
    assert.equal(third.connection, null);
    second.endLease();
    await bench.turn();
    assert.ok(third.leased);
    assert.equal(bench.source.attempts, 1);
    assert.equal(bench.source.leases, 1);
  });

  test('no session overtakes the queue', async () => {
    const bench = new PoolBench({ size: 1 });
    const first = await bench.leased();
    const second = bench.client().borrow();
    bench.target.pauseReason = 'there is no writer';
    first.endLease();
    await bench.turn();
    bench.target.pauseReason = null;
    assert.equal(bench.pool.idleCount, 1);
    assert.equal(bench.client().borrow().connection, null);
    bench.pool.resume();
    assert.ok(second.leased);
  });

  test('no connection is leased or opened during a pause, and its end serves waiting sessions', async () => {
    const bench = new PoolBench();
    await bench.idle(1);
    bench.target.pauseReason = 'there is no writer';
    assert.ok(bench.pool.isPaused);
    assert.equal(bench.pool.pauseReason, 'there is no writer');
    const clients = [bench.client().borrow(), bench.client().borrow()];
    bench.pool.resume();
    await bench.turn();
    assert.deepEqual(
      clients.map(({ connection }) => connection),
      [null, null],
    );
    assert.equal(bench.source.attempts, 1);
    bench.target.pauseReason = null;
    assert.ok(!bench.pool.isPaused);
    bench.pool.resume();
    assert.ok(clients[0]?.leased);
    assert.equal(bench.pool.waitingCount, 1);
    await bench.turn();
    assert.ok(clients[1]?.leased);
    assert.equal(bench.source.attempts, 2);
  });

  test('no connection is leased while memory is short', async () => {
    const bench = new PoolBench();
    await bench.idle(1);
    memory.limit = 1;
    assert.equal(bench.client().borrow().connection, null);
  });

  test('a connection of a drained target is not leased', async () => {
    const bench = new PoolBench();
    const [idle] = await bench.idle(1);
    bench.source.isBorrowable = false;
    const client = bench.client().borrow();
    assert.equal(client.connection, null);
    assert.equal(idle?.isIdle, true);
    await bench.turn();
    assert.equal(bench.pool.waitingCount, 1);
  });

  test('a session that leaves the queue is not served', async () => {
    const bench = new PoolBench();
    const client = bench.client().borrow();
    bench.pool.leave(client);
    assert.equal(bench.pool.stats.borrowsAborted, 1);
    await bench.turn();
    assert.equal(client.connection, null);
    assert.equal(bench.pool.idleCount, 1);
    bench.pool.leave(client);
    assert.equal(bench.pool.stats.borrowsAborted, 1);
  });

  test('one attempt for each waiting session, and no more', async () => {
    const bench = new PoolBench();
    bench.source.holds = true;
    bench.client().borrow();
    bench.client().borrow();
    bench.pool.tick();
    assert.equal(bench.pool.openingCount, 2);
    bench.source.connectHeld();
    await bench.turn();
    assert.equal(bench.source.attempts, 2);
  });

  test('the limit is the smaller of the pool’s and the target’s', () => {
    const bench = new PoolBench({ size: 3 });
    assert.equal(bench.pool.limit, 3);
    bench.target.allowed = 2;
    assert.equal(bench.pool.limit, 2);
    bench.limit({ size: 0 });
    assert.equal(bench.pool.limit, 2);
  });

  test('no more connections than the limit are opened', async () => {
    const bench = new PoolBench({ size: 2 });
    for (let count = 0; count < 4; count++) bench.client().borrow();
    await bench.turn();
    assert.equal(bench.pool.size, 2);
    assert.equal(bench.pool.waitingCount, 2);
  });

  test('no connection is opened for which the target has no slot', async () => {
    const bench = new PoolBench();
    bench.target.next = null;
    const client = bench.client().borrow();
    await bench.turn();
    assert.equal(client.connection, null);
    bench.target.next = bench.source;
    bench.pool.grow();
    await bench.turn();
    assert.ok(client.leased);
  });

  test('a new connection that the target no longer serves is dropped, and another one opened', async () => {
    const bench = new PoolBench();
    const { source: old } = bench;
    old.holds = true;
    const client = bench.client().borrow();
    bench.target.left.add(old);
    const source = bench.addSource('new');
    old.connectHeld();
    await bench.turn();
    assert.equal(client.leased.source, source);
    assert.equal(old.released, 1);
    assert.ok(old.servers[0]?.socket.destroyed);
    assert.equal(bench.pool.size, 1);
  });

  test('a new connection of an old generation is dropped', async () => {
    const bench = new PoolBench();
    bench.source.holds = true;
    const client = bench.client().borrow();
    bench.source.generation++;
    bench.source.holds = false;
    bench.source.connectHeld();
    await bench.turn();
    assert.equal(bench.source.attempts, 2);
    assert.equal(bench.source.released, 1);
    assert.equal(client.leased.generation, 1);
  });

  test('a failure of an unwanted target does not count', async () => {
    const bench = new PoolBench();
    bench.source.holds = true;
    bench.source.failure = refused;
    const client = bench.client().borrow();
    bench.target.left.add(bench.source);
    bench.addSource('new');
    bench.source.connectHeld();
    await bench.turn();
    assert.equal(bench.pool.stats.connectionsFailed, 0);
    assert.ok(client.leased);
  });

  test('a vacated pool opens no connection, and drops late ones', async () => {
    const bench = new PoolBench();
    bench.source.holds = true;
    const client = bench.client().borrow();
    bench.target.isVacatedNow = true;
    assert.ok(bench.pool.isVacated);
    bench.source.connectHeld();
    await bench.turn();
    assert.equal(client.connection, null);
    assert.equal(bench.pool.size, 0);
    assert.equal(bench.source.attempts, 1);
  });

  test('the wait ends with an error that gives the reason', async () => {
    const bench = new PoolBench({ size: 1, borrowTimeout: 1000 });
    await bench.leased();
    const early = bench.client().borrow();
    const late = bench.client().borrow();
    early.waitingSince -= 1500;
    bench.pool.tick();
    assert.equal(late.failure, null);
    assert.equal(bench.pool.waitingCount, 1);
    assert.equal(bench.pool.stats.borrowsAborted, 1);
    const error = new ProxyError('BORROW_TIMEOUT', {
      pool: 'shop/ann',
      size: 1,
      limit: 1,
      queue: 2,
      waited: 1500,
    }).fields;
    assert.equal(early.failure?.sqlstate, error.sqlstate);
    assert.equal(early.failure?.message?.replace(/15\d\d/, '1500'), error.message);
    assert.equal(early.failure?.detail, undefined);
  });

  test('the error of a wait during a pause gives the reason of the pause', () => {
    const bench = new PoolBench({ borrowTimeout: 1000 });
    bench.target.pauseReason = 'there is no writer';
    const client = bench.client().borrow();
    client.waitingSince -= 1500;
    bench.pool.tick();
    assert.equal(client.failure?.detail, 'there is no writer');
  });

  test('the error of a wait for an unavailable database gives the last failure', async () => {
    const bench = new PoolBench({ borrowTimeout: 1000 });
    bench.source.failure = unreachable;
    const client = bench.client().borrow();
    await bench.turn();
    client.waitingSince -= 1500;
    bench.pool.tick();
    assert.match(client.failure?.detail ?? '', /connection refused/);
  });

  const limits = [
    { of: 'the role', routine: 'InitializeSessionUserId', own: { ofRole: 0, ofDatabase: 1 } },
    { of: 'the database', routine: 'CheckMyDatabase', own: { ofRole: 1, ofDatabase: 0 } },
  ];
  for (const { of, routine, own } of limits) {
    const failure = {
      fields: { severity: 'FATAL', sqlstate: '53300', message: 'too many connections', routine },
      final: false,
    };
    test(`a connection limit of ${of} that others have reached is an immediate error`, async () => {
      const bench = new PoolBench();
      bench.source.failure = failure;
      bench.target.connections = own;
      const client = bench.client().borrow();
      await bench.turn();
      assert.deepEqual(client.failure, failure.fields);
      assert.equal(bench.pool.waitingCount, 0);
    });

    test(`a connection limit of ${of} that the proxy itself has reached makes clients wait`, async () => {
      const bench = new PoolBench();
      bench.source.failure = failure;
      bench.target.connections = { ofRole: own.ofDatabase, ofDatabase: own.ofRole };
      const client = bench.client().borrow();
      await bench.turn();
      assert.equal(client.failure, null);
      assert.equal(bench.pool.waitingCount, 1);
    });
  }

  test('with a borrow time-out of 0 no session waits', async () => {
    const bench = new PoolBench({ borrowTimeout: 0 });
    bench.target.next = null;
    const client = bench.client().borrow();
    assert.equal(client.failure, null);
    await Promise.resolve();
    assert.ok(client.failure);
    assert.equal(bench.pool.waitingCount, 0);
  });

  test('a lingering session is asked to end its lease when another waits, and no other session is', async () => {
    const bench = new PoolBench({ size: 1 });
    const { leased } = await bench.leased();
    const [first, second] = [lingererOn(leased), lingererOn(leased)];
    bench.pool.lingering.add(first).add(second);
    bench.client().borrow();
    assert.equal(first.notified, 0);
    await Promise.resolve();
    assert.deepEqual([first.notified, second.notified], [1, 0]);
  });
});

suite('a session that needs a new connection', () => {
  test('gets no used one', async () => {
    const bench = new PoolBench();
    const [idle] = await bench.idle(1);
    const client = bench.client();
    client.needsNew = true;
    client.borrow();
    assert.equal(client.connection, null);
    await bench.turn();
    assert.notEqual(client.leased, idle);
    assert.equal(idle?.isIdle, true);
  });

  test('has the longest idle one closed if no slot is free', async () => {
    const bench = new PoolBench({ size: 2 });
    const [oldest, newest] = await bench.idle(2);
    bench.source.onRelease = () => bench.pool.grow();
    const client = bench.client();
    client.needsNew = true;
    client.borrow();
    assert.ok(oldest?.closed);
    assert.ok(newest?.isIdle);
    await bench.turn();
    assert.notEqual(client.leased, newest);
  });

  test('has none closed during a pause, or while one is being opened', async () => {
    const bench = new PoolBench({ size: 2 });
    const [idle] = await bench.idle(1);
    bench.source.holds = true;
    const first = bench.client();
    first.needsNew = true;
    first.borrow();
    const second = bench.client();
    second.needsNew = true;
    second.borrow();
    assert.ok(idle?.isIdle);
    const paused = new PoolBench({ size: 1 });
    const [resting] = await paused.idle(1);
    paused.target.pauseReason = 'there is no writer';
    const third = paused.client();
    third.needsNew = true;
    third.borrow();
    assert.ok(resting?.isIdle);
  });

  test('has none closed if a slot is free, or if others wait', async () => {
    const bench = new PoolBench({ size: 2 });
    const [idle] = await bench.idle(1);
    bench.target.next = null;
    const client = bench.client();
    client.needsNew = true;
    client.borrow();
    assert.ok(idle?.isIdle);
    const other = new PoolBench({ size: 1 });
    const [used] = await other.idle(1);
    other.source.isBorrowable = false;
    other.client().borrow();
    other.pool.returned(other.pool.takeIdle() ?? assert.fail());
    assert.ok(used?.isIdle);
  });

  test('has one closed that is returned, if others wait ahead of it', async () => {
    const bench = new PoolBench({ size: 1 });
    const holder = await bench.leased();
    const client = bench.client();
    client.needsNew = true;
    client.borrow();
    bench.source.onRelease = () => bench.pool.grow();
    const { leased } = holder;
    holder.endLease();
    await bench.turn();
    assert.ok(leased.closed);
    assert.ok(client.leased);
    assert.equal(bench.source.attempts, 2);
  });

  test('is served first if there is a new one', async () => {
    const bench = new PoolBench({ size: 1 });
    bench.source.holds = true;
    const other = bench.client().borrow();
    const client = bench.client();
    client.needsNew = true;
    client.borrow();
    bench.source.connectHeld();
    await bench.turn();
    assert.ok(client.leased);
    assert.equal(other.connection, null);
  });

  test('does not keep a used one from sessions behind it', async () => {
    const bench = new PoolBench({ size: 1 });
    const holder = await bench.leased();
    const client = bench.client();
    client.needsNew = true;
    client.borrow();
    const [second, third] = [bench.client().borrow(), bench.client().borrow()];
    holder.endLease();
    await bench.turn();
    assert.ok(second.leased);
    assert.equal(third.connection, null);
    assert.equal(client.connection, null);
  });

  test('is skipped when a pause ends, and gets its own connection', async () => {
    const bench = new PoolBench();
    const [idle] = await bench.idle(1);
    bench.target.pauseReason = 'there is no writer';
    const client = bench.client();
    client.needsNew = true;
    client.borrow();
    const other = bench.client().borrow();
    bench.target.pauseReason = null;
    bench.pool.resume();
    assert.equal(other.leased, idle);
    assert.equal(client.connection, null);
    await bench.turn();
    assert.ok(client.leased);
  });

  test('does not make a lingering session end its lease', async () => {
    const bench = new PoolBench();
    const { leased } = await bench.leased();
    const lingerer = lingererOn(leased);
    bench.pool.lingering.add(lingerer);
    const client = bench.client();
    client.needsNew = true;
    client.borrow();
    await bench.turn();
    assert.equal(lingerer.notified, 0);
  });
});

suite('a lease starts', () => {
  test('with a replay if the parameters differ', async () => {
    const bench = new PoolBench();
    const { pool } = bench;
    const { leased } = await bench.leased();
    const utc = pool.parameterSets.acquire([['timezone', 'UTC']]);
    assert.ok(pool.replay(leased, utc));
    assert.equal(pool.stats.replays, 1);
    assert.equal(leased.state.parameterSet, utc);
    assert.ok(leased.replaying);
    leased.flushRequests();
    assert.match(askedOn(bench).at(-1) ?? '', /set_config\(E'timezone',E'UTC'/);
  });

  test('without one if they are the same, or none', async () => {
    const bench = new PoolBench();
    const { pool } = bench;
    const { leased } = await bench.leased();
    const none = pool.parameterSets.acquire([]);
    assert.ok(!pool.replay(leased, none));
    assert.equal(leased.state.parameterSet, none);
    assert.ok(!pool.replay(leased, none));
    assert.equal(pool.stats.replays, 0);
    assert.ok(!leased.replaying);
  });

  test('with a reset if another session may have left state', async () => {
    const bench = new PoolBench();
    const { pool } = bench;
    const { leased } = await bench.leased();
    assert.ok(!pool.reset(leased, 1), 'nobody was there before');
    assert.ok(!pool.reset(leased, 1), 'it finds what it has left itself');
    leased.state.residue.markUnproven();
    leased.state.sequencesDrawnBy(1);
    assert.ok(pool.reset(leased, 2));
    assert.equal(leased.state.drawnBy, 0);
    assert.equal(pool.stats.resets, 1);
    assert.ok(leased.state.residue.isOf(2));
    leased.flushRequests();
    assert.match(askedOn(bench).at(-1) ?? '', /DISCARD TEMP/);
  });

  test('with a reset if the code in the database was read again', async () => {
    const bench = new PoolBench();
    const { pool } = bench;
    const { leased } = await bench.leased();
    pool.reset(leased, 1);
    pool.storedCode.outdate();
    assert.ok(pool.reset(leased, 2));
    leased.flushRequests();
  });

  test('without a reset if the code was read after the last lease', async () => {
    const bench = new PoolBench();
    const { pool } = bench;
    const { leased } = await bench.leased();
    pool.reset(leased, 1);
    pool.storedCode.verifiedFrom = Infinity;
    assert.ok(!pool.reset(leased, 2));
    pool.storedCode.verifiedFrom = -Infinity;
    assert.ok(pool.reset(leased, 3));
    leased.flushRequests();
  });

  test('without a reset if unproven code is trusted', async () => {
    const bench = new PoolBench({ unproven: 'trust' });
    const { leased } = await bench.leased();
    bench.pool.reset(leased, 1);
    leased.state.residue.markUnproven();
    assert.ok(!bench.pool.reset(leased, 2));
    assert.equal(bench.pool.stats.resets, 0);
  });

  test('with InitQuery after the reset, which undoes it', async () => {
    const bench = new PoolBench({ initQuery: 'SET a.b = 1' });
    assert.equal(bench.pool.initQuery, 'SET a.b = 1');
    const { leased } = await bench.leased();
    bench.pool.reset(leased, 1);
    leased.state.residue.markUnproven();
    askedOn(bench);
    bench.pool.reset(leased, 2);
    leased.flushRequests();
    assert.deepEqual(askedOn(bench).slice(1), ['Q SET a.b = 1']);
  });

  test('the connection is closed when the reset fails', async () => {
    const bench = new PoolBench({ initQuery: 'SET a.b = 1' });
    const { leased } = await bench.leased();
    bench.pool.reset(leased, 1);
    leased.state.residue.markUnproven();
    bench.pool.reset(leased, 2);
    leased.flushRequests();
    bench.servers[0]?.errors.set('SET a.b = 1', {
      severity: 'ERROR',
      sqlstate: '42501',
      message: 'permission denied',
    });
    await bench.turn();
    assert.ok(leased.closed);
    assert.match(bench.source.news.at(-1) ?? '', /permission denied/);
    assert.equal(bench.pool.stats.outOfSync, 1);
  });
});

suite('a session has ended', () => {
  async function left(unproven = true): Promise<PoolBench> {
    const bench = new PoolBench();
    const client = await bench.leased();
    bench.pool.reset(client.leased, 7);
    if (unproven) client.leased.state.residue.markUnproven();
    client.endLease();
    await bench.turn();
    askedOn(bench);
    return bench;
  }

  test('its state on an idle connection is removed immediately', async () => {
    const bench = await left();
    const [connection] = bench.pool.connections;
    bench.pool.forget(connection ?? null, 7);
    assert.equal(bench.pool.idleCount, 0);
    assert.deepEqual(askedOn(bench)[0], 'Q DISCARD ALL');
    await bench.turn();
    assert.equal(bench.pool.idleCount, 1);
  });

  test('nothing is removed if it has no state there', async () => {
    for (const [bench, session] of [
      [await left(false), 7],
      [await left(), 8],
    ] as const) {
      const [connection] = bench.pool.connections;
      bench.pool.forget(connection ?? null, session);
      assert.deepEqual(askedOn(bench), []);
      assert.equal(bench.pool.idleCount, 1);
    }
    const bench = await left();
    bench.pool.forget(null, 7);
    assert.deepEqual(askedOn(bench), []);
  });

  test('nothing is removed during the lease of another session', async () => {
    const bench = await left();
    const client = bench.client().borrow();
    bench.pool.forget(client.leased, 7);
    assert.deepEqual(askedOn(bench), []);
  });

  test('a connection in no pool is not touched', async () => {
    const bench = await left();
    const stranger = connectTo(new ScriptedServer());
    stranger.state.residue.begin(7, 1, () => true);
    stranger.state.residue.markUnproven();
    stranger.settle();
    assert.ok(stranger.isIdle);
    bench.pool.forget(stranger, 7);
    assert.ok(stranger.isIdle);
  });
});

suite('pinned sessions', () => {
  test('do not count against the limit of the pool', async () => {
    const bench = new PoolBench({ size: 1 });
    await bench.leased();
    const client = bench.client().borrow();
    assert.equal(bench.source.attempts, 1);
    bench.pool.pinBegan();
    assert.equal(bench.source.attempts, 2);
    await bench.turn();
    const { leased } = client;
    bench.pool.pinEnded();
    client.endLease();
    await bench.turn();
    assert.ok(leased.closed, 'the pool has one too many');
  });

  test('do not make the pool open connections that no session needs', async () => {
    const bench = new PoolBench({ size: 1, minimum: 2 });
    await bench.leased();
    bench.pool.pinBegan();
    assert.equal(bench.source.attempts, 1);
  });
});

suite('a session may linger on its connection', () => {
  test('while no session needs it', async () => {
    const bench = new PoolBench();
    const { leased } = await bench.leased();
    assert.ok(bench.pool.canLinger(leased));
  });

  test('but not while a session waits', async () => {
    const bench = new PoolBench({ size: 1 });
    const { leased } = await bench.leased();
    bench.client().borrow();
    assert.ok(!bench.pool.canLinger(leased));
  });

  test('nor during a pause, nor if the connection is to be closed', async () => {
    const bench = new PoolBench();
    const { leased } = await bench.leased();
    bench.target.pauseReason = 'there is no writer';
    assert.ok(!bench.pool.canLinger(leased));
    bench.target.pauseReason = null;
    bench.source.yields = true;
    assert.ok(!bench.pool.canLinger(leased));
    bench.source.yields = false;
    assert.ok(bench.pool.canLinger(leased));
    leased.retire('it is old');
    assert.ok(!bench.pool.canLinger(leased));
  });

  test('and is asked to end its lease when that changes, or after a time limit', async () => {
    const bench = new PoolBench();
    const { leased } = await bench.leased();
    const lingerer = lingererOn(leased);
    bench.pool.lingering.add(lingerer);
    bench.pool.tick();
    assert.equal(lingerer.notified, 0);
    const now = clock.now;
    clock.now = lingerer.since + 1000;
    bench.pool.tick();
    assert.equal(lingerer.notified, 0);
    clock.now++;
    bench.pool.tick();
    assert.equal(lingerer.notified, 1);
    clock.now = now;
    bench.pool.tick();
    assert.equal(lingerer.notified, 1);
    leased.retire('it is old');
    bench.pool.tick();
    assert.equal(lingerer.notified, 2);
  });

  test('and is asked for it even if it no longer has a connection', () => {
    const bench = new PoolBench();
    const lingerer = lingererOn(null);
    bench.pool.lingering.add(lingerer);
    bench.pool.tick();
    assert.equal(lingerer.notified, 1);
  });
});

test('the first connection is queried for the facts of its start before it is leased', async () => {
  const bench = new PoolBench();
  await bench.leased();
  const [server] = bench.servers;
  assert.ok(server?.received[0]?.includes('pg_db_role_setting'), server?.received[0]);
});

suite('between leases the code in the database is read', () => {
  test('as soon as a connection is returned, and not again soon', async () => {
    const bench = new PoolBench();
    const client = await bench.leased();
    const { leased } = client;
    client.endLease();
    assert.ok(bench.pool.storedCode.isBeingRead || bench.pool.storedCode.isKnown);
    await bench.turn();
    assert.ok(leased.isIdle);
    assert.ok(!bench.pool.startInternalQuery(leased));
  });

  test('but not during a pause, nor on a connection that is to be closed', async () => {
    const bench = new PoolBench();
    const server = new ScriptedServer();
    const stranger = connectTo(server, bench.source);
    bench.target.pauseReason = 'there is no writer';
    assert.ok(!bench.pool.startInternalQuery(stranger));
    bench.target.pauseReason = null;
    bench.source.yields = true;
    assert.ok(!bench.pool.startInternalQuery(stranger));
    bench.source.yields = false;
    // First, the proxy reads the facts with which it has started.
    assert.ok(bench.pool.startInternalQuery(stranger));
    assert.ok(!stranger.isReserved);
    server.answer();
    assert.ok(bench.pool.startInternalQuery(stranger));
    assert.ok(stranger.isReserved);
  });

  test('and not before a waiting session, unless it is long overdue', async () => {
    const bench = new PoolBench();
    bench.target.next = null;
    const stranger = connectTo(new ScriptedServer(), bench.source);
    await bench.idle(0);
    bench.client().borrow();
    // The code was never read: reading is overdue.
    assert.ok(bench.pool.startInternalQuery(stranger));
    const other = new PoolBench({ size: 1 });
    const [known] = await other.idle(1);
    assert(known !== undefined);
    await other.leased();
    other.client().borrow();
    const { now } = clock;
    clock.now += 1500;
    assert.ok(!other.pool.startInternalQuery(known));
    clock.now = now;
  });
});

suite('a returned connection is closed', () => {
  const reasons: Readonly<Record<string, (bench: PoolBench) => void>> = {
    'its generation is old': ({ pool }) => pool.recycle('the password has changed'),
    'the pool has become smaller': (bench) => {
      bench.target.allowed = 0;
    },
    'it has reached ConnectionLifetime': ({ pool }) => {
      for (const connection of pool.connections) connection.expiresAt = clock.now;
    },
    'another pool needs its slot': ({ source }) => {
      source.yields = true;
    },
  };
  for (const [reason, cause] of Object.entries(reasons))
    test(`if ${reason}`, async () => {
      const bench = new PoolBench();
      const client = await bench.leased();
      const { leased } = client;
      cause(bench);
      client.endLease();
      assert.ok(leased.closed);
      assert.equal(bench.pool.size, 0);
      assert.equal(bench.source.leases, 0);
      assert.equal(bench.source.released, 1);
      assert.equal(bench.pool.stats.connectionsClosed, 1);
      assert.equal(bench.pool.stats.outOfSync, 0);
    });

  test('and a waiting session gets another one', async () => {
    const bench = new PoolBench({ size: 1 });
    bench.source.onRelease = () => bench.pool.grow();
    const holder = await bench.leased();
    const client = bench.client().borrow();
    bench.pool.recycle('the password has changed');
    holder.endLease();
    await bench.turn();
    assert.equal(client.leased.loginGeneration, 1);
  });

  test('but stays idle while its target is suspect', async () => {
    const bench = new PoolBench({ size: 1 });
    const holder = await bench.leased();
    const client = bench.client().borrow();
    bench.source.isBorrowable = false;
    holder.endLease();
    await bench.turn();
    assert.equal(bench.pool.idleCount, 1);
    assert.equal(client.connection, null);
    assert.ok(bench.pool.waitingCount, 'it waits on');
  });
});

suite('the connections of a target', () => {
  test('are retired: the idle ones immediately, the others when they are returned', async () => {
    const bench = new PoolBench();
    const client = await bench.leased();
    const idle = await bench.leased();
    const resting = idle.leased;
    idle.endLease();
    await bench.turn();
    const other = bench.addSource('other');
    const elsewhere = bench.client().borrow();
    // It got the idle one; the next one comes from the other target.
    const there = await bench.leased();
    elsewhere.endLease();
    await bench.turn();
    bench.pool.retireConnections(bench.source, 'it is drained');
    assert.ok(resting.closed);
    assert.equal(client.leased.retireReason, 'it is drained');
    assert.equal(there.leased.source, other);
    assert.equal(there.leased.retireReason, null);
    bench.pool.retireConnections(bench.source, 'it is gone');
    assert.equal(client.leased.retireReason, 'it is drained');
  });

  test('are closed, whatever session has them', async () => {
    const bench = new PoolBench();
    const client = await bench.leased();
    bench.addSource('other');
    const there = await bench.leased();
    bench.pool.endConnections(bench.source, 'it is gone');
    assert.equal(client.connection, null);
    assert.deepEqual(
      client.owner.log.filter((line) => line.startsWith('lost')),
      ['lost 0'],
    );
    assert.ok(!there.leased.closed);
    assert.equal(bench.pool.size, 1);
  });

  test('are known to be leased or not', async () => {
    const bench = new PoolBench();
    assert.ok(!bench.pool.isLeased());
    const [idle] = await bench.idle(1);
    assert.ok(!bench.pool.isLeased());
    assert.ok(!bench.pool.isLeased(bench.source));
    const other = bench.addSource('other');
    const client = bench.client().borrow();
    assert.equal(client.leased, idle);
    assert.ok(bench.pool.isLeased());
    assert.ok(bench.pool.isLeased(bench.source));
    assert.ok(!bench.pool.isLeased(other));
  });

  test('report failures to it, but not those of an earlier server', async () => {
    const bench = new PoolBench();
    const { leased } = await bench.leased();
    bench.pool.failureSignal(leased, '57P01');
    bench.source.generation++;
    bench.pool.failureSignal(leased, '57P02');
    assert.deepEqual(bench.source.signals, ['57P01']);
  });

  test('are current as long as password, server and target are', async () => {
    const bench = new PoolBench();
    const { leased } = await bench.leased();
    assert.ok(bench.pool.isCurrent(leased));
    bench.source.generation++;
    assert.ok(!bench.pool.isCurrent(leased));
    bench.source.generation--;
    bench.target.left.add(bench.source);
    assert.ok(!bench.pool.isCurrent(leased));
    bench.target.left.clear();
    bench.pool.recycle('the password has changed');
    assert.ok(!bench.pool.isCurrent(leased));
  });
});

suite('a connection has ended', () => {
  test('its slot is free, and its leases are not counted', async () => {
    const bench = new PoolBench();
    const { leased } = await bench.leased();
    bench.servers[0]?.vanish();
    assert.ok(leased.closed);
    assert.deepEqual([bench.pool.size, bench.source.leases, bench.source.released], [0, 0, 1]);
    bench.pool.closed(leased, new ProxyError('OUT_OF_SYNC', { what: 'x' }));
    assert.deepEqual([bench.source.released, bench.pool.stats.outOfSync], [1, 0]);
    assert.equal(bench.pool.stats.connectionsClosed, 1);
  });

  test('an idle one is not leased after its end', async () => {
    const bench = new PoolBench();
    await bench.idle(1);
    bench.servers[0]?.vanish();
    assert.equal(bench.pool.idleCount, 0);
    assert.equal(bench.client().borrow().connection, null);
    assert.equal(bench.source.leases, 0);
  });
});

suite('the reports of connections at their login', () => {
  test('are a change if the next one reports another value', async () => {
    const bench = new PoolBench();
    await bench.leased();
    await bench.leased();
    assert.equal(bench.pool.reportVersion, 0);
    bench.source.reports = [['timezone', 'UTC']];
    await bench.leased();
    assert.equal(bench.pool.reportVersion, 1);
    await bench.leased();
    assert.equal(bench.pool.reportVersion, 1);
  });

  test('are compared with the values of the login, whatever was set since', async () => {
    const bench = new PoolBench();
    const { leased } = await bench.leased();
    leased.state.reported.set('client_encoding', 'LATIN1');
    await bench.leased();
    assert.equal(bench.pool.reportVersion, 0);
  });

  test('are no change if it only reports a standby', async () => {
    const bench = new PoolBench();
    await bench.leased();
    bench.source.reports = [['in_hot_standby', 'on']];
    await bench.leased();
    assert.equal(bench.pool.reportVersion, 0);
  });

  test('are a change for all pools if the database reports one by itself', () => {
    const bench = new PoolBench();
    bench.pool.parameterChanged();
    assert.equal(bench.pool.reportVersion, 1);
    assert.equal(bench.target.loginChanges.version, 1);
    assert.equal(bench.pool.loginChanges, bench.target.loginChanges);
    bench.pool.configurationRead();
    assert.equal(bench.pool.reportVersion, 2);
    assert.equal(bench.target.loginChanges.version, 1);
  });
});

suite('the minimum number of connections', () => {
  test('is opened without a client', async () => {
    const bench = new PoolBench({ minimum: 2 });
    bench.pool.tick();
    await bench.turn();
    assert.equal(bench.pool.idleCount, 2);
    bench.pool.tick();
    assert.equal(bench.pool.size, 2);
  });

  test('is kept when another pool needs a slot', async () => {
    const bench = new PoolBench({ minimum: 1 });
    const [oldest, newest] = await bench.idle(2);
    assert.equal(bench.pool.idleSince(bench.source), oldest?.since);
    assert.ok(bench.pool.evictIdle(bench.source));
    assert.ok(oldest?.closed);
    assert.ok(!bench.pool.evictIdle(bench.source));
    assert.ok(newest?.isIdle);
  });

  test('is not opened again during a statement that needs exclusive access, before a session borrows', async () => {
    const bench = new PoolBench({ minimum: 1 });
    bench.pool.tick();
    await bench.turn();
    const closing: Promise<void>[] = [];
    assert.equal(
      bench.pool.closeIdle(5, (closed) => closing.push(closed)),
      1,
    );
    assert.equal(closing.length, 1);
    bench.pool.tick();
    await bench.turn();
    assert.equal(bench.pool.size, 0);
    const client = await bench.leased();
    client.endLease();
    await bench.turn();
    bench.pool.tick();
    assert.equal(bench.pool.size, 1);
  });

  test('waits for the end of a pause after a failure, though others need not', async () => {
    const bench = new PoolBench({ minimum: 1 });
    bench.source.failure = refused;
    bench.client().borrow();
    await bench.turn();
    const { attempts } = bench.source;
    bench.pool.tick();
    assert.equal(bench.source.attempts, attempts);
    bench.client().borrow();
    assert.equal(bench.source.attempts, attempts + 1);
  });

  test('is opened again if the pool has sessions', async () => {
    const bench = new PoolBench({ minimum: 1 });
    bench.pool.sessions = 1;
    bench.pool.tick();
    await bench.turn();
    bench.pool.closeIdle(5, () => undefined);
    bench.pool.tick();
    assert.equal(bench.pool.size, 1);
  });
});

suite('idle connections', () => {
  test('cannot be evicted if there are none', async () => {
    const bench = new PoolBench();
    await bench.leased();
    assert.ok(!bench.pool.evictIdle(bench.source));
    assert.equal(bench.pool.idleSince(bench.source), null);
    assert.equal(bench.pool.takeIdle(), null);
  });

  test('can be removed, the oldest first', async () => {
    const bench = new PoolBench();
    const [oldest] = await bench.idle(2);
    assert.equal(bench.pool.takeIdle(), oldest);
    assert.equal(bench.pool.idleCount, 1);
  });

  test('are closed, up to a number, for a statement that needs exclusive access', async () => {
    const bench = new PoolBench();
    const client = await bench.leased();
    await bench.idle(2);
    assert.equal(
      bench.pool.closeIdle(1, () => undefined),
      1,
    );
    assert.equal(
      bench.pool.closeIdle(9, () => undefined),
      1,
    );
    assert.equal(bench.pool.size, 1);
    assert.equal(client.leased.retireReason, null);
  });

  test('that run an internal query are closed when they are returned', async () => {
    const bench = new PoolBench();
    const client = await bench.leased();
    const { leased } = client;
    const { now } = clock;
    // Regardless of the duration of the first reading: the pause between readings is many times as long.
    clock.now += 1_000_000;
    client.endLease();
    clock.now = now;
    assert.ok(leased.isReserved);
    assert.equal(
      bench.pool.closeIdle(9, () => undefined),
      1,
    );
    assert.ok(!leased.closed);
    await bench.turn();
    assert.ok(leased.closed);
  });

  test('are closed after their lifetime', async () => {
    const bench = new PoolBench({ lifetime: 500 });
    const [first, second] = await bench.idle(2);
    assert.ok(first && second);
    assert.equal(first.expiresAt, clock.now + 500);
    second.expiresAt = clock.now;
    bench.pool.tick();
    assert.ok(second.closed);
    assert.ok(!first.closed);
  });

  test('have no lifetime without a limit, and different lifetimes with one', async () => {
    const bench = new PoolBench();
    const [idle] = await bench.idle(1);
    assert.equal(idle?.expiresAt, Infinity);
    const other = new PoolBench({ lifetime: 1000, lifetimeJitterPercent: 20 });
    for (const { expiresAt } of await other.idle(5)) {
      const lifetime = expiresAt - clock.now;
      assert.ok(lifetime > 800 && lifetime < 1000, String(lifetime));
    }
  });

  test('beyond the target’s limit are closed after a time, down to the minimum', async () => {
    const bench = new PoolBench({ minimum: 1 });
    const connections = await bench.idle(3);
    const closed = (): number => connections.filter((connection) => connection.closed).length;
    const { now } = clock;
    bench.target.idle = 3;
    bench.target.allowedIdle = 2;
    bench.pool.tick();
    assert.equal(closed(), 0);
    for (const connection of connections) connection.since = now - 1000;
    bench.target.allowedIdle = 3;
    bench.pool.tick();
    assert.equal(closed(), 0);
    bench.target.allowedIdle = 2;
    bench.pool.tick();
    assert.equal(closed(), 2);
    assert.ok(connections[2]?.isIdle);
  });
});

suite('InitQuery', () => {
  test('runs before a session gets the connection', async () => {
    const bench = new PoolBench({ initQuery: 'SET a.b = 1' });
    const client = bench.client().borrow();
    await Promise.resolve();
    await Promise.resolve();
    assert.equal(client.connection, null);
    await bench.turn();
    assert.ok(client.leased);
    assert.equal(askedOn(bench)[0], 'Q SET a.b = 1');
  });

  test('that fails closes the connection, with an error for waiting sessions', async () => {
    const bench = new PoolBench({ initQuery: 'SET a.b = 1' });
    const client = bench.client().borrow();
    await Promise.resolve();
    bench.servers[0]?.errors.set('SET a.b = 1', {
      severity: 'ERROR',
      sqlstate: '42501',
      message: 'permission denied',
    });
    bench.target.next = null;
    await bench.turn();
    assert.equal(client.failure?.message, 'permission denied');
    assert.equal(bench.pool.size, 0);
    assert.match(bench.source.news.at(-1) ?? '', /permission denied/);
    assert.equal(bench.pool.stats.connectionsFailed, 1);
  });
});

suite('an attempt to connect fails', () => {
  test('permanently: waiting sessions get an error, and none waits for the next attempt', async () => {
    const bench = new PoolBench();
    bench.source.failure = refused;
    const client = bench.client().borrow();
    await bench.turn();
    assert.equal(client.failure, refused.fields);
    assert.deepEqual(bench.source.failures, [refused]);
    assert.equal(bench.source.released, 1);
    assert.deepEqual([bench.pool.size, bench.pool.waitingCount], [0, 0]);
    assert.equal(bench.pool.stats.borrowsAborted, 1);
    assert.equal(bench.pool.stats.connectionsFailed, 1);
    // The next session tries immediately.
    bench.source.failure = null;
    const next = bench.client().borrow();
    await bench.turn();
    assert.ok(next.leased);
  });

  test('ends with the next success', async () => {
    const bench = new PoolBench({ borrowTimeout: 1000 });
    bench.source.failure = unreachable;
    bench.client().borrow();
    await bench.turn();
    bench.source.failure = null;
    const { now } = clock;
    clock.now += 126;
    bench.pool.tick();
    await bench.turn();
    clock.now = now;
    bench.target.next = null;
    const client = bench.client().borrow();
    client.waitingSince -= 1500;
    bench.pool.tick();
    assert.equal(client.failure?.detail, undefined);
  });

  test('temporarily: waiting sessions keep waiting, and the next attempt comes later', async () => {
    const bench = new PoolBench({ retryMin: 100, retryMax: 100 });
    bench.source.failure = unreachable;
    const clients = [bench.client().borrow(), bench.client().borrow()];
    await bench.turn();
    assert.deepEqual(
      clients.map(({ failure }) => failure),
      [null, null],
    );
    const { attempts } = bench.source;
    bench.source.failure = null;
    bench.pool.tick();
    assert.equal(bench.source.attempts, attempts);
    const { now } = clock;
    clock.now += 126;
    bench.pool.tick();
    // One attempt at a time finds out whether the database is back.
    assert.equal(bench.source.attempts, attempts + 1);
    await bench.turn();
    bench.pool.tick();
    await bench.turn();
    assert.ok(clients[0]?.leased && clients[1]?.leased);
    clock.now = now;
  });

  test('and the end of a pause retries immediately', async () => {
    const bench = new PoolBench();
    bench.source.failure = unreachable;
    const client = bench.client().borrow();
    await bench.turn();
    bench.source.failure = null;
    bench.pool.resume();
    await bench.turn();
    assert.ok(client.leased);
  });

  test('during a pause: no session gets an error, since another server may accept it', async () => {
    const bench = new PoolBench();
    bench.source.holds = true;
    bench.source.failure = refused;
    const client = bench.client().borrow();
    bench.target.pauseReason = 'there is no writer';
    bench.source.connectHeld();
    await bench.turn();
    assert.equal(client.failure, null);
    assert.equal(bench.pool.waitingCount, 1);
    assert.deepEqual(bench.source.failures, [refused]);
  });

  test('while there are others: they serve waiting sessions', async () => {
    const bench = new PoolBench();
    const holder = await bench.leased();
    bench.source.failure = refused;
    const client = bench.client().borrow();
    await bench.turn();
    assert.equal(client.failure, null);
    holder.endLease();
    await bench.turn();
    assert.ok(client.leased);
  });

  test('while there are others that are not leased again: waiting sessions get an error', async () => {
    const bench = new PoolBench();
    await bench.leased();
    bench.pool.recycle('the password has changed');
    bench.source.failure = refused;
    const client = bench.client().borrow();
    await bench.turn();
    assert.equal(client.failure, refused.fields);
  });

  test('a session that has come since then gets one more attempt', async () => {
    const bench = new PoolBench({ size: 1 });
    bench.source.holds = true;
    bench.source.failure = refused;
    const early = bench.client().borrow();
    early.waitingSince -= 1;
    const late = bench.client().borrow();
    late.waitingSince += 1000;
    bench.source.connectHeld();
    await bench.turn();
    assert.equal(early.failure, refused.fields);
    assert.equal(late.failure, null);
    assert.equal(bench.source.attempts, 2);
    bench.source.failure = null;
    bench.source.connectHeld();
    await bench.turn();
    assert.ok(late.leased);
  });
});

suite('a connection beside the pool', () => {
  test('counts against the budget until it has ended', async () => {
    const bench = new PoolBench();
    const opened: string[] = [];
    const aside = AsideConnection.open(bench.pool, {
      opened: ({ source }) => void opened.push(source.name),
      failed: () => undefined,
    });
    assert.equal(bench.pool.aside, 1);
    await bench.turn();
    assert.deepEqual(opened, ['scripted']);
    assert.equal(bench.pool.size, 0);
    aside?.close('it has done its work');
    assert.equal(bench.pool.aside, 0);
    assert.equal(bench.source.released, 1);
  });

  test('has an idle one closed for it if no slot is free', async () => {
    const bench = new PoolBench();
    const [idle] = await bench.idle(1);
    const { source } = bench;
    bench.target.next = null;
    source.onRelease = () => {
      bench.target.next = source;
    };
    assert.ok(bench.pool.openAside(() => undefined));
    assert.ok(idle?.closed);
  });

  test('is not opened if no slot can be freed', async () => {
    const bench = new PoolBench();
    await bench.leased();
    bench.target.next = null;
    assert.equal(
      bench.pool.openAside(() => undefined),
      null,
    );
    assert.equal(bench.pool.aside, 0);
  });

  test('is not opened for a vacated pool, unless it is for the vacating statement', () => {
    const bench = new PoolBench();
    bench.target.isVacatedNow = true;
    assert.equal(
      bench.pool.openAside(() => undefined),
      null,
    );
    assert.ok(bench.pool.openAside(() => undefined, true));
    bench.pool.close({ severity: 'FATAL', sqlstate: '57P01', message: 'stopping' });
    assert.equal(
      bench.pool.openAside(() => undefined, true),
      null,
    );
  });
});

suite('a query to the target', () => {
  test('counts clients by user and by database', () => {
    const { pool } = new PoolBench();
    assert.deepEqual(pool.clients, { ofRole: 3, ofDatabase: 4 });
    assert.deepEqual(pool.ownConnections, { ofRole: 13, ofDatabase: 14 });
    assert.equal(pool.name, 'shop/ann');
  });

  test('runs on the server', () => {
    const bench = new PoolBench();
    assert.ok(!bench.pool.queryServer('SELECT 1', () => undefined));
    assert.deepEqual(bench.target.questions, ['SELECT 1']);
  });
});

suite('a closed pool', () => {
  test('refuses waiting sessions, and closes every connection', async () => {
    const bench = new PoolBench({ size: 2 });
    const client = await bench.leased();
    await bench.idle(1);
    const { leased } = client;
    const waiting = [bench.client(), bench.client()];
    bench.target.pauseReason = 'there is no writer';
    for (const one of waiting) one.borrow();
    const error = { severity: 'FATAL', sqlstate: '57P01', message: 'the proxy is stopping' };
    bench.pool.close(error);
    assert.deepEqual(
      waiting.map(({ failure }) => failure),
      [error, error],
    );
    assert.equal(bench.pool.waitingCount, 0);
    assert.ok(leased.closed);
    assert.equal(bench.pool.size, 0);
  });

  test('opens no more connections', () => {
    const bench = new PoolBench({ minimum: 1 });
    bench.pool.close({ severity: 'FATAL', sqlstate: '57P01', message: 'the proxy is stopping' });
    bench.pool.tick();
    bench.client().borrow();
    assert.equal(bench.source.attempts, 0);
  });

  test('closes late ones', async () => {
    const bench = new PoolBench();
    bench.source.holds = true;
    bench.client().borrow();
    bench.pool.close({ severity: 'FATAL', sqlstate: '57P01', message: 'the proxy is stopping' });
    bench.source.connectHeld();
    await bench.turn();
    assert.equal(bench.pool.size, 0);
  });
});

suite('a connection that is opened after the facts of the logins were read', () => {
  /** Answers the queries for the facts, and for the start values of the connection. */
  function answers(facts: string, workMem: string): (text: string) => readonly string[][] {
    const row = [
      '10',
      '5',
      't',
      't',
      'f',
      't',
      't',
      '-1',
      '-1',
      '0',
      '0',
      facts,
      '[]',
      '[null,false]',
      '2026',
      'f',
    ];
    return (text) => {
      if (text.includes('pg_db_role_setting')) return [row];
      if (!text.includes('pg_settings')) return [];
      return [[''], ['work_mem', Buffer.from(workMem).toString('base64')]];
    };
  }
  const old = answers('[]', '4MB');
  const changed = answers('[[true,false,["work_mem=33MB"]]]', '33MB');

  /** A client with a lease on a connection that started as `start` says. */
  async function leasedWith(bench: PoolBench, start: typeof old): Promise<PoolClient> {
    const client = bench.client().borrow();
    for (const server of bench.servers.slice(-1)) server.rowsOf = start;
    await bench.turn();
    return client;
  }

  test('with the same facts: it is leased after one query', async () => {
    const bench = new PoolBench();
    await leasedWith(bench, old);
    const second = await leasedWith(bench, old);
    assert.ok(second.connection !== null);
    const asked = askedOn(bench, 1).filter((words) => words.includes('pg_db_role_setting'));
    assert.equal(asked.length, 1);
  });

  for (const sessions of [1, 2])
    test(`with others: it is closed, and ${sessions} existing sessions keep their start values`, async () => {
      const bench = new PoolBench();
      const notified: string[] = [];
      bench.target.watchers.add({
        startChanged: (_, values) => void notified.push(JSON.stringify([...values])),
        poolReplaced: () => assert.fail(),
      });
      const first = await leasedWith(bench, old);
      bench.pool.sessions = sessions;
      const second = await leasedWith(bench, changed);
      // The connection with the previous values is still leased, and another new one would not help.
      bench.pool.tick();
      assert.equal(second.connection, null);
      assert.equal(bench.servers.length, 2);
      assert.equal(bench.pool.size, 1);
      assert.deepEqual(notified, []);
      first.endLease();
      await bench.turn();
      assert.deepEqual(notified, ['[["work_mem","4MB"]]']);
      for (const server of bench.servers.slice(2)) server.rowsOf = changed;
      await bench.turn();
      assert.equal(bench.servers.length, 3);
      assert.ok(second.connection !== null);
    });

  test('while another query for the facts runs: it is closed as well', async () => {
    const bench = new PoolBench();
    await leasedWith(bench, old);
    bench.target.answer = undefined;
    let refusal: unknown;
    bench.pool.logins.check((found) => (refusal = found));
    // The server that it opens for the query does not answer yet.
    const aside = bench.servers.at(-1);
    assert(aside !== undefined);
    const client = bench.client().borrow();
    const server = bench.servers.at(-1);
    assert(server !== undefined && server !== aside);
    server.rowsOf = changed;
    for (let round = 0; round < 5; round += 1) {
      server.answer();
      await new Promise(setImmediate);
    }
    assert.equal(client.connection, null);
    assert.equal(refusal, undefined);
  });
});

suite('the start of logins has changed', () => {
  /** A watcher, and its calls. */
  function watching(bench: PoolBench): string[] {
    const notified: string[] = [];
    const watcher: PoolWatcher = {
      startChanged: (_, values) => void notified.push(JSON.stringify([...values])),
      poolReplaced: (_, error) => void notified.push(error.code),
    };
    bench.target.watchers.add(watcher);
    return notified;
  }

  test('without a way to find out: old connections are not leased again', async () => {
    const bench = new PoolBench();
    const notified = watching(bench);
    const [idle] = await bench.idle(1);
    let done = 0;
    bench.pool.sessions = 2;
    bench.pool.renew([], new Map(), Infinity, 1, () => done++);
    assert.equal(done, 1);
    assert.ok(idle?.closed);
    assert.deepEqual(notified, []);
    assert.equal(bench.pool.reportVersion, 1);
    assert.equal(bench.pool.loginGeneration, 1);
  });

  test('with an old idle connection: it is queried for its start values', async () => {
    const bench = new PoolBench();
    const notified = watching(bench);
    await bench.idle(2);
    askedOn(bench);
    let done = 0;
    bench.pool.sessions = 2;
    for (const server of bench.servers)
      server.rowsOf = () => [[''], ['work_mem', Buffer.from('4MB').toString('base64')]];
    bench.pool.renew(['work_mem'], new Map(), Infinity, 1, () => done++);
    assert.equal(done, 0);
    assert.equal(bench.pool.idleCount, 1);
    assert.match(askedOn(bench)[0] ?? '', /pg_settings/);
    await bench.turn();
    assert.equal(done, 1);
    assert.deepEqual(notified, ['[["work_mem","4MB"]]']);
    assert.equal(bench.pool.size, 0);
  });

  test('without an old one: the previous values are reported', async () => {
    const bench = new PoolBench();
    const notified = watching(bench);
    await bench.idle(1);
    bench.pool.sessions = 2;
    bench.pool.renew(['app.tenant'], new Map([['app.tenant', '7']]), -Infinity, 1, () => undefined);
    assert.deepEqual(notified, ['[["app.tenant","7"]]']);
  });

  test('without another session: no values have to be kept', async () => {
    const bench = new PoolBench();
    await bench.idle(1);
    askedOn(bench);
    let done = 0;
    bench.pool.sessions = 1;
    bench.pool.renew(['work_mem'], new Map(), Infinity, 1, () => done++);
    assert.equal(done, 1);
    assert.deepEqual(askedOn(bench), ['X']);
  });

  test('with leased connections only: the first that is returned is queried', async () => {
    const bench = new PoolBench();
    const notified = watching(bench);
    await bench.idle(1);
    const client = bench.client().borrow();
    const { leased } = client;
    bench.pool.sessions = 2;
    const lingerer = lingererOn(leased);
    const stranger = lingererOn(null);
    bench.pool.lingering.add(stranger).add(lingerer).add(lingererOn(leased));
    for (const server of bench.servers)
      server.rowsOf = () => [[''], ['work_mem', Buffer.from('4MB').toString('base64')]];
    bench.pool.renew(['work_mem'], new Map(), Infinity, 1, () => undefined);
    assert.deepEqual([stranger.notified, lingerer.notified], [0, 1]);
    client.endLease();
    await bench.turn();
    assert.deepEqual(notified, ['[["work_mem","4MB"]]']);
    assert.ok(leased.closed);
    // It is queried once: the next lease ends as usual.
    const next = await bench.leased();
    assert.ok(!bench.pool.startInternalQuery(next.leased));
  });

  test('twice: the second query counts', async () => {
    const bench = new PoolBench();
    const notified = watching(bench);
    await bench.idle(2);
    bench.pool.sessions = 2;
    for (const server of bench.servers)
      server.rowsOf = () => [[''], ['work_mem', Buffer.from('4MB').toString('base64')]];
    const order: string[] = [];
    bench.pool.renew(['work_mem'], new Map(), Infinity, 1, () => order.push('first'));
    bench.pool.renew(['work_mem'], new Map(), Infinity, 1, () => order.push('second'));
    await bench.turn();
    assert.deepEqual(order, ['first', 'second']);
    assert.equal(notified.length, 2);
  });

  test('without an old connection: the server is queried as soon as it can be', async () => {
    const bench = new PoolBench({ minimum: 1 });
    const notified = watching(bench);
    await bench.idle(1);
    bench.pool.sessions = 2;
    let done = 0;
    bench.pool.renew(['work_mem'], new Map(), -Infinity, 1, () => done++);
    assert.match(bench.target.questions.at(-1) ?? '', /pg_settings/);
    bench.pool.tick();
    assert.equal(bench.target.questions.length, 2);
    bench.target.answer = null;
    bench.pool.tick();
    await bench.turn();
    bench.target.answer = [[''], ['work_mem', Buffer.from('4MB').toString('base64')]];
    assert.equal(done, 0);
    bench.pool.tick();
    bench.pool.tick();
    assert.equal(bench.target.questions.length, 4);
    await bench.turn();
    assert.equal(done, 1);
    assert.deepEqual(notified, ['[["work_mem","4MB"]]']);
    // The minimum is opened again.
    assert.equal(bench.pool.size, 1);
    bench.pool.replaced(new ProxyError('ROLE_OR_DATABASE_REPLACED', { pool: 'shop/ann' }));
    assert.equal(bench.pool.openingCount, 1);
  });

  test('because role or database were replaced: its sessions end', async () => {
    const bench = new PoolBench();
    const notified = watching(bench);
    const [idle] = await bench.idle(1);
    bench.pool.replaced(new ProxyError('ROLE_OR_DATABASE_REPLACED', { pool: 'shop/ann' }));
    assert.deepEqual(notified, ['ROLE_OR_DATABASE_REPLACED']);
    assert.ok(idle?.closed);
    assert.equal(bench.pool.reportVersion, 1);
  });
});
