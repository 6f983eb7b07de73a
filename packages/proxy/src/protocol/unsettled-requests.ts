/** So many bytes are kept; what is longer cannot be sent again. */
const most = 1024 * 1024;

/**
 * What a session has sent behind a replay of its parameters that is not answered yet. References to the chunks that came,
 * not copies: they go when the answer is there.
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

  /** All of it; null when it was too long. */
  take(): Buffer | null {
    const all = this.#bytes <= most ? Buffer.concat(this.#chunks) : null;
    this.clear();
    return all;
  }
}
