/**
 * The group under way, as the client sent it, while it can be sent again: it came whole and alone in one chunk, and
 * changes no name of the session. A reference to the chunk, not a copy: it goes when the group is over.
 */
export class KeptGroup {
  #chunk: Buffer | null = null;
  #start = 0;
  #end = 0;

  get isKept(): boolean {
    return this.#chunk !== null;
  }

  /** The group is `chunk[start, end)`. */
  keep(chunk: Buffer, start: number, end: number): void {
    this.#chunk = chunk;
    this.#start = start;
    this.#end = end;
  }

  drop(): void {
    this.#chunk = null;
  }

  /** The group, in front of what the client has sent since. */
  takeBefore(rest: Buffer | null): Buffer | null {
    const group = this.#chunk?.subarray(this.#start, this.#end) ?? null;
    this.#chunk = null;
    return group === null || rest === null ? (group ?? rest) : Buffer.concat([group, rest]);
  }
}
