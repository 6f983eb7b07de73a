import { tell } from './bench-run.ts';
import type { BenchRun } from './bench-run.ts';
import type { LoadCase } from './cases.ts';
import { runPgbench } from './pgbench.ts';
import { CpuClock } from './cpu-clock.ts';
import type { LoadResult, Round, TargetName } from './results.ts';
import { startTarget } from './targets/start-target.ts';
import type { Target } from './targets/target.ts';

/** Long enough for the compilers of Node.js and Bun to have seen the hot path. */
const warmUpSeconds = 2;

/**
 * Measures one case on all targets in turn (A B C A B C…), so that a change of the machine's mood meets all of them.
 * The proxies are started anew for each case and warmed up, so that no case inherits from the one before.
 */
export async function measureLoad(run: BenchRun, load: LoadCase): Promise<LoadResult> {
  const targets: Target[] = [];
  const rounds: Partial<Record<TargetName, (Round | null)[]>> = {};
  try {
    for (const name of run.targets) {
      try {
        const target = await startTarget(name, { ...run.setup, tls: load.tls }, run.pgbouncer);
        targets.push(target);
        await pgbench(run, load, target, Math.min(run.seconds, warmUpSeconds));
      } catch (error) {
        tell(run, `${load.name}, ${name}, warm-up`, error);
      }
    }
    for (let round = 1; round <= run.rounds; round += 1) {
      for (const target of targets) {
        const title = `${load.name}, round ${round} of ${run.rounds}, ${target.name}`;
        const result = await measureRound(run, load, target).catch((error: unknown) => {
          tell(run, title, error);
          return null;
        });
        (rounds[target.name] ??= []).push(result);
        run.progress(`${title}: ${result === null ? 'failed' : `${Math.round(result.tps)} tps`}`);
      }
    }
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
  return { name: load.name, rounds };
}

async function measureRound(run: BenchRun, load: LoadCase, target: Target): Promise<Round> {
  const clock = target.pid === undefined ? undefined : new CpuClock(target.pid);
  try {
    const { tps, transactions, connectMs, p50, p99 } = await pgbench(
      run,
      load,
      target,
      run.seconds,
    );
    const round = { tps, p50, p99 };
    if (clock === undefined) return round;
    // What the logins before the first transaction cost is not the transactions'.
    return { ...round, cpuMicros: clock.usedSince(connectMs) / transactions };
  } finally {
    clock?.stop();
  }
}

function pgbench(
  run: BenchRun,
  load: LoadCase,
  { address }: Target,
  seconds: number,
): ReturnType<typeof runPgbench> {
  return runPgbench(address, load, seconds, run.setup.folder, run.signal);
}
