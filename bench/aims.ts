import { medianRatio } from '@sluice/prove/statistics';
import type { BenchResult, LoadResult, TargetName } from './results.ts';

/** Something the proxy shall reach, compared within one run. */
export type Aim =
  | {
      readonly name: string;
      readonly target: TargetName;
      /** Its transactions per second, divided by those of this one, are at least… */
      readonly against: TargetName;
      readonly atLeast: number;
    }
  | { readonly name: string; readonly target: TargetName; readonly atMostBytes: number };

/** The aims for the default runtime: transactions per second to those of PgBouncer and of direct connections. */
const onBun: readonly (readonly [name: string, pgbouncer: number, direct: number | null])[] = [
  ['select-simple-c32', 1.25, 1.1],
  ['select-simple-c200', 1.6, 1.5],
  ['select-prepared-c32', 1.3, 1],
  ['select-prepared-c200', 1.5, 1.4],
  ['select-extended-c32', 0.96, null],
  ['select-simple-c32-tls', 1.4, 1.05],
  ['tpcb-c32', 0.97, null],
  ['reconnect-c32', 0.9, 9],
  ['reconnect-c32-tls', 1.4, null],
];

/** On Node.js, each may be this share. */
const onNode = 0.85;

/** The project's aims. */
export const aims: readonly Aim[] = [
  ...onBun.flatMap(([name, pgbouncer, direct]): Aim[] =>
    (['sluice-bun', 'sluice-node'] as const).flatMap((target) => {
      const share = target === 'sluice-bun' ? 1 : onNode;
      const rounded = (ratio: number): number => Math.round(100 * ratio * share) / 100;
      const beside: Aim = { name, target, against: 'pgbouncer', atLeast: rounded(pgbouncer) };
      if (direct === null) return [beside];
      return [beside, { name, target, against: 'direct', atLeast: rounded(direct) }];
    }),
  ),
  { name: 'idle', target: 'sluice-bun', atMostBytes: 2000 },
  { name: 'idle-tls', target: 'sluice-bun', atMostBytes: 12_000 },
];

/** An aim and what was found; NaN when the run did not measure it. */
export interface Outcome {
  readonly aim: Aim;
  readonly value: number;
  readonly reached: boolean;
}

/** Holds a run against the aims. Those that it did not measure are left out. */
export function judge(result: BenchResult, against: readonly Aim[] = aims): Outcome[] {
  return against
    .map((aim) => {
      const value = 'atLeast' in aim ? tpsRatio(result, aim) : bytesPerClient(result, aim);
      const reached = 'atLeast' in aim ? value >= aim.atLeast : value <= aim.atMostBytes;
      return { aim, value, reached };
    })
    .filter(({ value }) => !Number.isNaN(value));
}

function tpsRatio(
  result: BenchResult,
  aim: { readonly name: string; readonly target: TargetName; readonly against: TargetName },
): number {
  const load = result.load.find(({ name }) => name === aim.name);
  return load === undefined ? Number.NaN : ratioOf(load, 'tps', aim.target, aim.against);
}

function bytesPerClient(result: BenchResult, aim: Aim): number {
  const steps = result.idle.find(({ name }) => name === aim.name)?.steps[aim.target];
  return steps?.at(-1)?.bytesPerClient ?? Number.NaN;
}

/** One measure of a target divided by that of another, as the median over the rounds; NaN without both. */
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
