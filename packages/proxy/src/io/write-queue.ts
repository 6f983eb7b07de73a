/** Bytes that a socket has not accepted yet, in order. */
export class WriteQueue {
  readonly #buffers: Buffer[] = [];
  /** The number of bytes of the first buffer that the socket has accepted. */
  #taken = 0;
  #bytes = 0;

  /** The number of bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  add(buffer: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.#buffers.push(start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end));
    this.#bytes += end - start;
  }

  /**
   * Passes the queued bytes to `write`, which returns how many it accepted: fewer than it got when the socket is full.
   * Returns whether the queue is empty.
   */
  flush(write: (buffer: Buffer, start: number, length: number) => number): boolean {
    let done = 0;
    for (const buffer of this.#buffers) {
      const length = buffer.length - this.#taken;
      const taken = write(buffer, this.#taken, length);
      this.#bytes -= taken;
      if (taken < length) {
        this.#taken += taken;
        break;
      }
      this.#taken = 0;
      done++;
    }
    // One splice for all buffers: removing them one by one would take quadratic time.
    this.#buffers.splice(0, done);
    return this.#buffers.length === 0;
  }
}
