import type { Socket } from 'node:net';
import { write } from './writer.ts';

/** Several pieces up to this number of bytes are copied together: one small copy costs less than a vectored write. */
const copyLimit = 16 * 1024;

/**
 * Collects ranges of buffers for one socket and writes them together.
 *
 * It is used within one turn of a data handler and always empty before that returns. So one buffer per direction serves
 * all connections: an idle connection has no write buffer.
 */
class WriteBuffer {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #socket: Socket | null = null;

  /** The number of collected bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Subsequent ranges are for this socket; those for another socket are written first. */
  aimAt(socket: Socket): void {
    if (this.#socket === socket) return;
    if (this.#socket !== null && this.#bytes > 0) this.writeTo(this.#socket);
    this.#socket = socket;
  }

  /** Whether the collected ranges, if any, are for this socket. */
  isFor(socket: Socket): boolean {
    return this.#socket === socket;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** Adds `buffer[start, end)` without a copy; ignores an empty range. */
  addRange(buffer: Buffer, start: number, end: number): void {
    if (start >= end) return;
    this.add(start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end));
  }

  /** Drops the collected ranges, because the socket is closed. */
  clear(): void {
    this.#pieces = [];
    this.#bytes = 0;
    this.#socket = null;
  }

  /** Writes everything to the socket. False means that the socket is full: stop reading until its `drain`. */
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

/** Output to the current server connection. Shared: filled and emptied within one turn of a handler. */
export const toServer = new WriteBuffer();

/**
 * Output to the current client connection. Shared: filled and emptied within one turn of a handler, which may also
 * serve another client; so it is aimed at a socket.
 */
export const toClient = new WriteBuffer();
