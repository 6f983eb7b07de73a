import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { events } from '../telemetry/events.ts';

/** Descriptors that are kept for server connections, the admin port, the log and files: so many, or this share of all. */
const leastReserve = 64;
const reserveShare = 1 / 16;

/** They are counted this often at most, in milliseconds. */
const countInterval = 500;

/** Told at most this often that there are too few, in milliseconds. */
const sayInterval = 60_000;

/**
 * The descriptors of the process: clients get none of the last of them, since a process without any can neither reach its
 * databases nor answer its orchestrator, and tries to accept in vain, over and over. Where the system does not say how many
 * there are (outside Linux) there is no limit of the proxy's own.
 */
class Descriptors {
  /** Clients that were turned away for want of descriptors. */
  refused = 0;
  readonly limit = readLimit();
  #used = 0;
  #countedAt = -Infinity;
  #isCounting = false;
  #saidAt = -Infinity;

  /** Whether another client may have one; called at each accept, when it has it already. */
  take(): boolean {
    if (this.limit === Infinity) return true;
    this.#used++;
    if (performance.now() - this.#countedAt > countInterval && !this.#isCounting)
      void this.#count();
    const reserve = Math.max(leastReserve, Math.floor(this.limit * reserveShare));
    if (this.#used <= this.limit - reserve) return true;
    this.#used--;
    this.refused++;
    this.#say();
    return false;
  }

  /** One that was taken is free again. */
  readonly give = (): void => {
    this.#used--;
  };

  async #count(): Promise<void> {
    this.#isCounting = true;
    try {
      this.#used = (await readdir('/proc/self/fd')).length;
    } catch {
      // Not even one for this: as many as there can be.
      this.#used = this.limit;
    }
    this.#countedAt = performance.now();
    this.#isCounting = false;
  }

  #say(): void {
    const now = performance.now();
    if (now - this.#saidAt < sayInterval) return;
    this.#saidAt = now;
    events.descriptorsUsedUp.publish({ used: this.#used, limit: this.limit });
  }
}

/** The soft limit, as Linux tells it. */
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
