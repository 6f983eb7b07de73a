import { totalmem } from 'node:os';
import { ProxyError } from '../errors.ts';
import { events } from '../telemetry/events.ts';
import { clock } from './clock.ts';

const megabyte = 1024 * 1024;

/** The process is asked how much it holds this often at most, in milliseconds. */
const askInterval = 250;

/** It must hold so much less than the limit before work is taken again, as a share. */
const slack = 0.05;

/** How much of what a container allows is used when nothing else is said. */
const shareOfContainer = 0.9;

/** What MaxMemory 0 means: Infinity outside of a container. */
function limitOfContainer(): number {
  const allowed = process.constrainedMemory();
  return allowed > 0 && allowed < totalmem() ? allowed * shareOfContainer : Infinity;
}

/** The memory of the process: new work is refused while it holds more than it may, for else it would be killed. */
class Memory {
  /** New work that was refused. */
  refused = 0;
  #limit = Infinity;
  #held = 0;
  #askedAt = -Infinity;
  #isShort = false;

  /** In bytes; 0: as the container says. */
  set limit(bytes: number) {
    this.#limit = bytes > 0 ? bytes : limitOfContainer();
    this.#askedAt = -Infinity;
  }

  /** Bytes that the process may hold. */
  get limit(): number {
    return this.#limit;
  }

  /** The process holds more than it may. */
  get isShort(): boolean {
    if (this.#limit === Infinity) return false;
    if (clock.now - this.#askedAt >= askInterval) this.#ask();
    return this.#isShort;
  }

  /** Why no new work is taken, or null. */
  refusal(): ProxyError | null {
    if (!this.isShort) return null;
    this.refused++;
    const [held, limit] = [this.#held, this.#limit].map((bytes) => Math.round(bytes / megabyte));
    return new ProxyError('OUT_OF_MEMORY', { held: held ?? 0, limit: limit ?? 0 });
  }

  #ask(): void {
    this.#askedAt = clock.now;
    this.#held = process.memoryUsage.rss();
    const isShort = this.#held > this.#limit * (this.#isShort ? 1 - slack : 1);
    if (isShort === this.#isShort) return;
    this.#isShort = isShort;
    const payload = { held: this.#held, limit: this.#limit };
    if (isShort) events.memoryShort.publish(payload);
    else events.memoryEnough.publish(payload);
  }
}

export const memory: Memory = new Memory();
