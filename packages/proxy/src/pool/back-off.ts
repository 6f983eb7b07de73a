import { clock } from '../io/clock.ts';
import type { PoolLimits } from './pool-target.ts';
import type { ConnectFailure } from '../backend/connection-source.ts';

/** The pauses between attempts to connect: twice as long after each failure, within limits, and a quarter up or down. */
export class BackOff {
  #failures = 0;
  #retryAt = 0;
  #last: ConnectFailure | null = null;
  #isSkipped = false;

  /** The next attempt is not due yet. `isWaitedFor`: somebody waits for it. */
  pauses(isWaitedFor: boolean): boolean {
    return clock.now < this.#retryAt && !(isWaitedFor && this.#isSkipped);
  }

  /** The last attempt failed: one at a time finds out whether the database is back. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Why the last attempt failed; null when it did not. */
  get failure(): ConnectFailure | null {
    return this.#failures > 0 ? this.#last : null;
  }

  failed(failure: ConnectFailure, { retryMin, retryMax }: PoolLimits): void {
    this.#failures++;
    this.#last = failure;
    this.#isSkipped = false;
    const delay = Math.min(retryMax, retryMin * 2 ** Math.min(this.#failures - 1, 20));
    this.#retryAt = clock.now + delay * (0.75 + Math.random() / 2);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#retryAt = 0;
  }

  /** Nobody waits any more for what has failed: the next who asks is tried for at once. */
  skipPause(): void {
    this.#isSkipped = true;
  }
}
