import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate } from '@sluice/testkit';
import type { BenchRun } from './bench-run.ts';
import { startDatabase } from './database.ts';
import type { BenchDatabase } from './database.ts';

const poolSize = 16;

/** The database, and the setup of the targets. */
export interface Stage extends Pick<BenchRun, 'setup' | 'socketDirectory'> {
  /** PostgreSQL's version. */
  readonly version: string;
}

/** Starts a database for `work`, and removes everything afterwards. */
export async function withStage<T>(
  scramIterations: number,
  signal: AbortSignal,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-bench-'));
  let database: BenchDatabase | undefined;
  try {
    // Accessible to the account that PgBouncer has to use if this runs as root.
    await chmod(folder, 0o755);
    const socketDirectory = path.join(folder, 'sockets');
    await mkdir(socketDirectory);
    // PostgreSQL and PgBouncer, which run as another account, create their sockets there.
    await chmod(socketDirectory, 0o777);
    const certificate = await makeCertificate();
    const files = await writeCertificate(folder, certificate);
    database = await startDatabase(certificate, socketDirectory, scramIterations, signal);
    const { postgres, verifier, version } = database;
    const setup = { postgres, verifier, folder, poolSize, maxClients: 20_000, ...files };
    return await work({ setup, socketDirectory, version });
  } finally {
    await database?.postgres.stop();
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
