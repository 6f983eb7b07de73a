const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal that asks the command to end. */
export type StopSignal = (typeof signals)[number];

/**
 * Ctrl-C reaches this process twice when it was started by npm: once from the terminal, once passed on by npm.
 * A signal this soon after the first (milliseconds) is its echo, and not a second wish.
 */
export const echoTime = 300;

/** How often a command that npm started looks whether its parent still lives (milliseconds). */
const lookEvery = 200;

/**
 * Turns the signals that end the process into an order: first to end well, then to end at once. They are heard until the
 * process ends, so that a late one does not spoil the exit code.
 *
 * npx, and npm scripts without `exec`, put a shell between npm and the command. npm passes a signal on to the shell, which
 * dies of it and tells nobody. So the end of the parent counts as the first SIGTERM when npm started the command.
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
    if (process.env['npm_lifecycle_event'] !== undefined) {
      onEndOfParent(() => {
        if (!first.signal.aborted) first.abort('SIGTERM');
      });
    }
  }
}

/** An orphan gets another parent, which is the only sign of it. */
function onEndOfParent(ended: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    ended();
  }, lookEvery);
  timer.unref();
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
