import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedBench, endOfTurn, noTypes, statementOf } from './shared-reads.ts';

const answered = '2 D C SELECT ZI';

test('a statement is prepared once, before its first read', async () => {
  const bench = await SharedBench.open();
  const named = statementOf('SELECT 1');
  const name = named.statement.calledName;
  const first = bench.bound(named);
  assert.deepEqual(bench.server.read(), [
    `P ${name} SELECT 1`,
    `D S${name}`,
    `B  ${name}`,
    'E',
    'S',
  ]);
  const second = bench.bound(named);
  await endOfTurn();
  assert.deepEqual(bench.server.read(), [`B  ${name}`, 'E', 'S'], 'the first is not answered yet');
  bench.server.answer();
  await endOfTurn();
  const third = bench.bound(named);
  assert.deepEqual(bench.server.read(), [`B  ${name}`, 'E', 'S']);
  bench.server.answer();
  await endOfTurn();
  for (const { reader } of [first, second, third]) assert.equal(reader.outcome, answered);
});

test('if its description is another, the read runs alone, and the others do not', async () => {
  const bench = await SharedBench.open();
  const named = statementOf('SELECT 2');
  const other = named.describe(Buffer.from([0, 1, 0, 0, 0, 23]), null);
  const first = bench.bound(named, other);
  const second = bench.bound(named);
  await endOfTurn();
  bench.server.answer();
  await endOfTurn();
  assert.equal(first.reader.outcome, 'alone');
  assert.equal(second.reader.outcome, answered);
  bench.server.read();
  const third = bench.bound(named, other);
  assert.equal(third.reader.outcome, null, 'it gets the result in the same turn');
  await endOfTurn();
  assert.deepEqual(bench.server.read(), [], 'it was sent');
  assert.equal(third.reader.outcome, 'alone');
});

test('a statement that cannot be prepared on this connection', async () => {
  const bench = await SharedBench.open();
  const named = statementOf('SELECT 3');
  bench.server.errors.set('SELECT 3', { severity: 'ERROR', sqlstate: '42P01', message: 'gone' });
  const reads = [bench.bound(named), bench.bound(named), bench.read('SELECT 4')];
  await endOfTurn();
  bench.server.answer();
  await endOfTurn();
  assert.deepEqual(
    reads.map(({ reader }) => reader.outcome),
    ['alone', 'alone', 'D C SELECT ZI'],
  );
  // The next one tries again.
  bench.server.errors.clear();
  const again = bench.bound(named);
  bench.server.answer();
  await endOfTurn();
  assert.equal(again.reader.outcome, answered);
});

test('a statement that the database has lost is prepared again', async () => {
  const bench = await SharedBench.open();
  const named = statementOf('SELECT 5');
  const name = named.statement.calledName;
  const first = bench.bound(named);
  bench.server.answer();
  await endOfTurn();
  assert.equal(first.reader.outcome, answered);
  bench.server.forget(name);
  const second = bench.bound(named);
  bench.server.answer();
  await endOfTurn();
  assert.equal(second.reader.outcome, 'alone');
  bench.server.read();
  const third = bench.bound(named);
  assert.deepEqual(bench.server.read().slice(0, 2), [`C S${name}`, `P ${name} SELECT 5`]);
  bench.server.answer();
  await endOfTurn();
  assert.equal(third.reader.outcome, answered);
});

test('outdated rows: the read runs alone, and the statement is prepared again', async () => {
  const bench = await SharedBench.open();
  const named = statementOf('SELECT 6');
  const first = bench.bound(named);
  bench.server.answer();
  await endOfTurn();
  assert.equal(first.reader.outcome, answered);
  const second = bench.bound(named);
  bench.server.read();
  const { lease } = second;
  assert(lease !== null);
  second.cycle.request.planOutdated(lease.connection);
  bench.server.answer();
  await endOfTurn();
  bench.server.read();
  const third = bench.bound(named);
  assert.match(bench.server.read().join(), /^C S.*,P .*,D S.*,B /);
  bench.server.answer();
  await endOfTurn();
  assert.equal(third.reader.outcome, answered);
});

test('the description of a lost connection does not count', async () => {
  const bench = await SharedBench.open();
  const named = statementOf('SELECT 7');
  const first = bench.bound(named, named.describe(noTypes, null));
  const second = bench.bound(named);
  await endOfTurn();
  bench.server.socket.destroy();
  await endOfTurn();
  await endOfTurn();
  assert.deepEqual(
    [first, second].map(({ reader }) => reader.outcome),
    ['suspect 08006', 'alone'],
  );
  assert.equal(named.statement.prepared, 0);
});
