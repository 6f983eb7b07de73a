import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { reader } from '../../src/io/reader.ts';
import { unsent, write } from '../../src/io/writer.ts';
import { nextConnection, portOf } from '../sockets.ts';

/** Both ends of a connection over loopback: the accepted one, and the one that connected. */
async function pair(t: TestContext): Promise<{ accepted: Socket; dialled: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dialled = connect({ port: portOf(server), host: '127.0.0.1' });
  const accepted = await nextConnection(server);
  t.after(() => {
    server.close();
    accepted.destroy();
    dialled.destroy();
  });
  if (dialled.connecting) await once(dialled, 'connect');
  return { accepted, dialled };
}

function rethrow(error: unknown): never {
  throw error;
}

/** Collects the bytes that a socket reads, through `reader()`. */
class Collected {
  readonly chunks: Buffer[] = [];
  length = 0;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    reader((chunk) => {
      this.chunks.push(chunk);
      this.length += chunk.length;
      this.#wake();
    }, rethrow).listen(socket);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Resolves when this number of bytes has arrived. */
  async until(bytes: number): Promise<void> {
    while (this.length < bytes) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Bytes that depend on their position. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
}

test('chunks stay unchanged, whatever the sizes of them and of later ones', async (t) => {
  const { accepted, dialled } = await pair(t);
  const got = new Collected(accepted);
  accepted.resume();
  const sent: Buffer[] = [];
  let total = 0;
  for (let round = 0; round < 400; round += 1) {
    // Small ones share memory, large ones do not.
    const bytes = Buffer.alloc(
      [1, 7, 100, 4095, 4096, 4097, 20_000, 70_000][round % 8] ?? 1,
      round,
    );
    sent.push(bytes);
    total += bytes.length;
    if (!write(dialled, bytes)) await once(dialled, 'drain');
    if (round % 3 === 0) await got.until(total);
  }
  await got.until(total);
  assert(got.bytes.equals(Buffer.concat(sent)));
});

test('two sockets that are read in turn do not affect each other', async (t) => {
  const one = await pair(t);
  const two = await pair(t);
  const first = new Collected(one.accepted);
  const second = new Collected(two.accepted);
  one.accepted.resume();
  two.accepted.resume();
  for (let round = 1; round <= 200; round += 1) {
    write(one.dialled, Buffer.alloc(100, 1));
    write(two.dialled, Buffer.alloc(100, 2));
    await first.until(round * 100);
    await second.until(round * 100);
  }
  assert(first.bytes.every((byte) => byte === 1));
  assert(second.bytes.every((byte) => byte === 2));
});

test('a paused socket is not read, and loses nothing', async (t) => {
  const { accepted, dialled } = await pair(t);
  const other = await pair(t);
  const got = new Collected(accepted);
  const elsewhere = new Collected(other.accepted);
  other.accepted.resume();
  accepted.resume();
  write(dialled, Buffer.from('one'));
  await got.until(3);
  accepted.pause();
  const rest = pattern(8_000_000);
  // More than the kernel accepts: some of it waits in the writer until the reader continues.
  assert.equal(write(dialled, rest), false);
  assert(unsent(dialled) > 0);
  for (let round = 1; round <= 20; round += 1) {
    write(other.dialled, Buffer.from('x'));
    await elsewhere.until(round);
  }
  assert.equal(got.length, 3);
  accepted.resume();
  await once(dialled, 'drain');
  assert.equal(unsent(dialled), 0);
  await got.until(3 + rest.length);
  assert(got.bytes.subarray(3).equals(rest));
});

test('bytes written while earlier ones wait come after them, and there is one drain event', async (t) => {
  const { accepted, dialled } = await pair(t);
  const got = new Collected(accepted);
  const parts = [pattern(6_000_000), Buffer.from('a'), pattern(300_000), Buffer.from('b')];
  for (const part of parts) assert.equal(write(dialled, part), false);
  // The stream itself, as for a last message.
  dialled.write('c');
  const drained = once(dialled, 'drain').then(() => unsent(dialled));
  accepted.resume();
  const all = Buffer.concat([...parts, Buffer.from('c')]);
  await got.until(all.length);
  assert(got.bytes.equals(all));
  // Everything that was refused at first has been sent; the stream's one byte may be on its way.
  assert((await drained) <= 1);
});

test('the end of a connection comes after its last bytes', async (t) => {
  const { accepted, dialled } = await pair(t);
  const got = new Collected(accepted);
  const ended = once(accepted, 'end');
  write(dialled, pattern(5_000_000));
  dialled.end();
  accepted.resume();
  await ended;
  assert.equal(got.length, 5_000_000);
});

test('a write to a closed peer closes the socket with an error', async (t) => {
  const { accepted, dialled } = await pair(t);
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => dialled.once('error', resolve));
  const closed = new Promise((resolve) => dialled.once('close', resolve));
  accepted.resetAndDestroy();
  const bytes = Buffer.alloc(1_000_000);
  const timer = setInterval(() => write(dialled, bytes), 1);
  t.after(() => clearInterval(timer));
  const error = await failed;
  assert.match(error.code ?? '', /^(ECONNRESET|EPIPE)$/);
  await closed;
});

test('on Node.js sockets are read into the common buffer, on Bun as streams', async (t) => {
  const { accepted } = await pair(t);
  reader(() => undefined, rethrow).listen(accepted);
  // A socket that is read as a stream has its own push().
  assert.equal(Object.hasOwn(accepted, 'push'), 'Bun' in globalThis);
});
