import { reportFailure } from './bench-run.ts';
import type { BenchRun } from './bench-run.ts';
import type { LoadCase } from './cases.ts';
import { openLegs } from './legs.ts';
import { runPgbench } from './pgbench.ts';
import { CpuClock } from './cpu-clock.ts';
import type { LoadResult, Round, TargetName } from './results.ts';
import { startTarget } from './targets/start-target.ts';
import type { Target } from './targets/target.ts';

/** Long enough for the compilers of Node.js and Bun to optimize the hot path. */
const warmUpSeconds = 2;

/**
 * Measures one case on all targets in turn (A B C A B C…), so that a change of the machine's speed affects all of them.
 * The proxies are restarted for each case and warmed up, so that no case affects the next one.
 */
export async function measureLoad(run: BenchRun, load: LoadCase): Promise<LoadResult> {
  const targets: Target[] = [];
  const rounds: Partial<Record<TargetName, (Round | null)[]>> = {};
  const legs = await openLegs(run.setup.postgres, run.socketDirectory, load.network);
  let rate: number | null = null;
  try {
    for (const name of run.targets) {
      try {
        const { database, socketDirectory } = legs;
        const { tls, interleaving } = load;
        const setup = { ...run.setup, database, socketDirectory, tls, interleaving };
        const target = await startTarget(name, setup, run.pgbouncer);
        targets.push(target);
        await pgbench(run, load, target, Math.min(run.seconds, warmUpSeconds), null);
      } catch (error) {
        reportFailure(run, `${load.name}, ${name}, warm-up`, error);
      }
    }
    rate = await findRate(run, load, targets);
    for (let round = 1; round <= run.rounds; round += 1) {
      for (const target of targets) {
        const title = `${load.name}, round ${round} of ${run.rounds}, ${target.name}`;
        const result = await measureRound(run, load, target, rate).catch((error: unknown) => {
          reportFailure(run, title, error);
          return null;
        });
        (rounds[target.name] ??= []).push(result);
        run.progress(`${title}: ${result === null ? 'failed' : `${Math.round(result.tps)} tps`}`);
      }
    }
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
    await legs.close();
  }
  return { name: load.name, ...(rate !== null && { rate }), rounds };
}

/** The rate for all targets: a share of the maximum of PgBouncer, or otherwise of the first target. */
async function findRate(
  run: BenchRun,
  load: LoadCase,
  targets: readonly Target[],
): Promise<number | null> {
  const target = targets.find(({ name }) => name === 'pgbouncer') ?? targets[0];
  if (load.rate === null || target === undefined) return null;
  const { tps } = await pgbench(run, load, target, run.seconds, null);
  const rate = Math.round(tps * load.rate);
  run.progress(`${load.name}: ${rate} tps, ${load.rate} of the best of ${target.name}`);
  return rate;
}

async function measureRound(
  run: BenchRun,
  load: LoadCase,
  target: Target,
  rate: number | null,
): Promise<Round> {
  const clock = target.pid === undefined ? undefined : new CpuClock(target.pid);
  try {
    const { tps, transactions, connectMs, p50, p99 } = await pgbench(
      run,
      load,
      target,
      run.seconds,
      rate,
    );
    const round = { tps, p50, p99 };
    if (clock === undefined) return round;
    // The cost of the logins before the first transaction does not belong to the transactions.
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
  rate: number | null,
): ReturnType<typeof runPgbench> {
  return runPgbench(address, load, seconds, rate, run.setup.folder, run.signal);
}
