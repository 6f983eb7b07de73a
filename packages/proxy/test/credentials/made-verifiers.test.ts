import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitsVerifier } from '@sluice/wire';
import { MadeVerifiers } from '../../src/credentials/made-verifiers.ts';

test('the verifier of a user’s password is made once', async () => {
  const made = new MadeVerifiers(10);
  const verifier = await made.of('ann', 'secret');
  assert.equal(await made.of('ann', 'secret'), verifier);
  assert(await fitsVerifier(verifier, 'secret'));
  assert.notEqual(await made.of('ann', 'another'), verifier);
  assert.notEqual(await made.of('ben', 'secret'), verifier);
});

test('of too many, the oldest is dropped', async () => {
  const made = new MadeVerifiers(2);
  const [first, second] = [made.of('ann', 'one'), made.of('ann', 'two')];
  assert.equal(made.of('ann', 'one'), first);
  const third = made.of('ann', 'three');
  assert.equal(made.of('ann', 'two'), second);
  assert.equal(made.of('ann', 'three'), third);
  assert.notEqual(made.of('ann', 'one'), first);
  // In its place, the second one.
  assert.notEqual(made.of('ann', 'two'), second);
  await Promise.all([first, second, third]);
});
