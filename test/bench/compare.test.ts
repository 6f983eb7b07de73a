import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compare } from '../../bench/compare.ts';
import type { BenchResult, LoadResult } from '../../bench/results.ts';
import { resultWith, round } from './result-builder.ts';

function runWith(tps: number, pgbouncerTps: number, name = 'select'): BenchResult {
  const rounds: LoadResult['rounds'] = {
    'sluice-node': [round({ tps })],
    pgbouncer: [round({ tps: pgbouncerTps })],
  };
  return resultWith({ load: [{ name, rounds }] });
}

function idleRun(bytesPerClient: number): BenchResult {
  return resultWith({
    idle: [{ name: 'idle', steps: { 'sluice-bun': [{ clients: 10, rss: 1, bytesPerClient }] } }],
  });
}

suite('comparing two benchmark runs', () => {
  test('a run compared with itself shows no change', () => {
    const [change] = compare(runWith(800, 1000), runWith(800, 1000));
    assert.deepEqual(change, {
      name: 'select',
      target: 'sluice-node',
      measure: 'tps',
      before: 0.8,
      after: 0.8,
      gain: 0,
      regressed: false,
    });
  });

  test('a slower machine is no regression', () => {
    const [change] = compare(runWith(800, 1000), runWith(80, 100));
    assert.equal(change?.regressed, false);
  });

  test('a loss relative to the reference is a regression above the threshold, not below it', () => {
    const thresholds = { tps: 0.1, cpu: 0.1, memory: 0.1 };
    const regressed = (tps: number): boolean | undefined =>
      compare(runWith(1000, 1000), runWith(tps, 1000), thresholds)[0]?.regressed;
    assert.equal(regressed(901), false);
    assert.equal(regressed(899), true);
    assert.equal(regressed(1500), false);
  });

  test('more CPU time per transaction is a loss', () => {
    const run = (cpuMicros: number): BenchResult =>
      resultWith({
        load: [
          {
            name: 'select',
            rounds: {
              'sluice-bun': [round({ cpuMicros })],
              pgbouncer: [round({ cpuMicros: 30 })],
            },
          },
        ],
      });
    const change = compare(run(30), run(36)).find(({ measure }) => measure === 'cpu');
    assert.equal(change?.regressed, true);
    assert.ok(Math.abs(change.gain + 0.2) < 1e-9);
  });

  test('without PgBouncer in both runs the direct connection is the reference', () => {
    const direct = (tps: number): BenchResult =>
      resultWith({
        load: [
          {
            name: 'select',
            rounds: { direct: [round({ tps: 2000 })], 'sluice-node': [round({ tps })] },
          },
        ],
      });
    const changes = compare(direct(1000), direct(500));
    assert.deepEqual(
      changes.map(({ measure, before, after, regressed }) => [measure, before, after, regressed]),
      [['tps', 0.5, 0.25, true]],
    );
  });

  test('memory is compared for the same number of clients', () => {
    assert.equal(compare(idleRun(5000), idleRun(5600))[0]?.regressed, true);
    assert.equal(compare(idleRun(5000), idleRun(4000))[0]?.gain, 0.2);
  });

  test('values that only one run has are omitted', () => {
    assert.deepEqual(compare(runWith(1, 1, 'tpcb'), runWith(1, 1, 'select')), []);
    assert.deepEqual(compare(runWith(1, 1), idleRun(1)), []);
  });
});
