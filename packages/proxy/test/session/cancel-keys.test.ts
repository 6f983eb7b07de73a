import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CancelKeys, secretBytes } from '../../src/session/cancel-keys.ts';

for (const isLong of [false, true])
  test(`a cancel key of ${isLong ? 32 : 4} bytes finds its owner, and nothing like it does`, () => {
    const keys = new CancelKeys<string>();
    const key = keys.create(isLong);
    const other = keys.create(isLong);
    keys.set(key, 'owner');
    keys.set(other, 'other');
    const secret = Buffer.from(secretBytes(key));
    assert.equal(secret.length, isLong ? 32 : 4);
    assert.equal(keys.find(key.processId, secret), 'owner');
    assert.equal(keys.find(key.processId, Buffer.from(secretBytes(other))), undefined);
    assert.equal(keys.find(key.processId + 1, secret), undefined);
    for (let at = 0; at < secret.length; at++) {
      const wrong = Buffer.from(secret);
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      assert.equal(keys.find(key.processId, wrong), undefined, `byte ${at}`);
      assert.equal(keys.find(key.processId, secret.subarray(0, at)), undefined, `cut to ${at}`);
    }
    assert.equal(keys.find(key.processId, Buffer.concat([secret, Buffer.alloc(1)])), undefined);
    keys.delete(key);
    assert.equal(keys.find(key.processId, secret), undefined);
  });
