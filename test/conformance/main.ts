/** `npm run test:conformance`: see `help` in options.ts, and docs/conformance.md. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { Sluice } from '../helpers/sluice.ts';
import { driverSuites } from './driver-suites.ts';
import { help, parseConformanceOptions } from './options.ts';
import type { ConformanceOptions } from './options.ts';
import { postgresSuite } from './postgres-suite.ts';
import type { Part, PreparedSuite } from './suite.ts';
import { compareRuns, describeSummary } from './summary.ts';
import type { Run, Summary } from './summary.ts';

const suites = [postgresSuite, ...driverSuites];

async function conform(options: ConformanceOptions): Promise<Summary> {
  const suite = suites.find(({ name }) => name === options.suite);
  if (suite === undefined) {
    const names = suites.map(({ name }) => name).join(', ');
    throw new Error(`there is no suite "${options.suite}" here; there are ${names}`);
  }
  const prepared = await suite.prepare(options.source);
  await mkdir(options.output, { recursive: true });
  const control = options.control ? await runOnce(prepared, options, 'control') : null;
  const direct = await runOnce(prepared, options, 'direct');
  const proxied = await runOnce(prepared, options, options.runtime);
  const parts = compareRuns(direct.run, proxied.run, control?.run ?? null);
  return {
    suite: suite.name,
    version: prepared.version,
    date: new Date().toISOString(),
    postgres: direct.postgres,
    runtime: options.runtime,
    seconds: { direct: direct.run.seconds, proxied: proxied.run.seconds },
    ratio: proxied.run.seconds / direct.run.seconds,
    parts,
  };
}

/** One run on a separate server: directly, or through a daemon. */
async function runOnce(
  prepared: PreparedSuite,
  options: ConformanceOptions,
  route: 'direct' | 'control' | 'node' | 'bun',
): Promise<{ readonly run: Run; readonly postgres: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), `sluice-conformance-${route}-`));
  const database = await startDatabase({
    user: 'postgres',
    database: 'postgres',
    parameters: { max_prepared_transactions: '5', wal_level: 'logical' },
  });
  let sluice: Sluice | null = null;
  try {
    // Read first, because a suite may crash the server.
    const [version] = await database.query<{ readonly v: string }>(
      "SELECT current_setting('server_version') AS v",
    );
    if (route === 'node' || route === 'bun') {
      sluice = await startDaemon(database, options, route, prepared.users ?? []);
    }
    const { host, port } = sluice ?? database;
    const { user, password } = database;
    const log = path.join(options.output, `${route}.log`);
    await rm(log, { force: true });
    const began = performance.now();
    const parts = await prepared.run({
      address: { host, port, user, password, database: 'postgres' },
      folder,
      only: options.only,
      log,
      progress: (line) => console.error(`${route}: ${line}`),
    });
    const seconds = (performance.now() - began) / 1000;
    if (sluice !== null) {
      const { body } = await sluice.admin('/metrics');
      await writeFile(path.join(options.output, 'metrics.txt'), body);
      await endDaemon(sluice, path.join(options.output, 'sluice.log'));
    }
    await writeResults(path.join(options.output, route), parts);
    return { run: { parts, seconds }, postgres: version?.v ?? '' };
  } finally {
    await sluice?.kill();
    await database.stop('immediate');
    await rm(folder, { recursive: true, force: true });
  }
}

function startDaemon(
  database: Postgres,
  { poolSize }: ConformanceOptions,
  runtime: 'node' | 'bun',
  users: NonNullable<PreparedSuite['users']>,
): Promise<Sluice> {
  const { user, password } = database;
  const settings = {
    Users: [{ name: user, password }, ...users].map((each) => ({
      UserName: each.name,
      Password: each.password ?? password,
    })),
    ...(poolSize > 0 && { PoolSize: poolSize }),
  };
  return Sluice.start(database, settings, runtime);
}

/** Ends the daemon, and keeps its log, which also shows if it has ended by itself. */
async function endDaemon(sluice: Sluice, file: string): Promise<void> {
  const code = await sluice.stop();
  await writeFile(file, sluice.log.map((line) => `${JSON.stringify(line)}\n`).join(''));
  if (code !== 0) console.error(`the daemon ended with ${code ?? 'a signal'}: see ${file}`);
}

/** The result of each part, in a file each. */
async function writeResults(folder: string, parts: readonly Part[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { name, result } of parts) await writeFile(fileOf(folder, name), result, 'latin1');
}

/** The differences between the two runs, in addition to the summary. */
async function writeDifferences(output: string, route: string, summary: Summary): Promise<void> {
  for (const { name, same } of summary.parts) {
    if (same) continue;
    const files = ['direct', route].map((which) => fileOf(path.join(output, which), name));
    // diff exits with 1 if there are differences.
    const { stdout } = await promisify(execFile)('diff', ['-U3', ...files], {
      maxBuffer: 1e9,
      encoding: 'latin1',
    }).catch((error: { readonly stdout?: string }) => ({ stdout: error.stdout ?? '' }));
    await writeFile(`${fileOf(output, name)}.diff`, stdout, 'latin1');
  }
}

function fileOf(folder: string, name: string): string {
  return path.join(folder, name.replaceAll(/[^\w.-]+/g, '_').slice(0, 150));
}

const options = parseConformanceOptions(process.argv.slice(2));
if (options === 'help') console.log(help);
else {
  const summary = await conform(options);
  await writeDifferences(options.output, options.runtime, summary);
  const file = path.join(options.output, 'summary.json');
  await writeFile(file, `${JSON.stringify(summary, null, 2)}\n`);
  console.log(`${describeSummary(summary)}\nsummary: ${file}`);
}
