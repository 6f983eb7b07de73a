import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  BackendCode,
  TransactionStatus,
  buildMessage,
  buildParameterStatus,
  buildQuery,
} from '@sluice/wire';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import { ReadHistory, readKey } from '../../src/interleaving/read-history.ts';
import { SharedCycle, longestReply } from '../../src/interleaving/shared-cycle.ts';
import { SharedLease } from '../../src/interleaving/shared-lease.ts';
import type { SharedLeaseKeeper } from '../../src/interleaving/shared-lease.ts';
import { QueryRequest } from '../../src/interleaving/shared-request.ts';
import { ParameterSets } from '../../src/parameters/parameter-sets.ts';
import { backendNamePrefix } from '../../src/statements/backend-names.ts';
import { ScriptedServer, connectTo } from '../scripted-server.ts';
import { Reader, SharedBench, endOfTurn } from './shared-reads.ts';

const answered = 'D C SELECT ZI';

test('reads of one turn go out in one write, each with a reply of its own', async () => {
  const bench = await SharedBench.open();
  const first = bench.read('SELECT 1');
  assert.deepEqual(bench.server.read(), ['Q SELECT 1'], 'the first does not wait for others');
  const second = bench.read('SELECT 2');
  const third = bench.read('SELECT 3');
  assert.deepEqual(bench.server.read(), []);
  await endOfTurn();
  assert.deepEqual(bench.server.read(), ['Q SELECT 2', 'Q SELECT 3']);
  bench.server.answer();
  await endOfTurn();
  for (const [read, text] of [
    [first, 'SELECT 1'],
    [second, 'SELECT 2'],
    [third, 'SELECT 3'],
  ] as const) {
    assert.equal(read.reader.outcome, answered);
    assert(read.reader.rows.includes(text), text);
  }
});

test('a reply in pieces is delivered whole', async () => {
  const bench = await SharedBench.open();
  const { reader } = bench.read('SELECT 1');
  bench.server.status = TransactionStatus.Idle;
  const bytes = Buffer.concat([
    buildMessage(BackendCode.RowDescription, Buffer.from([0, 0])),
    buildMessage(BackendCode.DataRow, Buffer.from([0, 0])),
    buildMessage(BackendCode.CommandComplete, Buffer.from('SELECT 1\0')),
    buildMessage(BackendCode.ReadyForQuery, Buffer.from('I')),
  ]);
  for (const byte of bytes) {
    assert.equal(reader.outcome, null);
    bench.server.socket.feed(Buffer.from([byte]));
    await endOfTurn();
  }
  assert.equal(reader.outcome, 'T D C SELECT 1 ZI');
});

test('the connection returns to the pool when nothing is unanswered', async () => {
  const bench = await SharedBench.open();
  bench.read('SELECT 1');
  assert.equal(bench.pool.idleCount, 0);
  bench.server.answer();
  await endOfTurn();
  assert.equal(bench.pool.idleCount, 1);
  assert.equal(bench.pool.interleaver.size, 0);
});

test('a session that reads again when it is answered uses the lease that it had', async () => {
  const bench = await SharedBench.open();
  const { reader } = bench.read('SELECT 1');
  let again: ReturnType<SharedBench['read']> | null = null;
  reader.onReply = () => (again = bench.read('SELECT 2'));
  bench.server.answer();
  await endOfTurn();
  bench.server.answer();
  await endOfTurn();
  assert.equal((again as ReturnType<SharedBench['read']> | null)?.reader.outcome, answered);
});

test('an error is that of its read alone', async () => {
  const bench = await SharedBench.open();
  bench.server.errors.set('SELECT 1/0', { severity: 'ERROR', sqlstate: '22012', message: 'zero' });
  const reads = ['SELECT 1', 'SELECT 1/0', 'SELECT 2'].map((text) => bench.read(text));
  await endOfTurn();
  bench.server.answer();
  await endOfTurn();
  assert.deepEqual(
    reads.map(({ reader }) => reader.outcome),
    [answered, 'E 22012 ZI', answered],
  );
});

for (const sqlstate of ['57P01', '25006', '57P03'])
  test(`an error about the server (${sqlstate}) is for an exclusive lease`, async () => {
    const bench = await SharedBench.open();
    bench.server.errors.set('SELECT 2', { severity: 'ERROR', sqlstate, message: 'not now' });
    const reads = ['SELECT 1', 'SELECT 2', 'SELECT 3'].map((text) => bench.read(text));
    await endOfTurn();
    bench.server.answer();
    await endOfTurn();
    assert.deepEqual(
      reads.map(({ reader }) => reader.outcome),
      [answered, 'alone', answered],
    );
  });

test('sessions with other parameters have another lease', async () => {
  const bench = await SharedBench.open(2);
  const other = bench.bench.client([['search_path', 's2']]).parameters;
  const one = bench.read('SELECT 1');
  const two = bench.read('SELECT 2', other);
  assert(one.lease !== null && two.lease !== null);
  assert.notEqual(one.lease, two.lease);
  assert.equal(two.lease.parameters, other);
  const three = bench.read('SELECT 3', bench.bench.client([['search_path', 's3']]).parameters);
  assert.equal(three.lease, null, 'no third connection is idle');
});

test('a connection on which a session has left something is reset first', async () => {
  const bench = await SharedBench.open();
  const client = await bench.bench.leased();
  client.leased.state.residue.begin(7, 0, () => true);
  client.leased.state.residue.markUnproven();
  client.endLease();
  await bench.bench.turn();
  bench.server.read();
  const before = bench.pool.stats.resets;
  bench.read('SELECT 1');
  assert.equal(bench.pool.stats.resets, before + 1);
  const sent = bench.server.read();
  assert.equal(sent.at(-1), 'Q SELECT 1');
  assert(sent.length > 1, 'nothing precedes the read');
});

test('a read that leaves a transaction open ends the connection, and all run alone', async () => {
  const bench = await SharedBench.open();
  const reads = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  await endOfTurn();
  bench.server.status = TransactionStatus.InTransaction;
  bench.server.answer(1);
  await endOfTurn();
  assert.deepEqual(
    reads.map(({ reader }) => reader.outcome),
    ['alone', 'alone'],
  );
  assert.equal(bench.pool.size, 0);
});

test('a message that fits no reply ends the connection, and all run alone', async () => {
  const bench = await SharedBench.open();
  const reads = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  await endOfTurn();
  bench.server.socket.feed(buildMessage(BackendCode.BindComplete, Buffer.alloc(0)));
  await endOfTurn();
  for (const { reader } of reads) assert.equal(reader.outcome, 'alone');
  assert.equal(bench.pool.size, 0);
  assert.equal(bench.pool.stats.outOfSync, 1);
});

test('a reply that is too long runs alone, and others are not lost', async () => {
  const bench = await SharedBench.open();
  const reads = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  await endOfTurn();
  bench.server.socket.feed(
    buildMessage(BackendCode.DataRow, Buffer.alloc(longestReply)),
    buildMessage(BackendCode.DataRow, Buffer.alloc(10)),
  );
  await endOfTurn();
  for (const { reader } of reads) assert.equal(reader.outcome, 'alone');
  assert.equal(bench.pool.interleaver.history.isShort(reads[0]?.cycle.request.key ?? 0), false);
});

test('reads behind a slow one run alone, and it keeps the connection', async () => {
  const bench = await SharedBench.open();
  const [slow, second, third] = ['SELECT 1', 'SELECT 2', 'SELECT 3'].map((text) =>
    bench.read(text),
  );
  assert(slow !== undefined && second !== undefined && third !== undefined && slow.lease !== null);
  await endOfTurn();
  slow.lease.leaveHead(performance.now() + 20);
  assert.equal(slow.reader.outcome, null);
  assert.equal(second.reader.outcome, 'alone');
  assert.equal(third.reader.outcome, 'alone');
  assert.equal(bench.pool.stats.cyclesMoved, 2);
  assert.equal(bench.read('SELECT 4').lease, null, 'the lease takes more');
  bench.server.answer();
  await endOfTurn();
  assert.equal(slow.reader.outcome, answered);
  assert.equal(second.reader.outcome, 'alone', 'a late reply has reached a session');
  assert.equal(bench.pool.idleCount, 1);
});

test('a slow read is found without an answer', async () => {
  const bench = await SharedBench.open();
  const slow = bench.read('SELECT 1');
  const second = bench.read('SELECT 2');
  while (second.reader.outcome === null) await endOfTurn();
  assert.equal(second.reader.outcome, 'alone');
  assert.equal(slow.reader.outcome, null);
});

test('before a cancel request, all other reads have left', async () => {
  const bench = await SharedBench.open();
  const [first, second, third] = ['SELECT 1', 'SELECT 2', 'SELECT 3'].map((text) =>
    bench.read(text),
  );
  assert(first !== undefined && second !== undefined && third !== undefined);
  await endOfTurn();
  assert.equal(second.lease?.cancel(second.cycle), true);
  assert.deepEqual(
    [first, second, third].map(({ reader }) => reader.outcome),
    ['alone', null, 'alone'],
  );
  bench.server.answer();
  await endOfTurn();
  assert.deepEqual(
    [first, second, third].map(({ reader }) => reader.outcome),
    ['alone', null, 'alone'],
    'a late reply has reached a session',
  );
});

test('a read that was not sent yet is canceled without a cancel request', async () => {
  const bench = await SharedBench.open();
  const first = bench.read('SELECT 1');
  const second = bench.read('SELECT 2');
  assert.equal(second.lease?.cancel(second.cycle), false);
  await endOfTurn();
  bench.server.answer();
  await endOfTurn();
  assert.deepEqual(bench.server.received.slice(-1), ['Q SELECT 1']);
  assert.equal(first.reader.outcome, answered);
  assert.equal(second.reader.outcome, null);
});

test('the reply of a session that has ended reaches nobody', async () => {
  const bench = await SharedBench.open();
  const [first, second] = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  assert(first !== undefined && second !== undefined);
  await endOfTurn();
  first.lease?.giveUp(first.cycle);
  bench.server.answer();
  await endOfTurn();
  assert.equal(first.reader.outcome, null);
  assert.equal(second.reader.outcome, answered);
  assert(second.reader.rows.includes('SELECT 2'));
});

test('a connection whose last read was given up before it was sent returns to the pool', async () => {
  const bench = await SharedBench.open();
  const first = bench.read('SELECT 1');
  const second = bench.read('SELECT 2');
  bench.server.answer();
  assert.equal(first.reader.outcome, answered);
  second.lease?.giveUp(second.cycle);
  await endOfTurn();
  assert.equal(bench.pool.idleCount, 1);
  assert.equal(bench.pool.interleaver.size, 0);
});

test('a lost connection: the read that ran is suspected, the others run alone', async () => {
  const bench = await SharedBench.open();
  const reads = ['SELECT 1', 'SELECT 2', 'SELECT 3'].map((text) => bench.read(text));
  await endOfTurn();
  bench.server.answer(1);
  await endOfTurn();
  bench.server.socket.destroy();
  await endOfTurn();
  await endOfTurn();
  assert.deepEqual(
    reads.map(({ reader }) => reader.outcome),
    [answered, 'suspect 08006', 'alone'],
  );
});

test('a parameter that the server reports by itself reaches no session with a read', async () => {
  const bench = await SharedBench.open();
  const before = bench.pool.reportVersion;
  const reads = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  await endOfTurn();
  bench.server.socket.feed(buildParameterStatus('TimeZone', 'Asia/Tokyo'));
  await endOfTurn();
  bench.server.answer();
  await endOfTurn();
  assert.deepEqual(
    reads.map(({ reader }) => reader.outcome),
    ['alone', answered],
  );
  assert(bench.pool.reportVersion > before, 'other clients do not learn of it');
});

test('a session that waits for a connection gets one soon, when the reads in flight are answered', async () => {
  const bench = await SharedBench.open();
  bench.bench.limit({ size: 1 });
  const first = bench.read('SELECT 1');
  const client = bench.bench.client().borrow();
  const { lease } = bench.read('SELECT 2');
  assert.equal(lease, first.lease, 'the readers have their turn');
  const isOpen = (): boolean => lease?.isOpen === true;
  while (isOpen()) await endOfTurn();
  assert.equal(bench.read('SELECT 3').lease, null, 'the lease takes more');
  bench.server.answer();
  await endOfTurn();
  assert.equal(first.reader.outcome, answered);
  assert(client.connection !== null);
});

test('reads in the borrow queue share the connection that one of them gets, the others wait on', async () => {
  const bench = await SharedBench.open();
  bench.bench.limit({ size: 1 });
  const owner = await bench.bench.leased();
  const shared: unknown[] = [];
  const waits = (parameters = bench.set): void => {
    const reader = {
      parameters,
      waitingSince: performance.now(),
      wouldShare: (set: unknown): boolean => set === parameters,
      shareNow: (): void => void shared.push(bench.read(`SELECT ${shared.length}`).lease),
      granted: (connection: ServerConnection): void => {
        assert(bench.pool.interleaver.begin(connection, reader));
      },
      borrowFailed: (): void => assert.fail('it was refused'),
    };
    bench.pool.borrow(reader);
  };
  waits();
  waits();
  waits(bench.bench.client([['search_path', 's2']]).parameters);
  waits();
  assert.equal(bench.pool.waitingCount, 4);
  owner.endLease();
  await bench.bench.turn();
  await endOfTurn();
  bench.server.answer();
  await endOfTurn();
  assert.equal(shared.length, 4);
  assert.equal(bench.pool.waitingCount, 0);
  assert.equal(new Set(shared.slice(0, 3)).size, 1);
  assert.notEqual(shared[3], shared[0], 'those with other parameters have their own turn');
});

test('of several shared connections, one becomes free at once for a session that waits', async () => {
  const bench = await SharedBench.open(2);
  bench.bench.limit({ size: 2 });
  const first = bench.read('SELECT 1');
  bench.pool.interleaver.ran(first.cycle, 1000);
  const second = bench.read('SELECT 2');
  assert.notEqual(second.lease, first.lease);
  bench.bench.client().borrow();
  assert.notEqual(first.lease?.isOpen, second.lease?.isOpen);
});

test('a lease ends after a while, however much is read', async (t) => {
  const bench = await SharedBench.open();
  const reads = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  await endOfTurn();
  const lease = reads[0]?.lease;
  assert(lease !== null && lease !== undefined);
  const old = lease.since + 300;
  // The oldest read has just become the oldest.
  const { mock } = t.mock.method(performance, 'now', () => old);
  bench.server.answer(1);
  await endOfTurn();
  mock.restore();
  lease.check(old - 100, 250);
  assert(lease.isOpen);
  lease.check(old, 250);
  assert(!lease.isOpen);
  assert.equal(reads[1]?.reader.outcome, null, 'the read in flight has to run again');
  bench.server.answer();
  await endOfTurn();
  assert.equal(reads[1]?.reader.outcome, answered);
  assert.equal(bench.pool.idleCount, 1);
});

test('a fault in one session harms no other', async () => {
  const bench = await SharedBench.open();
  const [first, second] = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  assert(first !== undefined && second !== undefined);
  first.reader.onReply = () => {
    throw new Error('a fault');
  };
  await endOfTurn();
  bench.server.answer();
  await endOfTurn();
  assert.equal(first.reader.faults.length, 1);
  assert.equal(second.reader.outcome, answered);
});

test('short reads share a connection, longer ones use several', async () => {
  const bench = await SharedBench.open(3);
  const few = [1, 2, 3, 4].map((n) => bench.read(`SELECT ${n}`));
  assert.equal(new Set(few.map(({ lease }) => lease)).size, 1);
  for (const { cycle } of few)
    for (let run = 0; run < 100; run++) bench.pool.interleaver.ran(cycle, 6);
  const many = [1, 2].map((n) => bench.read(`SELECT ${n}`));
  assert.equal(new Set([...few, ...many].map(({ lease }) => lease)).size, 3);
});

test('nothing is shared while the pool is paused, or a connection is to be closed', async () => {
  const bench = await SharedBench.open();
  bench.bench.target.pauseReason = 'paused';
  assert.equal(bench.read('SELECT 1').lease, null);
  bench.bench.target.pauseReason = null;
  const { lease } = bench.read('SELECT 2');
  assert(lease !== null);
  bench.bench.target.pauseReason = 'paused';
  assert.equal(bench.read('SELECT 3').lease, null);
  bench.bench.target.pauseReason = null;
  lease.connection.retire('it is old');
  assert.equal(bench.read('SELECT 3').lease, null);
});

function keyOf(text: string): number {
  return readKey({ template: null }, Buffer.from(text), 0, Buffer.byteLength(text));
}

test('texts that differ in numbers and strings are the same read', () => {
  assert.equal(
    keyOf("SELECT a FROM t WHERE b = 17 AND c = 'x'"),
    keyOf("SELECT a FROM t WHERE b = 4 AND c = 'yy'"),
  );
  assert.notEqual(keyOf('SELECT a FROM t'), keyOf('SELECT b FROM t'));
  assert.notEqual(keyOf('SELECT a1'), keyOf('SELECT a'));
});

test('a read is short after two short runs; single long ones change nothing, several do', () => {
  const history = new ReadHistory();
  assert.equal(history.isShort(7), false);
  history.ran(7, 0.2);
  assert.equal(history.isShort(7), false);
  history.ran(7, 0.2);
  assert.equal(history.isShort(7), true);
  for (let run = 0; run < 1000; run++) {
    history.ran(7, run % 10 === 0 ? 200 : 0.2);
    assert(history.isShort(7), `${run}`);
  }
  for (let run = 0; run < 6; run++) history.ran(7, 200);
  assert.equal(history.isShort(7), false);
  for (let run = 0; run < 1000; run++) history.ran(7, run % 2 === 0 ? 200 : 0.2);
  assert.equal(history.isShort(7), false, 'half of the runs are long');
  let runs = 0;
  for (; !history.isShort(7); runs++) history.ran(7, 0.2);
  assert(runs > 3 && runs < 60, `${runs}`);
  // One slow run is enough.
  history.ran(8, 50);
  history.ran(8, 50);
  assert.equal(history.isShort(8), false);
  // Another read in the same slot has its own record.
  assert.equal(history.isShort(7 + 4096), false);
});

test('after an error message the loss of a connection has no suspect', async () => {
  const bench = await SharedBench.open();
  const reads = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  await endOfTurn();
  bench.server.fail({ severity: 'FATAL', sqlstate: '57P01', message: 'shutting down' });
  bench.server.vanish();
  await endOfTurn();
  assert.deepEqual(
    reads.map(({ reader }) => reader.outcome),
    ['alone', 'alone'],
  );
  assert.equal(bench.pool.stats.cyclesMoved, 2);
});

test('an outdated plan concerns one read', async () => {
  const bench = await SharedBench.open();
  bench.server.errors.set('SELECT 2', {
    severity: 'ERROR',
    sqlstate: '0A000',
    message: 'cached plan must not change result type',
    routine: 'RevalidateCachedQuery',
  });
  const reads = ['SELECT 1', 'SELECT 2', 'SELECT 3'].map((text) => bench.read(text));
  await endOfTurn();
  bench.server.answer();
  await endOfTurn();
  assert.deepEqual(
    reads.map(({ reader }) => reader.outcome),
    [answered, 'alone', answered],
  );
  assert.equal(bench.pool.idleCount, 1);
});

test('a notification reaches no session with a read', async () => {
  const bench = await SharedBench.open();
  const { reader } = bench.read('SELECT 1');
  bench.server.socket.feed(
    buildMessage(BackendCode.NotificationResponse, Buffer.from('\0\0\0\x01channel\0payload\0')),
  );
  bench.server.answer();
  await endOfTurn();
  assert.equal(reader.outcome, answered);
});

test('after a parameter that the server reports by itself, the lease takes no more reads', async () => {
  const bench = await SharedBench.open();
  const { lease } = bench.read('SELECT 1');
  bench.server.socket.feed(buildParameterStatus('TimeZone', 'Asia/Tokyo'));
  assert.equal(lease?.isOpen, false);
  assert.equal(bench.read('SELECT 2').lease, null);
});

test('a read is slow after more than 20 ms at the head, and a lease old after its time', async () => {
  const bench = await SharedBench.open();
  const [first, second] = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  assert(first !== undefined && second !== undefined && first.lease !== null);
  const { lease } = first;
  await endOfTurn();
  const { history } = bench.pool.interleaver;
  lease.check(lease.since + 250, 250);
  assert.equal(lease.isOpen, false, 'its head is slow');
  assert.equal(second.reader.outcome, 'alone');
  // The slow run counts once, although it is found at every check.
  lease.check(lease.since + 300, 250);
  assert.equal(bench.pool.stats.cyclesMoved, 1);
  assert(!history.isShort(first.cycle.request.key));
});

test('a lease without unanswered reads has no slow one', async () => {
  const bench = await SharedBench.open();
  const { lease } = bench.read('SELECT 1');
  assert(lease !== null);
  bench.server.answer();
  lease.leaveHead(performance.now() + 1000);
  lease.check(lease.since + 100, 250);
  assert.equal(bench.pool.stats.cyclesMoved, 0);
});

test('a read that has ended its wait by itself is not told to run alone', async () => {
  const bench = await SharedBench.open();
  const [slow, second] = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  assert(slow !== undefined && second !== undefined && slow.lease !== null);
  await endOfTurn();
  slow.lease.giveUp(second.cycle);
  slow.lease.leaveHead(performance.now() + 20);
  assert.equal(second.reader.outcome, null);
  assert.equal(bench.pool.stats.cyclesMoved, 0);
});

test('a session with an internal error while it moves away harms no other', async () => {
  const bench = await SharedBench.open();
  const [first, second, third] = ['SELECT 1', 'SELECT 2', 'SELECT 3'].map((text) =>
    bench.read(text),
  );
  assert(first !== undefined && second !== undefined && third !== undefined);
  second.reader.runsAlone = () => {
    throw new Error('a fault');
  };
  await endOfTurn();
  first.lease?.leaveHead(performance.now() + 20);
  assert.equal(second.reader.faults.length, 1);
  assert.equal(third.reader.outcome, 'alone');
});

test('a connection is not returned while a read waits for the end of the turn', async () => {
  const bench = await SharedBench.open();
  const [first, second] = ['SELECT 1', 'SELECT 2'].map((text) => bench.read(text));
  bench.server.answer();
  assert.equal(first?.reader.outcome, answered);
  assert.equal(bench.pool.idleCount, 0);
  await endOfTurn();
  bench.server.answer();
  assert.equal(second?.reader.outcome, answered);
});

test('of several reads that wait for the end of the turn, one is given up', async () => {
  const bench = await SharedBench.open();
  const [first, second, third] = [1, 2, 3].map((at) => bench.read(`SELECT ${at}`));
  assert(first?.lease && second !== undefined);
  first.lease.giveUp(second.cycle);
  await endOfTurn();
  assert.deepEqual(bench.server.read(), ['Q SELECT 1', 'Q SELECT 3']);
  bench.server.answer();
  assert.equal(second.reader.outcome, null);
  assert.equal(third?.reader.outcome, answered);
});

/** A shared lease alone: its keeper is the test, and records its calls. */
class Alone implements SharedLeaseKeeper {
  readonly server = new ScriptedServer();
  readonly lease: SharedLease;
  readonly calls: string[] = [];
  /** How long reads ran, in milliseconds. */
  readonly times: number[] = [];

  constructor(began = performance.now()) {
    const connection = connectTo(this.server);
    this.lease = new SharedLease(connection, new ParameterSets().acquire([]), began, this);
    connection.leaseTo(this.lease);
  }

  /** Submits a read; without `takes`, the connection cannot run it. */
  add(text: string, takes = true): { readonly reader: Reader; readonly cycle: SharedCycle } {
    const chunk = buildQuery(text);
    const reader = new Reader();
    const request = new QueryRequest(chunk, 0, chunk.length, 0);
    if (!takes) request.gather = () => false;
    const cycle = new SharedCycle(reader, request, performance.now());
    this.lease.add(cycle);
    return { reader, cycle };
  }

  ran(_cycle: SharedCycle, milliseconds: number): void {
    this.times.push(milliseconds);
  }
  answered(_cycle: SharedCycle, milliseconds: number): void {
    this.times.push(milliseconds);
  }
  wasLarge(): void {
    this.calls.push('large');
  }
  moved(cycles: number): void {
    this.calls.push(`moved ${cycles}`);
  }
  turnTaken(): void {
    this.calls.push('turn');
  }
  parameterChanged(): void {
    this.calls.push('parameter');
  }
  ended(): void {
    this.calls.push('ended');
  }
}

/** Uses the processor for at least so many milliseconds. */
function work(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
}

suite('a shared lease alone', () => {
  test('counts a turn for each session that follows another', () => {
    const alone = new Alone();
    const { reader, cycle } = alone.add('SELECT 1');
    alone.lease.add(new SharedCycle(reader, cycle.request, 0));
    alone.add('SELECT 2');
    assert.deepEqual(alone.calls, ['turn', 'turn']);
  });

  test('divides the time among the reads that are answered together', () => {
    const alone = new Alone();
    const before = performance.now();
    for (const text of ['SELECT 1', 'SELECT 2']) alone.add(text);
    alone.lease.send();
    work(5);
    alone.server.answer();
    const most = performance.now() - before;
    const [first = 0, second = 0] = alone.times;
    assert.equal(alone.times.length, 2);
    assert.equal(first, second);
    assert(first + second >= 5 && first + second <= most, alone.times.join());
  });

  test('measures the oldest read from when it was sent, or became the oldest', () => {
    const alone = new Alone(performance.now() - 1000);
    alone.add('SELECT 1');
    alone.lease.send();
    const sent = performance.now();
    alone.lease.check(sent, Infinity);
    assert.equal(alone.lease.isOpen, true, 'it has just been sent');
    work(1);
    alone.add('SELECT 2');
    alone.lease.send();
    alone.lease.check(sent + 20, Infinity);
    assert.equal(alone.lease.isOpen, false, 'a later read does not make it younger');
  });

  test('reports a slow read once', () => {
    const alone = new Alone();
    alone.add('SELECT 1');
    alone.lease.send();
    const sent = performance.now();
    for (const later of [100, 200]) alone.lease.leaveHead(sent + later);
    assert.equal(alone.times.length, 1);
    assert(Math.abs((alone.times[0] ?? 0) - 100) < 50, alone.times.join());
  });

  test('takes no more reads after one that its connection cannot run', async () => {
    const alone = new Alone();
    const refused = alone.add('SELECT 1', false);
    const other = alone.add('SELECT 2');
    alone.lease.send();
    assert.equal(alone.lease.isOpen, false);
    assert.equal(refused.reader.outcome, null, 'its session may be submitting it');
    await endOfTurn();
    assert.equal(refused.reader.outcome, 'alone');
    assert.deepEqual(alone.calls, ['turn', 'turn', 'moved 1']);
    alone.server.answer();
    assert.equal(other.reader.outcome, 'C SELECT ZI');
  });

  test('moves no read that was given up in the meantime', async () => {
    const alone = new Alone();
    const refused = alone.add('SELECT 1', false);
    alone.lease.send();
    alone.lease.giveUp(refused.cycle);
    await endOfTurn();
    assert.equal(refused.reader.outcome, null);
    assert.deepEqual(alone.calls, ['turn', 'ended']);
  });

  test('reports a reply that is too long', () => {
    const alone = new Alone();
    const { reader } = alone.add('SELECT 1');
    alone.lease.send();
    alone.server.rowsOf = () => [['x'.repeat(longestReply)]];
    alone.server.answer();
    assert.equal(reader.outcome, 'alone');
    assert(alone.calls.includes('large'), alone.calls.join());
  });

  test('ends when a read begins COPY', () => {
    const alone = new Alone();
    const { reader } = alone.add('SELECT 1');
    alone.lease.send();
    alone.server.socket.feed(buildMessage(BackendCode.CopyInResponse, Buffer.from([0, 0, 0])));
    alone.server.vanish();
    assert.notEqual(reader.outcome, null);
    assert.equal(alone.lease.isOpen, false);
    assert(alone.calls.includes('ended'), alone.calls.join());
  });

  test('takes no more reads after parameters that the server reports aside', () => {
    const alone = new Alone();
    alone.lease.parametersReported();
    assert.equal(alone.lease.isOpen, false);
    assert.deepEqual(alone.calls, ['parameter']);
  });

  test('an error with the name of a statement runs alone, where the name can be replaced', () => {
    const alone = new Alone();
    alone.server.errors.set('SELECT 1', {
      severity: 'ERROR',
      sqlstate: '26000',
      message: `prepared statement "${backendNamePrefix}1" does not exist`,
      routine: 'FetchPreparedStatement',
    });
    const { reader } = alone.add('SELECT 1');
    alone.lease.send();
    alone.server.answer();
    assert.equal(reader.outcome, 'alone');
    assert.equal(alone.lease.isOpen, false, 'an assumption was wrong');
  });
});
