import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refresher } from '../../src/credentials/refresher.ts';

test('many requests cause one read in five seconds, and a failure does not end the reads', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = t.mock.method(performance, 'now', () => 0);
  let reads = 0;
  const failures: unknown[] = [];
  const refresher = new Refresher({
    refresh: () => {
      reads += 1;
      return reads === 2 ? Promise.reject(new Error('AWS is down')) : Promise.resolve();
    },
    interval: () => 60_000,
    failed: (error) => failures.push(error),
  });
  t.after(() => refresher.stop());
  await Promise.all(Array.from({ length: 100 }, () => refresher.soon()));
  assert.equal(reads, 1);
  clock.mock.mockImplementation(() => 4999);
  await refresher.soon();
  assert.equal(reads, 1);
  clock.mock.mockImplementation(() => 5000);
  await refresher.soon();
  assert.equal(reads, 2);
  assert.equal(failures.length, 1);
  t.mock.timers.tick(60_000);
  await new Promise(setImmediate);
  assert.equal(reads, 3);
  refresher.stop();
  t.mock.timers.tick(60_000);
  assert.equal(reads, 3);
});
