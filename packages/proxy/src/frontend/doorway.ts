import type { Socket } from 'node:net';

/** For each such period that a turn of the event loop takes, one more client may begin, in milliseconds. */
const timeForOne = 1;

/**
 * New clients begin one after the other, because a login or a cancel request costs as much as many statements: one in each
 * turn of the event loop, and more when turns are long. Between them the sessions are served.
 */
class Doorway {
  readonly #waiting = new Set<Socket>();
  #lastTurn = 0;

  /** Reads from the socket, which is paused, as soon as it is its turn. */
  enter(socket: Socket): void {
    this.#waiting.add(socket);
    if (this.#waiting.size > 1) return;
    this.#lastTurn = performance.now();
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    const now = performance.now();
    let left = 1 + Math.floor((now - this.#lastTurn) / timeForOne);
    this.#lastTurn = now;
    for (const socket of this.#waiting) {
      if (left === 0) break;
      left--;
      this.#waiting.delete(socket);
      socket.resume();
    }
    if (this.#waiting.size > 0) setImmediate(this.#next);
  };
}

export const doorway: Doorway = new Doorway();
