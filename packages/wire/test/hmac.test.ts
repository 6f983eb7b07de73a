import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { hmacSha256 } from '../src/hmac.ts';

suite('hmacSha256', () => {
  test('equals createHmac, whatever the lengths', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.string({ unit: 'grapheme', maxLength: 2000 }),
        (key, data) => {
          const expected = createHmac('sha256', key).update(data).digest('hex');
          assert.equal(hmacSha256(Buffer.from(key), data).toString('hex'), expected);
        },
      ),
    );
  });
});
