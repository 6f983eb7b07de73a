import { loadCompanion, postgresCompanion } from '../companion.ts';

/** Loads the package that holds PostgreSQL; tells how to install it when it is not there. */
export function loadPostgres(): Promise<typeof import('@sluice/postgres')> {
  return loadCompanion(postgresCompanion, '@sluice/postgres', () => import('@sluice/postgres'));
}
