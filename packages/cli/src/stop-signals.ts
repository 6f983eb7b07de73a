const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal that asks the command to end. */
export type StopSignal = (typeof signals)[number];

/**
 * Ctrl-C reaches this process twice when it was started by npm: once from the terminal, once passed on by npm.
 * A signal this soon after the first (milliseconds) is its echo, and not a second wish.
 */
export const echoTime = 300;

/**
 * Turns the signals that end the process into an order: first to end well, then to end at once. They are heard until the
 * process ends, so that a late one does not spoil the exit code.
 */
export class StopSignals {
  /** Aborted by the first signal; its reason is the name of the signal. */
  readonly first: AbortSignal;
  /** Aborted by the second. */
  readonly second: AbortSignal;

  /** `listened` are the signals to take; the others keep their meaning. */
  constructor(listened: readonly StopSignal[] = signals) {
    const first = new AbortController();
    const second = new AbortController();
    let firstAt = 0;
    this.first = first.signal;
    this.second = second.signal;
    for (const name of listened) {
      process.on(name, () => {
        if (!first.signal.aborted) {
          firstAt = performance.now();
          first.abort(name);
        } else if (performance.now() - firstAt > echoTime) {
          second.abort(name);
        }
      });
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
