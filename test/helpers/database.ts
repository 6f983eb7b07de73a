import path from 'node:path';
import { startPostgres } from '@sluice/testkit';
import type { Postgres, PostgresOptions } from '@sluice/testkit';

const cache = path.resolve(import.meta.dirname, '../../.cache');

/** A major version of PostgreSQL to test with, from `npm run test:versions`; otherwise the one that npm installed. */
const version = process.env['SLUICE_TEST_POSTGRES'];

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
  });
}
