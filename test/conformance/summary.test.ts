import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareRuns, describeSummary } from './summary.ts';
import type { Summary } from './summary.ts';
import type { Part } from './suite.ts';

function part(name: string, seconds: number, result = 'ok'): Part {
  return { name, result, passed: true, seconds };
}

function summaryOf(direct: readonly Part[], proxied: readonly Part[]): Summary {
  const seconds = { direct: 10, proxied: 12 };
  return {
    suite: 'postgres',
    version: '18.4',
    date: '2026-12-01T00:00:00.000Z',
    postgres: '18.4',
    runtime: 'node',
    seconds,
    ratio: 1.2,
    parts: compareRuns(
      { parts: direct, seconds: seconds.direct },
      { parts: proxied, seconds: seconds.proxied },
      null,
    ),
  };
}

test('the summary names the parts that differ, and those that take the most additional time', () => {
  const summary = summaryOf(
    [part('a', 1), part('b', 4), part('c', 2), part('d', 0)],
    [part('a', 1.5), part('b', 6), part('c', 1, 'other'), part('d', 0.25)],
  );
  const text = describeSummary(summary);
  assert.match(text, /^postgres 18\.4: 3 of 4 the same$/m);
  assert.match(text, /^ {2}c \(direct passed, through Sluice passed\)$/m);
  assert.deepEqual(text.split('most additional time:\n')[1]?.split('\n'), [
    '  b: 4 s directly, 6 s through Sluice: ratio 1.5',
    '  a: 1 s directly, 1.5 s through Sluice: ratio 1.5',
    '  d: 0 s directly, 0.25 s through Sluice',
  ]);
});

test('the summary lists ten parts at most', () => {
  const names = Array.from({ length: 12 }, (_, at) => `part${at}`);
  const text = describeSummary(
    summaryOf(
      names.map((name) => part(name, 1)),
      names.map((name, at) => part(name, 2 + at)),
    ),
  );
  const listed = text.split('most additional time:\n')[1]?.split('\n') ?? [];
  assert.equal(listed.length, 10);
  assert.match(listed[0] ?? '', /part11: 1 s directly, 13 s/);
});
