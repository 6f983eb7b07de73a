import { caught } from './guard.ts';

/** How long connections with much work may run in one turn of the event loop, all together, in milliseconds. */
const longest = 1;

/** A connection with more work than fits into one turn of the event loop. */
export interface Worker {
  /** Continues until the work is done, or until `turn.isOver`. */
  workOn(): void;
  /** `workOn` has thrown this. */
  broken(error: unknown): void;
}

/**
 * Shares the event loop. One read from a socket can bring thousands of requests. A connection checks after every few of them
 * whether the turn is over, and does the rest in a later turn. Between turns the event loop serves all other connections.
 * Connections with more work run in order.
 */
class Turn {
  /** When `isOver` was first read in this turn, in milliseconds of `performance.now()`; 0: it was not. */
  #began = 0;
  #isScheduled = false;
  readonly #waiting = new Set<Worker>();

  /** Whether a connection that has done much already stops here. */
  get isOver(): boolean {
    if (this.#began > 0) return performance.now() - this.#began > longest;
    this.#began = performance.now();
    this.#schedule();
    return false;
  }

  /** The worker continues in a later turn, after those that wait already. */
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
    // A worker that is added meanwhile has had its turn.
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
