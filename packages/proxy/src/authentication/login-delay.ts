/** The number of failures of one user from one address without a delay: people mistype. */
const free = 3;
/** The number of failures from one address without a delay, for all users together. */
const freeOfAddress = 30;
/** The first delay, which doubles with each further failure, and the maximum. In milliseconds. */
const first = 250;
const longest = 10_000;
/** Failures expire after this time without another one, in milliseconds. */
const memory = 10 * 60_000;
/** The maximum number of stored entries. */
const most = 20_000;

interface Failures {
  count: number;
  last: number;
}

/**
 * Delays refusals: longer after each further wrong password for the same user from the same address. A correct password
 * is never delayed or refused, so a client with a wrong one cannot lock out others, even those with the same address
 * and user.
 */
export class LoginDelay {
  readonly #failures = new Map<string, Failures>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The delay of the refusal of this login, in milliseconds. */
  failed(address: string, user: string): number {
    return Math.max(
      delayOf(this.#count(`${address} ${user}`) - free),
      delayOf(this.#count(address) - freeOfAddress),
    );
  }

  /** The user has logged in from this address. */
  succeeded(address: string, user: string): void {
    this.#failures.delete(`${address} ${user}`);
  }

  #count(key: string): number {
    const now = this.#now();
    const failures = this.#failures.get(key);
    const count = failures === undefined || now - failures.last > memory ? 1 : failures.count + 1;
    // Moves the entry to the end: entries are dropped in order of their last failure.
    this.#failures.delete(key);
    const oldest = this.#failures.keys().next();
    if (this.#failures.size >= most && oldest.done !== true) this.#failures.delete(oldest.value);
    this.#failures.set(key, { count, last: now });
    return count;
  }
}

function delayOf(failures: number): number {
  return failures <= 0 ? 0 : Math.min(longest, first * 2 ** Math.min(failures - 1, 10));
}
