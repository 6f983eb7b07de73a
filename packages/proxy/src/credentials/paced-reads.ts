/**
 * Rereads something on demand, but not too often: callers that wait for a read share it, and get a result that is newer
 * than their call. Two reads begin at least `apart` milliseconds from each other.
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

  /** Resolves when a read that begins from now on has ended; rejects if it fails. */
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
