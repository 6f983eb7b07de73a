import { Readable } from 'node:stream';
import { Socket } from 'node:net';

/*
 * How bytes come from a socket. A socket of Node.js has memory of 64 KiB allocated for each read, however little comes,
 * and hands it through a stream: for a SELECT that costs more than all that this proxy does with it. The option
 * `onread` of `net.connect()` reads into a buffer that is the caller's ("socket.connect(options)" in the manual), but
 * there is no such option for the sockets that a server accepts, and one buffer for each idle connection would be too much.
 */

/** What a stream's `push()` is to be replaced with. */
type Push<S> = (this: S, chunk: Buffer | null, encoding?: BufferEncoding) => boolean;

/** What `onread` of a socket consists of, by the symbols that hold it. */
interface UserBuffer {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/** The parts of a socket of Node.js that the option `onread` sets. */
type OpenSocket = Socket &
  Record<symbol, unknown> & {
    readonly _handle?: { readonly useUserBuffer?: (buffer: Buffer) => void } | null;
  };

/** All sockets read into this one: what has come is taken out before another socket is read. */
const input = Buffer.allocUnsafeSlow(64 * 1024);

/** Small chunks are pieces of a slab of this size; so much is kept, at most, by whoever keeps a single byte of it. */
const slabSize = 16 * 1024;
let slab = Buffer.allocUnsafeSlow(slabSize);
let slabUsed = 0;

/** The first bytes of `input`, in memory of their own. */
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

/** Where this Node.js keeps `onread`; null on Bun, and should a Node.js keep it elsewhere. */
function findUserBuffer(): UserBuffer | null {
  if ('Bun' in globalThis) return null;
  const symbols = Object.getOwnPropertySymbols(new Socket());
  const buffer = symbols.find(({ description }) => description === 'kBuffer');
  const callback = symbols.find(({ description }) => description === 'kBufferCb');
  return buffer === undefined || callback === undefined ? null : { buffer, callback };
}

const userBuffer = findUserBuffer();

/**
 * Makes a listener for what sockets read, to be given each socket once, and that has no other listener for `data` then.
 *
 * On Node.js the socket reads into the common buffer from then on. Elsewhere a short cut is taken: a socket gives what it
 * has read to its own `push()` ("API for stream implementers" in the manual), which looks at a dozen things and then emits
 * `data`. While the socket flows and its buffer is empty the outcome is always the same, so the listener is called at
 * once. In all other cases (paused, at the end, something buffered) the stream's own `push()` does its work.
 *
 * One function serves many sockets: an idle connection keeps no closure of its own. `broken` is told what `take` throws.
 */
export function reader<S extends Socket>(
  takeUnguarded: (this: S, chunk: Buffer) => void,
  broken: (this: S, error: unknown) => void,
): (socket: S) => void {
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
  return (socket) => {
    socket.on('data', take);
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
}
