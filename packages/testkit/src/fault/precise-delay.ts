/** Timers of Node.js are late by up to this, in milliseconds; the rest of a delay is spent in event loop turns. */
const timerSlackMs = 2;

/** Runs callbacks after a delay, with a resolution below a millisecond, in order. */
export class PreciseDelay {
  readonly #queue: { readonly at: number; readonly act: () => void }[] = [];
  #isWaiting = false;

  /** Callbacks are pending. */
  get isBusy(): boolean {
    return this.#queue.length > 0;
  }

  run(ms: number, act: () => void): void {
    const at = Math.max(performance.now() + ms, this.#queue.at(-1)?.at ?? 0);
    this.#queue.push({ at, act });
    if (!this.#isWaiting) this.#wait();
  }

  #wait(): void {
    const [first] = this.#queue;
    this.#isWaiting = first !== undefined;
    if (first === undefined) return;
    const left = first.at - performance.now();
    if (left > timerSlackMs)
      setTimeout(() => this.#wait(), Math.max(1, Math.floor(left - timerSlackMs)));
    else if (left > 0) setImmediate(() => this.#wait());
    else {
      this.#queue.shift();
      first.act();
      this.#wait();
    }
  }
}
