import { ratioOf } from './aims.ts';
import type { BenchResult, TargetName } from './results.ts';

/** How much worse a value may be before it counts as a regression: 0.1 is 10 %. */
export interface Thresholds {
  /** Of transactions per second, relative to the reference in the same run. */
  readonly tps: number;
  /** Of CPU time per transaction, relative to the reference in the same run. */
  readonly cpu: number;
  /** Of memory for each idle client. */
  readonly memory: number;
}

/** Twice the variation of the same code from run to run on an idle machine. */
export const defaultThresholds: Thresholds = { tps: 0.1, cpu: 0.1, memory: 0.1 };

/** One value in both runs. */
export interface Change {
  readonly name: string;
  readonly target: TargetName;
  readonly measure: keyof Thresholds;
  readonly before: number;
  readonly after: number;
  /** The change as a share of `before`: above 0 is better, below 0 is worse. */
  readonly gain: number;
  readonly regressed: boolean;
}

const proxies = ['sluice-node', 'sluice-bun'] as const;

/**
 * Compares the common values of two runs. Speed is compared as a ratio to a reference that was measured in turn with
 * it, so runs may come from different machines. The reference is PgBouncer, or the direct connection if a run has no
 * PgBouncer.
 *
 * @returns the changes, in the order of `current`.
 */
export function compare(
  baseline: BenchResult,
  current: BenchResult,
  thresholds: Thresholds = defaultThresholds,
): Change[] {
  const changes: Change[] = [];
  const add = (
    name: string,
    target: TargetName,
    measure: keyof Thresholds,
    before: number,
    after: number,
  ): void => {
    // Not measured in one of the two runs.
    if (!Number.isFinite(before) || !Number.isFinite(after)) return;
    const growth = (after - before) / before;
    const gain = measure === 'tps' ? growth : -growth;
    const regressed = gain < -thresholds[measure];
    changes.push({ name, target, measure, before, after, gain, regressed });
  };

  for (const load of current.load) {
    const old = baseline.load.find(({ name }) => name === load.name);
    if (old === undefined) continue;
    const both = [old, load];
    const reference = both.every(({ rounds }) => rounds.pgbouncer !== undefined)
      ? 'pgbouncer'
      : 'direct';
    for (const target of proxies) {
      const [tpsBefore = Number.NaN, tpsAfter = Number.NaN] = both.map((each) =>
        ratioOf(each, 'tps', target, reference),
      );
      add(load.name, target, 'tps', tpsBefore, tpsAfter);
      // The direct connection has no proxy whose CPU time could be the reference.
      const [cpuBefore = Number.NaN, cpuAfter = Number.NaN] = both.map((each) =>
        ratioOf(each, 'cpuMicros', target, reference),
      );
      add(load.name, target, 'cpu', cpuBefore, cpuAfter);
    }
  }

  for (const idle of current.idle) {
    const old = baseline.idle.find(({ name }) => name === idle.name);
    for (const target of proxies) {
      for (const { clients, bytesPerClient } of idle.steps[target] ?? []) {
        const before = old?.steps[target]?.find((step) => step.clients === clients);
        const name = `${idle.name}, ${clients} clients`;
        add(name, target, 'memory', before?.bytesPerClient ?? Number.NaN, bytesPerClient);
      }
    }
  }
  return changes;
}
