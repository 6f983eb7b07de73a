import { Readable } from 'node:stream';
import type { Socket } from 'node:net';

/** What a stream's `push()` is to be replaced with. */
type Push<S> = (this: S, chunk: Buffer | null, encoding?: BufferEncoding) => boolean;

/**
 * Makes a listener of `data` for sockets, and a short cut to it. A socket gives what it has read to its own `push()` (manual of
 * Node.js, "API for stream implementers"), which looks at a dozen things and then emits `data`. While the
 * socket flows and its buffer is empty the outcome is always the same, so the listener is called at once. In all
 * other cases (paused, at the end, something buffered) the stream's own `push()` does its work.
 *
 * One function serves many sockets: an idle connection keeps no closure of its own.
 */
export function shortCut<S extends Socket>(
  take: (this: S, chunk: Buffer) => void,
): (socket: S) => void {
  const push: Push<S> = function (chunk, encoding) {
    if (chunk === null || this.readableFlowing !== true || this.readableLength > 0)
      return Readable.prototype.push.call(this, chunk, encoding);
    take.call(this, chunk);
    return true;
  };
  return (socket) => {
    socket.on('data', take);
    socket.push = push;
  };
}
