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
 * The closure over the code that PostgreSQL may run for a statement rests on two lists of catalogue columns. A version of
 * PostgreSQL with a column that is on neither must not pass: `npm run test:versions` runs this on each.
 */

const nameOf = ({ table, column }: CodeColumn): string => `${table}.${column}`;

suite('the lists of catalogue columns with code', () => {
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

  test('have every column that names a function', async () => {
    // A column of regproc, or one of which PostgreSQL itself says that it refers to pg_proc.
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

  test('have every column that holds an expression', async () => {
    const found = await names(`
      SELECT c.relname || '.' || a.attname AS name
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.relkind = 'r' AND c.relnamespace = 'pg_catalog'::regnamespace AND a.attnum > 0
        AND a.atttypid = 'pg_node_tree'::regtype`);
    assert.deepEqual(found, listed(expressionColumns));
  });
});
