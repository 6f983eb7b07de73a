import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { suite, test } from 'node:test';
import { makeVerifier, md5Verifier } from '@sluice/wire';
import type { Credential, PasswordProof } from '../../src/credentials/credentials.ts';
import { checkPassword } from '../../src/frontend/clear-exchange.ts';

suite('a wrong cleartext password costs one PBKDF2 for every user', () => {
  const credential = (proofs: readonly Omit<PasswordProof, 'until'>[]): Credential => ({
    user: 'ann',
    proofs: proofs.map((proof) => ({ ...proof, until: Infinity })),
    databaseUser: 'ann',
    iamAuth: 'DISABLED',
  });

  test('an unknown user, one with an MD5 hash, and one with three passwords', async (t) => {
    const salt = Buffer.alloc(16, 1);
    const verifiers = await Promise.all(['a', 'b', 'c'].map((text) => makeVerifier(text, salt)));
    const given: number[] = [];
    const { pbkdf2 } = crypto;
    t.mock.method(crypto, 'pbkdf2', (...args: Parameters<typeof pbkdf2>) => {
      given.push(args[2]);
      pbkdf2(...args);
    });
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
    for (const [title, known, why] of [
      ['nobody', undefined, 'the user does not exist'],
      [
        'by MD5',
        credential([{ scram: null, md5: md5Verifier('ann', 'a') }]),
        'the password is wrong',
      ],
      [
        'three passwords',
        credential(verifiers.map((scram) => ({ scram, md5: null }))),
        'the password is wrong',
      ],
    ] as const) {
      given.length = 0;
      assert.deepEqual(await checkPassword('ann', known, 'wrong', 4096), { why }, title);
      assert.deepEqual(given, [4096], title);
    }
    const three = credential(verifiers.map((scram) => ({ scram, md5: null })));
    for (const right of ['a', 'b', 'c'])
      assert.equal(await checkPassword('ann', three, right, 4096), null);
    const [known] = credential(verifiers.map((scram) => ({ scram, md5: null }))).proofs;
    assert(known !== undefined);
    const old = { ...credential([]), proofs: [{ ...known, until: Date.now() - 1 }] };
    given.length = 0;
    assert.notEqual(await checkPassword('ann', old, 'a', 4096), null, 'it is valid no longer');
    assert.deepEqual(given, [4096]);
    const byHash = credential([{ scram: null, md5: md5Verifier('ann', 'a') }]);
    assert.equal(await checkPassword('ann', byHash, 'a', 4096), null);
  });
});
