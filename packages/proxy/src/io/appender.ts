/** The first memory that is taken for bytes to come, at least. */
const leastCapacity = 256;

/**
 * Puts together what comes in pieces. The memory doubles as it fills, so that a message which comes a byte at a time is
 * copied twice, and not once for each byte. What was handed on out of the beginning stays as it is.
 */
export class Appender {
  #memory: Buffer | null = null;
  #used = 0;

  /** `rest` and then `chunk`. When `rest` is what was returned last, or its end, it need not be copied again. */
  append(rest: Buffer, chunk: Buffer): Buffer {
    const memory = this.#memory;
    if (
      memory !== null &&
      rest.buffer === memory.buffer &&
      rest.byteOffset + rest.length === memory.byteOffset + this.#used &&
      this.#used + chunk.length <= memory.length
    ) {
      const start = this.#used - rest.length;
      this.#used += chunk.copy(memory, this.#used);
      return memory.subarray(start, this.#used);
    }
    const length = rest.length + chunk.length;
    const grown = Buffer.allocUnsafeSlow(Math.max(leastCapacity, 2 * length));
    rest.copy(grown, 0);
    chunk.copy(grown, rest.length);
    this.#memory = grown;
    this.#used = length;
    return grown.subarray(0, length);
  }
}
