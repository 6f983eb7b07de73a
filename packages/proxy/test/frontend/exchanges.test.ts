import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  buildSaslInitial,
  buildSaslResponse,
  deriveKeys,
  makeVerifier,
  md5Response,
  md5Verifier,
  ScramClient,
} from '@sluice/wire';
import type { ScramKeys } from '@sluice/wire';
import type { Credential, PasswordProof } from '../../src/credentials/credentials.ts';
import { ClearExchange } from '../../src/frontend/clear-exchange.ts';
import { Md5Exchange } from '../../src/frontend/md5-exchange.ts';
import { OAuthExchange } from '../../src/frontend/oauth-exchange.ts';
import { ScramExchange } from '../../src/frontend/scram-exchange.ts';

const hour = 3_600_000;

function credentialWith(...proofs: readonly PasswordProof[]): Credential {
  return { user: 'ann', proofs, databaseUser: 'ann', iamAuth: 'DISABLED' };
}

/** The body of a message. */
const bodyOf = (message: Buffer): Buffer => message.subarray(5);

suite('a password in clear', () => {
  const exchange = (): { readonly given: string[]; readonly exchange: ClearExchange } => {
    const given: string[] = [];
    const check = (password: string): Promise<null> => {
      given.push(password);
      return Promise.resolve(null);
    };
    return { given, exchange: new ClearExchange(check, check) };
  };

  test('is one text with its end', async () => {
    const { given, exchange: right } = exchange();
    assert.deepEqual(await right.answer(Buffer.from('pä ss\0')), {
      outcome: 'admitted',
      reply: null,
    });
    assert.deepEqual(given, ['pä ss']);
    for (const text of ['pass', 'pass\0word\0', '\0\0']) {
      const { given: none, exchange: wrong } = exchange();
      assert.equal((await wrong.answer(Buffer.from(text))).outcome, 'malformed', text);
      assert.deepEqual(none, []);
    }
  });

  test('is never empty, whatever the check would say', async () => {
    const { given, exchange: empty } = exchange();
    const { outcome, why } = await empty.answer(Buffer.from('\0'));
    assert.equal(outcome, 'wrong password');
    assert.equal(why, 'the password is empty');
    assert.deepEqual(given, []);
  });
});

suite('an MD5 hash', () => {
  const md5 = md5Verifier('ann', 'secret');
  const answer = (exchange: Md5Exchange): string =>
    exchange.answer(Buffer.from(`${md5Response(md5, exchange.request.subarray(9))}\0`)).outcome;

  test('is right or wrong, of any length', () => {
    const known = credentialWith({ scram: null, md5, until: Date.now() + hour });
    assert.equal(answer(new Md5Exchange(known)), 'admitted');
    for (const text of ['', '\0', 'md5', 'x'.repeat(36), 'x'.repeat(1000)])
      assert.equal(new Md5Exchange(known).answer(Buffer.from(text)).outcome, 'wrong password');
  });

  test('is wrong for an unknown user, and for an expired password', () => {
    assert.equal(answer(new Md5Exchange(undefined)), 'wrong password');
    const old = credentialWith({ scram: null, md5, until: Date.now() - 1 });
    assert.equal(answer(new Md5Exchange(old)), 'wrong password');
  });
});

suite('SCRAM-SHA-256', () => {
  async function proofFor(until: number): Promise<string> {
    const scram = await makeVerifier('secret');
    const exchange = new ScramExchange(
      'ann',
      credentialWith({ scram, md5: null, until }),
      null,
      scram.iterations,
    );
    const client = new ScramClient();
    const begun = exchange.answer(bodyOf(buildSaslInitial('SCRAM-SHA-256', client.firstMessage)));
    const challenge = begun.reply?.toString('utf8', 9) ?? '';
    const { salt, iterations, nonce } = client.readServerFirst(challenge);
    const keys = await new Promise<ScramKeys>((resolve, reject) => {
      deriveKeys('secret', salt, iterations, (error, derived) => {
        if (derived === null) reject(error ?? new Error('no keys'));
        else resolve(derived);
      });
    });
    const final = buildSaslResponse(client.finalMessage(challenge, nonce, keys));
    return exchange.answer(bodyOf(final)).outcome;
  }

  test('accepts a password while it is valid', async () => {
    assert.equal(await proofFor(Date.now() + hour), 'admitted');
    assert.equal(await proofFor(Date.now() - 1), 'wrong password');
  });
});

suite('OAUTHBEARER', () => {
  const exchange = (): { readonly given: string[]; readonly exchange: OAuthExchange } => {
    const given: string[] = [];
    const issuer = { issuer: 'https://issuer', scope: 'db' };
    return {
      given,
      exchange: new OAuthExchange(issuer, (token) => {
        given.push(token);
        return Promise.resolve(token === 'good' ? null : { why: 'the token has expired' });
      }),
    };
  };
  const initial = (data: string, mechanism = 'OAUTHBEARER'): Buffer =>
    bodyOf(buildSaslInitial(mechanism, data));

  test('accepts the token of a client', async () => {
    for (const data of [
      'n,,\x01auth=Bearer good\x01\x01',
      'y,,\x01host=x\x01auth=bearer good\x01\x01',
    ]) {
      const { given, exchange: right } = exchange();
      assert.equal((await right.answer(initial(data))).outcome, 'admitted');
      assert.deepEqual(given, ['good']);
    }
  });

  test('refuses every other message', async () => {
    for (const [data, mechanism] of [
      ['n,,\x01auth=Bearer good\x01\x01', 'SCRAM-SHA-256'],
      ['', 'OAUTHBEARER'],
      ['\x01auth=Bearer good\x01\x01', 'OAUTHBEARER'],
      ['p=tls-server-end-point,,\x01auth=Bearer good\x01\x01', 'OAUTHBEARER'],
      ['n,a=eve,\x01auth=Bearer good\x01\x01', 'OAUTHBEARER'],
      ['n,,\x01auth=Bearer good\x01', 'OAUTHBEARER'],
      ['n,,\x01auth=Bearer good', 'OAUTHBEARER'],
      ['n,,\x01auth=Bearer good\x01\x01more', 'OAUTHBEARER'],
      ['n,,\x01auth=Bearer good token\x01\x01', 'OAUTHBEARER'],
      ['n,,\x01auth=Basic good\x01\x01', 'OAUTHBEARER'],
      ['n,,\x01token=good\x01\x01', 'OAUTHBEARER'],
    ] as const) {
      const { given, exchange: wrong } = exchange();
      const { outcome } = await wrong.answer(initial(data, mechanism));
      assert.equal(outcome, 'malformed', JSON.stringify(data));
      assert.deepEqual(given, []);
    }
  });

  test('after a refused token, the client gets the issuer and must acknowledge it', async () => {
    for (const [reply, outcome] of [
      ['\x01', 'wrong password'],
      ['n,,\x01auth=Bearer good\x01\x01', 'malformed'],
      ['', 'malformed'],
    ] as const) {
      const { given, exchange: refused } = exchange();
      const refusal = await refused.answer(initial('n,,\x01auth=Bearer bad\x01\x01'));
      assert.equal(refusal.outcome, 'continue');
      assert.match(refusal.reply?.toString('utf8', 9) ?? '', /"invalid_token"/);
      assert.equal((await refused.answer(Buffer.from(reply))).outcome, outcome);
      assert.deepEqual(given, ['bad']);
    }
  });
});
