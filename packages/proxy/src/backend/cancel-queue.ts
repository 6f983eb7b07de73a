import type { LoginResult } from './login-result.ts';

/** Sends a cancel request to the database; the callback gets whether it was delivered. */
export type SendCancel = (
  key: Pick<LoginResult, 'address' | 'processId' | 'secretKey'>,
  done: (delivered: boolean) => void,
) => void;

/** The maximum number of waiting requests; more are not delivered. */
const mostWaiting = 10_000;

/**
 * Sends cancel requests, a few at a time, in order of arrival. Each needs its own connection to the database, which is
 * not part of a pool.
 */
export class CancelQueue {
  /** Requests that were dropped because too many were waiting. */
  dropped = 0;
  readonly #limit: () => number;
  readonly #send: SendCancel;
  readonly #waiting = new Set<() => void>();
  #underWay = 0;

  /** `limit`: the maximum number of concurrent requests. */
  constructor(limit: () => number, send: SendCancel) {
    this.#limit = limit;
    this.#send = send;
  }

  get underWay(): number {
    return this.#underWay;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  readonly send: SendCancel = (key, done) => {
    const start = (): void => {
      this.#underWay++;
      this.#send(key, (delivered) => {
        this.#underWay--;
        done(delivered);
        this.#next();
      });
    };
    if (this.#underWay < this.#limit()) start();
    else if (this.#waiting.size < mostWaiting) this.#waiting.add(start);
    else {
      this.dropped++;
      done(false);
    }
  };

  #next(): void {
    for (const start of this.#waiting) {
      if (this.#underWay >= this.#limit()) return;
      this.#waiting.delete(start);
      start();
    }
  }
}
