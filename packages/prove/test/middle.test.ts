import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { median, medianRatio, percentile } from '../src/statistics/middle.ts';

suite('statistics of rounds', () => {
  test('the median is the middle value, or the mean of the middle two', () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([10, 1, 2, 4]), 3);
    assert.equal(median([7]), 7);
    assert.equal(median([]), Number.NaN);
  });

  test('a percentile is a value that occurs', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    assert.equal(percentile(hundred, 0.5), 50);
    assert.equal(percentile(hundred, 0.99), 99);
    assert.equal(percentile(hundred, 1), 100);
    assert.equal(percentile([3], 0.01), 3);
    assert.equal(percentile([], 0.5), Number.NaN);
  });

  test('a ratio is computed for each round, so that a slow round affects both sides', () => {
    assert.equal(medianRatio([100, 10, 50], [200, 20, 100]), 0.5);
  });

  test('a ratio omits rounds that failed on either side', () => {
    assert.equal(medianRatio([1, undefined, 3, 8], [2, 2, undefined, 4]), 1.25);
    assert.equal(medianRatio([1], [0]), Number.NaN);
    assert.equal(medianRatio([], [1]), Number.NaN);
  });
});
