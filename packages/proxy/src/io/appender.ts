import { countAllocated } from './collector.ts';

/** The minimum capacity. */
const leastCapacity = 256;

/**
 * Joins bytes that arrive in pieces. The capacity doubles as it fills, so a message that arrives byte by byte is copied
 * twice in total, not once per byte. When a long piece completes a short one, the buffer gets no spare capacity,
 * because most of the next piece will be complete messages. Returned ranges stay valid.
 */
export class Appender {
  #memory: Buffer | null = null;
  #used = 0;

  /** `rest` followed by `chunk`. If `rest` is the last returned buffer, or its end, it is not copied again. */
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
    const capacity = Math.max(leastCapacity, rest.length < chunk.length ? length : 2 * length);
    countAllocated(capacity);
    const grown = Buffer.allocUnsafeSlow(capacity);
    rest.copy(grown, 0);
    chunk.copy(grown, rest.length);
    this.#memory = grown;
    this.#used = length;
    return grown.subarray(0, length);
  }
}
