import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { events } from '../telemetry/events.ts';

/**
 * Descriptors reserved for server connections, the admin port, the log and files: at least this many, or this share.
 */
const leastReserve = 64;
const reserveShare = 1 / 16;

/** The minimum interval between counts, in milliseconds. */
const countInterval = 500;

/** The minimum interval between log lines about a shortage, in milliseconds. */
const logInterval = 60_000;

/**
 * The descriptors of the process. Clients get none of the last ones, because a process without descriptors can neither
 * reach its databases nor respond to its orchestrator, and would retry accept in vain. If the system does not report
 * the limit (outside Linux), the proxy has none.
 */
class Descriptors {
  /** Clients that were refused because few descriptors were left. */
  refused = 0;
  readonly limit = readLimit();
  #used = 0;
  #countedAt = -Infinity;
  #isCounting = false;
  #loggedAt = -Infinity;

  /** Whether another client can have one; called at each accept, when it has one already. */
  take(): boolean {
    if (this.limit === Infinity) return true;
    this.#used++;
    if (performance.now() - this.#countedAt > countInterval && !this.#isCounting)
      void this.#count();
    const reserve = Math.max(leastReserve, Math.floor(this.limit * reserveShare));
    if (this.#used <= this.limit - reserve) return true;
    this.#used--;
    this.refused++;
    this.#logShortage();
    return false;
  }

  /** A descriptor is free again. */
  readonly give = (): void => {
    this.#used--;
  };

  async #count(): Promise<void> {
    this.#isCounting = true;
    try {
      this.#used = (await readdir('/proc/self/fd')).length;
    } catch {
      // Not even one is left to read the count: all are in use.
      this.#used = this.limit;
    }
    this.#countedAt = performance.now();
    this.#isCounting = false;
  }

  #logShortage(): void {
    const now = performance.now();
    if (now - this.#loggedAt < logInterval) return;
    this.#loggedAt = now;
    events.descriptorsUsedUp.publish({ used: this.#used, limit: this.limit });
  }
}

/** The soft limit on Linux. */
function readLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const [, soft] = /^Max open files +(\d+) /m.exec(limits) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}

export const descriptors: Descriptors = new Descriptors();
