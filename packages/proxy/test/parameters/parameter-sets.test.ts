import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ParameterSets } from '../../src/parameters/parameter-sets.ts';

/** CPU time, in milliseconds. */
function timeOf(work: () => void): number {
  const began = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(began);
  return (user + system) / 1000;
}

test('another set costs as much as the first, however many are in use', () => {
  const sets = new ParameterSets();
  const acquire = (from: number, count: number): void => {
    for (let at = from; at < from + count; at += 1) sets.acquire([['app.tenant', `tenant ${at}`]]);
  };
  const step = 5000;
  acquire(0, step);
  const early = timeOf(() => acquire(step, step));
  acquire(2 * step, 6 * step);
  const late = timeOf(() => acquire(8 * step, step));
  assert(late <= 3 * early + 50, `${early} ms, then ${late} ms`);
});

test('of the names of custom parameters, those that were used last are remembered', () => {
  let full = 0;
  const sets = new ParameterSets(() => (full += 1));
  sets.acquire([
    ['App.Tenant', '1'],
    ['work_mem', '1MB'],
  ]);
  for (let at = 0; at < 499; at += 1) sets.noteNames(`SELECT f('other.name_${at}', 'x')`);
  assert.equal(sets.customNames.size, 500);
  assert.deepEqual([full, sets.namesForgotten], [0, 0]);
  // A peer that names very many does not push out what others use.
  for (let at = 0; at < 1000; at += 1) {
    if (at % 100 === 0) sets.noteNames("SELECT f('app.tenant')");
    sets.noteNames(`SELECT f('flood.name_${at}')`);
  }
  assert.equal(sets.customNames.size, 500);
  assert(sets.customNames.has('app.tenant'));
  assert(sets.customNames.has('flood.name_999'));
  assert(!sets.customNames.has('other.name_0'));
  assert.equal(full, 1);
  assert.equal(sets.namesForgotten, 1000);
});

test('a name that is very long is not remembered, because every read-back includes the names', () => {
  let full = 0;
  const sets = new ParameterSets(() => (full += 1));
  sets.noteNames(`SELECT f('app.${'x'.repeat(100_000)}', 'app.short')`);
  assert.deepEqual([...sets.customNames], ['app.short']);
  assert.deepEqual([full, sets.namesForgotten], [1, 1]);
});

test('unused sets are dropped', () => {
  const sets = new ParameterSets();
  const first = sets.acquire([['app.tenant', 'first']]);
  sets.release(first);
  for (let at = 0; at < 10_000; at += 1)
    sets.release(sets.acquire([['app.tenant', `tenant ${at}`]]));
  assert.notEqual(sets.acquire([['app.tenant', 'first']]), first);
});

suite('a login that differs from an earlier one only in application_name', () => {
  const start = (name: string, style = 'ISO'): [string, string][] => [
    ['application_name', name],
    ['datestyle', style],
  ];

  /** The sets of a pool that has learned one greeting. */
  function learned(): ParameterSets {
    const sets = new ParameterSets();
    const first = sets.acquireList(start('first'));
    const canonical = sets.acquire(start('first', 'ISO, MDY'));
    const reported = new Map([
      ['application_name', 'first'],
      ['DateStyle', 'ISO, MDY'],
    ]);
    sets.learn(first, canonical, {
      reported,
      beforeParameters: [Buffer.from('early')],
      afterKey: [Buffer.from('late')],
    });
    return sets;
  }

  function greeted(sets: ParameterSets, values: readonly (readonly [string, string])[]): string {
    const set = sets.acquireList(values);
    sets.greetLike(set);
    return (set.greeting ?? '').toString('latin1');
  }

  test('has its greeting, with its own name', () => {
    const sets = learned();
    const greeting = greeted(sets, start('second'));
    assert.match(greeting, /application_name\0second\0/);
    assert.match(greeting, /DateStyle\0ISO, MDY\0/);
    assert.doesNotMatch(greeting, /first/);
    assert.match(greeting, /early/);
    const again = sets.acquireList(start('second'));
    assert.deepEqual([...again.values], start('second', 'ISO, MDY'));
    assert.equal(again.reported.get('application_name'), 'second');
    assert.equal(again.lateNotices?.toString(), 'late');
  });

  test('has none if PostgreSQL may change the name, or reports a default', () => {
    for (const name of ['caf\u00e9', 'a\tb', 'x'.repeat(64)])
      assert.equal(greeted(learned(), start(name)), '', name);
    assert.equal(greeted(learned(), [['datestyle', 'ISO']]), '');
  });

  test('has none if another value differs too', () => {
    assert.equal(greeted(learned(), start('second', 'SQL')), '');
    assert.equal(greeted(learned(), [...start('second'), ['work_mem', '1MB']]), '');
  });

  test('has none after the database has reported other values', () => {
    const sets = learned();
    sets.forgetGreetings();
    assert.equal(greeted(sets, start('second')), '');
  });
});
