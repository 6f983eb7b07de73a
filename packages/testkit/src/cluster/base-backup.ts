import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { Account } from '../postgres/account.ts';
import { giveTo } from '../postgres/account.ts';
import type { Postgres } from '../postgres/postgres.ts';

const run = promisify(execFile);

/**
 * Copies the data of a running server to `to`, like pg_basebackup, which the embedded PostgreSQL does not include
 * (manual, "Making a Base Backup Using the Low Level API").
 */
export async function copyRunning(from: Postgres, account: Account, to: string): Promise<void> {
  const client = new Client({ connectionString: from.url });
  await client.connect();
  try {
    await client.query("SELECT pg_backup_start('standby', fast => true)");
    await run('cp', ['-Rp', `${from.dataDir}/.`, to]).catch((error: unknown) => {
      // Files may disappear during the copy; a standby replays what it needs of them.
      const { stderr = '' } = error instanceof Error && 'stderr' in error ? error : {};
      const lines = String(stderr).trim().split('\n');
      if (!lines.every((line) => line.includes('No such file or directory'))) throw error;
    });
    const { rows } = await client.query<{ labelfile: string }>(
      'SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)',
    );
    await rm(path.join(to, 'postmaster.pid'), { force: true });
    await writeFile(path.join(to, 'backup_label'), rows[0]?.labelfile ?? '');
    await giveTo(account, to);
  } finally {
    await client.end();
  }
}
