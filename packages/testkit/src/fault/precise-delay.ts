/** Timers of Node.js are late by up to this, in milliseconds; the rest of a delay is waited for turn by turn. */
const timerSlackMs = 2;

/** Runs things after a delay, to a fraction of a millisecond, in the order in which they were given. */
export class PreciseDelay {
  readonly #queue: { readonly at: number; readonly act: () => void }[] = [];
  #isWaiting = false;

  /** Something is held back. */
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
