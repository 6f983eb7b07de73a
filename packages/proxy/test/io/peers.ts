import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { Network, SocketAddress, Transport } from '../../src/io/transport.ts';
import { Recorder, record } from './recorder.ts';
import { nextConnection, portOf } from '../sockets.ts';

/** A transport, and the test's socket at its other end. */
export interface Pair {
  readonly transport: Transport;
  readonly recorder: Recorder;
  readonly peer: Socket;
}

const loopback = { host: '127.0.0.1', port: 0 } as const;

function rethrow(error: unknown): never {
  throw error;
}

/**
 * A test may continue inside a callback of a TLS handshake. If it closes the socket below TLS there, Node.js frees
 * memory that OpenSSL is still using.
 */
async function leaveTls(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** A transport that a listener has accepted. */
export async function accepted(
  t: TestContext,
  network: Network,
  socketAddress: SocketAddress = loopback,
): Promise<Pair> {
  const arrival = Promise.withResolvers<Transport>();
  const listener = await network.listen(socketAddress, {
    accepted: arrival.resolve,
    failed: rethrow,
  });
  const peer =
    'file' in socketAddress
      ? connect({ path: socketAddress.file, allowHalfOpen: true })
      : connect({ port: listener.port, host: socketAddress.host, allowHalfOpen: true });
  // Errors of the peer when the transport is gone do not matter in these tests.
  peer.on('error', () => undefined);
  t.after(async () => {
    await leaveTls();
    listener.close();
    peer.destroy();
  });
  const transport = await arrival.promise;
  t.after(() => transport.destroy());
  if (peer.connecting) await once(peer, 'connect');
  return { transport, recorder: record(transport), peer };
}

/** A transport that has connected. */
export async function connected(t: TestContext, network: Network): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const arrival = nextConnection(server);
  const recorder = new Recorder();
  const port = portOf(server);
  const transport = await new Promise<Transport>((resolve) => {
    const dialled = network.connect({ host: '127.0.0.1', port }, recorder, () => resolve(dialled));
  });
  const peer = await arrival;
  peer.on('error', () => undefined);
  t.after(async () => {
    await leaveTls();
    server.close();
    peer.destroy();
    transport.destroy();
  });
  assert.deepEqual(recorder.events, []);
  return { transport, recorder, peer };
}

/** Bytes that depend on their position. */
export function pattern(length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let at = 0; at < words.length; at++) words[at] = at;
  return Buffer.from(words.buffer, 0, length);
}

/** Everything from a socket until it ends. */
export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
}
