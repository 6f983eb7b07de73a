import assert from 'node:assert/strict';
import { PerformanceObserver, constants } from 'node:perf_hooks';
import type { PerformanceEntry } from 'node:perf_hooks';
import { test } from 'node:test';
import { countRead } from '../../src/io/collector.ts';

const chunk = 64 * 1024;

/** Reads a number of megabytes over several turns of the event loop; each chunk is garbage immediately. */
async function read(megabytes: number, count: (bytes: number) => void): Promise<void> {
  for (let round = 0; round < megabytes; round += 4) {
    for (let at = 0; at < 64; at += 1) {
      Buffer.allocUnsafeSlow(chunk)[0] = 1;
      count(chunk);
    }
    await new Promise(setImmediate);
  }
}

test('unused buffers are collected without a full garbage collection', async () => {
  const isWhole = (entry: PerformanceEntry): boolean => {
    const detail: unknown = Reflect.get(entry, 'detail');
    assert(typeof detail === 'object' && detail !== null && 'kind' in detail);
    return detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
  };
  let whole = 0;
  const observer = new PerformanceObserver((list) => {
    whole += list.getEntries().filter(isWhole).length;
  });
  observer.observe({ entryTypes: ['gc'] });
  const collectionsOf = async (count: (bytes: number) => void): Promise<number> => {
    whole = 0;
    await read(1024, count);
    return whole + observer.takeRecords().filter(isWhole).length;
  };
  const without = await collectionsOf(() => undefined);
  const counted = await collectionsOf(countRead);
  observer.disconnect();
  assert(counted * 4 < without, `${counted} collections of the whole heap, ${without} without`);
});
