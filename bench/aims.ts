import { medianRatio } from '@sluice/prove/statistics';
import type { BenchResult, LoadResult, TargetName } from './results.ts';

/** An aim of the proxy, which compares values of one run. */
export type Aim =
  | {
      readonly name: string;
      readonly target: TargetName;
      /** Its transactions per second are at least this multiple of those of… */
      readonly against: TargetName;
      readonly atLeast: number;
    }
  | {
      readonly name: string;
      readonly target: TargetName;
      /** This measure, divided by that of this one, is at most… */
      readonly measure: 'cpuMicros' | 'p50' | 'p99';
      readonly against: TargetName;
      readonly atMost: number;
    }
  | { readonly name: string; readonly target: TargetName; readonly atMostBytes: number };

/** Ratios to PgBouncer, and of transactions per second to direct connections. */
interface Ratios {
  readonly tps?: number;
  readonly direct?: number;
  readonly cpuMicros?: number;
  readonly p50?: number;
  readonly p99?: number;
}

/** The aims for the default runtime. */
const onBun: Readonly<Record<string, Ratios>> = {
  'select-simple-c32': { tps: 1.25, direct: 1.1, cpuMicros: 1.2 },
  'select-simple-c200': { tps: 1.6, direct: 1.5, cpuMicros: 0.9 },
  'select-prepared-c32': { tps: 1.3, direct: 1, cpuMicros: 1.1 },
  'select-prepared-c200': { tps: 1.5, direct: 1.4, cpuMicros: 1.1 },
  'select-simple-c32-tls': { tps: 1.4, direct: 1.05, cpuMicros: 0.9 },
  'select-simple-c200-delayed': { tps: 4 },
  'select-simple-off-c32': { tps: 0.97, cpuMicros: 1.2 },
  'tpcb-c32': { tps: 0.97, cpuMicros: 1.25 },
  'select-extended-c32': { tps: 0.96, cpuMicros: 1.25 },
  'reconnect-c32': { tps: 0.9, direct: 9, cpuMicros: 1.3 },
  'reconnect-c32-tls': { tps: 1.4 },
  'rate-c32': { p99: 1 },
  'slow-c32': { p99: 1 },
  // Both proxies add to the same direct connection, so the one with the lower latency adds less.
  'select-simple-c1': { p50: 1 },
  'select-simple-c32-unix': { tps: 1.25 },
};

/** On Node.js, the share of each aim that applies; for a cost, its inverse. */
const onNode = 0.85;

/** The project's aims. */
export const aims: readonly Aim[] = [
  ...Object.entries(onBun).flatMap(([name, { tps, direct, ...costs }]) =>
    (['sluice-bun', 'sluice-node'] as const).flatMap((target): Aim[] => {
      const share = target === 'sluice-bun' ? 1 : onNode;
      const found: Aim[] = [];
      if (tps !== undefined)
        found.push({ name, target, against: 'pgbouncer', atLeast: rounded(tps * share) });
      if (direct !== undefined)
        found.push({ name, target, against: 'direct', atLeast: rounded(direct * share) });
      for (const measure of ['cpuMicros', 'p50', 'p99'] as const) {
        const atMost = costs[measure];
        if (atMost === undefined) continue;
        found.push({
          name,
          target,
          measure,
          against: 'pgbouncer',
          atMost: rounded(atMost / share),
        });
      }
      return found;
    }),
  ),
  { name: 'idle', target: 'sluice-bun', atMostBytes: 2000 },
  { name: 'idle-tls', target: 'sluice-bun', atMostBytes: 12_000 },
];

function rounded(ratio: number): number {
  return Math.round(100 * ratio) / 100;
}

/** An aim and the measured value; NaN if the run did not measure it. */
export interface Outcome {
  readonly aim: Aim;
  readonly value: number;
  readonly reached: boolean;
}

/** Compares a run with the aims. Omits those that the run did not measure. */
export function judge(result: BenchResult, against: readonly Aim[] = aims): Outcome[] {
  return against
    .map((aim): Outcome => {
      if ('atMostBytes' in aim) {
        const value = bytesPerClient(result, aim);
        return { aim, value, reached: value <= aim.atMostBytes };
      }
      const load = result.load.find(({ name }) => name === aim.name);
      const measure = 'atMost' in aim ? aim.measure : 'tps';
      const value =
        load === undefined ? Number.NaN : ratioOf(load, measure, aim.target, aim.against);
      return { aim, value, reached: 'atMost' in aim ? value <= aim.atMost : value >= aim.atLeast };
    })
    .filter(({ value }) => !Number.isNaN(value));
}

function bytesPerClient(result: BenchResult, aim: Aim): number {
  const steps = result.idle.find(({ name }) => name === aim.name)?.steps[aim.target];
  return steps?.at(-1)?.bytesPerClient ?? Number.NaN;
}

/** One value of a target divided by that of another, as the median over the rounds; NaN unless both exist. */
export function ratioOf(
  load: LoadResult,
  measure: 'tps' | 'p50' | 'p99' | 'cpuMicros',
  target: TargetName,
  against: TargetName,
): number {
  const values = (load.rounds[target] ?? []).map((round) => round?.[measure]);
  const others = (load.rounds[against] ?? []).map((round) => round?.[measure]);
  return medianRatio(values, others);
}
