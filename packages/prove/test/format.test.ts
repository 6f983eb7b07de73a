import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatBytes } from '../src/report/format.ts';

suite('formatted numbers', () => {
  for (const [bytes, text] of [
    [900, '0.90 kB'],
    [12_000, '12 kB'],
    [64_100_000, '64.1 MB'],
    [2_500_000_000, '2.50 GB'],
  ] as const)
    test(`${bytes} bytes are ${text}, in powers of ten as in the rest of the documentation`, () => {
      assert.equal(formatBytes(bytes), text);
    });
});
