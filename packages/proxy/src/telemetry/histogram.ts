/**
 * The upper bounds of the buckets in milliseconds: a 1-2-5 series from 50 µs to 100 s. It is the same for all
 * durations, so that they can be combined.
 */
export const bucketBounds: readonly number[] = [
  0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000,
  100_000,
];

/** A histogram of durations. Observing is a short loop and an addition, without an allocation. */
export class Histogram {
  readonly counts = new Float64Array(bucketBounds.length + 1);
  sum = 0;
  count = 0;

  /** Records a duration in milliseconds. */
  observe(milliseconds: number): void {
    let bucket = 0;
    while (bucket < bucketBounds.length && milliseconds > (bucketBounds[bucket] ?? Infinity))
      bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += milliseconds;
    this.count++;
  }

  /** Adds the counts of another histogram. */
  add(other: Histogram): void {
    for (const [bucket, count] of other.counts.entries())
      this.counts[bucket] = (this.counts[bucket] ?? 0) + count;
    this.sum += other.sum;
    this.count += other.count;
  }

  /**
   * The quantile of the durations, in milliseconds: the upper bound of its bucket, so it is never too low. Infinity
   * beyond the last bound; null without observations.
   */
  quantile(share: number): number | null {
    if (this.count === 0) return null;
    let left = share * this.count;
    for (const [bucket, count] of this.counts.entries()) {
      left -= count;
      if (left <= 0) return bucketBounds[bucket] ?? Infinity;
    }
    return Infinity;
  }
}
