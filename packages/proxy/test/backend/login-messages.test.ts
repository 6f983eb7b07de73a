import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  authenticationCleartext,
  authenticationOk,
  buildAuthenticationMd5,
  buildAuthenticationSasl,
  buildBackendKeyData,
  buildParameterStatus,
  buildSaslContinue,
  makeVerifier,
  readyForQueryIdle,
} from '@sluice/wire';
import type { ConnectFailure } from '../../src/backend/connection-source.ts';
import type { Address } from '../../src/backend/dial.ts';
import { serverLimits } from '../../src/backend/limits.ts';
import { Login } from '../../src/backend/login.ts';
import type { LoginOptions } from '../../src/backend/login.ts';
import type { LoginResult } from '../../src/backend/login-result.ts';
import { faults } from '../../src/io/guard.ts';
import { MemorySocket } from '../scripted-server.ts';

const address: Address = {
  host: 'db',
  port: 5432,
  tlsMode: 'disable',
  tlsNegotiation: 'postgres',
  md5WithoutTls: false,
  ca: undefined,
  serverName: 'db',
};

/** A login of which the test is the database. */
class Play {
  readonly socket = new MemorySocket();
  readonly login: Login;
  failure: ConnectFailure | null = null;
  result: LoginResult | null = null;

  constructor(options: Partial<LoginOptions> = {}) {
    const login = { address, startup: [['user', 'ann']] as const, user: 'ann', password: 'secret' };
    this.login = new Login(this.socket, { ...login, ...options }, (failure, result) => {
      this.failure = failure;
      this.result = result;
    });
    // The startup packet.
    this.socket.written();
  }

  /** Sends these messages, and gives what the login wrote. */
  send(...messages: readonly Buffer[]): string {
    this.socket.feed(...messages);
    return this.socket.written().toString('latin1');
  }

  /** It has failed for this reason, and the connection is closed. */
  assertFailed(why: RegExp): void {
    assert.match(this.failure?.fields.message ?? '', why);
    assert.equal(this.result, null);
    assert(this.socket.destroyed);
  }
}

const message = (code: string, body = '', length = body.length + 4): Buffer => {
  const head = Buffer.from(`${code}\0\0\0\0`);
  head.writeUInt32BE(length >>> 0, 1);
  return Buffer.concat([head, Buffer.from(body, 'latin1')]);
};

suite('messages of a database during a login', () => {
  test('a login', () => {
    const play = new Play();
    play.send(authenticationOk, buildParameterStatus('a', 'b'));
    play.send(buildBackendKeyData(7, Buffer.from('key!')), readyForQueryIdle);
    assert.equal(play.failure, null);
    assert.deepEqual([...(play.result?.parameters ?? [])], [['a', 'b']]);
    assert.equal(play.result?.processId, 7);
    assert(!play.socket.destroyed);
  });

  for (const [title, sent, why] of [
    ['a length below that of the length itself', message('R', '', 3), /does not speak/],
    ['a message that is too long', message('E', '', 1024 * 1024), /does not speak/],
    ['a message of the maximum length there is', message('R', '', 0xffffffff), /does not speak/],
    ['an authentication request without a kind', message('R', '\0\0\0'), /is too short/],
    ['a key without a secret', message('K', '\0\0\0\x01\0\0\0'), /cancel key is too short/],
    ['a parameter without an end', message('S', 'name\0value'), /malformed ParameterStatus/],
    ['a very long parameter', buildParameterStatus('a', 'x'.repeat(70_000)), /more or longer/],
    ['the end before the password', readyForQueryIdle, /before the login was complete/],
    ['another message', message('D', '\0\0'), /unexpected message 0x44/],
    ['an unknown method', message('R', '\0\0\0\x07'), /method 7, which the proxy does not support/],
    ['a password in clear', authenticationCleartext, /only over TLS/],
    ['an MD5 hash', buildAuthenticationMd5(Buffer.from('salt')), /MD5 authentication/],
  ] as const)
    test(`no login: ${title}`, () => {
      const play = new Play();
      assert.equal(play.send(sent), '');
      play.assertFailed(why);
    });

  test('an MD5 salt of another length is not answered', () => {
    const play = new Play({ address: { ...address, md5WithoutTls: true } });
    assert.equal(play.send(buildAuthenticationMd5(Buffer.from('salty'))), '');
    play.assertFailed(/MD5 salt is not 4 bytes long/);
  });

  test('an unlimited number of parameters', () => {
    const play = new Play();
    const report = (at: number): Buffer => buildParameterStatus(`name ${at}`, 'x');
    play.send(authenticationOk);
    for (let at = 0; at < serverLimits.mostReported; at++) play.send(report(at), report(at));
    assert.equal(play.failure, null);
    play.send(report(serverLimits.mostReported));
    play.assertFailed(/more or longer parameters/);
  });

  test('a password that the proxy does not have', () => {
    const play = new Play({ password: undefined });
    assert.equal(play.send(buildAuthenticationSasl(['SCRAM-SHA-256'])), '');
    play.assertFailed(/the proxy has none for user "ann"/);
  });

  test('a database that offers other mechanisms, or lets in without a proof of its own', () => {
    const play = new Play();
    assert.equal(play.send(buildAuthenticationSasl(['SCRAM-SHA-1'])), '');
    play.assertFailed(/only the SASL mechanisms SCRAM-SHA-1/);
    const unproven = new Play();
    assert.match(unproven.send(buildAuthenticationSasl(['SCRAM-SHA-256'])), /^p.*SCRAM-SHA-256/s);
    unproven.send(authenticationOk);
    unproven.assertFailed(/did not prove that it knows the password/);
  });

  test('with the key of a client, a challenge for another verifier is not answered', async () => {
    const salt = Buffer.alloc(16, 1);
    const verifier = await makeVerifier('secret', salt);
    for (const [otherSalt, iterations] of [
      [Buffer.alloc(16, 2), 4096],
      [salt, 4097],
    ] as const) {
      const play = new Play({
        password: undefined,
        keys: { verifier, clientKey: Buffer.alloc(32) },
      });
      const initial = play.send(buildAuthenticationSasl(['SCRAM-SHA-256']));
      const nonce = /r=(.*)$/s.exec(initial)?.[1] ?? '';
      const challenge = `r=${nonce}x,s=${otherSalt.toString('base64')},i=${iterations}`;
      assert.equal(play.send(buildSaslContinue(challenge)), '');
      play.assertFailed(/SCRAM verifier of the user differs/);
    }
  });

  test('a fault of the proxy ends that login, and is counted', () => {
    const play = new Play();
    const before = faults.caught;
    play.socket.handler.broken(new TypeError('a fault'));
    play.assertFailed(/internal error in the proxy/);
    assert.equal(faults.caught, before + 1);
  });

  test('after the end nothing more is read', () => {
    const play = new Play();
    play.send(message('D'), message('D'));
    const { failure } = play;
    play.failure = null;
    play.socket.feed(message('D'));
    play.socket.close();
    assert.equal(play.failure, null);
    assert(failure !== null);
  });
});
