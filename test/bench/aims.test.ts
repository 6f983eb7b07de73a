import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { aims, judge } from '../../bench/aims.ts';
import { defaultClients, idleCases, loadCases } from '../../bench/cases.ts';
import { resultWith, round } from './result-builder.ts';

suite('aims of the benchmark', () => {
  test('each is about a case that exists', () => {
    const names = [...loadCases(defaultClients), ...idleCases([1])].map(({ name }) => name);
    for (const { name } of aims) assert.ok(names.includes(name), name);
  });

  test('a ratio is reached at the aim and missed below it', () => {
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

  test('memory is judged with the most clients that were measured', () => {
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
