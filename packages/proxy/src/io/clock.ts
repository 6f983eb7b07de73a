import { events } from '../telemetry/events.ts';
import { guarded } from './guard.ts';

/** The interval of the coarse clock, in milliseconds: the resolution of all timeouts. */
const tickInterval = 100;

const watchers = new Set<(now: number) => void>();
let timer: NodeJS.Timeout | null = null;

/**
 * One coarse clock for all timeouts: thousands of sessions share one timer, and on the hot path reading the time is
 * reading a number. Milliseconds since the process started, monotonic.
 */
export const clock = { now: Math.floor(performance.now()) };

/** A tick that is late by more than this is logged, in milliseconds. */
const longestStall = 1000;

/** How often the event loop was blocked, and for how long in total, in milliseconds. */
export const stalls = { count: 0, milliseconds: 0 };

function tick(): void {
  const now = Math.floor(performance.now());
  const late = now - clock.now - tickInterval;
  clock.now = now;
  if (late > longestStall) {
    stalls.count++;
    stalls.milliseconds += late;
    events.stalled.publish({ milliseconds: late });
  }
  for (const watcher of watchers) guarded('the clock', () => watcher(clock.now));
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
