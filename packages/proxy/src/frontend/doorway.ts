/** What begins, or continues, in its turn. */
interface Entrant {
  resume(): void;
}

/**
 * Clients enter a few at a time, and the others wait for later turns of the event loop, so that sessions are served in
 * between.
 */
class Doorway {
  readonly #waiting = new Set<Entrant>();
  readonly #atOnce: number;
  readonly #timeForOne: number;
  /** The number of clients that can still enter in this turn. */
  #left: number;
  #lastTurn = 0;
  #isScheduled = false;

  /**
   * `atOnce`: the number of clients that enter in one turn. `timeForOne`: one more enters for each such period that the
   * turn takes, in milliseconds.
   */
  constructor(atOnce: number, timeForOne: number) {
    this.#atOnce = atOnce;
    this.#timeForOne = timeForOne;
    this.#left = atOnce;
  }

  /** Resumes the client when its turn comes. */
  enter(client: Entrant): void {
    this.#schedule();
    if (this.#left === 0) {
      this.#waiting.add(client);
      return;
    }
    this.#left--;
    client.resume();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#lastTurn = performance.now();
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#isScheduled = false;
    const elapsed = performance.now() - this.#lastTurn;
    this.#left = Math.max(this.#atOnce, Math.floor(elapsed / this.#timeForOne));
    for (const client of this.#waiting) {
      if (this.#left === 0) break;
      this.#left--;
      this.#waiting.delete(client);
      client.resume();
    }
    if (this.#waiting.size > 0) this.#schedule();
    else this.#left = this.#atOnce;
  };
}

/**
 * For new clients: a login or a cancel request costs as much as many statements. Admitting one at a time would cause
 * more and shorter turns, which cost more.
 */
export const doorway: Doorway = new Doorway(4, 1);

/**
 * For the ClientHello of a TLS handshake, which costs a key exchange and a signature: about a millisecond of the event
 * loop. On Node.js with two processors and an RSA certificate, the reads of others beside 50 such handshakes at the
 * same time took 23 ms (p99) without this limit, and 12 ms with it; without handshakes 3 ms and 5 ms.
 */
export const tlsDoorway: Doorway = new Doorway(1, Infinity);
