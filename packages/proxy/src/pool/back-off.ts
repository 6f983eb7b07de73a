import { clock } from '../io/clock.ts';
import type { PoolLimits } from './pool-target.ts';
import type { ConnectFailure } from '../backend/connection-source.ts';

/** The delay after this many failures: doubled after each, within limits, and up to a quarter shorter at random. */
export function retryDelay(failures: number, min: number, max: number): number {
  return Math.min(max, min * 2 ** Math.min(failures - 1, 20)) * (0.75 + Math.random() / 4);
}

/** The delays between attempts to connect. */
export class BackOff {
  #failures = 0;
  #retryAt = 0;
  #last: ConnectFailure | null = null;
  #isSkipped = false;

  /** The next attempt is not due yet. `isWaitedFor`: a session waits for it. */
  pauses(isWaitedFor: boolean): boolean {
    return clock.now < this.#retryAt && !(isWaitedFor && this.#isSkipped);
  }

  /** The last attempt failed: one attempt at a time checks whether the database is back. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Why the last attempt failed; null if it did not. */
  get failure(): ConnectFailure | null {
    return this.#failures > 0 ? this.#last : null;
  }

  failed(
    failure: ConnectFailure,
    { retryMin, retryMax }: Pick<PoolLimits, 'retryMin' | 'retryMax'>,
  ): void {
    this.#failures++;
    this.#last = failure;
    this.#isSkipped = false;
    this.#retryAt = clock.now + retryDelay(this.#failures, retryMin, retryMax);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#retryAt = 0;
  }

  /** No session waits for the failed attempt: the next request is tried immediately. */
  skipPause(): void {
    this.#isSkipped = true;
  }
}
