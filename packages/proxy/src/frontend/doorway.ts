import type { Transport } from '../io/transport.ts';

/** The number of new clients that begin in one turn of the event loop. */
const atOnce = 4;

/** One more client can begin for each such period that a turn of the event loop takes, in milliseconds. */
const timeForOne = 1;

/**
 * New clients begin a few at a time, because a login or a cancel request costs as much as many statements. The others wait for
 * later turns of the event loop, so that sessions are served in between. Admitting one at a time would cause more and shorter
 * turns, which cost more.
 */
class Doorway {
  readonly #waiting = new Set<Transport>();
  /** The number of clients that can still begin in this turn. */
  #left = atOnce;
  #lastTurn = 0;
  #isScheduled = false;

  /** Resumes the paused socket when its turn comes. */
  enter(socket: Transport): void {
    this.#schedule();
    if (this.#left === 0) {
      this.#waiting.add(socket);
      return;
    }
    this.#left--;
    socket.resume();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#lastTurn = performance.now();
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#isScheduled = false;
    this.#left = Math.max(atOnce, Math.floor((performance.now() - this.#lastTurn) / timeForOne));
    for (const socket of this.#waiting) {
      if (this.#left === 0) break;
      this.#left--;
      this.#waiting.delete(socket);
      socket.resume();
    }
    if (this.#waiting.size > 0) this.#schedule();
    else this.#left = atOnce;
  };
}

export const doorway: Doorway = new Doorway();
