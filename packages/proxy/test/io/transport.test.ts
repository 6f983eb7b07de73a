import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { bunNetwork } from '../../src/io/bun-network.ts';
import { faults } from '../../src/io/guard.ts';
import { nodeNetwork } from '../../src/io/node-network.ts';
import { Ranges } from '../../src/io/ranges.ts';
import type { Transport } from '../../src/io/transport.ts';
import { accepted, connected, pattern, readAll } from './peers.ts';
import { Recorder } from './recorder.ts';
import { nextBytes, portOf } from '../sockets.ts';

/*
 * The contract of `Transport`, for every implementation on this runtime. The other ends are sockets of `node:net`.
 * test/on-bun.test.ts runs this file on Bun.
 */
const networks = 'Bun' in globalThis ? [nodeNetwork, bunNetwork] : [nodeNetwork];

/** Lets all pending events happen, in this process and in the kernel. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

for (const network of networks) {
  for (const [side, pair] of Object.entries({ accepted, connected })) {
    suite(`${network.name}, ${side}`, () => {
      test('bytes go both ways, unchanged', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        transport.resume();
        const sent: Buffer[] = [];
        let total = 0;
        for (let round = 0; round < 200; round++) {
          const bytes = Buffer.alloc([1, 7, 4096, 4097, 70_000][round % 5] ?? 1, round);
          sent.push(bytes);
          total += bytes.length;
          peer.write(bytes);
          if (round % 3 === 0) await recorder.received(total);
        }
        await recorder.received(total);
        assert(recorder.bytes.equals(Buffer.concat(sent)));
        assert.equal(transport.write(Buffer.from('answer')), true);
        const answer = await nextBytes(peer);
        assert.equal(answer.toString(), 'answer');
      });

      test('one byte at a time', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        transport.resume();
        peer.setNoDelay();
        const text = 'one byte at a time';
        for (let at = 0; at < text.length; at++) {
          peer.write(text[at] ?? '');
          await recorder.received(at + 1);
        }
        assert.equal(recorder.bytes.toString(), text);
      });

      test('it starts paused, and gets no events before it is resumed', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        peer.end('early');
        await settle();
        assert.deepEqual(recorder.events, []);
        transport.resume();
        // Never during the call.
        assert.deepEqual(recorder.events, []);
        await recorder.saw('close');
        assert.deepEqual(recorder.events, ['data', 'end', 'close']);
        assert.equal(recorder.bytes.toString(), 'early');
      });

      test('a reader that pauses in the middle loses nothing, and the peer has to wait', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        let isPaused = false;
        let late = 0;
        recorder.on = () => {
          if (isPaused) late++;
          isPaused = true;
          transport.pause();
        };
        transport.resume();
        const bytes = pattern(12_000_000);
        peer.write(bytes);
        await recorder.saw('data');
        await settle();
        assert.equal(late, 0);
        assert(peer.writableLength > 0, 'all was read');
        recorder.on = () => undefined;
        transport.resume();
        await recorder.received(bytes.length);
        assert(recorder.bytes.equals(bytes));
      });

      test('returned bytes come first', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        transport.resume();
        peer.write('startup');
        await recorder.received(7);
        transport.pause();
        transport.unread(Buffer.from('again '));
        peer.write('more');
        const next = new Recorder();
        transport.handler = next;
        await settle();
        transport.resume();
        await next.received(10);
        assert.equal(next.bytes.toString(), 'again more');
      });

      test('a slow peer: write returns false, the order is kept, and there is one drain event', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        peer.pause();
        const parts = [pattern(9_000_000), Buffer.from('a'), pattern(300_000), Buffer.from('b')];
        for (const part of parts) assert.equal(transport.write(part), false);
        assert(transport.unsent > 0);
        await settle();
        assert.deepEqual(recorder.events, []);
        const all = Buffer.concat(parts);
        const chunks: Buffer[] = [];
        let length = 0;
        const got = new Promise<void>((resolve) => {
          peer.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            length += chunk.length;
            if (length === all.length) resolve();
          });
        });
        peer.resume();
        await got;
        await recorder.saw('drain');
        assert(Buffer.concat(chunks).equals(all));
        assert.equal(transport.unsent, 0);
        assert.deepEqual(recorder.events, ['drain']);
      });

      test('ranges arrive as one piece, few and many, small and large, at a peer that reads slowly', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        const source = pattern(200_000);
        const sent: Buffer[] = [];
        const read = readAll(peer);
        for (let round = 0; round < 60; round++) {
          const ranges = new Ranges();
          const sizes = [[5], [1, 2, 3], [1000, 30_000, 7], [70_000, 1, 150_000, 20_000], []];
          const all = round % 9 === 8 ? Array.from({ length: 5000 }, () => 40) : sizes[round % 5];
          for (const [index, size] of (all ?? []).entries()) {
            ranges.add(source, index, index + size);
            sent.push(source.subarray(index, index + size));
          }
          if (ranges.count === 0) continue;
          const isTaken = transport.writeRanges(ranges);
          // The arrays are reused immediately.
          ranges.clear();
          if (round % 4 === 0) peer.pause();
          else peer.resume();
          if (!isTaken && round % 2 === 0) {
            peer.resume();
            await recorder.until(() => transport.unsent === 0);
          }
        }
        peer.resume();
        transport.end();
        assert((await read).equals(Buffer.concat(sent)));
      });

      test('its end comes after everything that was written, and the peer can still answer', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        transport.resume();
        const bytes = pattern(7_000_000);
        const read = readAll(peer);
        transport.write(bytes);
        transport.end(Buffer.from('last'));
        assert(transport.isEnded);
        // Writes after the end have no effect and do no harm.
        assert.equal(transport.write(Buffer.from('too late')), false);
        transport.end();
        const all = await read;
        assert.equal(all.length, bytes.length + 4);
        assert.equal(all.subarray(bytes.length).toString(), 'last');
        peer.end('answer');
        await recorder.saw('close');
        assert.equal(recorder.bytes.toString(), 'answer');
        assert.equal(recorder.events.filter((event) => event === 'end').length, 1);
        assert.equal(recorder.events.at(-1), 'close');
        assert(!recorder.events.includes('error'));
      });

      test("the handler gets the peer's end, and what was written is sent before its own end", async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        const bytes = pattern(7_000_000);
        peer.pause();
        transport.write(bytes);
        transport.resume();
        peer.end();
        await recorder.saw('end');
        // From a handler that has received the end.
        transport.write(Buffer.from('late'));
        const read = readAll(peer);
        peer.resume();
        const all = await read;
        assert(all.length >= bytes.length, `${all.length} bytes`);
        assert(all.subarray(0, bytes.length).equals(bytes));
        await recorder.saw('close');
        assert.equal(recorder.events.at(-1), 'close');
      });

      test('endAndClose sends everything to a peer that does not end', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        transport.resume();
        const bytes = pattern(7_000_000);
        const read = readAll(peer);
        transport.write(bytes);
        transport.endAndClose();
        assert((await read).equals(bytes));
        await recorder.saw('close');
        assert(!recorder.events.includes('error'));
      });

      test('destroy during a write: the rest is lost, and onClose is called once, later', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        let closings = 0;
        transport.whenClosed = () => {
          closings++;
          assert.deepEqual(recorder.events, ['close']);
        };
        peer.pause();
        transport.write(pattern(9_000_000));
        transport.destroy();
        assert(transport.isEnded);
        assert.equal(transport.write(Buffer.from('x')), false);
        assert.deepEqual(recorder.events, []);
        transport.destroy();
        transport.resume();
        await recorder.saw('close');
        await settle();
        assert.deepEqual(recorder.events, ['close']);
        assert.equal(closings, 1);
        peer.resume();
        const closed = once(peer, 'close');
        peer.end();
        await closed;
      });

      test('destroy sends FIN, not a reset', async (t) => {
        const { transport, peer } = await pair(t, network);
        const read = readAll(peer);
        transport.write(Buffer.from('goodbye'));
        transport.destroy();
        assert.equal((await read).toString(), 'goodbye');
      });

      test('a reset: first the received bytes, then the error, then the close', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        transport.resume();
        peer.write('last words');
        await recorder.received(10);
        peer.resetAndDestroy();
        await recorder.saw('close');
        assert.deepEqual(recorder.events, ['data', 'error', 'close']);
      });

      test('writes to a closed peer close it', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        transport.resume();
        peer.resetAndDestroy();
        const timer = setInterval(() => transport.write(Buffer.alloc(100_000)), 1);
        t.after(() => clearInterval(timer));
        await recorder.saw('close');
        assert(transport.isEnded);
        assert.equal(recorder.events.at(-1), 'close');
      });

      for (const [when, before, after] of [
        ['does not read', '', ''],
        ['reads no longer', 'more than is read', ''],
        ['has something to read', '', 'last words'],
      ] as const) {
        test(`a write to a peer that has reset, while it ${when}`, async (t) => {
          const { transport, recorder, peer } = await pair(t, network);
          // Bun's socket reads until the first chunk.
          peer.write(before);
          await settle();
          peer.write(after);
          peer.resetAndDestroy();
          // The write meets the reset, before the runtime has noticed it.
          while (transport.write(Buffer.from('answer')));
          assert.equal(transport.write(Buffer.from('more')), false);
          assert.deepEqual(recorder.events, []);
          await recorder.saw('close');
          assert(transport.isEnded);
          transport.resume();
          await settle();
          assert.equal(recorder.events.at(-1), 'close');
        });
      }

      test('an exception in a handler is reported, and others are not affected', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        const other = await pair(t, network);
        recorder.on = (event) => {
          if (event === 'data') throw new Error('a fault');
          if (event === 'end') throw new Error('another');
        };
        transport.resume();
        other.transport.resume();
        peer.end('x');
        await recorder.until(() => recorder.events.some((event) => event.startsWith('broken')));
        other.peer.write('y');
        await other.recorder.received(1);
        await recorder.saw('close');
        assert.deepEqual(recorder.events, [
          'data',
          'broken: Error: a fault',
          'end',
          'broken: Error: another',
          'close',
        ]);
      });

      test('a handler can destroy it, and gets no more events then', async (t) => {
        const { transport, recorder, peer } = await pair(t, network);
        recorder.on = (event) => {
          if (event === 'data') transport.destroy();
        };
        transport.resume();
        peer.write('x');
        await recorder.saw('data');
        peer.write('y');
        await recorder.saw('close');
        await settle();
        assert.deepEqual(recorder.events, ['data', 'close']);
        assert.equal(recorder.length, 1);
      });

      test('a transport on which nothing moves is destroyed', async (t) => {
        const { transport, recorder } = await pair(t, network);
        transport.resume();
        transport.destroyWhenIdle(20);
        await recorder.saw('close');
        assert.deepEqual(recorder.events, ['close']);
      });

      test('the address of the other side', async (t) => {
        const { transport, peer } = await pair(t, network);
        assert.equal(transport.remoteAddress, '127.0.0.1');
        assert.equal(transport.remotePort, peer.localPort);
        assert.equal(transport.tls, null);
      });
    });
  }

  suite(`${network.name}, listening and connecting`, () => {
    test('an address without a listener is an error, then a close', async (t) => {
      const free = createServer().listen(0, '127.0.0.1');
      await once(free, 'listening');
      const port = portOf(free);
      await new Promise((resolve) => free.close(resolve));
      const recorder = new Recorder();
      const transport = network.connect({ host: '127.0.0.1', port }, recorder, () => {
        throw new Error('connected');
      });
      t.after(() => transport.destroy());
      await recorder.saw('close');
      assert.deepEqual(recorder.events, ['error', 'close']);
      assert.equal(recorder.errors[0]?.message, `connect ECONNREFUSED 127.0.0.1:${port}`);
    });

    test('a missing Unix socket', async () => {
      const recorder = new Recorder();
      network.connect({ file: '/nonexistent/socket' }, recorder, () => undefined);
      assert.deepEqual(recorder.events, []);
      await recorder.saw('close');
      assert.equal(recorder.errors[0]?.message, 'connect ENOENT /nonexistent/socket');
      assert.equal(recorder.errors[0]?.code, 'ENOENT');
    });

    test('a name that does not exist', async () => {
      const recorder = new Recorder();
      network.connect({ host: 'no-such-host.invalid', port: 1 }, recorder, () => undefined);
      await recorder.saw('close');
      assert.match(String(recorder.errors[0]?.message), /^getaddrinfo (ENOTFOUND|EAI_AGAIN)/);
    });

    test('destroyed while it connects', async (t) => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.after(() => server.close());
      const port = portOf(server);
      const recorder = new Recorder();
      let isConnected = false;
      const transport = network.connect({ host: '127.0.0.1', port }, recorder, () => {
        isConnected = true;
      });
      transport.destroy();
      await recorder.saw('close');
      await settle();
      assert.deepEqual(recorder.events, ['close']);
      assert(!isConnected);
    });

    test('two listeners cannot have one port', async (t) => {
      const handler = { accepted: () => undefined, failed: () => undefined };
      const first = await network.listen({ host: '127.0.0.1', port: 0 }, handler);
      t.after(() => first.close());
      assert(first.port > 0);
      assert.equal(first.address, '127.0.0.1');
      await assert.rejects(network.listen({ host: '127.0.0.1', port: first.port }, handler), {
        code: 'EADDRINUSE',
        syscall: 'listen',
        port: first.port,
        message: `listen EADDRINUSE: address already in use 127.0.0.1:${first.port}`,
      });
    });

    test('an exception in the connect callback reaches the handler of the transport', async (t) => {
      const server = createServer((socket) => socket.on('error', () => undefined));
      server.listen(0, '127.0.0.1');
      t.after(() => server.close());
      await once(server, 'listening');
      const port = portOf(server);
      const recorder = new Recorder();
      const transport = network.connect({ host: '127.0.0.1', port }, recorder, () => {
        throw new Error('a fault');
      });
      t.after(() => transport.destroy());
      await recorder.saw('broken: Error: a fault');
    });

    test('IPv6, and IPv4 on a listener for both', async (t) => {
      const six = await accepted(t, network, { host: '::1', port: 0 });
      assert.equal(six.transport.remoteAddress, '::1');
      const arrival = Promise.withResolvers<string | undefined>();
      const both = await network.listen(
        { host: '::', port: 0 },
        {
          accepted: (transport) => {
            arrival.resolve(transport.remoteAddress);
            transport.destroy();
          },
          failed: () => undefined,
        },
      );
      t.after(() => both.close());
      const transport = network.connect(
        { host: '127.0.0.1', port: both.port },
        new Recorder(),
        () => undefined,
      );
      t.after(() => transport.destroy());
      assert.equal(await arrival.promise, '::ffff:127.0.0.1');
    });

    test('a Unix socket, in both directions', async (t) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'sluice-transport-'));
      t.after(() => rm(folder, { recursive: true, force: true }));
      const { transport, recorder, peer } = await accepted(t, network, {
        file: path.join(folder, 'socket'),
      });
      assert.equal(transport.remoteAddress, undefined);
      transport.resume();
      const bytes = pattern(3_000_000);
      const read = readAll(peer);
      transport.write(bytes);
      peer.write('question');
      await recorder.received(8);
      transport.end();
      assert((await read).equals(bytes));
    });

    test('an exception at an accept closes that connection, and the listener continues', async (t) => {
      const before = faults.caught;
      const arrivals: Transport[] = [];
      const listener = await network.listen(
        { host: '127.0.0.1', port: 0 },
        {
          accepted: (transport) => {
            arrivals.push(transport);
            t.after(() => transport.destroy());
            if (arrivals.length === 1) throw new Error('unexpected');
            transport.write(Buffer.from('welcome'));
          },
          failed: () => undefined,
        },
      );
      t.after(() => listener.close());
      const [first, second] = [new Recorder(), new Recorder()];
      for (const [recorder, event] of [
        [first, 'close'],
        [second, 'data'],
      ] as const) {
        const transport = network.connect(
          { host: '127.0.0.1', port: listener.port },
          recorder,
          () => transport.resume(),
        );
        t.after(() => transport.destroy());
        await recorder.saw(event);
      }
      assert.equal(first.length, 0);
      assert.equal(second.bytes.toString(), 'welcome');
      assert.equal(faults.caught, before + 1);
    });

    test('a closed listener accepts no more connections, and the existing ones stay', async (t) => {
      const arrival = Promise.withResolvers<Recorder>();
      const listener = await network.listen(
        { host: '127.0.0.1', port: 0 },
        {
          accepted: (transport) => {
            const recorder = new Recorder();
            transport.handler = recorder;
            t.after(() => transport.destroy());
            transport.resume();
            arrival.resolve(recorder);
          },
          failed: () => undefined,
        },
      );
      const client = new Recorder();
      const transport = network.connect(
        { host: '127.0.0.1', port: listener.port },
        client,
        () => undefined,
      );
      t.after(() => transport.destroy());
      const recorder = await arrival.promise;
      listener.close();
      transport.write(Buffer.from('still here'));
      await recorder.received(10);
      const late = new Recorder();
      network.connect({ host: '127.0.0.1', port: listener.port }, late, () => undefined);
      await late.saw('close');
      assert.deepEqual(late.events, ['error', 'close']);
    });
  });
}
