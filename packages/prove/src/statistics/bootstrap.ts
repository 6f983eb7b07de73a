import { median, percentile } from './middle.ts';

/** A value with its confidence interval over the rounds. */
export interface Estimate {
  readonly value: number;
  /** The 95 % interval of the bootstrap. */
  readonly low: number;
  readonly high: number;
  /** The number of rounds. */
  readonly rounds: number;
}

/** The number of samples for an interval. Doubling it changes the ends by less than they differ from run to run. */
const draws = 4000;

/**
 * With fewer than five rounds, all rounds are on one side in at least one of eight runs even if there is no difference:
 * they support no finding.
 */
export const fewestRounds = 5;

/**
 * The share outside a 95 % interval at each end, by the number of rounds. With 2.5 %, the interval would be too narrow
 * for few rounds; these values expand it: Φ(−√(n ÷ (n − 1)) · t), where t is the 97.5 % quantile of Student’s
 * distribution with n − 1 degrees of freedom (Hesterberg, “What Teachers Should Know About the Bootstrap”, 2015,
 * section 5.3).
 */
const tails: readonly (readonly [rounds: number, share: number])[] = [
  [30, 0.0188],
  [20, 0.0159],
  [15, 0.0132],
  [12, 0.0108],
  [10, 0.0086],
  [9, 0.0072],
  [8, 0.0057],
  [7, 0.0041],
  [6, 0.0024],
  [5, 0.001],
];

/**
 * Estimates a statistic over sets of rounds, and, by resampling each set with replacement, how much it would vary from
 * run to run (percentile bootstrap, expanded for few rounds). The random numbers are seeded, so that the same rounds
 * always give the same report.
 */
export function bootstrap(
  samples: readonly (readonly number[])[],
  statistic: (sets: readonly (readonly number[])[]) => number,
): Estimate {
  const random = mulberry32(samples.flat().length + 1);
  const drawn = Array.from({ length: draws }, () =>
    statistic(
      samples.map((set) => set.map(() => set[Math.floor(random() * set.length)] ?? Number.NaN)),
    ),
  ).filter((value) => !Number.isNaN(value));
  const rounds = Math.min(...samples.map((set) => set.length));
  const tail = tails.find(([count]) => rounds >= count)?.[1] ?? 0.0001;
  return {
    value: statistic(samples),
    low: percentile(drawn, tail),
    high: percentile(drawn, 1 - tail),
    rounds,
  };
}

/**
 * The difference between `after` and `before`, which were measured in the same rounds: the median of the differences
 * within a round, in which anything that slowed the whole round cancels out. Rounds without one of the values are
 * omitted.
 */
export function difference(
  before: readonly (number | undefined)[],
  after: readonly (number | undefined)[],
): Estimate {
  return bootstrap([paired(before, after, (a, b) => b - a)], ([set = []]) => median(set));
}

/** Like `difference`, as a share of `before`: 0.1 means 10 % more. */
export function relativeChange(
  before: readonly (number | undefined)[],
  after: readonly (number | undefined)[],
): Estimate {
  return bootstrap([paired(before, after, (a, b) => (b - a) / a)], ([set = []]) => median(set));
}

/** True if the value is significantly different from 0: enough rounds, and an interval without 0. */
export function isSupported({ low, high, rounds }: Estimate): boolean {
  return rounds >= fewestRounds && (low > 0 || high < 0);
}

function paired(
  before: readonly (number | undefined)[],
  after: readonly (number | undefined)[],
  combine: (before: number, after: number) => number,
): number[] {
  const values: number[] = [];
  for (const [round, a] of before.entries()) {
    const b = after[round];
    if (a === undefined || b === undefined) continue;
    const value = combine(a, b);
    if (Number.isFinite(value)) values.push(value);
  }
  return values;
}

/** A small generator of random numbers from 0 to 1 with a period of 2^32 (Tommy Ettinger, public domain). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
