/** How often the coarse clock ticks, in milliseconds: the resolution of every time limit. */
export const tickInterval = 100;

const watchers = new Set<(now: number) => void>();
let timer: NodeJS.Timeout | null = null;

/**
 * One coarse clock for all time limits: thousands of sessions share a single timer, and reading the time
 * on the hot path is reading a number. Milliseconds since the process started, monotonic.
 */
export const clock = { now: Math.floor(performance.now()) };

function tick(): void {
  clock.now = Math.floor(performance.now());
  for (const watcher of watchers) watcher(clock.now);
}

/** Calls `watcher` at every tick until the returned function is called. The timer runs while there are watchers. */
export function onTick(watcher: (now: number) => void): () => void {
  watchers.add(watcher);
  timer ??= setInterval(tick, tickInterval);
  clock.now = Math.floor(performance.now());
  return () => {
    watchers.delete(watcher);
    if (watchers.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}
