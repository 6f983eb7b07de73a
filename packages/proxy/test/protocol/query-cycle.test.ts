import assert from 'node:assert/strict';
import {
  buildBind,
  buildDescribeStatement,
  buildExecute,
  buildQuery,
  describesPortal,
  syncMessage,
  TransactionStatus,
} from '@sluice/wire';
import { mask } from '../../src/distinct.ts';
import { Action, PendingReplies, Reply } from '../../src/protocol/pending-replies.ts';
import { Change, QueryCycle } from '../../src/protocol/query-cycle.ts';
import type { CycleOwner, Retry } from '../../src/protocol/query-cycle.ts';
import { QueryCycles } from '../../src/protocol/query-cycles.ts';
import { classify, loadParser } from '../../src/sql/index.ts';
import { test } from 'node:test';

await loadParser();

class Owner implements CycleOwner {
  readonly begun: boolean[] = [];
  cycleBegan(isFirst: boolean): void {
    this.begun.push(isFirst);
  }
}

function cycle(...texts: readonly string[]): QueryCycle {
  const made = new QueryCycle();
  for (const text of texts) made.add(classify(text));
  return made;
}

function connection(status: number = TransactionStatus.Idle): {
  pending: PendingReplies;
  state: { status: number };
  midCycle: boolean;
} {
  return { pending: new PendingReplies(), state: { status }, midCycle: false };
}

/** Sends a cycle with one statement. */
function send(cycles: QueryCycles, text = 'SELECT 1'): void {
  cycles.add(classify(text));
  cycles.end();
}

const retry: Retry = {
  error: { sqlstate: '57P01', message: 'shut down' },
  answered: Buffer.alloc(0),
  checked: true,
  isConfirmed: false,
  whenChecked: (done) => done(),
  stands: () => true,
};

// --- Side effects of one cycle ---

for (const text of [
  'SELECT 1',
  'BEGIN',
  'SELECT count(*) FROM pg_class',
  'SHOW work_mem',
  'VALUES (1)',
])
  test(`after a loss, ${text} may be retried`, () => {
    assert(cycle(text).repeatable(false));
  });

for (const text of [
  'INSERT INTO a VALUES (1)',
  'COMMIT',
  'ROLLBACK',
  'SET work_mem = 1',
  'SELECT own_function()',
  'SELECT 1; SELECT 2',
  'DO $$ BEGIN END $$',
  'CALL p()',
  'LISTEN a',
])
  test(`after a loss, ${text} may not be retried`, () => {
    assert(!cycle(text).repeatable(false));
  });

test('after a refusal, a write may be retried: it was rolled back', () => {
  assert(cycle('INSERT INTO a VALUES (1)').repeatable(true));
});

for (const text of [
  'SET work_mem = 1',
  'COMMIT',
  'SELECT own_function()',
  'INSERT INTO a VALUES (1); SELECT 1',
])
  test(`after a refusal, ${text} may not be retried`, () => {
    assert(!cycle(text).repeatable(true));
  });

test('nothing that was forwarded may be retried', () => {
  const sent = cycle('SELECT 1');
  sent.relayed = true;
  assert(!sent.repeatable(false));
  assert(!sent.repeatable(true));
});

test('two statements may not be retried, nor none', () => {
  assert(!cycle('SELECT 1', 'SELECT 1').repeatable(false));
  assert(!cycle().repeatable(false));
});

test('an unparsed statement may not be retried, and may commit', () => {
  const sent = cycle();
  sent.addUnread();
  assert.equal(sent.statements, 1);
  assert(sent.mayCommit);
  assert(!sent.repeatable(true));
});

test('a cycle that was lost once is not retried a second time', () => {
  const sent = cycle('SELECT 1');
  sent.again(null);
  sent.add(classify('SELECT 1'));
  assert(!sent.repeatable(false));
});

test('a refused cycle is retried three times', () => {
  const sent = cycle('SELECT 1');
  for (let round = 0; round < 3; round++) {
    assert(sent.repeatable(true), `round ${round}`);
    sent.again(retry);
    sent.add(classify('SELECT 1'));
  }
  assert(!sent.repeatable(true));
});

test('an answered cycle may be retried as often as any other', () => {
  const sent = cycle('SELECT 1');
  sent.again(null);
  sent.clear();
  sent.add(classify('SELECT 1'));
  assert(sent.repeatable(false));
});

for (const [texts, begins, ends, mayCommit] of [
  [['BEGIN'], true, false, false],
  [['COMMIT'], false, true, true],
  [['ROLLBACK'], false, true, false],
  [['COMMIT AND CHAIN'], true, true, true],
  [['ROLLBACK AND CHAIN'], true, true, false],
  [['BEGIN', 'COMMIT'], false, true, true],
  [['COMMIT', 'BEGIN'], true, true, true],
  [["PREPARE TRANSACTION 'a'"], false, true, true],
  [["COMMIT PREPARED 'a'"], false, false, true],
  [["ROLLBACK PREPARED 'a'"], false, false, true],
  [['SAVEPOINT a'], false, false, false],
  [['SELECT 1'], false, false, false],
  [['DO $$ BEGIN END $$'], false, false, true],
  [['CALL p()'], false, false, true],
] as const)
  test(`the effect of ${texts.join('; ')} on a transaction`, () => {
    const sent = cycle(...texts);
    assert.deepEqual([sent.begins, sent.ends, sent.mayCommit], [begins, ends, mayCommit]);
  });

// --- Bytes of one cycle ---

test('a kept cycle comes before later ones', () => {
  const sent = cycle();
  assert(!sent.isKept);
  sent.keep(Buffer.from('xxabcyy'), 2, 5);
  assert(sent.isKept);
  assert.equal(sent.takeBefore(Buffer.from('def'))?.toString(), 'abcdef');
  assert(!sent.isKept);
  assert.equal(sent.takeBefore(Buffer.from('def'))?.toString(), 'def');
  assert.equal(sent.takeBefore(null), null);
});

test('a kept cycle with nothing after it stays alone', () => {
  const sent = cycle();
  sent.keep(Buffer.from('xxabcyy'), 2, 5);
  assert.equal(sent.takeBefore(null)?.toString(), 'abc');
});

test('a kept cycle stays when it is retried, and is removed when it is answered or dropped', () => {
  const sent = cycle();
  sent.keep(Buffer.from('abc'), 0, 3);
  sent.again(retry);
  assert(sent.isKept);
  sent.drop();
  assert(!sent.isKept);
  sent.keep(Buffer.from('abc'), 0, 3);
  sent.clear();
  assert(!sent.isKept);
});

const bound = Buffer.concat([buildBind('', 's'), buildExecute(''), syncMessage]);

test('the bytes of a cycle end with its Sync, and can be taken once', () => {
  const sent = cycle();
  const chunk = Buffer.concat([Buffer.from('xxx'), bound, buildQuery('SELECT 2')]);
  sent.beginsAt(chunk, 3, null, true);
  assert.deepEqual(sent.takeFromBeginning(), bound);
  assert.equal(sent.takeFromBeginning(), null);
});

test('a Query ends the bytes of a cycle as Sync does', () => {
  const sent = cycle();
  const query = buildQuery('EXECUTE a');
  sent.beginsAt(Buffer.concat([query, bound]), 0, null, true);
  assert.deepEqual(sent.takeFromBeginning(), query);
});

test('a cycle has no bytes if it was not alone, has no end yet, or was given up', () => {
  const sent = cycle();
  sent.beginsAt(bound, 0, null, false);
  assert.equal(sent.takeFromBeginning(), null);
  sent.beginsAt(bound.subarray(0, bound.length - syncMessage.length), 0, null, true);
  assert.equal(sent.takeFromBeginning(), null);
  sent.beginsAt(bound.subarray(0, bound.length - 1), 0, null, true);
  assert.equal(sent.takeFromBeginning(), null);
  const statement = {};
  sent.beginsAt(bound, 0, statement, true);
  assert.equal(sent.statement, statement);
  sent.forgetBeginning();
  assert.equal(sent.statement, null);
  assert.equal(sent.takeFromBeginning(), null);
});

test('a portal is described in a cycle, not after its Sync', () => {
  const portal = Buffer.from(buildDescribeStatement('a'));
  portal[5] = 0x50;
  assert(describesPortal(Buffer.concat([buildBind('', 's'), portal, syncMessage]), 0));
  assert(!describesPortal(Buffer.concat([buildBind('', 's'), syncMessage, portal]), 0));
  assert(!describesPortal(Buffer.concat([buildBind('', 's'), buildDescribeStatement('a')]), 0));
});

// --- The cycles of a session ---

test('a session with one cycle at a time reuses one object', () => {
  const cycles = new QueryCycles(new Owner());
  const { first } = cycles;
  for (let round = 0; round < 5; round++) {
    send(cycles);
    assert.equal(cycles.first, first);
    assert.equal(cycles.last, first);
    cycles.answered(1);
  }
  assert.equal(cycles.unanswered, 0);
});

test('cycles are counted until they are answered', () => {
  const cycles = new QueryCycles(new Owner());
  assert.deepEqual([cycles.complete, cycles.unanswered, cycles.isOpen], [0, 0, false]);
  cycles.begin();
  assert.deepEqual([cycles.complete, cycles.unanswered, cycles.isOpen], [0, 1, true]);
  cycles.end();
  assert.deepEqual([cycles.complete, cycles.unanswered, cycles.isOpen], [1, 1, false]);
  send(cycles);
  cycles.begin();
  assert.deepEqual([cycles.complete, cycles.unanswered, cycles.isOpen], [2, 3, true]);
  cycles.answered(1);
  cycles.answered(1);
  assert.deepEqual([cycles.complete, cycles.unanswered, cycles.isOpen], [0, 1, true]);
  cycles.end();
  cycles.answered(1);
  assert.deepEqual([cycles.complete, cycles.unanswered, cycles.isOpen], [0, 0, false]);
});

test('the owner is informed once of each cycle, and which is the oldest', () => {
  const owner = new Owner();
  const cycles = new QueryCycles(owner);
  cycles.begin();
  cycles.begin();
  cycles.end();
  send(cycles);
  assert.deepEqual(owner.begun, [true, false]);
  cycles.answered(1);
  cycles.answered(1);
  send(cycles);
  assert.deepEqual(owner.begun, [true, false, true]);
});

test('the age of a cycle counts from when it became the oldest', () => {
  const cycles = new QueryCycles(new Owner());
  const before = performance.now();
  send(cycles);
  assert(cycles.first.since >= before && cycles.first.since <= performance.now());
  // An integer, so that differences are exact.
  const since = 1000;
  cycles.first.since = since;
  send(cycles);
  assert.equal(cycles.answered(since + 10), 10);
  assert.equal(cycles.first.since, since + 10);
  assert.equal(cycles.answered(since + 25), 15);
  assert.equal(cycles.first.since, 0);
});

test('the newest cycle knows the side effects of the ones before it', () => {
  const cycles = new QueryCycles(new Owner());
  send(cycles, 'BEGIN');
  assert(cycles.last.begins);
  send(cycles, 'INSERT INTO a VALUES (1)');
  assert(cycles.last.begins);
  assert.equal(cycles.last.statements, 2);
  assert(!cycles.last.mayCommit);
  send(cycles, 'COMMIT');
  assert.deepEqual(
    [cycles.last.begins, cycles.last.ends, cycles.last.mayCommit],
    [false, true, true],
  );
});

test('the effects of an answered cycle count as long as a later one is unanswered', () => {
  const cycles = new QueryCycles(new Owner());
  send(cycles, 'INSERT INTO a VALUES (1)');
  send(cycles, 'SELECT 1');
  cycles.first.relayed = true;
  cycles.answered(1);
  assert(cycles.first.relayed);
  assert.equal(cycles.last.statements, 2);
  assert(!cycles.last.repeatable(false));
  cycles.answered(1);
  send(cycles, 'SELECT 1');
  assert.equal(cycles.last.statements, 1);
  assert(cycles.last.repeatable(false));
});

test('the sole cycle is the only one, and complete', () => {
  const cycles = new QueryCycles(new Owner());
  assert.equal(cycles.sole, null);
  cycles.begin();
  assert.equal(cycles.sole, null);
  cycles.end();
  assert.equal(cycles.sole, cycles.first);
  cycles.begin();
  assert.equal(cycles.sole, null);
  cycles.end();
  assert.equal(cycles.sole, null);
  cycles.answered(1);
  assert.equal(cycles.sole, cycles.first);
});

test('a change in a cycle is uncertain for later ones until it is answered', () => {
  const cycles = new QueryCycles(new Owner());
  cycles.changes(Change.Names);
  assert(cycles.hasChanged(Change.Names));
  assert(!cycles.hasChanged(Change.Unnamed));
  assert(!cycles.mayStillChange(Change.Names));
  cycles.end();
  assert(!cycles.hasChanged(Change.Names));
  assert(cycles.mayStillChange(Change.Names));
  assert(!cycles.mayStillChange(Change.Lexis));
  cycles.changes(Change.Lexis);
  cycles.begin();
  assert(cycles.mayStillChange(mask(Change.Names, Change.Unnamed)));
  assert(!cycles.mayStillChange(Change.Lexis));
  cycles.end();
  assert(cycles.mayStillChange(Change.Lexis));
  cycles.answered(1);
  cycles.answered(1);
  assert(!cycles.mayStillChange(mask(Change.Names, Change.Lexis)));
});

test('a confirmed change is no longer uncertain', () => {
  const cycles = new QueryCycles(new Owner());
  cycles.changes(mask(Change.Names, Change.Lexis));
  cycles.settle(Change.Names);
  assert(!cycles.hasChanged(Change.Names));
  assert(cycles.hasChanged(Change.Lexis));
});

test('the open cycle keeps its changes when all before it are answered', () => {
  const cycles = new QueryCycles(new Owner());
  send(cycles, 'INSERT INTO a VALUES (1)');
  cycles.changes(Change.Names);
  cycles.answered(1);
  assert(cycles.hasChanged(Change.Names));
  assert.equal(cycles.last.statements, 0);
  assert.equal(cycles.first, cycles.last);
});

test('replies are pending for complete cycles, and for an open one with requests', () => {
  const cycles = new QueryCycles(new Owner());
  const server = connection();
  assert(!cycles.arePending(server));
  server.pending.append(Reply.Parse);
  cycles.begin();
  assert(cycles.arePending(server));
  server.pending.shift();
  assert(!cycles.arePending(server));
  server.pending.append(Reply.Sync);
  cycles.end();
  assert(cycles.arePending(server));
});

test("the proxy's own requests are not the session's", () => {
  const cycles = new QueryCycles(new Owner());
  const server = connection();
  server.pending.append(Reply.Query, Action.Internal);
  assert(!cycles.arePending(server));
  server.pending.append(Reply.Bind);
  assert(cycles.arePending(server));
});

test('a lease is fresh outside transactions and cycles', () => {
  const cycles = new QueryCycles(new Owner());
  assert(cycles.isFresh(connection()));
  assert(!cycles.isFresh(connection(TransactionStatus.InTransaction)));
  assert(!cycles.isFresh({ ...connection(), midCycle: true }));
  send(cycles);
  assert(!cycles.isFresh(connection()));
  cycles.answered(1);
  assert(cycles.isFresh(connection()));
});

test('a cycle starts alone outside transactions, with nothing unanswered', () => {
  const cycles = new QueryCycles(new Owner());
  cycles.beginsAt(connection(TransactionStatus.InTransaction), bound, 0, null);
  cycles.end();
  assert.equal(cycles.first.takeFromBeginning(), null);
  cycles.beginsAt(connection(), bound, 0, null);
  cycles.end();
  assert.equal(cycles.last.takeFromBeginning(), null);
  cycles.clear();
  cycles.beginsAt(connection(), bound, 0, null);
  cycles.end();
  assert.deepEqual(cycles.first.takeFromBeginning(), bound);
});

test('a new message of the client drops the kept cycle', () => {
  const cycles = new QueryCycles(new Owner());
  send(cycles);
  cycles.keep(Buffer.from('abc'), 0, 3);
  assert(cycles.last.isKept);
  cycles.drop();
  assert(!cycles.last.isKept);
});

test('a repeated cycle is open, and keeps its earlier effects', () => {
  const owner = new Owner();
  const cycles = new QueryCycles(owner);
  cycles.changes(Change.Unnamed);
  send(cycles);
  const { since } = cycles.first;
  cycles.restart();
  assert.deepEqual([cycles.complete, cycles.isOpen, cycles.unanswered], [0, true, 1]);
  assert(!cycles.hasChanged(Change.Unnamed));
  send(cycles);
  assert.equal(cycles.complete, 1);
  assert.equal(cycles.first.statements, 2);
  assert.equal(cycles.first.since, since);
  assert.deepEqual(owner.begun, [true]);
});

test('an ignored Sync leaves its cycle open', () => {
  const cycles = new QueryCycles(new Owner());
  send(cycles, 'COPY a FROM STDIN');
  cycles.ignored(1);
  assert.deepEqual([cycles.complete, cycles.isOpen], [0, true]);
  cycles.end();
  assert.deepEqual([cycles.complete, cycles.isOpen], [1, false]);
  cycles.answered(1);
  assert.equal(cycles.unanswered, 0);
});

test('an ignored Sync combines two cycles', () => {
  const cycles = new QueryCycles(new Owner());
  send(cycles, 'COPY a FROM STDIN');
  const { first } = cycles;
  cycles.changes(Change.Names);
  send(cycles, 'SELECT 1');
  cycles.ignored(1);
  assert.equal(cycles.complete, 1);
  assert.equal(cycles.first, first);
  assert.equal(cycles.last, first);
  assert.equal(first.statements, 2);
  assert(cycles.mayStillChange(Change.Names));
  cycles.answered(1);
  assert.equal(cycles.unanswered, 0);
});

test('an ignored Sync before an open cycle joins them', () => {
  const cycles = new QueryCycles(new Owner());
  send(cycles, 'COPY a FROM STDIN');
  cycles.begin();
  cycles.ignored(1);
  assert.deepEqual([cycles.complete, cycles.isOpen, cycles.unanswered], [0, true, 1]);
  assert.equal(cycles.first, cycles.last);
});

test('of three cycles two Syncs may be ignored', () => {
  const cycles = new QueryCycles(new Owner());
  for (let round = 0; round < 4; round++) send(cycles);
  cycles.ignored(2);
  assert.equal(cycles.complete, 2);
  cycles.answered(1);
  assert.notEqual(cycles.sole, null);
  cycles.answered(1);
  assert.equal(cycles.unanswered, 0);
});

test('a cycle that moves to another lease has not started, and gives the reason', () => {
  const cycles = new QueryCycles(new Owner());
  cycles.keep(Buffer.from('abc'), 0, 3);
  send(cycles);
  cycles.again(retry);
  assert.deepEqual([cycles.complete, cycles.unanswered], [0, 0]);
  assert.equal(cycles.first.retry, retry);
  assert(cycles.first.isKept);
  assert.equal(cycles.first.statements, 0);
  assert.equal(cycles.first.since, 0);
  cycles.clear();
  assert.equal(cycles.first.retry, null);
});

test('all unanswered cycles can be given up', () => {
  const cycles = new QueryCycles(new Owner());
  const { first } = cycles;
  for (let round = 0; round < 3; round++) send(cycles, 'BEGIN');
  cycles.begin();
  cycles.clear();
  assert.deepEqual([cycles.complete, cycles.unanswered, cycles.isOpen], [0, 0, false]);
  assert.equal(cycles.first, first);
  assert.equal(cycles.last, first);
  assert.equal(first.next, null);
  assert(!first.begins);
});

test('reused objects have no old state', () => {
  const cycles = new QueryCycles(new Owner());
  for (let round = 0; round < 3; round++) {
    cycles.changes(Change.Lexis);
    send(cycles, 'COMMIT');
  }
  cycles.clear();
  const others = new QueryCycles(new Owner());
  send(others);
  send(others);
  assert.equal(others.last.statements, 2);
  assert(!others.last.mayCommit);
  assert(!others.mayStillChange(Change.Lexis));
  assert.equal(others.last.since, 0);
  assert.equal(others.last.next, null);
});

test('a procedure may have committed for all that follow it', () => {
  const cycles = new QueryCycles(new Owner());
  send(cycles, 'CALL p()');
  send(cycles, 'SELECT 1');
  assert(cycles.last.mayCommit);
});

test('a change is uncertain for the third cycle after it too', () => {
  const cycles = new QueryCycles(new Owner());
  cycles.changes(Change.Names);
  for (let round = 0; round < 3; round++) cycles.end();
  cycles.begin();
  assert(cycles.mayStillChange(Change.Names));
});
