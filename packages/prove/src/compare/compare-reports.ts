import type { Report } from '../report/schema.ts';
import { workloadName } from '../report/workload-name.ts';
import { bootstrap, fewestRounds, isSupported, median } from '../statistics/index.ts';
import type { Estimate } from '../statistics/index.ts';
import { metricsOf } from './metrics.ts';
import type { Metric } from './metrics.ts';

/** A value that got worse by more than this share is a regression, if the difference is significant. */
export const defaultThreshold = 0.1;

/** One number in both reports. */
export interface Change {
  readonly name: string;
  readonly path: string;
  readonly unit: Metric['unit'] | 'of direct';
  readonly better: Metric['better'];
  readonly before: number;
  readonly after: number;
  /** The relative change; without an interval if there are few rounds. */
  readonly growth: Estimate;
  readonly verdict: 'better' | 'worse' | 'regression' | 'no difference' | 'not supported';
}

/** The differences between two reports. */
export interface Comparison {
  readonly changes: readonly Change[];
  /** Differences in how the reports were made, which may explain differences of the numbers. */
  readonly cautions: readonly string[];
  readonly hasRegression: boolean;
}

/** The options of a comparison. */
export interface CompareOptions {
  readonly threshold: number;
  /** Compares ratios to the direct path in the same round, instead of the numbers themselves. */
  readonly isRelative: boolean;
}

/** Compares every number that is in both reports. */
export function compareReports(
  before: Report,
  after: Report,
  { threshold, isRelative }: CompareOptions,
): Comparison {
  const pick = (report: Report): Metric[] =>
    isRelative ? relativeMetrics(report) : metricsOf(report);
  const earlier = pick(before);
  const changes = pick(after).flatMap((metric) => {
    const same = earlier.find(({ name, path }) => name === metric.name && path === metric.path);
    return same === undefined ? [] : [changeOf(same, metric, threshold, isRelative)];
  });
  return {
    changes,
    cautions: cautionsOf(before, after),
    hasRegression: changes.some(({ verdict }) => verdict === 'regression'),
  };
}

function changeOf(before: Metric, after: Metric, threshold: number, isRelative: boolean): Change {
  const [a, b] = [defined(before.values), defined(after.values)];
  const growth =
    a.length === 0 || b.length === 0
      ? { value: Number.NaN, low: Number.NaN, high: Number.NaN, rounds: 0 }
      : bootstrap([a, b], ([x = [], y = []]) => (median(y) - median(x)) / median(x));
  return {
    name: after.name,
    path: after.path,
    unit: isRelative && after.isFault !== true ? 'of direct' : after.unit,
    better: after.better,
    before: median(a),
    after: median(b),
    growth,
    verdict: verdictOf(after, median(a), median(b), growth, threshold),
  };
}

function verdictOf(
  { better, isFault, unit }: Metric,
  before: number,
  after: number,
  growth: Estimate,
  threshold: number,
): Change['verdict'] {
  if (isFault === true) {
    if (after === before) return 'no difference';
    return after > before ? 'regression' : 'better';
  }
  if (before === after) return 'no difference';
  const gain = better === 'lower' ? -growth.value : growth.value;
  // A count of clients has no rounds, so any decrease counts.
  const isCounted = unit === 'clients';
  if (!isCounted && growth.rounds < fewestRounds) return 'not supported';
  if (!isCounted && !isSupported(growth)) return 'no difference';
  if (gain > 0) return 'better';
  return -gain > threshold ? 'regression' : 'worse';
}

/** Each number of a proxy, divided by that of the direct path in the same round. */
function relativeMetrics(report: Report): Metric[] {
  const direct = report.paths.find(({ kind }) => kind === 'direct')?.name;
  const metrics = metricsOf(report);
  return metrics.flatMap((metric) => {
    if (metric.isFault === true) return [metric];
    const base = metrics.find(({ name, path }) => name === metric.name && path === direct);
    if (metric.path === direct || base === undefined) return [];
    const values = metric.values.map((value, round) => {
      const other = base.values[round];
      return value === undefined || other === undefined || other === 0 ? undefined : value / other;
    });
    return [{ ...metric, values }];
  });
}

function cautionsOf(before: Report, after: Report): string[] {
  const cautions: string[] = [];
  const differ = (what: string, pick: (report: Report) => unknown): void => {
    const [a, b] = [pick(before), pick(after)].map((value) => JSON.stringify(value));
    if (a !== b) cautions.push(`${what} differs: ${a ?? ''} and ${b ?? ''}`);
  };
  differ('the machine', ({ machine }) => [machine.cpu, machine.cores]);
  differ('the version of PostgreSQL', ({ database }) => database.version);
  differ('the workload', ({ workload }) => workloadName(workload));
  differ('the length of a round', ({ performance }) => performance?.secondsPerRound);
  if (
    JSON.stringify(before.workload) !== JSON.stringify(after.workload) &&
    !cautions.some((each) => each.startsWith('the workload'))
  )
    cautions.push('the workload has changed');
  for (const [name, report] of [
    ['first', before],
    ['second', after],
  ] as const)
    if (!report.isComplete) cautions.push(`the ${name} run was stopped early`);
  return cautions;
}

function defined(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined);
}
