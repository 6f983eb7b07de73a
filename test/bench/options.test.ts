import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { chosen } from '../../bench/cases.ts';
import { parseOptions } from '../../bench/options.ts';

suite('options of the benchmark', () => {
  test('all cases on all targets by default', () => {
    assert.deepEqual(parseOptions([]), {
      cases: [],
      targets: ['direct', 'sluice-node', 'sluice-bun', 'pgbouncer'],
      seconds: 5,
      rounds: 5,
      clients: [1, 32, 200],
      idle: [5000, 9000],
      scramIterations: 1,
    });
  });

  test('quick is short, and explicit options override it', () => {
    const options = parseOptions(['--quick', '--rounds', '3', '--idle', '900,800']);
    assert.deepEqual([options?.seconds, options?.rounds, options?.idle], [2, 3, [800, 900]]);
  });

  test('a wrong value is reported with the valid ones', () => {
    assert.throws(
      () => parseOptions(['--targets', 'pgcat']),
      /--targets has "pgcat"; it must be of direct/,
    );
    assert.throws(() => parseOptions(['--rounds', '0']), /--rounds has "0"; it must be a whole/);
    assert.throws(() => parseOptions(['--idle', '500']), /--idle has "500"; each must be above/);
    assert.throws(() => parseOptions(['--fast']), /--fast/);
  });

  test('a case is selected by its name or by a part of it between dashes', () => {
    const all = ['select-simple-c32', 'select-simple-c32-tls', 'idle-c1'];
    const names = (pattern: string): string[] =>
      chosen(
        all.map((name) => ({ name })),
        [pattern],
      ).map(({ name }) => name);
    for (const pattern of ['select', 'select-simple', 'c32'])
      assert.deepEqual(names(pattern), all.slice(0, 2), pattern);
    assert.deepEqual(names('tls'), [all[1]]);
    for (const name of all) assert.deepEqual(names(name), [name], 'no longer name is meant');
    for (const pattern of ['sel', 'c3', 'simple-tls', 'idle-tls'])
      assert.deepEqual(names(pattern), [], pattern);
    assert.deepEqual(chosen([{ name: 'idle' }], []), [{ name: 'idle' }]);
  });
});
