import { randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { canEnter, findAccount, giveTo, reachableBinaries } from './account.ts';
import type { Account } from './account.ts';
import { findBinaries } from './binaries.ts';
import type { PostgresBinaries } from './binaries.ts';
import { configurationFile, readOwner, writeConfiguration, writeOwner } from './configuration.ts';
import type { Owner } from './configuration.ts';
import { initialize, initializeFromTemplate, isInitialized } from './data-directory.ts';
import type { PostgresOptions } from './options.ts';
import { Postgres } from './postgres.ts';

/**
 * For data that is removed with its server: no wait for the disk. A crash of the server still loses nothing (the
 * operating system has the pages); only a crash of the machine does.
 */
const ephemeralParameters = {
  fsync: 'off',
  full_page_writes: 'off',
  // In the data directory, not in /dev/shm, where a killed server would leave it.
  dynamic_shared_memory_type: 'mmap',
};

/**
 * Starts a PostgreSQL server on this machine, as root or not, and resolves when it accepts connections.
 *
 * Nothing survives `stop()` or the end of this process: a guardian stops the server and removes its files even if this
 * process is killed. Data in an explicit `dataDir` is kept.
 *
 * @throws Error if the binaries are missing, initdb fails, or the server is not ready in time (with its log).
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const account = await findAccount();
  // Contains what the server needs, and the data directory, unless that is elsewhere.
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-postgres-'));
  const dataDir = path.resolve(options.dataDir ?? path.join(folder, 'data'));
  const keepData = options.keepData ?? options.dataDir !== undefined;
  const ephemeral = keepData ? [folder] : [folder, dataDir];
  let postgres: Postgres | undefined;
  try {
    // Executable for the server's account.
    await chmod(folder, 0o711);
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await giveTo(account, dataDir);
    if (!(await canEnter(account, dataDir))) {
      throw new Error(
        `PostgreSQL refuses to run as root, and the account "nobody" cannot enter ${dataDir}; ` +
          'put the data in a directory whose parent directories are accessible to all users, or run as another user',
      );
    }
    const binaries = await reachableBinaries(
      await findBinaries(options.installation),
      account,
      folder,
    );
    const { owner, hasDatabase } = await prepareData(binaries, account, dataDir, options);
    await writeConfiguration(dataDir, options, keepData ? {} : ephemeralParameters);
    await giveTo(account, dataDir);
    postgres = new Postgres({
      binaries,
      account,
      dataDir,
      ephemeral,
      ...owner,
      port: options.port ?? 0,
      socketDirectory: options.socketDirectory ?? '',
      database: options.database ?? 'postgres',
      hasTls: options.tls !== undefined,
      within: options.within ?? [],
      readyTimeoutMs: options.readyTimeoutMs ?? 30_000,
      onLog: options.onLog ?? (() => undefined),
    });
    await postgres.start(options.signal);
    if (!hasDatabase) await postgres.createDatabase();
    return postgres;
  } catch (error) {
    await postgres?.stop('immediate');
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    throw error;
  }
}

/** Creates the data directory if it does not exist. */
async function prepareData(
  binaries: PostgresBinaries,
  account: Account,
  dataDir: string,
  options: PostgresOptions,
): Promise<{ readonly owner: Owner; readonly hasDatabase: boolean }> {
  const { auth = 'scram-sha-256', templates } = options;
  const kept = await readOwner(dataDir);
  const owner = {
    user: options.user ?? kept?.user ?? 'postgres',
    password: options.password ?? kept?.password ?? randomBytes(15).toString('base64url'),
  };
  if (await isInitialized(dataDir)) {
    if (kept !== undefined && (kept.user !== owner.user || kept.password !== owner.password)) {
      throw new Error(
        `the data in ${dataDir} was created for user ${kept.user} with its own password; ` +
          'omit user and password, or use the original ones',
      );
    }
    return { owner, hasDatabase: false };
  }
  // A template contains its password, so one with a random password could be used only once.
  const hasTemplate = templates !== undefined && options.password !== undefined;
  const { database = 'postgres' } = options;
  await (hasTemplate
    ? initializeFromTemplate(binaries, account, dataDir, { ...owner, auth, database }, templates)
    : initialize(binaries, account, dataDir, { ...owner, auth }));
  await appendFile(
    path.join(dataDir, 'postgresql.conf'),
    `include_if_exists = '${configurationFile}'\n`,
  );
  await writeOwner(dataDir, owner);
  return { owner, hasDatabase: hasTemplate };
}
