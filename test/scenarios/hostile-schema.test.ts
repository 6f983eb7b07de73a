import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';

/** Operators that a schema before pg_catalog redefines, with types of the catalog. */
const types = ['oid', 'int4', 'text', 'name', 'bool', 'char'];
const operators = ['=', '<>', '~~', '!~~', '||', '-'];
/** Functions that the proxy calls by name. */
const functions = [
  'set_config(text, text, boolean)',
  'current_setting(text)',
  'current_setting(text, boolean)',
  'lower(text)',
  'pg_my_temp_schema()',
  'pg_backend_pid()',
  'encode(bytea, text)',
  'convert_to(text, name)',
  'getdatabaseencoding()',
];

const setup = [
  'DROP SCHEMA IF EXISTS ev CASCADE',
  'CREATE SCHEMA ev',
  ...types.map(
    (type) =>
      `CREATE FUNCTION ev.no("${type}", "${type}") RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false'`,
  ),
  ...types.flatMap((type) =>
    operators.map(
      (operator) =>
        `CREATE OPERATOR ev.${operator} (LEFTARG = "${type}", RIGHTARG = "${type}", FUNCTION = ev.no)`,
    ),
  ),
  ...functions.map(
    (signature) =>
      `CREATE FUNCTION ev.${signature} RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$`,
  ),
  'CREATE VIEW ev.pg_settings AS SELECT NULL::text AS name, NULL::text AS setting, NULL::text AS source WHERE false',
  'CREATE VIEW ev.pg_locks AS SELECT NULL::text AS locktype, 0 AS pid WHERE false',
  'CREATE VIEW ev.pg_class AS SELECT 0::oid AS relnamespace WHERE false',
].join(';');

const options = { settings: { PoolSize: 2 }, sample: onOneRuntime };

onEachRoute('a schema before pg_catalog', options, (route) => {
  before(() => route().database.query(setup));

  test('hides no temporary object', async (t) => {
    const [a, b] = [await route().login(t), await route().login(t)];
    await a.query('SET search_path = ev, pg_catalog');
    await a.query("CREATE TEMP TABLE mine AS SELECT 'secret' AS v");
    for (let turn = 0; turn < 5; turn++) {
      await assert.rejects(b.value('SELECT v FROM mine'), { code: '42P01' });
      assert.equal(await a.value('SELECT v FROM mine'), 'secret');
    }
  });

  test('hides no advisory lock', async (t) => {
    const [a, b] = [await route().login(t), await route().login(t)];
    for (const client of [a, b]) await client.query('SET search_path = ev, pg_catalog');
    assert.equal(await a.value('SELECT pg_try_advisory_lock(77)'), 't');
    for (let turn = 0; turn < 5; turn++)
      assert.equal(await b.value('SELECT pg_try_advisory_lock(77)'), 'f');
    await a.query('SELECT pg_advisory_unlock(77)');
  });

  test('hides no cursor and no prepared statement', async (t) => {
    const [a, b] = [await route().login(t), await route().login(t)];
    await a.query('SET search_path = ev, pg_catalog');
    await a.query('DECLARE mine CURSOR WITH HOLD FOR SELECT 1');
    await a.query("DO $$ BEGIN EXECUTE 'PREPARE own AS SELECT 2'; END $$");
    for (let turn = 0; turn < 3; turn++) {
      await assert.rejects(b.value('FETCH mine'), { code: '34000' });
      await assert.rejects(b.value('EXECUTE own'), { code: '26000' });
    }
    assert.equal(await a.value('EXECUTE own'), '2');
  });

  test('parameters are read and restored all the same', async (t) => {
    const start = { parameters: { options: '-c search_path=ev,pg_catalog -c work_mem=5MB' } };
    const [a, b] = [await route().login(t, start), await route().login(t)];
    for (const [text, value] of [
      ["SET work_mem = '7MB'", '7MB'],
      ['RESET work_mem', '5MB'],
      ["SELECT pg_catalog.set_config('work_mem', '8MB', false)", '8MB'],
      ['DO $$ BEGIN RESET work_mem; END $$', '5MB'],
      ["SET work_mem = '9MB'", '9MB'],
      ['RESET ALL', '5MB'],
      ['DISCARD ALL', '5MB'],
    ] as const) {
      await a.query(text);
      assert.equal(await b.value('SHOW work_mem'), '4MB', text);
      assert.equal(await a.value('SHOW work_mem'), value, text);
      assert.equal(await b.value('SELECT 1'), '1');
      assert.equal(await a.value('SHOW work_mem'), value, text);
    }
  });
});
