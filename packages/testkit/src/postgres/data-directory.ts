import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { escapeIdentifier } from 'pg';
import { giveTo } from './account.ts';
import type { Account } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';

const run = promisify(execFile);

/** Permanent properties of a new data directory. */
export interface InitOptions {
  readonly user: string;
  readonly password: string;
  readonly auth: string;
}

/** Permanent properties of a template. */
export interface TemplateOptions extends InitOptions {
  readonly database: string;
}

/** WAL segments of templates: of 16 MB, the default, the first takes a quarter of the time that a copy takes. */
const walSegmentMegabytes = 1;

/** Changes whenever templates are made differently. */
const templateFormat = 2;

/** Whether `dataDir` contains a database cluster already. */
export async function isInitialized(dataDir: string): Promise<boolean> {
  return exists(path.join(dataDir, 'PG_VERSION'));
}

/** Creates `dataDir` with initdb. The directory may exist if it is empty. */
export async function initialize(
  binaries: PostgresBinaries,
  account: Account,
  dataDir: string,
  options: InitOptions,
  more: readonly string[] = [],
): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await giveTo(account, dataDir);
  const secrets = await mkdtemp(path.join(tmpdir(), 'sluice-init-'));
  try {
    const passwordFile = path.join(secrets, 'password');
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
    await giveTo(account, secrets);
    await run(
      binaries.initdb,
      [
        `--pgdata=${dataDir}`,
        `--username=${options.user}`,
        `--pwfile=${passwordFile}`,
        `--auth=${options.auth}`,
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
        ...more,
      ],
      // initdb needs a working directory that its account can enter.
      { ...account, cwd: '/', env: { ...process.env, LC_ALL: 'C' } },
    );
  } catch (error) {
    throw new Error(`initdb failed in ${dataDir}: ${String(error)}`, { cause: error });
  } finally {
    await rm(secrets, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Creates `dataDir` as a copy of a template with the database, which initdb creates the first time. */
export async function initializeFromTemplate(
  binaries: PostgresBinaries,
  account: Account,
  dataDir: string,
  options: TemplateOptions,
  templates: string,
): Promise<void> {
  const key = JSON.stringify([templateFormat, binaries.root, account, options]);
  const template = path.join(
    templates,
    createHash('sha256').update(key).digest('hex').slice(0, 16),
  );
  if (!(await isInitialized(template))) await makeTemplate(binaries, account, template, options);
  await copyDataDirectory(template, dataDir);
}

async function makeTemplate(
  binaries: PostgresBinaries,
  account: Account,
  template: string,
  options: TemplateOptions,
): Promise<void> {
  // In a temporary directory first, because the account may be unable to reach the directory of templates.
  const draft = await mkdtemp(path.join(tmpdir(), 'sluice-template-'));
  try {
    await initialize(binaries, account, draft, options, [`--wal-segsize=${walSegmentMegabytes}`]);
    await runOnce(
      binaries,
      account,
      draft,
      options.database === 'postgres'
        ? ''
        : `CREATE DATABASE ${escapeIdentifier(options.database)}\n`,
    );
    await removeMaps(draft);
    await mkdir(path.dirname(template), { recursive: true });
    const copy = await mkdtemp(`${template}-`);
    await copyDataDirectory(draft, copy);
    // The rename is atomic: of several processes that create the same template, one wins.
    await rename(copy, template).catch(() =>
      rm(copy, { recursive: true, force: true, maxRetries: 10 }),
    );
  } finally {
    await rm(draft, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Runs SQL in a data directory that no server uses, and keeps as little WAL as PostgreSQL can. */
async function runOnce(
  binaries: PostgresBinaries,
  account: Account,
  dataDir: string,
  sql: string,
): Promise<void> {
  const leastWal = `${2 * walSegmentMegabytes}MB`;
  const settings = ['exit_on_error=on', `min_wal_size=${leastWal}`, `max_wal_size=${leastWal}`];
  const running = run(
    binaries.postgres,
    ['--single', ...settings.flatMap((setting) => ['-c', setting]), '-D', dataDir, 'postgres'],
    {
      ...account,
      cwd: '/',
      env: { ...process.env, LC_ALL: 'C' },
    },
  );
  running.child.stdin?.end(sql);
  await running;
}

/**
 * Removes the free space maps and visibility maps, which PostgreSQL creates again when it needs them, from a data
 * directory that no server uses: a quarter of its files, and of the time that a copy takes.
 */
async function removeMaps(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir, { recursive: true }))
    if (/_(?:fsm|vm)$/.test(name)) await rm(path.join(dataDir, name));
}

/** Copies a data directory with its modes, for this account. Symbolic links stay links. */
async function copyDataDirectory(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  await run('cp', ['-R', `${from}/.`, to]);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
