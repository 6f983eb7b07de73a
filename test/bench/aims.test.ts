import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { aims, judge } from '../../bench/aims.ts';
import { defaultClients, idleCases, loadCases, readCases } from '../../bench/cases.ts';
import { resultWith, round } from './result-builder.ts';

suite('aims of the benchmark', () => {
  test('each is about an existing case', () => {
    const cases = [...loadCases(defaultClients), ...readCases(), ...idleCases([1])];
    const names = cases.map(({ name }) => name);
    for (const { name } of aims) assert.ok(names.includes(name), name);
  });

  test('a ratio is met at the aim and missed below it', () => {
    const aim = { name: 'select', target: 'sluice-bun', against: 'pgbouncer', atLeast: 1 } as const;
    const outcome = (tps: number): boolean | undefined =>
      judge(
        resultWith({
          load: [
            {
              name: 'select',
              rounds: { 'sluice-bun': [round({ tps })], pgbouncer: [round({ tps: 100 })] },
            },
          ],
        }),
        [aim],
      )[0]?.reached;
    assert.equal(outcome(100), true);
    assert.equal(outcome(99), false);
  });

  test('a cost is reached at the aim and missed above it', () => {
    const aim = {
      name: 'rate',
      target: 'sluice-bun',
      measure: 'p99',
      against: 'pgbouncer',
      atMost: 1,
    } as const;
    const outcome = (p99: number): boolean | undefined =>
      judge(
        resultWith({
          load: [
            {
              name: 'rate',
              rounds: { 'sluice-bun': [round({ p99 })], pgbouncer: [round({ p99: 3 })] },
            },
          ],
        }),
        [aim],
      )[0]?.reached;
    assert.equal(outcome(3), true);
    assert.equal(outcome(3.1), false);
  });

  test('on Node.js, throughput may be lower and cost higher', () => {
    const found = aims.filter(
      ({ name, target }) => name === 'tpcb-c32' && target === 'sluice-node',
    );
    assert.deepEqual(found, [
      { name: 'tpcb-c32', target: 'sluice-node', against: 'pgbouncer', atLeast: 0.82 },
      {
        name: 'tpcb-c32',
        target: 'sluice-node',
        measure: 'cpuMicros',
        against: 'pgbouncer',
        atMost: 1.47,
      },
    ]);
  });

  test('memory is judged with the highest measured number of clients', () => {
    const steps = [
      { clients: 5000, rss: 1, bytesPerClient: 7000 },
      { clients: 9000, rss: 1, bytesPerClient: 5900 },
    ];
    const aim = { name: 'idle', target: 'sluice-node', atMostBytes: 6000 } as const;
    const result = resultWith({ idle: [{ name: 'idle', steps: { 'sluice-node': steps } }] });
    assert.deepEqual(judge(result, [aim]), [{ aim, value: 5900, reached: true }]);
  });

  test('an aim that was not measured is not judged', () => {
    assert.deepEqual(judge(resultWith({})), []);
    const failed = resultWith({
      load: [
        { name: 'select-simple-c32', rounds: { 'sluice-node': [null], pgbouncer: [round({})] } },
      ],
    });
    assert.deepEqual(judge(failed), []);
  });
});
