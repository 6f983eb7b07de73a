import type { Socket } from 'node:net';

/*
 * How bytes go to a socket. The kernel takes nearly every write at once; a stream prepares for the contrary each time
 * (state, a callback, a tick of its own). So what the kernel takes at once goes past the stream, through
 * `_write()`, which calls back before it returns in that case. What it does not take waits in libuv, in order, and a
 * `drain` follows as from the stream.
 *
 * TLS of Node.js never calls back before it returns, and Bun's sockets are quick as they are: both take the stream.
 */

/** Bytes that were given to libuv past the stream, and not taken by the kernel yet. */
const waitingKey = Symbol('waiting');

type WrittenSocket = Socket & { [waitingKey]?: number; readonly encrypted?: boolean };

/** What says that a chunk is bytes: "the special value 'buffer'" (`writable._write()` in the manual), which its types leave out. */
const bytes = 'buffer' as BufferEncoding;

const onBun = 'Bun' in globalThis;

/** Told when a write is over. Used again for the next write when that was at once, as it nearly always is. */
interface Completion {
  /** The socket of a write that was not over at once, and the bytes of that. */
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

/** A write that had to wait is over. */
function finish(socket: WrittenSocket, bytes: number, error: Error | null): void {
  const waiting = (socket[waitingKey] ?? bytes) - bytes;
  socket[waitingKey] = waiting;
  if (socket.destroyed) return;
  if (error !== null) socket.destroy(error);
  // The stream tells itself when it has waited for longer.
  else if (waiting === 0 && !socket.writableNeedDrain) socket.emit('drain');
}

/** Writes to the socket. False means that it is full: `drain` follows. */
export function write(socket: Socket, chunk: Buffer): boolean {
  const written: WrittenSocket = socket;
  if (onBun || written.encrypted === true || socket.writableLength > 0 || !socket.writable)
    return socket.write(chunk);
  const completion = next;
  completion.over = false;
  // oxlint-disable-next-line no-underscore-dangle -- the name that the manual gives it
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
