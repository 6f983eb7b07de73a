import { caught } from './guard.ts';

/** The time that connections with much work can use together in one turn of the event loop, in milliseconds. */
const longest = 1;

/** A connection with more work than fits into one turn of the event loop. */
export interface Worker {
  /** Continues until the work is done, or until `turn.isOver`. */
  workOn(): void;
  /** `workOn` threw this. */
  broken(error: unknown): void;
}

/**
 * Shares the event loop. One read from a socket can bring thousands of requests. A connection checks after every few of
 * them whether the turn is over, and does the rest in a later turn. Between turns the event loop serves all other
 * connections. Connections with more work run in order.
 */
class Turn {
  /** When `isOver` was first read in this turn, in milliseconds of `performance.now()`; 0 if it was not. */
  #began = 0;
  #isScheduled = false;
  readonly #waiting = new Set<Worker>();

  /** Whether a connection with more work has to stop here. */
  get isOver(): boolean {
    if (this.#began > 0) return performance.now() - this.#began > longest;
    this.#began = performance.now();
    this.#schedule();
    return false;
  }

  /** Continues the worker in a later turn, after those that are waiting already. */
  later(worker: Worker): void {
    this.#waiting.add(worker);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#isScheduled = false;
    this.#began = performance.now();
    // A worker that was added in the meantime has had its turn.
    for (const worker of [...this.#waiting]) {
      this.#waiting.delete(worker);
      try {
        worker.workOn();
      } catch (error) {
        try {
          worker.broken(error);
        } catch (another) {
          caught('the end of a connection', another);
        }
      }
      if (this.isOver) break;
    }
    this.#began = 0;
    if (this.#waiting.size > 0) this.#schedule();
  };
}

export const turn: Turn = new Turn();
