import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { IamVerifier } from '../../src/authentication/iam-verifier.ts';
import type { TryToken } from '../../src/authentication/iam-verifier.ts';
import { outage } from '../../src/authentication/verdict.ts';

/** A token of 15 minutes, created at `made`. */
function tokenOf(user: string, made: number): string {
  const date = new Date(made).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `db:5432/?Action=connect&DBUser=${user}&X-Amz-Date=${date}&X-Amz-Expires=900&X-Amz-Signature=0`;
}

suite('IamVerifier', () => {
  test('verifies a token once for many concurrent clients, and again after it has expired', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 0, 1) });
    const asked: Parameters<TryToken>[] = [];
    const verifier = new IamVerifier((...given) => {
      asked.push(given);
      return Promise.resolve(null);
    });
    const token = tokenOf('app', Date.now());
    const all = Array.from({ length: 20 }, () => verifier.verify(token, 'app', 'shop'));
    assert.ok((await Promise.all(all)).every((refusal) => refusal === null));
    assert.equal(await verifier.verify(token, 'app', 'shop'), null);
    assert.deepEqual(asked, [[token, 'app', 'shop', { host: 'db', port: 5432 }]]);
    t.mock.timers.tick(899_000);
    assert.equal(await verifier.verify(token, 'app', 'shop'), null);
    t.mock.timers.tick(1000);
    assert.deepEqual(await verifier.verify(token, 'app', 'shop'), { why: 'the token has expired' });
    assert.equal(asked.length, 1);
  });

  test('a token that cannot be for the user is refused without the database', async () => {
    let asked = 0;
    const verifier = new IamVerifier(() => {
      asked++;
      return Promise.resolve(null);
    });
    const token = tokenOf('app', Date.now());
    for (const [given, why] of [
      ['', 'it is not an IAM token'],
      ['a b', 'it is not an IAM token'],
      ['a password', 'it is not an IAM token'],
      [token.replace('Action=connect', 'Action=GetCallerIdentity'), 'it is not an IAM token'],
      [token.replace('X-Amz-Signature', 'X-Amz-Other'), 'it is not an IAM token'],
      [tokenOf('eve', Date.now()), 'the token is for the user "eve"'],
      [token.replace('X-Amz-Expires', 'X-Amz-Other'), 'the token has no expiry'],
      [token.replace('X-Amz-Expires=900', 'X-Amz-Expires=0'), 'the token has no expiry'],
      [tokenOf('app', Date.now() - 901_000), 'the token has expired'],
    ] as const)
      assert.deepEqual(await verifier.verify(given, 'app', 'shop'), { why }, given);
    assert.equal(asked, 0);
  });

  test('what a token says of itself does not keep it good for longer than AWS does', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 0, 1) });
    const answers = [null, { why: 'no' }];
    const verifier = new IamVerifier(() => Promise.resolve(answers.shift() ?? null));
    const token = tokenOf('app', Date.now()).replace('Expires=900', 'Expires=90000');
    assert.equal(await verifier.verify(token, 'app', 'shop'), null);
    t.mock.timers.tick(899_000);
    assert.equal(await verifier.verify(token, 'app', 'shop'), null);
    t.mock.timers.tick(1000);
    assert.deepEqual(await verifier.verify(token, 'app', 'shop'), { why: 'no' });
  });

  test('does not remember refusals and outages', async () => {
    const answers = [{ why: 'no' }, outage('the database is down'), null];
    const verifier = new IamVerifier(() => Promise.resolve(answers.shift() ?? null));
    const token = tokenOf('app', Date.now());
    assert.deepEqual(await verifier.verify(token, 'app', 'shop'), { why: 'no' });
    assert.deepEqual(await verifier.verify(token, 'app', 'shop'), {
      why: 'the database is down',
      isOutage: true,
    });
    assert.equal(await verifier.verify(token, 'app', 'shop'), null);
    assert.equal(answers.length, 0);
  });
});
