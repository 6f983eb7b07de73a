const nothing = Buffer.alloc(0);

/**
 * Ranges of buffers, to be written in order: an array of buffers and arrays of offsets, because a `subarray()` for each
 * range would cost more than everything else that happens to the range.
 *
 * The arrays never shrink: on Node.js, emptying and refilling three arrays costs 0.3 to 0.6 µs.
 */
export class Ranges {
  readonly buffers: Buffer[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** The number of ranges; further elements of the arrays are unused. */
  count = 0;
  /** The number of bytes in all ranges. */
  bytes = 0;

  /** Adds `buffer[start, end)`, which is not empty. */
  add(buffer: Buffer, start: number, end: number): void {
    const { count } = this;
    this.buffers[count] = buffer;
    this.starts[count] = start;
    this.ends[count] = end;
    this.count = count + 1;
    this.bytes += end - start;
  }

  clear(): void {
    // A reference left here would keep the buffer in memory.
    for (let index = 0; index < this.count; index++) this.buffers[index] = nothing;
    this.count = 0;
    this.bytes = 0;
  }

  /** The range as a buffer of its own, without a copy. */
  at(index: number): Buffer {
    const buffer = this.buffers[index] ?? nothing;
    const start = this.starts[index] ?? 0;
    const end = this.ends[index] ?? 0;
    return start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end);
  }

  /** Copies all ranges to the beginning of `target`, which is large enough. */
  copyTo(target: Buffer): void {
    const { buffers, starts, ends, count } = this;
    let at = 0;
    for (let index = 0; index < count; index++)
      at += buffers[index]?.copy(target, at, starts[index] ?? 0, ends[index] ?? 0) ?? 0;
  }
}
