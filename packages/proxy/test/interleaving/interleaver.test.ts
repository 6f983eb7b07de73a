import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { buildParameterStatus } from '@sluice/wire';
import { SharedCycle } from '../../src/interleaving/shared-cycle.ts';
import { clock } from '../../src/io/clock.ts';
import { SharedBench, endOfTurn } from './shared-reads.ts';
import type { SubmittedRead } from './shared-reads.ts';

const answered = 'D C SELECT ZI';

/** Submits this number of reads in one turn. */
function reads(bench: SharedBench, count: number): SubmittedRead[] {
  return Array.from({ length: count }, (_, at) => bench.read(`SELECT ${at}`));
}

/** The number of leases that these reads use. */
function leases(all: readonly SubmittedRead[]): number {
  return new Set(all.map(({ lease }) => lease)).size;
}

suite('the interleaver', () => {
  test('follows the setting', () => {
    const bench = new SharedBench();
    const { interleaver } = bench.pool;
    for (const [interleaving, isForced, isOff] of [
      ['always', true, false],
      ['auto', false, false],
      ['off', false, true],
    ] as const) {
      bench.bench.limit({ interleaving });
      assert.deepEqual([interleaver.isForced, interleaver.isOff], [isForced, isOff]);
    }
  });

  test('counts its leases, their unanswered cycles, and all shared cycles', async () => {
    const bench = await SharedBench.open(2);
    const { interleaver, stats } = bench.pool;
    assert.deepEqual([interleaver.size, interleaver.depth, stats.cyclesShared], [0, 0, 0]);
    reads(bench, 3);
    bench.read('SELECT 3', bench.bench.client([['search_path', 's2']]).parameters);
    assert.deepEqual([interleaver.size, interleaver.depth, stats.cyclesShared], [2, 4, 4]);
    await endOfTurn();
    await bench.bench.turn();
    assert.deepEqual([interleaver.size, interleaver.depth, stats.cyclesShared], [0, 0, 4]);
    assert.equal(stats.cyclesMoved, 0);
  });

  test('records the time that a read waited, without the time that it ran', async () => {
    const bench = await SharedBench.open();
    const { interleaver, stats } = bench.pool;
    const { cycle } = bench.read('SELECT 1');
    interleaver.answered(cycle, 3, cycle.since + 10);
    assert.equal(stats.sharedWait.count, 1);
    assert.equal(Math.round(stats.sharedWait.sum), 7);
    interleaver.answered(cycle, 20, cycle.since + 10);
    assert.equal(Math.round(stats.sharedWait.sum), 7, 'no wait is negative');
  });

  test('learns from answered reads which are short', async () => {
    const bench = await SharedBench.open();
    const { history } = bench.pool.interleaver;
    const { cycle } = bench.read('SELECT 1');
    const { key } = cycle.request;
    bench.server.answer();
    bench.read('SELECT 2');
    bench.server.answer();
    assert(history.isShort(key));
    bench.pool.interleaver.wasLarge(cycle);
    assert(!history.isShort(key));
  });

  test('counts each change of the session as a turn', async () => {
    const bench = await SharedBench.open();
    const { storedCode, interleaver } = bench.pool;
    storedCode.verifiedFrom = clock.now;
    const { cycle, lease } = bench.read('SELECT 0');
    const { reader, request } = cycle;
    assert(lease !== null && reader !== null);
    for (let read = 0; read < 250; read++)
      interleaver.submit(new SharedCycle(reader, request, 0), bench.set);
    await endOfTurn();
    bench.server.answer();
    assert(!storedCode.trustsTurns);
    for (let round = 0; round < 3; round++) {
      reads(bench, 250);
      await endOfTurn();
      bench.server.answer();
    }
    assert(storedCode.trustsTurns);
  });

  test('sends the later reads of several turns', async () => {
    const bench = await SharedBench.open();
    for (let round = 0; round < 3; round++) {
      const [, second] = reads(bench, 2);
      await endOfTurn();
      bench.server.answer();
      assert.equal(second?.reader.outcome, answered);
    }
  });

  test('sends nothing on a connection that was lost in the same turn', async () => {
    const bench = await SharedBench.open();
    const [first, second] = reads(bench, 2);
    bench.server.read();
    bench.server.vanish();
    await endOfTurn();
    assert.deepEqual(bench.server.read(), []);
    assert.deepEqual(
      [first, second].map((read) => read?.reader.outcome),
      ['suspect 08006', 'alone'],
    );
    assert.equal(bench.pool.stats.cyclesMoved, 2);
    assert.equal(bench.pool.interleaver.size, 0);
  });

  test('leases no further connection while the expected wait is short', async () => {
    const bench = await SharedBench.open(2);
    assert.equal(leases(reads(bench, 40)), 1, '40 reads of 0.1 ms');
  });

  test('leases another connection if a read would wait for long', async () => {
    const bench = await SharedBench.open(2);
    const all = reads(bench, 60);
    assert.equal(leases(all), 2, '60 reads of 0.1 ms');
    assert.equal(leases(all.slice(0, 50)), 1);
    assert.equal(leases(all.slice(50)), 1, 'the other one is empty');
  });

  test('a read joins the lease with the fewest unanswered cycles', async () => {
    const bench = await SharedBench.open(2);
    const first = bench.read('SELECT 1');
    for (let run = 0; run < 300; run++) bench.pool.interleaver.ran(first.cycle, 20);
    const second = bench.read('SELECT 2');
    assert.notEqual(first.lease, second.lease);
    for (let more = 0; more < 4; more++) bench.read('SELECT 3');
    assert.deepEqual([first.lease?.depth, second.lease?.depth], [3, 3]);
  });

  test('no more than 256 cycles are unanswered on one connection', async () => {
    const bench = await SharedBench.open();
    const all = reads(bench, 257);
    assert.equal(all[255]?.lease?.depth, 256);
    assert.equal(all[256]?.lease, null);
    assert.equal(bench.pool.stats.cyclesShared, 256);
  });

  test('a closed connection, or one with a reason to be closed, takes no further reads', async () => {
    const bench = await SharedBench.open();
    const { lease } = bench.read('SELECT 1');
    assert(lease !== null);
    lease.isOpen = false;
    assert.equal(bench.read('SELECT 2').lease, null);
    lease.isOpen = true;
    assert.equal(bench.read('SELECT 3').lease, lease);
  });

  test('a connection whose parameters may cancel the replay is not shared', async () => {
    for (const [timeout, isShared] of [
      ['100ms', false],
      ['1h', true],
    ] as const) {
      const bench = await SharedBench.open();
      const client = await bench.bench.leased([['statement_timeout', timeout]]);
      bench.pool.replay(client.leased, client.parameters);
      client.leased.flushRequests();
      await bench.bench.turn();
      client.endLease();
      await bench.bench.turn();
      assert.equal(bench.pool.idleCount, 1);
      const { lease } = bench.read('SELECT 1');
      assert.equal(lease !== null, isShared);
      assert.equal(bench.pool.idleCount, isShared ? 0 : 1, 'it returns to the pool');
    }
  });

  test('sets the parameters of its reads before the first of them', async () => {
    const bench = await SharedBench.open();
    bench.read('SELECT 1', bench.bench.client([['search_path', 's2']]).parameters);
    const sent = bench.server.read();
    assert.equal(sent.length, 2);
    assert.match(sent[0] ?? '', /search_path/);
    assert.equal(sent[1], 'Q SELECT 1');
  });

  test('parameters that PostgreSQL refuses end the connection, and the read runs alone', async () => {
    const bench = await SharedBench.open();
    const { reader } = bench.read(
      'SELECT 1',
      bench.bench.client([['search_path', 's2']]).parameters,
    );
    const [replay = ''] = bench.server.read();
    bench.server.errors.set(replay.slice(2), {
      severity: 'ERROR',
      sqlstate: '22023',
      message: 'invalid value',
    });
    bench.server.answer();
    await endOfTurn();
    assert.equal(reader.outcome, 'alone');
    assert.equal(bench.pool.interleaver.size, 0);
  });

  test('a parameter that was reported while the connection was idle is known to the pool', async () => {
    const bench = await SharedBench.open();
    const before = bench.pool.reportVersion;
    bench.server.socket.feed(buildParameterStatus('TimeZone', 'Asia/Tokyo'));
    const { reader } = bench.read('SELECT 1');
    assert(bench.pool.reportVersion > before);
    bench.server.answer();
    assert.equal(reader.outcome, answered);
  });
});

suite('a session that waits for an exclusive lease', () => {
  test('gets no shared connection early if there is only one', async () => {
    const bench = await SharedBench.open();
    const { lease } = bench.read('SELECT 1');
    bench.pool.interleaver.giveWay();
    assert.equal(lease?.isOpen, true);
  });

  test('gets the shared connection with the fewest unanswered cycles', async () => {
    const bench = await SharedBench.open(2);
    const first = bench.read('SELECT 1');
    for (let run = 0; run < 300; run++) bench.pool.interleaver.ran(first.cycle, 20);
    const second = bench.read('SELECT 2');
    const third = bench.read('SELECT 3');
    const shorter = third.lease === first.lease ? second.lease : first.lease;
    assert.deepEqual([shorter?.depth, third.lease?.depth], [1, 2]);
    bench.pool.interleaver.giveWay();
    assert.deepEqual([shorter?.isOpen, third.lease?.isOpen], [false, true]);
    bench.pool.interleaver.giveWay();
    assert.equal(third.lease?.isOpen, true, 'one of them stays open');
  });
});

suite('a read in the borrow queue', () => {
  test('runs elsewhere if the connection cannot be shared', async () => {
    const bench = await SharedBench.open();
    const client = await bench.bench.leased([['statement_timeout', '100ms']]);
    bench.pool.replay(client.leased, client.parameters);
    client.leased.flushRequests();
    await bench.bench.turn();
    client.endLease();
    await bench.bench.turn();
    const connection = bench.pool.borrowIdle(bench.set);
    assert(connection !== null);
    let shared = 0;
    const reader = { parameters: bench.set, shareNow: () => shared++ };
    assert.equal(bench.pool.interleaver.begin(connection, reader), false);
    assert.equal(shared, 0);
    assert.equal(bench.pool.interleaver.size, 0);
  });

  test('returns the connection to the pool if it no longer waits', async () => {
    const bench = await SharedBench.open();
    const connection = bench.pool.borrowIdle(bench.set);
    assert(connection !== null);
    const reader = { parameters: bench.set, shareNow: () => undefined };
    assert.equal(bench.pool.interleaver.begin(connection, reader), true);
    assert.equal(bench.pool.interleaver.size, 0);
    assert.equal(bench.pool.idleCount, 1);
  });
});

suite('with a limit of two connections', () => {
  /** The limit of these sessions is 2. */
  async function limitedToTwo(): Promise<SharedBench> {
    const bench = await SharedBench.open(2);
    const { interleaver } = bench.pool;
    const { cycle, lease } = bench.read('SELECT 0');
    const now = performance.now();
    for (const later of [100, 200, 300])
      for (let read = 0; read < 200; read++) interleaver.answered(cycle, 0.1, now + later);
    for (const server of bench.servers) server.answer();
    await endOfTurn();
    assert.equal(lease?.depth, 0);
    return bench;
  }

  test('a second read uses the second one', async () => {
    const bench = await limitedToTwo();
    assert.equal(leases(reads(bench, 2)), 2);
  });

  test('a read uses the first one if nothing is unanswered there', async () => {
    const bench = await limitedToTwo();
    const first = bench.read('SELECT 1');
    let second: SubmittedRead | null = null;
    first.reader.onReply = () => (second = bench.read('SELECT 2'));
    for (const server of bench.servers) server.answer();
    assert.equal((second as SubmittedRead | null)?.lease, first.lease);
  });
});

test('a lease that takes no more reads is not one of several that could become free', async () => {
  const bench = await SharedBench.open(2);
  const first = bench.read('SELECT 1');
  for (let run = 0; run < 300; run++) bench.pool.interleaver.ran(first.cycle, 20);
  const second = bench.read('SELECT 2');
  assert(first.lease !== null && second.lease !== null && first.lease !== second.lease);
  first.lease.isOpen = false;
  bench.pool.interleaver.giveWay();
  assert.equal(second.lease.isOpen, true);
});

test('the lease with the fewest unanswered cycles becomes free, whichever began first', async () => {
  for (const longer of [0, 1]) {
    const bench = await SharedBench.open(2);
    const first = bench.read('SELECT 1');
    for (let run = 0; run < 300; run++) bench.pool.interleaver.ran(first.cycle, 20);
    const both = [first.lease, bench.read('SELECT 2').lease];
    both[longer]?.add(new SharedCycle(first.reader, first.cycle.request, 0));
    bench.pool.interleaver.giveWay();
    assert.deepEqual(
      both.map((lease) => lease?.isOpen),
      [longer === 0, longer === 1],
    );
  }
});

test('a shared connection has been used, for parameters that can only be set before that', async () => {
  const bench = await SharedBench.open();
  const { lease } = bench.read('SELECT 1');
  assert.equal(lease?.connection.state.isUsed, true);
});
