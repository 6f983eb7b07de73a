import type { Socket } from 'node:net';

/*
 * Writing to sockets. The kernel accepts nearly every write immediately, but a stream always prepares for the opposite
 * (state, a callback, a tick of its own). So data goes directly to `_write()`, which calls back before it returns if
 * the kernel accepts all of it. Otherwise the data waits in libuv, in order, and a `drain` follows as from the stream.
 *
 * TLS in Node.js never calls back before it returns, and Bun's sockets are fast: both use the stream.
 */

/** Bytes that were given to libuv directly and that the kernel has not accepted yet. */
const waitingKey = Symbol('waiting');

type WrittenSocket = Socket & { [waitingKey]?: number; readonly encrypted?: boolean };

/** Marks a chunk as bytes: "the special value 'buffer'" (`writable._write()` in the manual), which its types omit. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types of Node.js omit it
const bytes = 'buffer' as BufferEncoding;

const onBun = 'Bun' in globalThis;

/** Called when a write is complete. Reused for the next write if that was immediate, as it nearly always is. */
interface Completion {
  /** The socket of a write that was not immediate, and its number of bytes. */
  socket: WrittenSocket | null;
  bytes: number;
  over: boolean;
  error: Error | null;
  readonly done: (error?: Error | null) => void;
}

function newCompletion(): Completion {
  const completion: Completion = {
    socket: null,
    bytes: 0,
    over: false,
    error: null,
    done(error) {
      completion.over = true;
      completion.error = error ?? null;
      if (completion.socket !== null) finish(completion.socket, completion.bytes, completion.error);
    },
  };
  return completion;
}

let next = newCompletion();

/** A write that had to wait is complete. */
function finish(socket: WrittenSocket, bytes: number, error: Error | null): void {
  const waiting = (socket[waitingKey] ?? bytes) - bytes;
  socket[waitingKey] = waiting;
  if (socket.destroyed) return;
  if (error !== null) socket.destroy(error);
  // The stream itself emits `drain` if it has waited.
  else if (waiting === 0 && !socket.writableNeedDrain) socket.emit('drain');
}

/** Writes to the socket. False means that it is full: `drain` follows. Does nothing after the end. */
export function write(socket: Socket, chunk: Buffer): boolean {
  const written: WrittenSocket = socket;
  // A stream would treat that as an error, and destroy the socket with everything that waits.
  if (!socket.writable) return false;
  if (onBun || written.encrypted === true || socket.writableLength > 0) return socket.write(chunk);
  const completion = next;
  completion.over = false;
  // oxlint-disable-next-line no-underscore-dangle -- the name in the manual
  socket._write(chunk, bytes, completion.done);
  if (completion.over) {
    if (completion.error === null) return true;
    socket.destroy(completion.error);
    return false;
  }
  completion.socket = written;
  completion.bytes = chunk.length;
  next = newCompletion();
  written[waitingKey] = (written[waitingKey] ?? 0) + chunk.length;
  return false;
}

/** The bytes that were written to the socket and wait in this process. */
export function unsent(socket: Socket): number {
  const written: WrittenSocket = socket;
  return socket.writableLength + (written[waitingKey] ?? 0);
}
