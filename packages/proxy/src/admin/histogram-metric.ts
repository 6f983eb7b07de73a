import { Histogram as PromHistogram } from 'prom-client';
import type { MetricValueWithName } from 'prom-client';
import { bucketBounds } from '../telemetry/histogram.ts';
import type { Histogram } from '../telemetry/histogram.ts';

/** Histograms of durations with their labels. */
type Reading = readonly (readonly [labels: Record<string, string>, histogram: Histogram])[];

/** A Prometheus histogram in seconds, from histograms of durations in milliseconds. */
export class HistogramMetric extends PromHistogram {
  readonly #name: string;
  readonly #help: string;
  readonly #read: () => Reading;

  constructor(name: string, help: string, read: () => Reading) {
    super({ name, help, registers: [] });
    this.#name = name;
    this.#help = help;
    this.#read = read;
  }

  /** Called by the registry at each scrape; prom-client's types omit it. */
  getForPromString(): Promise<object> {
    const values: MetricValueWithName<string>[] = [];
    const add = (suffix: string, labels: Record<string, string>, value: number): void => {
      values.push({ labels, value, metricName: `${this.#name}_${suffix}` });
    };
    for (const [labels, histogram] of this.#read()) {
      let cumulative = 0;
      for (const [bucket, bound] of bucketBounds.entries()) {
        cumulative += histogram.counts[bucket] ?? 0;
        add('bucket', { ...labels, le: String(bound / 1000) }, cumulative);
      }
      add('bucket', { ...labels, le: '+Inf' }, histogram.count);
      add('sum', labels, histogram.sum / 1000);
      add('count', labels, histogram.count);
    }
    return Promise.resolve({
      name: this.#name,
      help: this.#help,
      type: 'histogram',
      aggregator: 'sum',
      values,
    });
  }
}
