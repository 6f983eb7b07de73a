import type { LoginResult } from './login-result.ts';

/** Sends a cancel request to the database; the callback gets whether it was delivered. */
export type SendCancel = (
  key: Pick<LoginResult, 'address' | 'processId' | 'secretKey'>,
  done: (delivered: boolean) => void,
) => void;

/** The maximum number of concurrent cancel requests; each needs its own connection to the database. */
const mostAtOnce = 8;

/** The maximum number of waiting requests; more are not delivered. */
const mostWaiting = 10_000;

/** Sends cancel requests, a few at a time, in order of arrival. */
export class CancelQueue {
  readonly #send: SendCancel;
  readonly #waiting = new Set<() => void>();
  #underWay = 0;

  constructor(send: SendCancel) {
    this.#send = send;
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
    if (this.#underWay < mostAtOnce) start();
    else if (this.#waiting.size < mostWaiting) this.#waiting.add(start);
    else done(false);
  };

  #next(): void {
    if (this.#underWay >= mostAtOnce) return;
    for (const start of this.#waiting) {
      this.#waiting.delete(start);
      start();
      return;
    }
  }
}
