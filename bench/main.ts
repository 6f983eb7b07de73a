/** `npm run bench`: see `help` in options.ts, and docs/benchmarks.md. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeCertificate, startPostgres } from '@sluice/lab';
import type { Certificate, Postgres } from '@sluice/lab';
import type { BenchRun } from './bench-run.ts';
import { idleCases, isChosen, loadCases } from './cases.ts';
import { describeMachine } from './machine.ts';
import { measureIdle } from './measure-idle.ts';
import { measureLoad } from './measure-load.ts';
import { help, parseOptions } from './options.ts';
import type { Options } from './options.ts';
import { fillTables, requirePgbench } from './pgbench.ts';
import { formatReport } from './report.ts';
import { writeResult } from './results.ts';
import type { BenchResult, IdleResult, LoadResult } from './results.ts';
import { findPgbouncer } from './targets/pgbouncer.ts';

const poolSize = 16;
/** pgbench's scale: 150 MB, all of it in the shared buffers. */
const scale = 10;

/** The same for all targets, and so that the database is not what is measured: no disk, no background work. */
const postgresParameters = {
  shared_buffers: '256MB',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  autovacuum: 'off',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
};

const results = path.join(import.meta.dirname, 'results');

async function main(options: Options, signal: AbortSignal): Promise<BenchResult> {
  await requirePgbench();
  const pgbouncer = await findPgbouncer(process.env);
  const targets = options.targets.filter((name) => name !== 'pgbouncer' || pgbouncer !== undefined);
  if (targets.length < options.targets.length) {
    console.error('PgBouncer is left out: it is not on the PATH, and PGBOUNCER does not name it.');
  }
  const startedAt = new Date().toISOString();
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-bench-'));
  let postgres: Postgres | undefined;
  try {
    // Open to the account that PgBouncer has to run as when this is root. The password in it is random and dies here.
    await chmod(folder, 0o755);
    const certificate = await makeCertificate();
    const files = await writeCertificate(folder, certificate);
    console.error('Starting PostgreSQL and filling its tables…');
    postgres = await startPostgres({
      maxConnections: 300,
      parameters: postgresParameters,
      tls: { cert: certificate.cert, key: certificate.key },
      signal,
    });
    await fillTables(postgres, scale);
    const machine = await describeMachine(await serverVersion(postgres), pgbouncer);

    const failures: string[] = [];
    const run: BenchRun = {
      targets,
      seconds: options.seconds,
      rounds: options.rounds,
      pgbouncer,
      setup: { postgres, folder, poolSize, maxClients: 20_000, ...files },
      signal,
      progress: (line) => console.error(line),
      fail: (sentence) => {
        console.error(`failed: ${sentence}`);
        failures.push(sentence);
      },
    };
    const load: LoadResult[] = [];
    for (const each of loadCases(options.clients)) {
      if (isChosen(each.name, options.cases)) load.push(await measureLoad(run, each));
    }
    const idle: IdleResult[] = [];
    for (const each of idleCases(options.idle)) {
      if (isChosen(each.name, options.cases)) idle.push(await measureIdle(run, each));
    }
    const { seconds } = options;
    return { version: 1, startedAt, machine, seconds, poolSize, load, idle, failures };
  } finally {
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeCertificate(
  folder: string,
  { cert, key }: Certificate,
): Promise<{ certFile: string; keyFile: string }> {
  const certFile = path.join(folder, 'cert.pem');
  const keyFile = path.join(folder, 'key.pem');
  await writeFile(certFile, cert);
  await writeFile(keyFile, key);
  return { certFile, keyFile };
}

async function serverVersion(postgres: Postgres): Promise<string> {
  const [row] = await postgres.query<{ server_version: string }>('SHOW server_version');
  return row?.server_version ?? 'unknown';
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
    const result = await main(options, interrupted.signal);
    const file = await writeResult(results, result);
    console.log(`\n${formatReport(result)}\n\nwritten to ${path.relative(process.cwd(), file)}`);
    process.exitCode = result.failures.length === 0 ? 0 : 1;
  }
} catch (error) {
  console.error(
    interrupted.signal.aborted ? 'Stopped.' : error instanceof Error ? error.message : error,
  );
  process.exitCode = 1;
}
