/**
 * Reads something again on demand, and not too often: whoever asks while a read waits to begin shares it, and gets an
 * answer that is newer than the question. Two reads begin at least `apart` milliseconds from each other.
 */
export class PacedReads {
  #read: () => Promise<void> = () => Promise.resolve();
  readonly #apart: number;
  #began = -Infinity;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(apart: number) {
    this.#apart = apart;
  }

  /** Resolves when a read that begins from now on has ended; rejects when that fails. */
  soon(read: () => Promise<void>): Promise<void> {
    this.#read = read;
    this.#next ??= this.#begin();
    return this.#next;
  }

  async #begin(): Promise<void> {
    await this.#running.catch(() => undefined);
    const pause = this.#began + this.#apart - performance.now();
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause).unref());
    this.#next = null;
    this.#began = performance.now();
    this.#running = this.#read();
    await this.#running;
  }
}
