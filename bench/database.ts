import { startPostgres } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { fillTables } from './pgbench.ts';

/** pgbench's scale: 150 MB, which fits into the shared buffers. */
const scale = 10;

/** The same for all targets, and such that the database is not the bottleneck: no disk, no background work. */
const parameters = {
  shared_buffers: '256MB',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  autovacuum: 'off',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
};

/**
 * The side effects of this function are unproven: after a call, the server connection is reset for the next session.
 */
const dynamicFunction = `CREATE FUNCTION balance_of(account int) RETURNS int STABLE LANGUAGE plpgsql AS $$
  DECLARE balance int;
  BEGIN
    EXECUTE 'SELECT abalance FROM pgbench_accounts WHERE aid = $1' INTO balance USING account;
    RETURN balance;
  END $$`;

/** The database of all measurements. */
export interface BenchDatabase {
  readonly postgres: Postgres;
  /** PostgreSQL's version. */
  readonly version: string;
  /** The user's password as the database stores it (`rolpassword` in `pg_authid`). */
  readonly verifier: string;
}

/** Starts PostgreSQL with and without TLS on one port, and on a Unix socket, and fills pgbench's tables. */
export async function startDatabase(
  { cert, key }: Certificate,
  socketDirectory: string,
  scramIterations: number,
  signal: AbortSignal,
): Promise<BenchDatabase> {
  const postgres = await startPostgres({
    maxConnections: 300,
    socketDirectory,
    hba: ['local all all', 'host all all 127.0.0.1/32']
      .map((rule) => `${rule} scram-sha-256\n`)
      .join(''),
    parameters,
    tls: { cert, key },
    signal,
  });
  try {
    await fillTables(postgres, scale);
    await postgres.query(dynamicFunction);
    const verifier = await setVerifier(postgres, scramIterations);
    const [row] = await postgres.query<{ server_version: string }>('SHOW server_version');
    return { postgres, verifier, version: row?.server_version ?? 'unknown' };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/** Makes the database store the user's password in a new form, which it returns. */
async function setVerifier(postgres: Postgres, iterations: number): Promise<string> {
  const { user, password } = postgres;
  await postgres.query(
    `SET scram_iterations = ${iterations}; ALTER USER ${escapeIdentifier(user)} PASSWORD ${escapeLiteral(password)}`,
  );
  const [row] = await postgres.query<{ rolpassword: string }>(
    'SELECT rolpassword FROM pg_authid WHERE rolname = $1',
    [user],
  );
  if (row === undefined) throw new Error(`the database has no user ${user}`);
  return row.rolpassword;
}
