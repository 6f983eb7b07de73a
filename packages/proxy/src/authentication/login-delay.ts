/** Failures of one user from one address that cost nothing: people mistype. */
const free = 3;
/** Failures from one address, whoever was meant, that cost nothing. */
const freeOfAddress = 30;
/** The first delay, which doubles with each further failure; and the longest. In milliseconds. */
const first = 250;
const longest = 10_000;
/** Without a failure for so long, they are forgotten. */
const memory = 10 * 60_000;
/** So many are remembered at once. */
const most = 20_000;

interface Failures {
  count: number;
  last: number;
}

/**
 * Delays refusals: each further wrong password of the same user from the same address is answered later. A right
 * password is never delayed and never refused, so one client with a wrong one cannot lock out others, not even those that
 * share its address and its user.
 */
export class LoginDelay {
  readonly #failures = new Map<string, Failures>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** How long the refusal of this login is to wait, in milliseconds. */
  failed(address: string, user: string): number {
    return Math.max(
      delayOf(this.#count(`${address} ${user}`) - free),
      delayOf(this.#count(address) - freeOfAddress),
    );
  }

  /** The user has logged in from there. */
  succeeded(address: string, user: string): void {
    this.#failures.delete(`${address} ${user}`);
  }

  #count(key: string): number {
    const now = this.#now();
    const failures = this.#failures.get(key);
    const count = failures === undefined || now - failures.last > memory ? 1 : failures.count + 1;
    // The last to fail is the last to be forgotten.
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
