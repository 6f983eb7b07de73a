import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  bootstrap,
  difference,
  isSupported,
  median,
  mulberry32,
  relativeChange,
} from '../src/statistics/index.ts';

/** Rounds with normally distributed values. */
function rounds(random: () => number, count: number, mean: number, spread: number): number[] {
  return Array.from({ length: count }, () => {
    const uniform = Math.max(random(), 1e-12);
    return mean + spread * Math.sqrt(-2 * Math.log(uniform)) * Math.cos(2 * Math.PI * random());
  });
}

suite('bootstrap intervals', () => {
  test('a difference in every round is supported, and its interval contains it', () => {
    const estimate = difference([10, 12, 11, 30, 10], [12, 14.2, 12.9, 32, 12.1]);
    assert(isSupported(estimate));
    assert(estimate.low <= 2 && estimate.high >= 2);
    assert(Math.abs(estimate.value - 2) < 0.2);
  });

  test('neither no difference nor too few rounds support a finding', () => {
    assert(!isSupported(difference([10, 11, 12, 9, 10], [11, 10, 12.5, 8, 10.2])));
    assert(!isSupported(difference([10, 10, 10, 10], [20, 21, 20, 20])));
  });

  test('rounds without one of the values are omitted', () => {
    assert.equal(relativeChange([1, undefined, 2, 0], [2, 5, 4, 1]).rounds, 2);
  });

  test('the same rounds give the same interval', () => {
    const sets = [[1, 5, 2, 8, 3]];
    const statistic = ([set = []]: readonly (readonly number[])[]): number => median(set);
    assert.deepEqual(bootstrap(sets, statistic), bootstrap(sets, statistic));
  });

  test('few differences are found between two identical paths', () => {
    const random = mulberry32(42);
    let found = 0;
    for (let run = 0; run < 300; run++) {
      const before = rounds(random, 7, 10, 1);
      const after = rounds(random, 7, 10, 1);
      if (isSupported(difference(before, after))) found++;
    }
    assert(found / 300 < 0.05, `${found} of 300`);
  });

  test('a true difference of two standard deviations is mostly found, and is within its interval', () => {
    const random = mulberry32(7);
    let found = 0;
    let held = 0;
    for (let run = 0; run < 200; run++) {
      const estimate = difference(rounds(random, 7, 10, 1), rounds(random, 7, 13, 1));
      if (isSupported(estimate)) found++;
      if (estimate.low <= 3 && estimate.high >= 3) held++;
    }
    assert(found > 165, `found in ${found} of 200`);
    assert(held > 185, `held in ${held} of 200`);
  });
});
