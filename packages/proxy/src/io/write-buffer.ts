import type { Socket } from 'node:net';
import { write } from './writer.ts';

/** Up to this many bytes in several pieces are copied together: one small copy costs less than a vectored write. */
const copyLimit = 16 * 1024;

/**
 * Collects pieces of buffers that go to one socket and writes them at once.
 *
 * Used within one turn of a data handler and always emptied before that returns, so one gatherer for each
 * direction serves all connections: an idle connection owns no write buffer.
 */
class WriteBuffer {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #socket: Socket | null = null;

  /** The number of bytes that wait to be written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is added next is for this socket; what was gathered for another goes out first. */
  aimAt(socket: Socket): void {
    if (this.#socket === socket) return;
    if (this.#socket !== null && this.#bytes > 0) this.writeTo(this.#socket);
    this.#socket = socket;
  }

  /** Whether what is gathered, if anything, is for this socket. */
  isFor(socket: Socket): boolean {
    return this.#socket === socket;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** Adds `buffer[start, end)` without a copy; an empty range is nothing. */
  addRange(buffer: Buffer, start: number, end: number): void {
    if (start >= end) return;
    this.add(start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end));
  }

  /** Forgets what was collected: the socket it was for has gone. */
  clear(): void {
    this.#pieces = [];
    this.#bytes = 0;
    this.#socket = null;
  }

  /** Writes all to the socket. False means that the socket's buffer is full: stop reading until its `drain`. */
  writeTo(socket: Socket): boolean {
    const pieces = this.#pieces;
    const count = pieces.length;
    if (count === 0) return true;
    const bytes = this.#bytes;
    const first = pieces[0];
    this.#bytes = 0;
    if (count === 1 && first !== undefined) {
      pieces.length = 0;
      return write(socket, first);
    }
    this.#pieces = [];
    if (bytes <= copyLimit) return write(socket, Buffer.concat(pieces, bytes));
    socket.cork();
    let open = true;
    for (const piece of pieces) open = socket.write(piece);
    socket.uncork();
    return open;
  }
}

/** What goes to the server connection at hand. Shared: filled and emptied within one turn of a handler. */
export const toServer = new WriteBuffer();

/**
 * What goes to the client connection at hand. Shared: filled and emptied within one turn of a handler, in which the turn of
 * another client may come; so it is aimed at its socket.
 */
export const toClient = new WriteBuffer();
