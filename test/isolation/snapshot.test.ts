import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { strangers } from './judge.ts';
import { Reference } from './reference.ts';
import { namespaced, notTemporary, readSnapshot, snapshotSql } from './snapshot.ts';
import type { Trace } from './snapshot.ts';

/** State that a session can leave: the SQL that creates it, and its row in the snapshot. */
const states: readonly (readonly [name: string, sql: string, expected: RegExp])[] = [
  ['a parameter', "SET work_mem = '33MB'", /^setting work_mem is "33MB"/],
  [
    'a parameter set by dynamic SQL',
    "DO $$ BEGIN EXECUTE 'SET work_mem = 100'; END $$",
    /work_mem/,
  ],
  ['a parameter that is not reported', 'SET session_replication_role = replica', /replica/],
  ['a custom parameter', "SET app.h = 'theirs'", /^custom app.h is "theirs"/],
  ['a custom parameter beyond ASCII', "SET app.h = 'é'", /^custom app.h/],
  ['a role', 'SET ROLE clerk', /^identity user is "clerk" and not "ann"/],
  ['a session user', 'SET SESSION AUTHORIZATION clerk', /^identity session user is "clerk"/],
  [
    'an advisory lock',
    'SELECT pg_advisory_lock(4711)',
    /^lock advisory is "ExclusiveLock 0 4711 1"/,
  ],
  ['a shared advisory lock', 'SELECT pg_advisory_lock_shared(1, 2)', /ShareLock 1 2 2/],
  ['a temporary table', 'CREATE TEMP TABLE own (v int)', /^temporary pg_class own/],
  ['a temporary view', 'CREATE TEMP VIEW own AS SELECT 1', /^temporary pg_class own/],
  [
    'a table by search_path',
    'SET search_path = pg_temp; CREATE TABLE own (); RESET search_path',
    /pg_class own/,
  ],
  ['a temporary type', "CREATE TYPE pg_temp.own AS ENUM ('a')", /^temporary pg_type own/],
  [
    'a temporary function',
    'CREATE FUNCTION pg_temp.own() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    /^temporary pg_proc own/,
  ],
  [
    'a temporary operator',
    'CREATE OPERATOR pg_temp.=== (leftarg = int, rightarg = int, procedure = int4eq)',
    /^temporary pg_operator ===/,
  ],
  [
    'a temporary operator family',
    'CREATE OPERATOR FAMILY pg_temp.own USING btree',
    /^temporary pg_opfamily own/,
  ],
  [
    'a temporary operator class',
    'CREATE OPERATOR CLASS pg_temp.own FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 1 hashint4(int)',
    /^temporary pg_opclass own/,
  ],
  ['a temporary collation', 'CREATE COLLATION pg_temp.own FROM "C"', /^temporary pg_collation own/],
  [
    'a temporary conversion',
    "CREATE CONVERSION pg_temp.own FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    /^temporary pg_conversion own/,
  ],
  [
    'a temporary dictionary',
    'CREATE TEXT SEARCH DICTIONARY pg_temp.own (template = simple)',
    /^temporary pg_ts_dict own/,
  ],
  [
    'a temporary configuration',
    'CREATE TEXT SEARCH CONFIGURATION pg_temp.own (copy = simple)',
    /^temporary pg_ts_config own/,
  ],
  [
    'a temporary parser',
    'CREATE TEXT SEARCH PARSER pg_temp.own (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)',
    /^temporary pg_ts_parser own/,
  ],
  [
    'a temporary template',
    'CREATE TEXT SEARCH TEMPLATE pg_temp.own (init = dsimple_init, lexize = dsimple_lexize)',
    /^temporary pg_ts_template own/,
  ],
  [
    'temporary statistics',
    'CREATE TEMP TABLE t (a int, b int); CREATE STATISTICS pg_temp.own ON a, b FROM t',
    /temporary pg_statistic_ext own/,
  ],
  [
    'a temporary constraint',
    'CREATE TEMP TABLE t (a int CONSTRAINT own CHECK (a > 0))',
    /temporary pg_constraint own/,
  ],
  ['a statement of PREPARE', 'PREPARE own AS SELECT 1', /^prepared own/],
  ['a cursor WITH HOLD', 'DECLARE own CURSOR WITH HOLD FOR SELECT 1', /^cursor own/],
  ['a channel', 'LISTEN news', /^channel news/],
];

suite('the snapshot of a server process', () => {
  let server: Postgres;
  let reference: Reference;
  before(async () => {
    server = await startDatabase();
    await server.query('CREATE ROLE clerk; CREATE SCHEMA ev');
    await server.query(`CREATE FUNCTION ev.no(oid, oid) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
      CREATE OPERATOR ev.= (leftarg = oid, rightarg = oid, function = ev.no)`);
    reference = await Reference.open(server, server.database);
  });
  after(() => server.stop('immediate'));

  async function snapshotOf(client: RawClient): Promise<Trace[]> {
    return readSnapshot(await client.rows(snapshotSql(reference.options, server.database)));
  }

  async function strangersAfter(sql: string): Promise<string[]> {
    const [used, fresh] = [
      await RawClient.login(addressOf(server)),
      await RawClient.login(addressOf(server)),
    ];
    try {
      await used.rows(sql);
      const nothing = { names: [], channels: [] };
      return strangers(await snapshotOf(used), await snapshotOf(fresh), nothing);
    } finally {
      await Promise.all([used.end(), fresh.end()]);
    }
  }

  test('finds no state on a new connection', async () => {
    assert.deepEqual(await strangersAfter('SELECT 1'), []);
  });

  for (const [name, sql, expected] of states) {
    test(`finds ${name}`, async () => {
      const found = await strangersAfter(sql);
      assert(
        found.some((one) => expected.test(one)),
        `it shows: ${found.join('; ') || 'nothing'}`,
      );
    });
  }

  test("is not affected by the session's parameters", async () => {
    for (const sql of [
      'CREATE TEMP TABLE own (v int); SET search_path = ev, pg_catalog',
      "CREATE TEMP TABLE own (v int); SET client_encoding = 'EUC_JP'; SET standard_conforming_strings = off",
      'CREATE TEMP TABLE own (v int); SET ROLE clerk; SET default_transaction_read_only = on',
    ]) {
      const found = await strangersAfter(sql);
      assert(
        found.some((one) => one.startsWith('temporary pg_class own')),
        `${sql}: ${found.join('; ')}`,
      );
    }
  });

  test('a seed predicts random()', async () => {
    const client = await RawClient.login(addressOf(server));
    await client.rows('SELECT setseed(0.42)');
    const draws = (await snapshotOf(client)).filter(({ kind }) => kind === 'random');
    assert.equal(draws.length, 3);
    assert(draws.every(({ value }) => reference.foretold.includes(value)));
    await client.end();
  });

  test('servers that can list their libraries report a loaded library', async (t) => {
    if (reference.options.version < 180_000) return t.skip('PostgreSQL 18 is the first that tells');
    assert.match((await strangersAfter("LOAD 'auto_explain'")).join('; '), /library auto_explain/);
  });

  test('reports a connection that dblink has opened', async () => {
    await server.query('CREATE EXTENSION IF NOT EXISTS dblink');
    const { options } = await Reference.open(server, server.database);
    const client = await RawClient.login(addressOf(server));
    await client.rows(
      `SELECT dblink_connect('own', 'host=${server.host} port=${server.port} user=ann password=''${server.password}'' dbname=shop')`,
    );
    const found = readSnapshot(await client.rows(snapshotSql(options, server.database)));
    assert.equal(found.find(({ kind }) => kind === 'link')?.value, '{own}');
    await client.end();
  });

  test('knows every catalog whose objects are in schemas', async () => {
    const rows = await server.query<{ readonly name: string }>(
      `SELECT DISTINCT fktable::regclass::text AS name FROM pg_get_catalog_foreign_keys()
       WHERE pktable = 'pg_namespace'::regclass ORDER BY name`,
    );
    const known = [...namespaced.map(([table]) => table), ...notTemporary].sort();
    assert.deepEqual(
      rows.map(({ name }) => name),
      known,
    );
  });
});

function addressOf({ host, port, user, password, database }: Postgres): {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
} {
  return { host, port, user, password, database };
}
