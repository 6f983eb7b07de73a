import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScramKeys } from '@sluice/wire';
import { scramKeys } from '../../src/credentials/scram-keys.ts';

function keysOf(password: string, salt: number): Promise<ScramKeys> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(salt);
    scramKeys(password, bytes, 1, (error, keys) => {
      if (keys === null) reject(error ?? new Error('no keys'));
      else resolve(keys);
    });
  });
}

test('the keys of a thousand passwords are kept, the newest ones', async () => {
  const first = await keysOf('secret', 0);
  assert.equal(await keysOf('secret', 0), first);
  assert.notDeepEqual(await keysOf('other', 0), first);
  for (let salt = 1; salt < 999; salt++) await keysOf('secret', salt);
  assert.equal(await keysOf('secret', 0), first);
  const last = await keysOf('secret', 1000);
  assert.notEqual(await keysOf('secret', 0), first);
  assert.deepEqual(await keysOf('secret', 0), first);
  assert.equal(await keysOf('secret', 1000), last);
});
