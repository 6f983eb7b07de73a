import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { TLSSocket, connect as connectTls, createSecureContext } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate } from '@sluice/testkit';
import { bunNetwork } from '../../src/io/bun-network.ts';
import { nodeNetwork } from '../../src/io/node-network.ts';
import type { ClientTls } from '../../src/io/tls.ts';
import type { AcceptorOptions, Network, Transport } from '../../src/io/transport.ts';
import { accepted, connected, pattern, readAll } from './peers.ts';
import type { Pair } from './peers.ts';

/* The TLS of `Transport`, as server and as client, for every implementation on this runtime; see transport.test.ts. */
const networks = 'Bun' in globalThis ? [nodeNetwork, bunNetwork] : [nodeNetwork];

let server: Certificate;
let second: Certificate;
let client: Certificate;
let stranger: Certificate;

before(async () => {
  server = await makeCertificate({ hosts: ['db.example', '127.0.0.1'] });
  second = await makeCertificate({ hosts: ['second.example'], authority: server });
  client = await makeCertificate({ commonName: 'alice', hosts: ['alice'], authority: server });
  stranger = await makeCertificate({ commonName: 'mallory', hosts: ['mallory'] });
});

/** An accepted connection, which the test encrypts. */
async function arrival(
  t: TestContext,
  network: Network,
  options: Partial<AcceptorOptions> = {},
): Promise<Pair & { readonly accept: () => Promise<Error | null> }> {
  const acceptor = network.tlsAcceptor({
    certificates: [server, second],
    choose: (name) => (name === 'second.example' ? 1 : 0),
    ca: server.ca,
    crl: undefined,
    protocol: { minVersion: 'TLSv1.2' },
    requestsCertificate: false,
    ...options,
  });
  const pair = await accepted(t, network);
  return {
    ...pair,
    accept: () => new Promise((resolve) => acceptor.accept(pair.transport, resolve)),
  };
}

/** The client's side of TLS on its socket. */
function asClient(t: TestContext, socket: Duplex, options: ConnectionOptions = {}): TLSSocket {
  const secure = connectTls({
    socket,
    ca: server.ca,
    servername: 'db.example',
    ALPNProtocols: ['postgresql'],
    ...options,
  });
  secure.on('error', () => undefined);
  t.after(() => secure.destroy());
  return secure;
}

/** A stream above a socket, so that TLS does not use the socket directly, and others can write to it. */
function above(socket: Socket): Duplex {
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _, done) => void socket.write(chunk, () => done()),
  });
  socket.on('data', (chunk: Buffer) => stream.push(chunk));
  socket.on('end', () => stream.push(null));
  return stream;
}

/** The database's side of TLS on its socket. */
function asServer(t: TestContext, socket: Socket, certificate = server): TLSSocket {
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: createSecureContext({ ...certificate, ca: server.ca }),
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['postgresql'],
  });
  secure.on('error', () => undefined);
  t.after(() => secure.destroy());
  return secure;
}

function encrypt(transport: Transport, options: Partial<ClientTls> = {}): Promise<Error | null> {
  return new Promise((resolve) => {
    transport.connectTls(
      { protocol: {}, ca: server.ca, serverName: 'db.example', verify: 'name', ...options },
      resolve,
    );
  });
}

for (const network of networks) {
  suite(`${network.name}, TLS as the server`, () => {
    for (const isDirect of [false, true])
      test(isDirect ? 'directly' : 'after a request', async (t) => {
        const { transport, recorder, peer, accept } = await arrival(t, network);
        transport.resume();
        let secure: TLSSocket;
        if (isDirect) {
          secure = asClient(t, peer);
          await recorder.saw('data');
          transport.pause();
          transport.unread(recorder.bytes);
        } else {
          peer.write('SSLRequest');
          await recorder.received(10);
          transport.pause();
          transport.write(Buffer.from('S'));
          await once(peer, 'data');
          secure = asClient(t, peer);
        }
        const before = recorder.length;
        assert.equal(await accept(), null);
        assert.deepEqual(recorder.events, ['data']);
        assert.equal(transport.tls?.alpn, 'postgresql');
        assert.equal(transport.tls.serverName, 'db.example');
        assert.equal(transport.tls.isAuthorized, false);
        assert.equal(transport.tls.certificate, null);
        // It is still paused.
        secure.write('question');
        for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
        assert.equal(recorder.length, before);
        transport.resume();
        await recorder.received(before + 8);
        assert.equal(recorder.bytes.subarray(before).toString(), 'question');
        const bytes = pattern(5_000_000);
        const read = readAll(secure);
        transport.write(bytes);
        transport.end(Buffer.from('last'));
        const all = await read;
        assert(all.subarray(0, bytes.length).equals(bytes));
        assert.equal(all.subarray(bytes.length).toString(), 'last');
        secure.end();
        await recorder.saw('close');
        assert(!recorder.events.includes('error'), recorder.events.join());
      });

    test('unencrypted bytes of the client before the handshake do not count as encrypted ones', async (t) => {
      const { transport, recorder, peer, accept } = await arrival(t, network);
      transport.resume();
      peer.write('SSLRequest');
      await recorder.received(10);
      transport.pause();
      peer.write('in clear');
      const error = await accept();
      assert(error !== null);
      await recorder.saw('close');
      assert.equal(recorder.length, 10);
    });

    test('the certificate is the one for the name', async (t) => {
      const { peer, accept } = await arrival(t, network);
      const secure = asClient(t, peer, { servername: 'second.example' });
      const accepting = accept();
      await once(secure, 'secureConnect');
      assert.equal(await accepting, null);
      assert.match(String(secure.getPeerCertificate().subjectaltname), /second\.example/);
    });

    test('no protocol in common is refused; no ALPN is seen', async (t) => {
      const other = await arrival(t, network);
      asClient(t, other.peer, { ALPNProtocols: ['h2'] });
      assert((await other.accept()) instanceof Error);
      await other.recorder.saw('close');
      const none = await arrival(t, network);
      asClient(t, none.peer, { ALPNProtocols: [] });
      assert.equal(await none.accept(), null);
      assert.equal(none.transport.tls?.alpn, null);
    });

    test('client certificates: a valid one, one of another authority, none', async (t) => {
      const options = { requestsCertificate: true };
      const good = await arrival(t, network, options);
      asClient(t, good.peer, { cert: client.cert, key: client.key });
      assert.equal(await good.accept(), null);
      assert.equal(good.transport.tls?.isAuthorized, true);
      assert.equal(good.transport.tls.authorizationError, null);
      assert.equal(good.transport.tls.certificate?.commonName, 'alice');
      const strange = await arrival(t, network, options);
      asClient(t, strange.peer, { cert: stranger.cert, key: stranger.key });
      assert.equal(await strange.accept(), null);
      assert.equal(strange.transport.tls?.isAuthorized, false);
      assert.match(String(strange.transport.tls.authorizationError), /^[A-Z_]+$/);
      const none = await arrival(t, network, options);
      asClient(t, none.peer);
      assert.equal(await none.accept(), null);
      assert.equal(none.transport.tls?.isAuthorized, false);
      assert.equal(none.transport.tls.certificate, null);
    });

    test('an old version is refused', async (t) => {
      const { peer, accept, recorder } = await arrival(t, network, {
        protocol: { minVersion: 'TLSv1.3' },
      });
      asClient(t, peer, { maxVersion: 'TLSv1.2' });
      assert((await accept()) instanceof Error);
      await recorder.saw('close');
    });

    test('garbage, and a client that disconnects', async (t) => {
      const garbage = await arrival(t, network);
      garbage.peer.write('\x16garbage, and more of it');
      assert((await garbage.accept()) instanceof Error);
      await garbage.recorder.saw('close');
      assert.deepEqual(garbage.recorder.events, ['close']);
      const gone = await arrival(t, network);
      let closings = 0;
      gone.transport.whenClosed = () => closings++;
      gone.peer.end();
      assert((await gone.accept()) instanceof Error);
      await gone.recorder.saw('close');
      assert.deepEqual(gone.recorder.events, ['close']);
      assert.equal(closings, 1);
    });

    test('a handshake that takes too long is ended by destroy', async (t) => {
      const { transport, peer, recorder, accept } = await arrival(t, network);
      let closings = 0;
      transport.whenClosed = () => closings++;
      void accept();
      peer.write('\x16');
      await new Promise(setImmediate);
      transport.destroy();
      await recorder.saw('close');
      const closed = new Promise((resolve) => peer.once('close', resolve));
      peer.resume();
      peer.end();
      await closed;
      assert.equal(closings, 1);
    });

    test('a reset, and a peer that writes garbage into TLS', async (t) => {
      for (const strike of ['reset', 'garbage']) {
        const { transport, recorder, peer, accept } = await arrival(t, network);
        const secure = asClient(t, above(peer));
        const accepting = accept();
        await once(secure, 'secureConnect');
        assert.equal(await accepting, null);
        transport.resume();
        secure.write('x');
        await recorder.received(1);
        if (strike === 'reset') peer.resetAndDestroy();
        else peer.write('this is no record of TLS at all');
        await recorder.saw('close');
        assert.equal(recorder.events[0], 'data');
        assert.equal(recorder.events.at(-1), 'close');
        // `node:net` on Bun treats garbage as the end.
        if (strike === 'reset' || network.name === 'bun' || !('Bun' in globalThis))
          assert(recorder.events.includes('error'), `${strike}: ${recorder.events.join()}`);
      }
    });

    test('a write to a peer that has reset, while it reads no longer', async (t) => {
      const { transport, recorder, peer, accept } = await arrival(t, network);
      const secure = asClient(t, above(peer));
      const accepting = accept();
      await once(secure, 'secureConnect');
      assert.equal(await accepting, null);
      recorder.on = () => transport.pause();
      transport.resume();
      secure.write('x');
      await recorder.received(1);
      secure.write('more than is read');
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      peer.resetAndDestroy();
      // The write meets the reset, before the runtime has noticed it.
      for (let count = 0; count < 3; count++) transport.write(Buffer.from('answer'));
      await recorder.saw('close');
      assert(transport.isEnded);
    });

    // Bun's TLS can neither request nor answer one.
    test('a renegotiation is refused', { skip: 'Bun' in globalThis }, async (t) => {
      const { transport, recorder, peer, accept } = await arrival(t, network);
      const secure = asClient(t, peer, { maxVersion: 'TLSv1.2' });
      const accepting = accept();
      await once(secure, 'secureConnect');
      assert.equal(await accepting, null);
      transport.resume();
      const refusal = await new Promise<Error | null>((resolve) => {
        secure.on('error', resolve);
        secure.renegotiate({}, resolve);
      });
      assert.match(String(refusal), /no[ _]renegotiation/i);
      assert.equal(recorder.length, 0);
    });
  });

  suite(`${network.name}, TLS as the client`, () => {
    const cases: Readonly<
      Record<string, readonly [options: () => Partial<ClientTls>, verified: string]>
    > = {
      'the right authority and name': [() => ({}), 'nothing chain name'],
      'an address in the certificate': [() => ({ serverName: '127.0.0.1' }), 'nothing chain name'],
      'another name': [() => ({ serverName: 'other.example' }), 'nothing chain'],
      'another address': [() => ({ serverName: '127.0.0.2' }), 'nothing chain'],
      'another authority': [() => ({ ca: stranger.ca }), 'nothing'],
      'another authority and name': [
        () => ({ ca: stranger.ca, serverName: 'other.example' }),
        'nothing',
      ],
      'the authorities of the runtime': [() => ({ ca: undefined }), 'nothing'],
    };
    for (const [name, [options, verified]] of Object.entries(cases))
      for (const verify of ['nothing', 'chain', 'name'] as const)
        test(`${name}, when ${verify} is verified`, async (t) => {
          const { transport, recorder, peer } = await connected(t, network);
          const secure = asServer(t, peer);
          const error = await encrypt(transport, { ...options(), verify });
          if (!verified.split(' ').includes(verify)) {
            assert(error instanceof Error);
            await recorder.saw('close');
            assert.deepEqual(recorder.events, ['close']);
            return;
          }
          assert.equal(error, null);
          assert.equal(transport.tls?.alpn, 'postgresql');
          assert.match(String(transport.tls.certificate?.raw.length), /^\d{3}/);
          transport.resume();
          secure.write('hello');
          await recorder.received(5);
          const read = readAll(secure);
          const bytes = pattern(3_000_000);
          transport.write(bytes);
          transport.end();
          assert((await read).equals(bytes));
        });

    test('a client certificate is presented to the right server, and to no other', async (t) => {
      const protocol = { cert: client.cert, key: client.key };
      const right = await connected(t, network);
      const secure = asServer(t, right.peer);
      assert.equal(await encrypt(right.transport, { protocol }), null);
      right.transport.resume();
      right.transport.write(Buffer.from('x'));
      await once(secure, 'data');
      assert.equal(secure.getPeerCertificate().subject.CN, 'alice');
      const wrong = await connected(t, network);
      const liar = asServer(t, wrong.peer, stranger);
      let seen = '';
      liar.on('secure', () => {
        seen = String(liar.getPeerCertificate().subject?.CN);
      });
      assert((await encrypt(wrong.transport, { protocol: { ...protocol } })) instanceof Error);
      await wrong.recorder.saw('close');
      assert.notEqual(seen, 'alice');
    });

    test('a name is sent in SNI, an address is not', async (t) => {
      for (const [serverName, sent] of [
        ['db.example', 'db.example'],
        ['127.0.0.1', false],
      ] as const) {
        const { transport, peer } = await connected(t, network);
        const secure = asServer(t, peer);
        const shaken = once(secure, 'secure');
        assert.equal(await encrypt(transport, { serverName }), null);
        await shaken;
        const servername: unknown = Reflect.get(secure, 'servername');
        assert.equal(servername ?? false, sent);
      }
    });

    test('a server that refuses TLS, and one that disconnects', async (t) => {
      for (const farewell of ['N is no handshake', '']) {
        const { transport, recorder, peer } = await connected(t, network);
        peer.end(farewell);
        assert((await encrypt(transport)) instanceof Error);
        await recorder.saw('close');
        assert.deepEqual(recorder.events, ['close']);
      }
    });
  });
}
