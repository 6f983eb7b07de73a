import { clock } from '../io/clock.ts';

/** The number of turns per second above which their rate is high. */
const limit = 300;
/** The time for which the rate stays high after the last turn above the limit, in milliseconds. */
const remembered = 1000;

/**
 * How often sessions take turns: a session runs something on a connection that another one has used since the last
 * catalog query.
 *
 * The rate stays high while sessions continue to take as many turns, so that a busy pool does not change its ways every
 * second: 300 resets in a row delay all sessions for tens of milliseconds.
 */
export class TurnRate {
  /** The number of turns until the rate is high, refilled at each tick of the clock. */
  #left = limit;
  #filledAt = 0;
  #exceededAt = -Infinity;

  /** A session takes a turn. */
  count(): void {
    const { now } = clock;
    if (now > this.#filledAt) {
      this.#left = Math.min(limit, this.#left + ((now - this.#filledAt) * limit) / 1000);
      this.#filledAt = now;
    }
    if (this.#left < 1) this.#exceededAt = now;
    else this.#left--;
  }

  get isHigh(): boolean {
    return clock.now - this.#exceededAt < remembered;
  }
}
