import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { connect, createServer } from 'node:net';
import { suite, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { buildPassword, buildStartup, parseErrorFields, sslRequest } from '@sluice/wire';
import { plainSupport } from '../../src/authentication/login-support.ts';
import type { LoginSupport } from '../../src/authentication/login-support.ts';
import { Credentials } from '../../src/credentials/credentials.ts';
import { ProxyError } from '../../src/errors.ts';
import { ClientHandshake } from '../../src/frontend/handshake.ts';
import { handshakeOptions } from '../../src/frontend/handshake-options.ts';
import { readStartupRequest } from '../../src/frontend/startup-request.ts';
import { faults } from '../../src/io/guard.ts';
import { nodeNetwork } from '../../src/io/node-network.ts';
import { createSettings } from '../../src/settings/index.ts';
import { MemorySocket } from '../scripted-server.ts';
import { certificateFiles } from './handshake-process.ts';
import { nextBytes, nextConnection, portOf } from '../sockets.ts';

const protocol30 = 196_608;
const settings = createSettings({
  TargetHost: 'unused',
  Users: [{ UserName: 'ann', Password: 'secret' }],
  ListenSocket: '/tmp',
  ClientAuth: [{ Type: 'local', Method: 'password' }, { Method: 'scram-sha-256' }],
});
const credentials = await Credentials.load(settings);

interface Outcome {
  /** The errors; null: the client is gone. */
  readonly failed: (string | null)[];
  readonly socket: MemorySocket;
  readonly handshake: ClientHandshake;
}

/** The handshake of a client that sends this. */
function play(
  sent: Buffer,
  support: Partial<LoginSupport> = {},
  full: () => ProxyError | null = () => null,
  isLocal = false,
): Outcome {
  const socket = new MemorySocket();
  const options = handshakeOptions(settings, () => credentials, { ...plainSupport(), ...support });
  const failed: (string | null)[] = [];
  const handshake = new ClientHandshake(socket, isLocal, options, {
    loggedIn: () => assert.fail('nobody logs in'),
    cancel: () => assert.fail('nothing is canceled'),
    full,
    failed: (error) => failed.push(error?.sqlstate ?? null),
  });
  socket.resume();
  socket.feed(sent);
  return { failed, socket, handshake };
}

const startup = (user: string): Buffer => buildStartup(protocol30, [['user', user]]);

suite('the handshake, when something breaks', () => {
  test('an exception ends that connection, and is counted', () => {
    const before = faults.caught;
    const { failed, socket } = play(startup('eve'), {
      lookUp: () => {
        throw new TypeError('a fault');
      },
    });
    assert.deepEqual(failed, [null]);
    assert(socket.destroyed);
    assert.equal(faults.caught, before + 1);
  });

  test('an exception in what it waits for ends that connection too, and so does an outage', async () => {
    const before = faults.caught;
    const broken = play(startup('eve'), { lookUp: () => Promise.reject(new TypeError('a fault')) });
    const outage = play(startup('eve'), {
      lookUp: () => Promise.reject(new ProxyError('LOGIN_UNCHECKED', { user: 'eve' }, 'down')),
    });
    await new Promise(setImmediate);
    assert.deepEqual(broken.failed, [null]);
    assert(broken.socket.destroyed);
    assert.equal(faults.caught, before + 1);
    assert.deepEqual(outage.failed, ['57P03']);
    assert.equal(parseErrorFields(outage.socket.written(), 5).sqlstate, '57P03');
  });

  test('no password is asked for while there is no room for the client', () => {
    const error = new ProxyError('TOO_MANY_CLIENTS', { setting: 'MaxClientConnections', limit: 1 });
    const { failed, socket } = play(startup('ann'), {}, () => error);
    assert.deepEqual(failed, ['53300']);
    assert.equal(parseErrorFields(socket.written(), 5).sqlstate, '53300');
  });

  test('a refused client that does not close its side is disconnected after five seconds', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const error = new ProxyError('TOO_MANY_CLIENTS', { setting: 'MaxClientConnections', limit: 1 });
    const { socket } = play(startup('ann'), {}, () => error);
    assert(socket.writableEnded);
    t.mock.timers.tick(4999);
    assert(!socket.destroyed);
    t.mock.timers.tick(1);
    assert(socket.destroyed);
  });

  test('no unknown user is refused while secrets have not been read', () => {
    const unread = { unread: () => true };
    assert.deepEqual(play(startup('eve'), unread).failed, ['57P03']);
    assert.deepEqual(play(startup('ann'), unread).failed, []);
  });
});

suite('a flood of passwords in clear', () => {
  test('is checked one at a time, and not for clients that are gone', async (t) => {
    const { pbkdf2 } = crypto;
    let underWay = 0;
    let most = 0;
    let all = 0;
    t.mock.method(crypto, 'pbkdf2', (...args: Parameters<typeof pbkdf2>) => {
      const [password, salt, iterations, length, digest, done] = args;
      all += 1;
      underWay += 1;
      most = Math.max(most, underWay);
      pbkdf2(password, salt, iterations, length, digest, (error, key) => {
        underWay -= 1;
        done(error, key);
      });
    });
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
    const sent = Buffer.concat([startup('eve'), buildPassword('wrong')]);
    const clients = Array.from({ length: 20 }, () => play(sent, {}, undefined, true));
    for (const { socket } of clients.slice(10)) socket.close();
    // Every one is checked again, because the password may have changed.
    const stays = clients.slice(0, 10);
    while (stays.some(({ failed }) => failed.length === 0)) await new Promise(setImmediate);
    assert.deepEqual(
      stays.map(({ failed }) => failed),
      stays.map(() => ['28P01']),
    );
    assert.equal(most, 1);
    assert.equal(all, 20);
  });
});

suite('a flood of TLS handshakes', () => {
  test('begins one in each turn of the event loop', async (t) => {
    const files = await certificateFiles({ after: (clean) => t.after(clean) });
    const options = handshakeOptions(
      createSettings({
        TargetHost: 'unused',
        Users: [{ UserName: 'ann', Password: 'secret' }],
        ...files.settings,
      }),
      () => credentials,
    );
    const { tls } = options;
    assert(tls !== null);
    const turns: number[] = [];
    let turn = 0;
    const encrypt = tls.encrypt.bind(tls);
    t.mock.method(tls, 'encrypt', (...given: Parameters<typeof encrypt>) => {
      turns.push(turn);
      encrypt(...given);
    });
    const listener = await nodeNetwork.listen(
      { host: '127.0.0.1', port: 0 },
      {
        accepted: (socket) => {
          t.after(() => socket.destroy());
          const handshake = new ClientHandshake(socket, false, options, {
            loggedIn: () => assert.fail('nobody logs in'),
            cancel: () => assert.fail('nothing is canceled'),
            failed: () => undefined,
          });
          assert(handshake !== null);
          socket.resume();
        },
        failed: assert.ifError,
      },
    );
    t.after(() => listener.close());
    const hello = await clientHello();
    const clients = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = connect(listener.port, '127.0.0.1');
        client.on('error', () => undefined);
        t.after(() => client.destroy());
        client.write(sslRequest);
        await once(client, 'data');
        return client;
      }),
    );
    const count = (): void => {
      turn += 1;
      if (turns.length < clients.length) setImmediate(count);
    };
    setImmediate(count);
    // The first byte alone does not begin a handshake.
    for (const client of clients) client.write(hello.subarray(0, 1));
    for (const client of clients) client.write(hello.subarray(1));
    await Promise.all(clients.map((client) => once(client, 'data')));
    assert.equal(turns.length, clients.length);
    assert.equal(new Set(turns).size, turns.length, turns.join());
  });
});

suite('startup packets that were parsed', () => {
  test('are few and short', () => {
    const packet = startup('ann');
    const first = readStartupRequest(packet);
    assert.equal(readStartupRequest(Buffer.from(packet)), first);
    for (let at = 0; at < 64; at++) readStartupRequest(startup(`user ${at}`));
    assert.notEqual(readStartupRequest(packet), first);
    const long = startup('x'.repeat(500));
    assert.notEqual(readStartupRequest(long), readStartupRequest(long));
  });
});

/** The first message of a TLS client. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  const client = connectTls({ port, host: '127.0.0.1' });
  client.on('error', () => undefined);
  const socket = await nextConnection(server);
  const hello = await nextBytes(socket);
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}
