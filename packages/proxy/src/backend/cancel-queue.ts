import type { LoginResult } from './login-result.ts';

/** Sends a cancel request to the database; told whether it was delivered. */
export type SendCancel = (
  key: Pick<LoginResult, 'address' | 'processId' | 'secretKey'>,
  done: (delivered: boolean) => void,
) => void;

/** So many cancel requests are on their way to databases at once: each takes a connection of its own there. */
const mostAtOnce = 8;

/** So many wait at most; what is more is not delivered. */
const mostWaiting = 10_000;

/** Sends cancel requests a few at a time, in the order in which they came. */
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
