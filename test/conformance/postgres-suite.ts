import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, mkdir, open, readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Address } from '../helpers/raw-client.ts';
import type { Part, PreparedSuite, RunPlace, Suite } from './suite.ts';

/** No part of the suite takes this long; a hanging one is killed and reported. */
const patienceMs = 600_000;

/** PostgreSQL's regression suite, run with psql as pg_regress runs it on an existing installation. */
export const postgresSuite: Suite = {
  name: 'postgres',
  async prepare(source): Promise<PreparedSuite> {
    const root = path.resolve(source);
    const regress = path.join(root, 'src/test/regress');
    const groups = parseSchedule(
      await readFile(path.join(regress, 'parallel_schedule'), 'utf8').catch((error: unknown) => {
        throw new Error(`${root} is no source tree of PostgreSQL: it has no parallel_schedule`, {
          cause: error,
        });
      }),
    );
    const built = path.join(root, 'src/bin/psql/psql');
    const psql = (await isExecutable(built)) ? built : 'psql';
    const libraries = path.join(root, 'src/interfaces/libpq');
    return {
      version: await versionOf(root),
      run: (place) => runSchedule({ regress, groups, psql, libraries }, place),
    };
  },
};

interface Schedule {
  readonly regress: string;
  readonly groups: readonly (readonly string[])[];
  readonly psql: string;
  /** The folder in which the psql of the source tree finds its libpq. */
  readonly libraries: string;
}

/** Each line `test: a b c` is a group whose files run concurrently. */
export function parseSchedule(text: string): string[][] {
  return [...text.matchAll(/^test:\s*(.+)$/gm)].map(([, names = '']) => names.trim().split(/\s+/));
}

async function versionOf(root: string): Promise<string> {
  const meson = await readFile(path.join(root, 'meson.build'), 'utf8').catch(() => '');
  return /version: '([^']+)'/.exec(meson)?.[1] ?? 'unknown';
}

async function runSchedule(schedule: Schedule, place: RunPlace): Promise<Part[]> {
  const results = path.join(place.folder, 'results');
  await mkdir(results, { recursive: true });
  // Scripts write files with COPY TO, as the account of the server.
  for (const folder of [place.folder, results]) await chmod(folder, 0o777);
  await makeDatabase(schedule, place);

  const parts: Part[] = [];
  for (const group of schedule.groups) {
    const wanted = group.filter((name) => isWanted(name, place.only));
    if (wanted.length === 0) continue;
    place.progress(wanted.join(' '));
    parts.push(...(await Promise.all(wanted.map((name) => runFile(schedule, place, name)))));
  }
  return parts;
}

function isWanted(name: string, only: readonly string[]): boolean {
  return only.length === 0 || name === 'test_setup' || only.includes(name);
}

/** Creates the database as `create_database` of pg_regress does. */
async function makeDatabase(schedule: Schedule, place: RunPlace): Promise<void> {
  const settings = {
    lc_messages: 'C',
    lc_monetary: 'C',
    lc_numeric: 'C',
    lc_time: 'C',
    bytea_output: 'hex',
    timezone_abbreviations: 'Default',
  };
  const statements = [
    'CREATE DATABASE "regression" TEMPLATE=template0',
    ...Object.entries(settings).map(
      ([name, value]) => `ALTER DATABASE "regression" SET ${name} TO '${value}'`,
    ),
  ];
  const log = path.join(place.folder, 'database.out');
  const code = await runPsql(schedule, place, {
    database: 'postgres',
    args: statements.flatMap((text) => ['-c', text]),
    output: log,
    application: 'pg_regress',
  });
  if (code !== 0) throw new Error(`the database was not made: ${await readFile(log, 'utf8')}`);
}

async function runFile(schedule: Schedule, place: RunPlace, name: string): Promise<Part> {
  const output = path.join(place.folder, 'results', `${name}.out`);
  const began = performance.now();
  await runPsql(schedule, place, {
    database: 'regression',
    args: ['-a', '-q', '-v', 'HIDE_TABLEAM=on', '-v', 'HIDE_TOAST_COMPRESSION=on'],
    input: path.join(schedule.regress, 'sql', `${name}.sql`),
    output,
    application: `pg_regress/${name}`,
  });
  const seconds = (performance.now() - began) / 1000;
  const result = withoutPlace(await readFile(output, 'latin1'), place);
  const expected = await expectedResults(schedule.regress, name);
  return { name, result, passed: expected.includes(result), seconds };
}

/** Removes ports and folders, which differ between runs. */
function withoutPlace(text: string, { address, folder }: RunPlace): string {
  return text.replaceAll(String(address.port), 'PORT').replaceAll(folder, 'FOLDER');
}

/** The accepted results: `name.out`, `name_1.out` and so on. */
async function expectedResults(regress: string, name: string): Promise<string[]> {
  const folder = path.join(regress, 'expected');
  const files = await readdir(folder);
  const accepted = files.filter(
    (file) => file === `${name}.out` || new RegExp(`^${name}_\\d\\.out$`).test(file),
  );
  return Promise.all(accepted.map((file) => readFile(path.join(folder, file), 'latin1')));
}

async function runPsql(
  schedule: Schedule,
  { address, folder }: { readonly address: Address; readonly folder: string },
  call: {
    readonly database: string;
    readonly args: readonly string[];
    readonly input?: string;
    readonly output: string;
    readonly application: string;
  },
): Promise<number | null> {
  const input = call.input === undefined ? null : await open(call.input);
  const output = await open(call.output, 'w');
  try {
    const child = spawn(schedule.psql, ['-X', ...call.args, '-d', call.database], {
      cwd: folder,
      stdio: [input?.fd ?? 'ignore', output.fd, output.fd],
      env: {
        ...cleanEnvironment(),
        LD_LIBRARY_PATH: schedule.libraries,
        PGHOST: address.host,
        PGPORT: String(address.port),
        PGUSER: address.user,
        PGPASSWORD: address.password,
        PGAPPNAME: call.application,
        PGTZ: 'America/Los_Angeles',
        PGDATESTYLE: 'Postgres, MDY',
        PGOPTIONS: '-c intervalstyle=postgres_verbose',
        LC_MESSAGES: 'C',
        PG_ABS_SRCDIR: schedule.regress,
        PG_ABS_BUILDDIR: folder,
        PG_LIBDIR: schedule.regress,
        PG_DLSUFFIX: '.so',
      },
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    clearTimeout(timer);
    if (child.signalCode !== null) await output.write(`\nended after ${patienceMs / 1000} s\n`);
    return code;
  } finally {
    await input?.close();
    await output.close();
  }
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name)),
  );
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
