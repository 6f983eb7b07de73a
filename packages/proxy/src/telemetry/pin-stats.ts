import type { PinReason } from '../pinning/pin-reason.ts';
import { Histogram } from './histogram.ts';

/** The maximum number of normalized queries that are counted individually; the others are counted together. */
const countedStatements = 100;

/** Represents the queries that are not counted individually. */
const otherStatements = 'other';

/** A pin by its reason and the normalized query that caused it; empty if none did. */
export interface PinCount {
  readonly reason: PinReason;
  readonly statement: string;
  pins: number;
}

/** The counters of pins. */
export class PinStats {
  /** The durations of pins that have ended. */
  readonly time = new Map<PinReason, Histogram>();
  /** How often session state was found that the text of the statement did not show. */
  hidden = 0;
  readonly #counts = new Map<string, PinCount>();

  get counts(): Iterable<PinCount> {
    return this.#counts.values();
  }

  pinned(reason: PinReason, statement: string): void {
    let count = this.#counts.get(`${reason} ${statement}`);
    if (count === undefined) {
      const label = this.#counts.size < countedStatements ? statement : otherStatements;
      const key = `${reason} ${label}`;
      count = this.#counts.get(key) ?? { reason, statement: label, pins: 0 };
      this.#counts.set(key, count);
    }
    count.pins++;
  }

  /** A pin has ended after this duration. */
  ended(reason: PinReason, milliseconds: number): void {
    let time = this.time.get(reason);
    if (time === undefined) {
      time = new Histogram();
      this.time.set(reason, time);
    }
    time.observe(milliseconds);
  }
}
