import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import {
  expressionColumns,
  functionColumns,
  since,
} from '../../packages/proxy/src/stored-code/stored-code-sql.ts';
import type { CodeColumn } from '../../packages/proxy/src/stored-code/stored-code-sql.ts';
import { startDatabase } from '../helpers/database.ts';

/*
 * Sluice finds the code that PostgreSQL may run for a statement with two lists of catalog columns. This test fails for
 * a version of PostgreSQL that has a column on neither list: `npm run test:versions` runs it on each.
 */

const nameOf = ({ table, column }: CodeColumn): string => `${table}.${column}`;

suite('the lists of catalog columns with code', () => {
  let database: Postgres;
  let version: number;

  before(async () => {
    database = await startDatabase();
    const [row] = await database.query("SELECT current_setting('server_version_num')::int AS v");
    version = Math.trunc(Number(row?.['v']) / 10_000);
  });
  after(() => database.stop());

  const listed = (columns: readonly CodeColumn[]): string[] =>
    columns
      .map(nameOf)
      .filter((name) => (since.get(name) ?? 0) <= version)
      .sort();

  async function names(sql: string): Promise<string[]> {
    const rows = await database.query(sql);
    return rows.map((row) => String(row['name'])).sort();
  }

  test('have every column that refers to a function', async () => {
    // A column of type regproc, or one that refers to pg_proc according to PostgreSQL.
    const found = await names(`
      SELECT DISTINCT name FROM (
        SELECT c.relname || '.' || a.attname AS name
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relkind = 'r' AND c.relnamespace = 'pg_catalog'::regnamespace AND a.attnum > 0
          AND a.atttypid IN ('regproc'::regtype, 'regprocedure'::regtype, 'regproc[]'::regtype)
        UNION ALL
        SELECT fktable::text || '.' || unnest(fkcols) FROM pg_get_catalog_foreign_keys() WHERE pktable = 'pg_proc'::regclass
      ) columns`);
    assert.deepEqual(found, listed(functionColumns));
  });

  test('have every column that contains an expression', async () => {
    const found = await names(`
      SELECT c.relname || '.' || a.attname AS name
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.relkind = 'r' AND c.relnamespace = 'pg_catalog'::regnamespace AND a.attnum > 0
        AND a.atttypid = 'pg_node_tree'::regtype`);
    assert.deepEqual(found, listed(expressionColumns));
  });
});
