/** Timers of Node.js are late by up to this, in milliseconds; the rest of a delay is spent in event loop turns. */
const timerSlackMs = 2;
/** The longest nap, in milliseconds: how late data is read or forwarded at most. */
const longestNapMs = 0.2;

/**
 * Delays with pending callbacks. One wait serves all of them: a turn of the event loop for each would be a busy one.
 */
const waiting = new Set<PreciseDelay>();
let isWaiting = false;
let naps = false;
const napping = new Int32Array(new SharedArrayBuffer(4));

/**
 * From now on, the process sleeps during short waits, up to a fifth of a millisecond at a time, instead of taking turns
 * of the event loop, which need a processor of their own. For a process that does nothing else.
 */
export function napWhileWaiting(): void {
  naps = true;
}

function wait(): void {
  isWaiting = true;
  let next = Infinity;
  for (const delay of waiting) next = Math.min(next, delay.runDue(performance.now()));
  const left = next - performance.now();
  if (next === Infinity) isWaiting = false;
  else if (left > timerSlackMs) setTimeout(wait, Math.max(1, Math.floor(left - timerSlackMs)));
  else {
    if (naps && left > 0) Atomics.wait(napping, 0, 0, Math.min(left, longestNapMs));
    setImmediate(wait);
  }
}

/** Runs callbacks after a delay, with a resolution below a millisecond, in order. */
export class PreciseDelay {
  readonly #queue: { readonly at: number; readonly act: () => void }[] = [];

  /** Callbacks are pending. */
  get isBusy(): boolean {
    return this.#queue.length > 0;
  }

  run(ms: number, act: () => void): void {
    const at = Math.max(performance.now() + ms, this.#queue.at(-1)?.at ?? 0);
    this.#queue.push({ at, act });
    waiting.add(this);
    if (!isWaiting) wait();
  }

  /** Runs the callbacks that are due. Returns when the next one is; infinity: there is none. */
  runDue(now: number): number {
    for (;;) {
      const [first] = this.#queue;
      if (first === undefined) {
        waiting.delete(this);
        return Infinity;
      }
      if (first.at > now) return first.at;
      this.#queue.shift();
      first.act();
    }
  }
}
