import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenCache, expiryOf } from '../../src/authentication/token-cache.ts';

test('a token is known for what it was checked for, until it expires', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1000 });
  const cache = new TokenCache<string>();
  cache.set('token', 'ann', 'good', 2000);
  assert.equal(cache.get('token', 'ann'), 'good');
  assert.equal(cache.get('token', 'eve'), undefined);
  assert.equal(cache.get('token2', 'ann'), undefined);
  t.mock.timers.tick(999);
  assert.equal(cache.get('token', 'ann'), 'good');
  t.mock.timers.tick(1);
  assert.equal(cache.get('token', 'ann'), undefined);
});

test('ten thousand tokens are kept, the newest ones', () => {
  const cache = new TokenCache<number>();
  for (let at = 0; at < 10_000; at++) cache.set(`token ${at}`, '', at, Infinity);
  assert.equal(cache.get('token 0', ''), 0);
  cache.set('one more', '', 1, Infinity);
  assert.equal(cache.get('token 0', ''), undefined);
  assert.equal(cache.get('token 1', ''), 1);
  assert.equal(cache.get('one more', ''), 1);
});

test('when a signed request expires', () => {
  const expiry = (query: string): number | null => expiryOf(new URLSearchParams(query));
  assert.equal(
    expiry('X-Amz-Date=20260102T030405Z&X-Amz-Expires=900'),
    Date.UTC(2026, 0, 2, 3, 4, 5) + 900_000,
  );
  for (const query of [
    '',
    'X-Amz-Date=20260102T030405Z',
    'X-Amz-Expires=900',
    'X-Amz-Date=20260102T030405&X-Amz-Expires=900',
    'X-Amz-Date=soon&X-Amz-Expires=900',
    'X-Amz-Date=20260102T030405Z&X-Amz-Expires=0',
    'X-Amz-Date=20260102T030405Z&X-Amz-Expires=-1',
    'X-Amz-Date=20260102T030405Z&X-Amz-Expires=1.5',
    'X-Amz-Date=20260102T030405Z&X-Amz-Expires=Infinity',
    'X-Amz-Date=20260102T030405Z&X-Amz-Expires=x',
  ])
    assert.equal(expiry(query), null, query);
});
