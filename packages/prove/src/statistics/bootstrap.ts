import { median, percentile } from './middle.ts';

/** A value with the interval that holds it, as far as the rounds tell. */
export interface Estimate {
  readonly value: number;
  /** The 95 % interval of the bootstrap. */
  readonly low: number;
  readonly high: number;
  /** How many rounds it rests on. */
  readonly rounds: number;
}

/** Samples drawn for an interval. Twice as many move its ends by less than they differ from run to run. */
const draws = 4000;

/** Of fewer rounds than five, more than one in eight that differ by nothing all lie on one side: they support no finding. */
export const fewestRounds = 5;

/**
 * The share that a 95 % interval leaves out at each end, by the number of rounds. The plain 2.5 % make it too narrow for few
 * rounds; these expand it: Φ(−√(n ÷ (n − 1)) · t), t being the 97.5 % quantile of Student’s distribution with n − 1 degrees of freedom
 * (Hesterberg, “What Teachers Should Know About the Bootstrap”, 2015, section 5.3).
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
 * Estimates a statistic of `samples` sets of rounds, and by drawing from each set with replacement how far it would move in
 * another run (percentile bootstrap, expanded for few rounds). The generator of random numbers is seeded, so that a report made twice
 * from the same rounds says the same.
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
 * What `after` adds to `before`, where both were measured in the same rounds: the median of the differences within a round,
 * in which whatever slowed a whole round cancels out. Rounds that lack either value are left out.
 */
export function difference(
  before: readonly (number | undefined)[],
  after: readonly (number | undefined)[],
): Estimate {
  return bootstrap([paired(before, after, (a, b) => b - a)], ([set = []]) => median(set));
}

/** As `difference`, as a share of `before`: 0.1 is 10 % more. */
export function relativeChange(
  before: readonly (number | undefined)[],
  after: readonly (number | undefined)[],
): Estimate {
  return bootstrap([paired(before, after, (a, b) => (b - a) / a)], ([set = []]) => median(set));
}

/** True when the rounds support that it is not 0: enough of them, and an interval without it. */
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
