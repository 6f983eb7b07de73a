import { outage } from './verdict.ts';
import type { Refusal } from './verdict.ts';

/** A check whose turn has not come. */
interface Waiting {
  readonly isWanted: () => boolean;
  /** Called when its turn has come, or when nobody needs its result. */
  readonly proceed: (isRun: boolean) => void;
}

/**
 * Runs checks of logins, a few at a time, in order of arrival. Each takes a thread or a connection, of which the
 * process has few, and clients can request checks faster than they end.
 */
export class CheckQueue {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #waiting = new Set<Waiting>();
  #underWay = 0;

  /** The maximum number of checks at the same time, and of those that wait. */
  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  /**
   * Runs a check when its turn comes. If too many wait, the client has to try again later. `isWanted`: whether the
   * client is still there; otherwise the check is not run.
   */
  async run<Result>(
    check: () => Promise<Result>,
    isWanted: () => boolean = () => true,
  ): Promise<Result | Refusal> {
    if (this.#underWay < this.#most) this.#underWay++;
    else {
      if (this.#waiting.size >= this.#mostWaiting) this.#dropUnwanted();
      if (this.#waiting.size >= this.#mostWaiting)
        return outage('too many other logins wait to be checked');
      const isRun = await new Promise<boolean>((proceed) => {
        this.#waiting.add({ isWanted, proceed });
      });
      if (!isRun) return outage('the client is gone');
    }
    try {
      return await check();
    } finally {
      this.#next();
    }
  }

  /** The next check takes the place of the one that has ended. */
  #next(): void {
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting);
      const isWanted = waiting.isWanted();
      waiting.proceed(isWanted);
      if (isWanted) return;
    }
    this.#underWay--;
  }

  #dropUnwanted(): void {
    for (const waiting of this.#waiting) {
      if (waiting.isWanted()) continue;
      this.#waiting.delete(waiting);
      waiting.proceed(false);
    }
  }
}
