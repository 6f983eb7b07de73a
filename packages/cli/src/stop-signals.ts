const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal that requests the end of the command. */
export type StopSignal = (typeof signals)[number];

/**
 * If npm started the process, it gets Ctrl-C twice: from the terminal, and from npm. A signal within this time after
 * the first, in milliseconds, counts as its copy, not as a second request.
 */
export const echoTime = 300;

/** How often a command that npm started checks whether its parent still runs, in milliseconds. */
const lookEvery = 200;

/**
 * Handles the signals that end the process: the first requests an orderly end, the second an immediate one. The
 * handlers stay until the process exits, so that a late signal does not change the exit code.
 *
 * npx, and npm scripts without `exec`, run the command in a shell. npm sends a signal to the shell, which exits without
 * forwarding it. So if npm started the command, the end of its parent counts as the first SIGTERM.
 */
export class StopSignals {
  /** Aborted by the first signal; its reason is the name of the signal. */
  readonly first: AbortSignal;
  /** Aborted by the second. */
  readonly second: AbortSignal;

  /** `listened`: the handled signals; all others have their default effect. */
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

/** An orphan gets another parent; nothing else shows that the parent has ended. */
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
