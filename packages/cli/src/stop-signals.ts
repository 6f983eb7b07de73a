const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal that asks the command to end. */
export type StopSignal = (typeof signals)[number];

/**
 * Ctrl-C reaches this process twice when it was started by npm: once from the terminal, once passed on by npm.
 * A signal this soon after the first (milliseconds) is its echo, and not a second wish.
 */
const echoTime = 300;

/** Turns the signals that end the process into an order: first to end well, then to end at once. */
export class StopSignals {
  /** Aborted by the first signal; its reason is the name of the signal. */
  readonly first: AbortSignal;
  /** Aborted by the second. */
  readonly second: AbortSignal;
  readonly #listener: (signal: StopSignal) => void;
  readonly #listened: readonly StopSignal[];

  /** `listened` are the signals to take; the others keep their meaning. */
  constructor(listened: readonly StopSignal[] = signals) {
    const first = new AbortController();
    const second = new AbortController();
    let firstAt = 0;
    this.first = first.signal;
    this.second = second.signal;
    this.#listened = listened;
    this.#listener = (signal) => {
      if (!first.signal.aborted) {
        firstAt = performance.now();
        first.abort(signal);
      } else if (performance.now() - firstAt > echoTime) {
        second.abort(signal);
      }
    };
    for (const signal of listened) {
      process.on(signal, this.#listener);
    }
  }

  /** Gives the signals back their usual meaning. */
  close(): void {
    for (const signal of this.#listened) {
      process.off(signal, this.#listener);
    }
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
