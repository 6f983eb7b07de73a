import type { PinReason } from '../pinning/pin-reason.ts';
import { Histogram } from './histogram.ts';

/** At most so many shapes of statements are counted one by one; the others together. */
const countedStatements = 100;

/** Stands for the shapes that are not counted one by one. */
const otherStatements = 'other';

/** A pin by its reason and the shape of the statement that caused it; the shape is empty where none did. */
export interface PinCount {
  readonly reason: PinReason;
  readonly statement: string;
  pins: number;
}

/** What is counted of pins. */
export class PinStats {
  /** How long each pin lasted, once it is over. */
  readonly time = new Map<PinReason, Histogram>();
  /** Times that a session was found changed by a statement whose text does not say so. */
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

  /** A pin is over that lasted so many milliseconds. */
  ended(reason: PinReason, milliseconds: number): void {
    let time = this.time.get(reason);
    if (time === undefined) {
      time = new Histogram();
      this.time.set(reason, time);
    }
    time.observe(milliseconds);
  }
}
