import type { InternalQuery } from '../protocol/internal-query.ts';

/**
 * The exclusive use of a server connection by one session, and what keeps its requests back meanwhile. One object for each
 * connection, used again for each lease.
 */
export class Lease<Owner> {
  #owner: Owner | null = null;
  #isPaused = false;
  #cancels = 0;
  #replay: InternalQuery | null = null;
  /** Another cancel came while one was on its way: it goes out behind that. */
  cancelAgain = false;

  /** The session that has the connection; null: nobody. */
  get owner(): Owner | null {
    return this.#owner;
  }

  begin(owner: Owner): void {
    this.#owner = owner;
    this.#isPaused = false;
  }

  /** It ends; returns whose it was. */
  end(): Owner | null {
    const owner = this.#owner;
    this.#owner = null;
    return owner;
  }

  /** The owner's requests wait until it has done something about its state here. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  pauseRequests(): void {
    this.#isPaused = true;
  }

  admitRequests(): void {
    this.#isPaused = false;
  }

  /** A cancel is on its way to what runs here, and must not hit anything else. */
  get isBeingCanceled(): boolean {
    return this.#cancels > 0;
  }

  cancelSent(): void {
    this.#cancels++;
  }

  /** Returns whether that was the last. */
  cancelPassed(): boolean {
    this.#cancels--;
    return this.#cancels === 0;
  }

  /** No request of the owner may start: a cancel is on its way, or requests are paused. */
  get isClosedToRequests(): boolean {
    return this.#cancels > 0 || this.#isPaused;
  }

  /** What sets the owner's parameters in front of its first request; null when they are set. */
  get replay(): InternalQuery | null {
    return this.#replay;
  }

  replaySent(query: InternalQuery): void {
    this.#replay = query;
  }

  replayDone(): void {
    this.#replay = null;
  }
}
