import { totalmem } from 'node:os';
import { ProxyError } from '../errors.ts';
import { events } from '../telemetry/events.ts';
import { clock } from './clock.ts';

const megabyte = 1024 * 1024;

/** The minimum interval between two reads of the process size, in milliseconds. */
const readInterval = 250;

/** The process must shrink below the limit by this share before it accepts work again. */
const slack = 0.05;

/** The default share of the container's memory limit. */
const shareOfContainer = 0.9;

/** The meaning of MaxMemory 0: Infinity outside a container. */
function limitOfContainer(): number {
  const allowed = process.constrainedMemory();
  return allowed > 0 && allowed < totalmem() ? allowed * shareOfContainer : Infinity;
}

/** The memory of the process. New work is refused while it is above the limit, before the out-of-memory killer acts. */
class Memory {
  /** The number of refusals of new work. */
  refused = 0;
  #limit = Infinity;
  #held = 0;
  #readAt = -Infinity;
  #isShort = false;

  /** In bytes; 0: from the container. */
  set limit(bytes: number) {
    this.#limit = bytes > 0 ? bytes : limitOfContainer();
    this.#readAt = -Infinity;
  }

  /** The limit of the process in bytes. */
  get limit(): number {
    return this.#limit;
  }

  /** Memory use is above the limit. */
  get isShort(): boolean {
    if (this.#limit === Infinity) return false;
    if (clock.now - this.#readAt >= readInterval) this.#read();
    return this.#isShort;
  }

  /** Why new work is refused, or null. */
  refusal(): ProxyError | null {
    if (!this.isShort) return null;
    this.refused++;
    const [held, limit] = [this.#held, this.#limit].map((bytes) => Math.round(bytes / megabyte));
    return new ProxyError('OUT_OF_MEMORY', { held: held ?? 0, limit: limit ?? 0 });
  }

  #read(): void {
    this.#readAt = clock.now;
    this.#held = process.memoryUsage.rss();
    const isShort = this.#held > this.#limit * (this.#isShort ? 1 - slack : 1);
    if (isShort === this.#isShort) return;
    this.#isShort = isShort;
    const payload = { held: this.#held, limit: this.#limit };
    if (isShort) events.memoryLimitExceeded.publish(payload);
    else events.memoryBelowLimit.publish(payload);
  }
}

export const memory: Memory = new Memory();
