/**
 * Ranges of buffers, to be written one after the other. They are arrays of numbers beside an array of buffers, because a
 * `subarray()` for each range costs more than everything else that a range is used for.
 */
export class Ranges {
  readonly buffers: Buffer[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** The number of bytes in all ranges. */
  bytes = 0;

  get count(): number {
    return this.buffers.length;
  }

  /** Adds `buffer[start, end)`, which is not empty. */
  add(buffer: Buffer, start: number, end: number): void {
    this.buffers.push(buffer);
    this.starts.push(start);
    this.ends.push(end);
    this.bytes += end - start;
  }

  clear(): void {
    this.buffers.length = 0;
    this.starts.length = 0;
    this.ends.length = 0;
    this.bytes = 0;
  }

  /** The range as a buffer of its own, without a copy. */
  at(index: number): Buffer {
    const buffer = this.buffers[index];
    if (buffer === undefined) throw new RangeError(`there is no range ${index}`);
    const start = this.starts[index] ?? 0;
    const end = this.ends[index] ?? 0;
    return start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end);
  }

  /** Copies all ranges to the beginning of `target`, which is large enough. */
  copyTo(target: Buffer): void {
    const { buffers, starts, ends } = this;
    let at = 0;
    for (let index = 0; index < buffers.length; index++)
      at += buffers[index]?.copy(target, at, starts[index] ?? 0, ends[index] ?? 0) ?? 0;
  }
}
