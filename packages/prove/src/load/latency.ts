import { createHistogram } from 'node:perf_hooks';
import type { RecordableHistogram } from 'node:perf_hooks';

/** The percentiles in tables. */
const shownPercentiles = { p50: 50, p90: 90, p99: 99, p999: 99.9 } as const;

/** The summary of many latencies in a table, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  /** Null if there are fewer than 1,000 latencies: it would be the maximum. */
  readonly p999: number | null;
  readonly max: number;
}

/** One point of a curve: this percentage of all latencies is at most this number of milliseconds. */
export type PercentilePoint = [percentile: number, ms: number];

/**
 * The percentiles of a curve, as in plots of HDR histograms, each halving the rest: 0, 50, 75, 87.5, …, up to 99.99.
 */
const curvePercentiles = [
  0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 96, 97, 98, 98.5, 99, 99.25, 99.5, 99.75,
  99.9, 99.95, 99.975, 99.99,
];

/** Latencies in the HDR histogram of Node.js: in microseconds, with three significant digits. */
export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: 3_600_000_000,
    figures: 3,
  });

  get count(): number {
    return this.#histogram.count;
  }

  record(ms: number): void {
    this.#histogram.record(Math.max(1, Math.round(ms * 1000)));
  }

  reset(): void {
    this.#histogram.reset();
  }

  add(other: Latencies): void {
    this.#histogram.add(other.#histogram);
  }

  /** The latency that this percentage does not exceed, in milliseconds. */
  at(percentile: number): number {
    // The histogram has no percentile 0.
    if (percentile === 0) return this.#histogram.min / 1000;
    return this.#histogram.percentile(percentile) / 1000;
  }

  /** Null if there is none. */
  summary(): LatencySummary | null {
    if (this.count === 0) return null;
    const { p50, p90, p99, p999 } = shownPercentiles;
    return {
      count: this.count,
      mean: this.#histogram.mean / 1000,
      p50: this.at(p50),
      p90: this.at(p90),
      p99: this.at(p99),
      p999: this.count < 1000 ? null : this.at(p999),
      max: this.#histogram.max / 1000,
    };
  }

  /** The latency by percentile, up to the last point that at least one request exceeds. */
  curve(): PercentilePoint[] {
    if (this.count === 0) return [];
    return curvePercentiles
      .filter((percentile) => ((100 - percentile) / 100) * this.count >= 1)
      .map((percentile) => [percentile, this.at(percentile)]);
  }
}
