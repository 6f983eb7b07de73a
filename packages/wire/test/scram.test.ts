import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  ScramClient,
  ScramServer,
  deriveKeys,
  makeVerifier,
  mockVerifier,
  noBinding,
  parseVerifier,
} from '../src/index.ts';
import type { ChannelBinding, ScramKeys, ScramVerifier } from '../src/index.ts';

const endPoint = createHash('sha256').update('a certificate').digest();

function keysOf(password: string, salt: Buffer, iterations: number): Promise<ScramKeys> {
  return new Promise((resolve, reject) => {
    deriveKeys(password, salt, iterations, (error, keys) => {
      if (keys === null) reject(error ?? new Error('no keys'));
      else resolve(keys);
    });
  });
}

function verifierOf(keys: ScramKeys, salt: Buffer, iterations: number): ScramVerifier {
  const storedKey = createHash('sha256').update(keys.clientKey).digest();
  return { iterations, salt, storedKey, serverKey: keys.serverKey };
}

/** Runs a complete exchange. Null if the server refuses; otherwise whether the client accepts the server's proof. */
async function exchange(
  password: string,
  verifier: ScramVerifier,
  binding: ChannelBinding = noBinding,
  offered: Buffer | null = null,
): Promise<boolean | null> {
  const client = new ScramClient(binding);
  const server = new ScramServer(verifier, offered);
  const challenge = server.first(client.firstMessage, binding.header.startsWith('p'));
  if (challenge === null) return null;
  const { salt, iterations, nonce } = client.readServerFirst(challenge);
  const keys = await keysOf(password, salt, iterations);
  const signature = server.final(client.finalMessage(challenge, nonce, keys));
  return signature === null ? null : client.verifyServerFinal(signature);
}

suite('SCRAM-SHA-256', () => {
  test('gives the responses of the example in RFC 7677, section 3', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const verifier = verifierOf(await keysOf('pencil', salt, 4096), salt, 4096);
    const server = new ScramServer(verifier, null, '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0');
    assert.equal(
      server.first('n,,n=user,r=rOprNGfwEbeRWgbNEkqO', false),
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    );
    assert.equal(
      server.final(
        'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      ),
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
  });

  test('client and server accept only the right password', async () => {
    const password = fc.string({ unit: 'grapheme', maxLength: 20 });
    const property = fc.asyncProperty(password, password, async (right, other) => {
      const salt = createHmac('sha256', right).digest().subarray(0, 16);
      const verifier = verifierOf(await keysOf(right, salt, 3), salt, 3);
      assert.equal(await exchange(right, verifier), true);
      assert.equal(await exchange(other, verifier), other === right ? true : null);
    });
    await fc.assert(property, { numRuns: 50 });
  });

  test('is bound to the TLS connection, and to no other', async () => {
    const verifier = await makeVerifier('secret');
    const header = 'p=tls-server-end-point,,';
    assert.equal(await exchange('secret', verifier, { header, data: endPoint }, endPoint), true);
    const another = createHash('sha256').update('another certificate').digest();
    assert.equal(await exchange('secret', verifier, { header, data: another }, endPoint), null);
    // A client cannot choose a mechanism that was not offered.
    assert.equal(await exchange('secret', verifier, { header, data: endPoint }, null), null);
    // The client supports channel binding and received an offer without it: somebody has removed it.
    const y = { header: 'y,,', data: noBinding.data };
    assert.equal(await exchange('secret', verifier, y, endPoint), null);
    assert.equal(await exchange('secret', verifier, y, null), true);
    assert.equal(await exchange('secret', verifier, noBinding, endPoint), true);
  });

  test('a client refuses a challenge or a proof for another exchange', async () => {
    const client = new ScramClient(noBinding, 'mine');
    for (const challenge of [
      '',
      'r=mine,s=c2FsdA==,i=4096',
      'r=yoursmine,s=c2FsdA==,i=4096',
      'r=mine+,s=,i=4096',
      'r=mine+,s=c2FsdA==,i=0',
      'r=mine+,s=c2FsdA==,i=1.5',
      // It would occupy a thread for minutes.
      'r=mine+,s=c2FsdA==,i=1000001',
      'r=mine+,s=c2FsdA==',
    ]) {
      assert.throws(() => client.readServerFirst(challenge), /SCRAM/);
    }
    assert.equal(client.verifyServerFinal('v='), false);
    client.finalMessage('r=mine+,s=c2FsdA==,i=1', 'mine+', await keysOf('x', endPoint, 1));
    assert.equal(client.verifyServerFinal('e=other-error'), false);
    assert.equal(client.verifyServerFinal(`v=${endPoint.toString('base64')}`), false);
  });

  test('a proof for another exchange is none, even by who knows the password', async () => {
    const verifier = await makeVerifier('secret');
    const keys = await keysOf('secret', verifier.salt, verifier.iterations);
    const client = new ScramClient();
    const server = new ScramServer(verifier);
    const challenge = server.first(client.firstMessage, false);
    assert(challenge !== null);
    const { nonce } = client.readServerFirst(challenge);
    assert.equal(server.final(client.finalMessage(challenge, `${nonce}x`, keys)), null);
    assert(server.final(client.finalMessage(challenge, nonce, keys)) !== null);
  });

  test('the mechanism and the header of a client belong together', async () => {
    const verifier = await makeVerifier('secret');
    const begins = (header: string, plus: boolean, offered: Buffer | null): boolean =>
      new ScramServer(verifier, offered).first(`${header}n=,r=nonce`, plus) !== null;
    const bound = 'p=tls-server-end-point,,';
    assert(begins(bound, true, endPoint));
    assert(!begins(bound, false, endPoint));
    assert(!begins('n,,', true, endPoint));
    assert(begins('n,,', false, endPoint));
    assert(!begins(bound, true, null));
  });

  test('a server refuses what violates the grammar of RFC 5802, and never throws', async () => {
    const verifier = await makeVerifier('secret');
    for (const message of [
      '',
      'n,,',
      'n,,n=user',
      'n,,r=nonce',
      'n,,n=user,r=',
      'n,,m=must,n=user,r=nonce',
      'x,,n=user,r=nonce',
      'p=tls-unique,,n=user,r=nonce',
    ]) {
      assert.equal(new ScramServer(verifier, endPoint).first(message, false), null, message);
      assert.equal(new ScramServer(verifier, endPoint).first(message, true), null, message);
    }
    const property = fc.property(fc.string(), fc.string(), (first, final) => {
      const server = new ScramServer(verifier);
      server.first(first, false);
      assert.equal(server.final(final), null);
      server.first('n,,n=,r=nonce', false);
      assert.equal(server.final(final), null);
    });
    fc.assert(property);
  });
});

suite('SCRAM verifiers', () => {
  test('are read in the form of pg_authid.rolpassword', async () => {
    // CREATE USER … PASSWORD 'secret' in PostgreSQL 18
    const text =
      'SCRAM-SHA-256$4096:ONMU+UHf5Dygmr30IRMWbw==$9GTNXDH+9/5u9DXU8XhSwb8CFyOoTLNNAAcKGbQ2Acc=:1IFIw5eymNaP+WlTpDvln9SmcZdd4d+jRR/X0eFJGMU=';
    const verifier = parseVerifier(text);
    assert(verifier !== null);
    assert.equal(await exchange('secret', verifier), true);
  });

  test('anything else is null', () => {
    const key = endPoint.toString('base64');
    for (const iterations of [1, 4096, 1_000_000])
      assert(parseVerifier(`SCRAM-SHA-256$${iterations}:c2FsdA==$${key}:${key}`) !== null);
    for (const text of [
      '',
      'secret',
      'md5d41d8cd98f00b204e9800998ecf8427e',
      `SCRAM-SHA-256$0:c2FsdA==$${key}:${key}`,
      // A check of one password would occupy a thread for minutes.
      `SCRAM-SHA-256$1000001:c2FsdA==$${key}:${key}`,
      `SCRAM-SHA-256$4096:c2FsdA==$${key}`,
      `SCRAM-SHA-256$4096:c2FsdA==$${key}:c2hvcnQ=`,
      `SCRAM-SHA-1$4096:c2FsdA==$${key}:${key}`,
    ]) {
      assert.equal(parseVerifier(text), null, text);
    }
  });

  test('an unknown user has the same salt at every attempt, and a different one from others', () => {
    const salts = ['ann', 'ann', 'eve'].map((user) => mockVerifier(user, endPoint).salt);
    assert.deepEqual(salts[0], salts[1]);
    assert.notDeepEqual(salts[0], salts[2]);
    assert.equal(salts[0]?.length, 16);
    assert.notDeepEqual(mockVerifier('ann', Buffer.from('other')).salt, salts[0]);
  });
});
