/** The maximum number of kept bytes; a longer request cannot be sent again. */
const most = 1024 * 1024;

/**
 * What a session has sent after a replay of its parameters that is not answered yet. It has references to the received
 * chunks, not copies, and drops them when the answer arrives.
 */
export class UnsettledRequests {
  #chunks: Buffer[] = [];
  #bytes = 0;

  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= most) this.#chunks.push(chunk);
    else this.#chunks = [];
  }

  clear(): void {
    if (this.#bytes === 0) return;
    this.#chunks = [];
    this.#bytes = 0;
  }

  /** All collected bytes, which are then forgotten; null if there were too many. */
  take(): Buffer | null {
    const all = this.#bytes <= most ? Buffer.concat(this.#chunks) : null;
    this.clear();
    return all;
  }
}
