import type { BenchResult, Round } from '../../bench/results.ts';

/** A round in which only one measurement matters. */
export function round(measures: Partial<Round>): Round {
  return { tps: 1000, p50: 1, p99: 2, ...measures };
}

/** A result without measurements, except `parts`. */
export function resultWith(parts: Partial<BenchResult>): BenchResult {
  return {
    version: 1,
    startedAt: '2026-01-02T03:04:05.678Z',
    machine: { cores: 2, cpu: 'A', memoryBytes: 1, kernel: 'L', versions: {}, loadBefore: 0 },
    seconds: 1,
    poolSize: 16,
    scramIterations: 1,
    load: [],
    idle: [],
    failures: [],
    ...parts,
  };
}
