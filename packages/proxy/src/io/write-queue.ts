/** Bytes that a socket has not taken yet, in order. */
export class WriteQueue {
  readonly #buffers: Buffer[] = [];
  /** The bytes of the first buffer that were taken. */
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
   * Gives what waits to `write`, which returns how much it has taken, and less than that when it is full. Returns whether all
   * is taken.
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
    // Once for all: taking the buffers off one by one would be quadratic.
    this.#buffers.splice(0, done);
    return this.#buffers.length === 0;
  }
}
