/**
 * Upper bounds of the buckets in milliseconds: a 1-2-5 ladder from 50 µs to 100 s. One ladder for all durations,
 * so that they can be laid over each other.
 */
export const bucketBounds: readonly number[] = [
  0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000,
  100_000,
];

/** Durations in buckets. Observing is a short loop and an addition; nothing is allocated. */
export class Histogram {
  readonly counts = new Float64Array(bucketBounds.length + 1);
  sum = 0;
  count = 0;

  /** Takes a duration in milliseconds. */
  observe(milliseconds: number): void {
    let bucket = 0;
    while (bucket < bucketBounds.length && milliseconds > (bucketBounds[bucket] ?? Infinity))
      bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += milliseconds;
    this.count++;
  }

  /** Adds what another one has counted. */
  add(other: Histogram): void {
    for (const [bucket, count] of other.counts.entries())
      this.counts[bucket] = (this.counts[bucket] ?? 0) + count;
    this.sum += other.sum;
    this.count += other.count;
  }

  /**
   * The duration, in milliseconds, that a share of all (0 to 1) did not exceed: the upper bound of its bucket, so never
   * less than the truth. Infinity beyond the last bound; null when nothing was observed.
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
