import type { Effects } from '../sql/index.ts';

/** The number of remembered reads: a power of two. */
const slots = 4096;
/** The number of runs after which the duration of a read is known. */
const firstRuns = 2;
/** The longest time of a short read, in milliseconds. */
const longestShort = 5;
/**
 * The factors by which a longer and a shorter run change the recorded time. With these, four of five runs are shorter
 * than the recorded time.
 */
const longer = 2;
const shorter = 0.84;
/**
 * The time that is recorded for a read with a long reply, in milliseconds: about 30 short runs follow until it is
 * short.
 */
const never = 1000;
/** Recorded times are not below this, in milliseconds. */
const shortest = 0.01;

/**
 * How long reads took, by a hash of their texts without numbers and strings. Reads with the same hash share a record: a
 * wrong record costs time, never correctness.
 */
export class ReadHistory {
  readonly #keys = new Int32Array(slots);
  /**
   * In milliseconds: no averages, because a busy machine delays single runs of the shortest read by many times what it
   * takes.
   */
  readonly #times = new Float32Array(slots);
  readonly #runs = new Uint8Array(slots);

  /** Whether reads with this key have been short so far. */
  isShort(key: number): boolean {
    const slot = key & (slots - 1);
    return (
      this.#keys[slot] === key &&
      (this.#runs[slot] ?? 0) >= firstRuns &&
      (this.#times[slot] ?? never) <= longestShort
    );
  }

  /** Records the time of a read, in milliseconds. */
  ran(key: number, milliseconds: number): void {
    const slot = key & (slots - 1);
    if (this.#keys[slot] !== key) {
      this.#keys[slot] = key;
      this.#times[slot] = milliseconds;
      this.#runs[slot] = 1;
      return;
    }
    const time = this.#times[slot] ?? 0;
    const next = Math.max(time, shortest) * (milliseconds > time ? longer : shorter);
    this.#times[slot] =
      milliseconds > time ? Math.min(next, milliseconds) : Math.max(next, milliseconds);
    if ((this.#runs[slot] ?? 0) < firstRuns) this.#runs[slot] = (this.#runs[slot] ?? 0) + 1;
  }

  /** Its reply was too long for a shared lease. */
  wasLarge(key: number): void {
    const slot = key & (slots - 1);
    this.#keys[slot] = key;
    this.#times[slot] = never;
    this.#runs[slot] = firstRuns;
  }
}

const quote = 0x27;

/** The key of the text `buffer[start, end)`: its hash (FNV-1a), without the values of numbers and strings. */
export function readKey(
  { template }: Pick<Effects, 'template'>,
  buffer: Uint8Array,
  start: number,
  end: number,
): number {
  if (template !== null) return template.hash;
  let hash = 0x811c9dc5 | 0;
  let isQuoted = false;
  let wasDigit = false;
  for (let at = start; at < end; at++) {
    const byte = buffer[at] ?? 0;
    if (byte === quote) isQuoted = !isQuoted;
    else if (isQuoted) continue;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    if (isDigit && wasDigit) continue;
    wasDigit = isDigit;
    hash = Math.imul(hash ^ (isDigit ? 0x30 : byte), 0x01000193);
  }
  return hash;
}
