import assert from 'node:assert/strict';
import { test } from 'node:test';
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

test('unused sets are dropped', () => {
  const sets = new ParameterSets();
  const first = sets.acquire([['app.tenant', 'first']]);
  sets.release(first);
  for (let at = 0; at < 10_000; at += 1)
    sets.release(sets.acquire([['app.tenant', `tenant ${at}`]]));
  assert.notEqual(sets.acquire([['app.tenant', 'first']]), first);
});
