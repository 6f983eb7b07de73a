import path from 'node:path';
import { startPostgres } from '@sluice/testkit';
import type { Postgres, PostgresOptions } from '@sluice/testkit';

const cache = path.resolve(import.meta.dirname, '../../.cache');

/** The major version of PostgreSQL to test, from `npm run test:versions`; by default the one that npm installed. */
const version = process.env['SLUICE_TEST_POSTGRES'];

/** No processes and no memory that tests do not need; without them a start takes half the CPU time. */
export const frugal: Readonly<Record<string, string>> = {
  autovacuum: 'off',
  max_logical_replication_workers: '0',
  shared_buffers: '16MB',
  // Three processes fewer than by default. PostgreSQL 18 is the first to have it.
  ...(version === undefined && { io_method: 'sync' }),
};

/** Starts a database for tests: known credentials, and a data directory copied from a template. */
export function startDatabase(options: PostgresOptions = {}): Promise<Postgres> {
  return startPostgres({
    user: 'ann',
    password: 'correct horse',
    database: 'shop',
    templates: path.join(cache, 'postgres-templates'),
    ...(version !== undefined && {
      installation: path.join(cache, `postgres-${version}`, 'index.js'),
    }),
    ...options,
    parameters: { ...frugal, ...options.parameters },
  });
}
