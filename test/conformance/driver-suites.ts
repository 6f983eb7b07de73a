import { nodePostgresSuite } from './drivers/node-postgres.ts';
import { pgxSuite } from './drivers/pgx.ts';
import { postgresJsSuite } from './drivers/postgres-js.ts';
import { asyncpgSuite, psycopgSuite } from './drivers/python.ts';
import type { Suite } from './suite.ts';

export const driverSuites: readonly Suite[] = [
  nodePostgresSuite,
  postgresJsSuite,
  pgxSuite,
  asyncpgSuite,
  psycopgSuite,
];
