import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { LoadCase } from './cases.ts';
import { percentile } from '@sluice/prove/statistics';

const run = promisify(execFile);

/** The address and the credentials for pgbench. */
export interface Address {
  /** A name, an address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The result of one run of pgbench. Latencies in milliseconds. */
export interface PgbenchResult {
  readonly tps: number;
  readonly transactions: number;
  /** The time until all clients were connected, before the first transaction; 0 if they connect for each. */
  readonly connectMs: number;
  readonly p50: number;
  readonly p99: number;
}

/** Throws an error that explains how to install pgbench if it is not on the PATH. */
export async function requirePgbench(): Promise<void> {
  await run('pgbench', ['--version']).catch((error: unknown) => {
    throw new Error(
      'pgbench is not on the PATH; it comes with PostgreSQL, on Debian and Ubuntu in: apt install postgresql-contrib',
      { cause: error },
    );
  });
}

/** Creates pgbench's tables, about 15 MB for each unit of scale. */
export async function fillTables(address: Address, scale: number): Promise<void> {
  await run('pgbench', ['-i', '-q', '-s', String(scale), ...connectArgs(address)], {
    env: environment(address, false),
  });
}

/**
 * Runs one load.
 *
 * @param seconds - the approximate duration of the transactions; connecting before the first one takes additional time.
 * @param rate - transactions per second, which arrive as a Poisson process; null: as many as the target serves.
 * @param folder - where pgbench may put its log during the run.
 * @throws Error with pgbench's message if any client failed.
 */
export async function runPgbench(
  address: Address,
  load: LoadCase,
  seconds: number,
  rate: number | null,
  folder: string,
  signal: AbortSignal,
): Promise<PgbenchResult> {
  const logs = await mkdtemp(path.join(folder, 'pgbench-'));
  try {
    // pgbench's clock starts before its clients connect one after the other; a busy machine opens 50 per second with
    // TLS.
    const duration = seconds + (load.reconnect ? 0 : Math.ceil(load.clients / 50));
    // Every transaction counts for the tps. For the latencies a fifth is enough, so that writing the log costs pgbench
    // almost nothing. Reconnects are few, so all of them are logged.
    const sampling = load.reconnect ? '1' : '0.2';
    const scripts = await Promise.all(
      load.scripts.map(async ({ text, weight }, index) => {
        const file = path.join(logs, `script-${index}.sql`);
        await writeFile(file, text);
        return ['-f', `${file}@${weight}`];
      }),
    );
    const { stdout } = await run(
      'pgbench',
      [
        ...load.args,
        ...scripts.flat(),
        ...(rate === null ? [] : ['-R', rate.toFixed(0)]),
        ...['-c', String(load.clients), '-j', String(load.threads), '-T', String(duration)],
        ...['--log', `--log-prefix=${path.join(logs, 'log')}`, `--sampling-rate=${sampling}`],
        ...connectArgs(address),
      ],
      // A hanging pooler must not block the benchmark.
      { env: environment(address, load.tls), signal, timeout: (duration + 30) * 1000 },
    ).catch((error: unknown) => {
      // Its own message instead of the whole command.
      const words = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
      throw words === '' ? error : new Error(words.trim(), { cause: error });
    });
    const files = (await readdir(logs)).filter((name) => name.startsWith('log'));
    const texts = await Promise.all(files.map((file) => readFile(path.join(logs, file), 'utf8')));
    const latencies = texts.flatMap((text) =>
      parseLatencies(text, (script) => load.scripts[script]?.isUntimed !== true),
    );
    return {
      ...parseOutput(stdout),
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
    };
  } finally {
    await rm(logs, { recursive: true, force: true });
  }
}

function connectArgs({ host, port, user, database }: Address): string[] {
  return ['-h', host, '-p', String(port), '-U', user, database];
}

/** Without the caller's PG* variables: a PGOPTIONS would affect the measurement. */
function environment({ password }: Address, tls: boolean): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    LC_ALL: 'C',
    PGPASSWORD: password,
    PGSSLMODE: tls ? 'require' : 'disable',
    PGGSSENCMODE: 'disable',
  };
}

/** Parses the final output of pgbench. Throws if it contains no result. */
export function parseOutput(
  output: string,
): Pick<PgbenchResult, 'tps' | 'transactions' | 'connectMs'> {
  const tps = /^tps = ([\d.]+) /m.exec(output)?.[1];
  const transactions = /^number of transactions actually processed: (\d+)/m.exec(output)?.[1];
  if (tps === undefined || transactions === undefined) {
    throw new Error(`pgbench made no transaction; it printed:\n${output}`);
  }
  const connectMs = /^initial connection time = ([\d.]+) ms/m.exec(output)?.[1] ?? '0';
  return { tps: Number(tps), transactions: Number(transactions), connectMs: Number(connectMs) };
}

/**
 * Latencies in milliseconds from a transaction log of pgbench. A line has: client, number of the transaction, latency
 * in microseconds, number of the script, time (seconds, microseconds). With a rate, the latency counts from the time at
 * which the transaction should have started.
 */
export function parseLatencies(log: string, isTimed: (script: number) => boolean): number[] {
  const latencies: number[] = [];
  for (const line of log.split('\n')) {
    const [, , time, script] = line.split(' ', 4);
    const latency = Number(time);
    // Without a latency there is a word instead ("failed", "skipped").
    if (!Number.isNaN(latency) && isTimed(Number(script))) latencies.push(latency / 1000);
  }
  return latencies;
}
