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

/** The project's aims. */
export const aims: readonly Aim[] = [
  { name: 'select-simple-c32', target: 'sluice-node', against: 'pgbouncer', atLeast: 0.85 },
  { name: 'select-simple-c32', target: 'sluice-bun', against: 'pgbouncer', atLeast: 1 },
  { name: 'select-prepared-c32', target: 'sluice-node', against: 'pgbouncer', atLeast: 1 },
  { name: 'select-prepared-c32', target: 'sluice-bun', against: 'pgbouncer', atLeast: 1 },
  { name: 'select-simple-c32-tls', target: 'sluice-node', against: 'pgbouncer', atLeast: 1.2 },
  { name: 'select-simple-c32-tls', target: 'sluice-bun', against: 'pgbouncer', atLeast: 1.2 },
  { name: 'reconnect-c32', target: 'sluice-node', against: 'pgbouncer', atLeast: 1 },
  { name: 'reconnect-c32', target: 'sluice-node', against: 'direct', atLeast: 10 },
  { name: 'idle', target: 'sluice-node', atMostBytes: 6000 },
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
