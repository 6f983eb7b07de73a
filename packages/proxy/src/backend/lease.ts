import type { InternalQuery } from '../protocol/internal-query.ts';

/**
 * The exclusive use of a server connection by one session, and what blocks its requests. One object per connection,
 * reused for each lease.
 */
export class Lease<Owner> {
  #owner: Owner | null = null;
  #isPaused = false;
  #cancels = 0;
  #replay: InternalQuery | null = null;
  /** The proxy runs queries that belong together: no request of the owner, and no lease, comes between them. */
  isReserved = false;
  /** Another cancel arrived while one was pending: it is sent after that. */
  cancelAgain = false;

  /** A request of the owner has failed since the last `takeUndone`, or rolled back: its effects may be undone. */
  hasUndone = false;

  /** The session with the lease; null: none. */
  get owner(): Owner | null {
    return this.#owner;
  }

  begin(owner: Owner): void {
    this.#owner = owner;
    this.#isPaused = false;
    this.hasUndone = false;
  }

  /** Whether effects may have been undone since the last call. */
  takeUndone(): boolean {
    const { hasUndone } = this;
    this.hasUndone = false;
    return hasUndone;
  }

  /** Ends the lease; returns its owner. */
  end(): Owner | null {
    const owner = this.#owner;
    this.#owner = null;
    return owner;
  }

  /** The owner's requests wait until it has changed its state on the connection. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  pauseRequests(): void {
    this.#isPaused = true;
  }

  admitRequests(): void {
    this.#isPaused = false;
  }

  /** A cancel request is pending for the running statement, and must not hit another. */
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

  /** No request of the owner can start: a cancel request is pending, requests are paused, or the proxy reads. */
  get isClosedToRequests(): boolean {
    return this.#cancels > 0 || this.#isPaused || this.isReserved;
  }

  /** The replay of the owner's parameters before its first request; null when they are set. */
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
