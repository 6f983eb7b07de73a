/** The time of one measurement, in milliseconds, and the number of reads that it needs. */
const window = 100;
/** The time after a step that is not measured, in milliseconds, because its reads were sent before the step. */
const settling = 10;
const fewestReads = 200;
/** A change of the average time by less than this factor is noise. */
const noise = 1.04;
/** The load has changed when the average time changes by this factor without a step. */
const otherLoad = 2;
/** The maximum number of measurements between two trials. */
const longestRest = 32;

/**
 * The number of connections that reads with the same parameters share, found by measurement. It changes by one step at
 * a time. It keeps changing in the same direction while replies become faster, or do not become slower with fewer
 * connections, which save system calls and wake-ups. A step that does not help is reverted, and each further trial
 * comes after a longer time.
 *
 * The best number depends on the processors of proxy and database, on their other load, and on the reads. On two cores
 * that everything shares it is 1 or 2; a database with many cores answers longer reads faster over many connections.
 */
export class ConcurrencyLimit {
  value = 1;
  #step: 1 | -1 = 1;
  /** The value before the step that is being measured; 0 if there is none. */
  #valueBefore = 0;
  /** The average of the previous measurement, in milliseconds; 0 if there is none. */
  #before = 0;
  /** The number of measurements until the next trial, and after the next trial without a gain. */
  #rest = 0;
  #patience = 1;
  #since = 0;
  #sum = 0;
  #count = 0;

  /** A session got its reply this many milliseconds after its request. `inUse`: the number of shared connections. */
  answered(milliseconds: number, now: number, inUse: number): void {
    if (now < this.#since) return;
    this.#sum += milliseconds;
    this.#count++;
    if (this.#count < fewestReads || now - this.#since < window) return;
    const average = this.#sum / this.#count;
    const { value } = this;
    // A measurement that took long says little about the present.
    if (now - this.#since < 10 * window) this.#measured(average, inUse);
    else this.#before = this.#valueBefore = 0;
    this.#since = this.value === value ? now : now + settling;
    this.#sum = this.#count = 0;
  }

  #measured(average: number, inUse: number): void {
    const before = this.#before;
    this.#before = average;
    if (before === 0) return;
    if (this.#rest > 0) {
      this.#rest--;
      if (average < before * otherLoad && average > before / otherLoad) return;
      this.#rest = 0;
      this.#patience = 1;
    } else if (this.#valueBefore > 0 && !this.#isGain(before, average, inUse)) {
      this.value = this.#valueBefore;
      this.#valueBefore = 0;
      this.#step = this.#step === 1 ? -1 : 1;
      this.#rest = this.#patience;
      this.#patience = Math.min(longestRest, 2 * this.#patience);
      return;
    } else if (this.#valueBefore > 0) this.#patience = 1;
    this.#take();
  }

  /** Whether the step helped. More connections that were not needed do not help. */
  #isGain(before: number, average: number, inUse: number): boolean {
    if (this.#step === -1) return average < before * noise;
    return average < before / noise && inUse >= this.value;
  }

  #take(): void {
    if (this.value === 1) this.#step = 1;
    this.#valueBefore = this.value;
    this.value = Math.max(1, this.value + this.#step * Math.max(1, this.value >> 2));
  }
}
