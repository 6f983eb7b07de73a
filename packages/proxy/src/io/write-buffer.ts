import { Ranges } from './ranges.ts';
import type { Transport } from './transport.ts';

/**
 * Collects ranges of buffers for one transport and writes them together.
 *
 * It is used within one turn of a data handler and always empty before that returns. So one buffer per direction serves
 * all connections: an idle connection has no write buffer.
 */
class WriteBuffer {
  readonly #ranges = new Ranges();
  #transport: Transport | null = null;

  /** The number of collected bytes. */
  get bytes(): number {
    return this.#ranges.bytes;
  }

  /** Subsequent ranges are for this transport; those for another one are written first. */
  aimAt(transport: Transport): void {
    if (this.#transport === transport) return;
    if (this.#transport !== null && this.bytes > 0) this.writeTo(this.#transport);
    this.#transport = transport;
  }

  /** Whether the collected ranges, if any, are for this transport. */
  isFor(transport: Transport): boolean {
    return this.#transport === transport;
  }

  add(piece: Buffer): void {
    if (piece.length > 0) this.#ranges.add(piece, 0, piece.length);
  }

  /** Adds `buffer[start, end)` without a copy; ignores an empty range. */
  addRange(buffer: Buffer, start: number, end: number): void {
    if (start < end) this.#ranges.add(buffer, start, end);
  }

  /** Drops the collected ranges, because the connection is closed. */
  clear(): void {
    this.#ranges.clear();
    this.#transport = null;
  }

  /** Writes everything to the transport. False means that it is full: stop reading until its `onDrain`. */
  writeTo(transport: Transport): boolean {
    const ranges = this.#ranges;
    if (ranges.count === 0) return true;
    const isTaken = transport.writeRanges(ranges);
    ranges.clear();
    return isTaken;
  }
}

/** Output to the current server connection. Shared: filled and emptied within one turn of a handler. */
export const toServer = new WriteBuffer();

/**
 * Output to the current client connection. Shared: filled and emptied within one turn of a handler, which may also
 * serve another client; so it is aimed at a transport.
 */
export const toClient = new WriteBuffer();
