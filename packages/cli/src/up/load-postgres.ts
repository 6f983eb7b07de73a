import { loadCompanion, postgresCompanion } from '../companion.ts';

/** Loads the package with PostgreSQL; if it is missing, the error contains the command that installs it. */
export function loadPostgres(): Promise<typeof import('@sluice/postgres')> {
  return loadCompanion(postgresCompanion, '@sluice/postgres', () => import('@sluice/postgres'));
}
