import { Readable } from 'node:stream';
import { Socket } from 'node:net';

/*
 * Reading from sockets. A Node.js socket allocates 64 KiB for each read, however little arrives, and passes it through
 * a stream: for a SELECT, that costs more than everything that this proxy does with it. The option `onread` of
 * `net.connect()` reads into a buffer of the caller ("socket.connect(options)" in the manual), but sockets that a
 * server accepts have no such option, and one buffer per idle connection would be too much.
 */

/** The replacement of a stream's `push()`. */
type Push<S> = (this: S, chunk: Buffer | null, encoding?: BufferEncoding) => boolean;

/** The parts of a socket's `onread`, by the symbols that have them. */
interface UserBuffer {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/** The parts of a Node.js socket that the option `onread` sets. */
type OpenSocket = Socket &
  Record<symbol, unknown> & {
    readonly _handle?: { readonly useUserBuffer?: (buffer: Buffer) => void } | null;
  };

/** All sockets read into this buffer: the bytes are copied before another socket is read. */
const input = Buffer.allocUnsafeSlow(64 * 1024);

/** Small chunks are ranges of a slab of this size; keeping one byte keeps the slab. */
const slabSize = 16 * 1024;
let slab = Buffer.allocUnsafeSlow(slabSize);
let slabUsed = 0;

/** A copy of the first bytes of `input`. */
function takeInput(length: number): Buffer {
  if (length > slabSize / 4) {
    const chunk = Buffer.allocUnsafeSlow(length);
    input.copy(chunk, 0, 0, length);
    return chunk;
  }
  if (slabUsed + length > slabSize) {
    slab = Buffer.allocUnsafeSlow(slabSize);
    slabUsed = 0;
  }
  const start = slabUsed;
  slabUsed += length;
  input.copy(slab, start, 0, length);
  return slab.subarray(start, slabUsed);
}

/** Where this Node.js version has `onread`; null on Bun, and if a Node.js version has it elsewhere. */
function findUserBuffer(): UserBuffer | null {
  if ('Bun' in globalThis) return null;
  const symbols = Object.getOwnPropertySymbols(new Socket());
  const buffer = symbols.find(({ description }) => description === 'kBuffer');
  const callback = symbols.find(({ description }) => description === 'kBufferCb');
  return buffer === undefined || callback === undefined ? null : { buffer, callback };
}

const userBuffer = findUserBuffer();

/**
 * Creates a listener for the data of sockets. Each socket can be given once, and must have no other `data` listener.
 * `forget` undoes it, for a socket that something else reads from now on, such as TLS.
 *
 * On Node.js, the socket then reads into the common buffer. Elsewhere there is a shortcut: a socket passes what it
 * reads to its own `push()` ("API for stream implementers" in the manual), which checks many conditions and then emits
 * `data`. While the socket flows and its buffer is empty, the result is always the same, so the listener is called
 * directly. In all other cases (paused, at the end, something buffered), the stream's own `push()` is called.
 *
 * One function serves many sockets, so an idle connection has no closure of its own. `broken` gets what `take` throws.
 */
export function reader<S extends Socket>(
  takeUnguarded: (this: S, chunk: Buffer) => void,
  broken: (this: S, error: unknown) => void,
): { readonly listen: (socket: S) => void; readonly forget: (socket: S) => void } {
  const take = function (this: S, chunk: Buffer): void {
    try {
      takeUnguarded.call(this, chunk);
    } catch (error) {
      broken.call(this, error);
    }
  };
  const push: Push<S> = function (chunk, encoding) {
    if (chunk === null || this.readableFlowing !== true || this.readableLength > 0)
      return Readable.prototype.push.call(this, chunk, encoding);
    take.call(this, chunk);
    return true;
  };
  const onread = function (this: S, length: number): boolean {
    return push.call(this, takeInput(length));
  };
  const listen = (socket: S): void => {
    socket.on('data', take);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- missing properties are undefined, which the code below checks
    const open = socket as unknown as OpenSocket;
    // oxlint-disable-next-line no-underscore-dangle -- where Node.js keeps it
    const handle = open._handle;
    if (userBuffer === null || typeof handle?.useUserBuffer !== 'function') {
      socket.push = push;
      return;
    }
    open[userBuffer.buffer] = input;
    open[userBuffer.callback] = onread;
    handle.useUserBuffer(input);
  };
  const forget = (socket: S): void => {
    socket.off('data', take);
    // On Node.js the common buffer stays: TLS reads below the socket, and the socket itself is no longer read.
    Reflect.deleteProperty(socket, 'push');
  };
  return { listen, forget };
}
