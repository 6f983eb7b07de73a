/** `npm run bench`: see `help` in options.ts, and docs/benchmarks.md. */
import path from 'node:path';
import type { BenchRun } from './bench-run.ts';
import { chosen, idleCases, loadCases, readCases, stateCases } from './cases.ts';
import { describeMachine } from './machine.ts';
import { measureIdle } from './measure-idle.ts';
import { measureLoad } from './measure-load.ts';
import { help, parseOptions } from './options.ts';
import type { Options } from './options.ts';
import { requirePgbench } from './pgbench.ts';
import { formatReport } from './report.ts';
import { writeResult } from './results.ts';
import type { BenchResult, IdleResult, LoadResult } from './results.ts';
import { withStage } from './stage.ts';
import { findPgbouncer } from './targets/pgbouncer.ts';

const results = path.join(import.meta.dirname, 'results');

async function bench(options: Options, signal: AbortSignal): Promise<BenchResult> {
  const loads = [...loadCases(options.clients), ...readCases(), ...stateCases()];
  const loadsToRun = chosen(loads, options.cases);
  const idlesToRun = chosen(idleCases(options.idle), options.cases);
  if (loadsToRun.length + idlesToRun.length === 0) {
    throw new Error(`--cases has "${options.cases.join(',')}", which is no case; see --help`);
  }
  await requirePgbench();
  const pgbouncer = await findPgbouncer(process.env);
  const targets = options.targets.filter((name) => name !== 'pgbouncer' || pgbouncer !== undefined);
  if (targets.length < options.targets.length) {
    console.error('PgBouncer is left out: it is not on the PATH, and PGBOUNCER does not name it.');
  }

  const startedAt = new Date().toISOString();
  console.error('Starting PostgreSQL and filling its tables…');
  const { seconds, scramIterations } = options;
  return withStage(scramIterations, signal, async ({ setup, socketDirectory, version }) => {
    const machine = await describeMachine(version, pgbouncer);
    const failures: string[] = [];
    const run: BenchRun = {
      targets,
      seconds,
      rounds: options.rounds,
      pgbouncer,
      setup,
      socketDirectory,
      signal,
      progress: (line) => console.error(line),
      fail: (sentence) => {
        console.error(`failed: ${sentence}`);
        // The rest is only for the terminal: a log may contain paths of this machine, and results are published.
        failures.push(sentence.split('\n', 1).join(''));
      },
    };
    const load: LoadResult[] = [];
    const idle: IdleResult[] = [];
    try {
      for (const each of loadsToRun) load.push(await measureLoad(run, each));
      for (const each of idlesToRun) idle.push(await measureIdle(run, each));
    } catch (error) {
      // If somebody stops a run of an hour, its complete results are kept.
      if (!signal.aborted || load.length + idle.length === 0) throw error;
      failures.push('stopped before the last case');
    }
    const { poolSize } = setup;
    const conditions = { machine, seconds, poolSize, scramIterations };
    return { version: 1, startedAt, ...conditions, load, idle, failures };
  });
}

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interrupted.abort());
}
try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(help);
  } else {
    const result = await bench(options, interrupted.signal);
    const file = await writeResult(results, result);
    console.log(`\n${formatReport(result)}\n\nwritten to ${path.relative(process.cwd(), file)}`);
    process.exitCode = result.failures.length === 0 ? 0 : 1;
  }
} catch (error) {
  const { aborted } = interrupted.signal;
  console.error(aborted ? 'Stopped.' : error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
