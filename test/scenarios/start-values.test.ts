import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { sampleOf } from '../helpers/extent.ts';
import * as m from '../helpers/messages.ts';
import { eventually, onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import { play } from '../helpers/twin.ts';
import type { Script } from '../helpers/twin.ts';

/** A statement in the extended protocol, without Sync. */
const extended = (text: string, ...values: (string | null)[]): Buffer =>
  Buffer.concat([m.parse('', text), m.bind('', values), m.execute()]);

const q = m.query;
const start = {
  application_name: 'till 7',
  DateStyle: 'SQL, DMY',
  timezone: 'Asia/Tokyo',
  options: '-c search_path=tenant_a,public -c work_mem=5000 -c app.tenant=a',
  role: 'tenant',
};
const seen = q(
  `SELECT v, current_setting('work_mem'), current_setting('search_path'), current_setting('TimeZone'),
   current_setting('datestyle'), current_setting('app.tenant'), current_setting('application_name'), current_user FROM t`,
);
const changed = q(
  `SET work_mem = '9MB'; SET search_path = public; SET timezone = 'UTC'; SET datestyle = 'ISO'; SET app.tenant = 'b';
   SET application_name = 'other'; RESET ROLE`,
);

/** Ways to reset, whose effect the next statement must see. */
const resets: Readonly<Record<string, string>> = {
  'RESET one': 'RESET work_mem',
  'RESET search_path': 'RESET search_path',
  'RESET ALL': 'RESET ALL',
  'SET TO DEFAULT': 'SET work_mem TO DEFAULT',
  'SET SESSION TO DEFAULT': 'SET SESSION search_path = DEFAULT',
  'SET LOCAL TO DEFAULT': 'SET LOCAL work_mem TO DEFAULT',
  'SET TIME ZONE DEFAULT': 'SET TIME ZONE DEFAULT',
  'SET TIME ZONE LOCAL': 'SET TIME ZONE LOCAL',
  'SET LOCAL TIME ZONE LOCAL': 'SET LOCAL TIME ZONE LOCAL',
  'RESET TIME ZONE': 'RESET TIME ZONE',
  'RESET DateStyle': 'RESET "DateStyle"',
  'RESET of a custom parameter': 'RESET app.tenant',
  'RESET ROLE': 'RESET ROLE',
  'SET ROLE NONE': 'SET ROLE NONE',
  'SET ROLE DEFAULT': 'SET role TO DEFAULT',
  'RESET SESSION AUTHORIZATION': 'RESET SESSION AUTHORIZATION',
  'SET SESSION AUTHORIZATION DEFAULT': 'SET SESSION AUTHORIZATION DEFAULT',
  'SET LOCAL SESSION AUTHORIZATION DEFAULT': 'SET LOCAL SESSION AUTHORIZATION DEFAULT',
  'set_config NULL': "SELECT set_config('work_mem', NULL, false) IS NULL",
  'set_config NULL, local': "SELECT set_config('search_path', NULL, true) IS NULL",
  'set_config NULL, cast':
    "SELECT length(set_config('search_path'::text, NULL::text, false)) > 0, 1",
  'set_config of an expression': "SELECT set_config('work_mem', nullif('x', 'x'), false) IS NULL",
  'set_config of a name that the text does not contain':
    "SELECT set_config('work' || '_mem', NULL, false) IS NULL",
  'set_config in FROM': "SELECT count(*) FROM set_config('timezone', NULL, false)",
  'set_config in WITH':
    "WITH c AS (SELECT set_config('search_path', NULL, false) AS v) SELECT length(v) > 0 FROM c",
  'SET NAMES DEFAULT': 'SET NAMES DEFAULT',
  'a block': 'DO $$ BEGIN RESET work_mem; RESET search_path; END $$',
  'a comment at the end': 'RESET ALL -- thank you',
  'two of them': 'RESET work_mem; RESET search_path',
};
/** These must be in a separate cycle. */
const alone: Readonly<Record<string, string>> = {
  'DISCARD ALL': 'DISCARD ALL',
  'DISCARD ALL with a semicolon': ' discard all ; ',
  'a block that commits': 'DO $$ BEGIN RESET work_mem; COMMIT; END $$',
  'a procedure': 'CALL forget_all()',
};

/** These must be in a separate cycle: PostgreSQL reports the reset value before it is set again. */
const mayCommit = /^(?:a procedure|a block that commits)/;

function withoutReports(answers: readonly string[][]): string[][] {
  return answers.map((lines) => lines.filter((line) => !line.startsWith('S ')));
}

function scripts(): Map<string, Script> {
  const all = new Map<string, Script>();
  const add = (name: string, ...steps: readonly Buffer[]): void => {
    all.set(name, { parameters: start, steps: [changed, ...steps, seen, seen] });
  };
  for (const [name, text] of Object.entries({ ...resets, ...alone })) {
    add(name, q(text));
    add(`${name}, at once behind it`, Buffer.concat([q(text), seen]));
    if (!text.includes('; RESET')) {
      add(`${name}, extended`, Buffer.concat([extended(text), m.sync]));
      const last = extended("SELECT v, current_setting('work_mem'), current_user FROM t");
      add(`${name}, extended, in one group`, Buffer.concat([extended(text), last, m.sync]));
      const named = Buffer.concat([m.parse('r', text), m.sync]);
      const run = Buffer.concat([m.bind('r', [], { portal: 'p' }), m.execute('p'), m.sync]);
      add(`${name}, prepared before`, named, q('SELECT 1'), run);
    }
  }
  for (const [name, text] of Object.entries(resets)) {
    const look =
      "SELECT v, current_setting('work_mem'), current_setting('search_path'), current_user FROM t";
    add(`${name}, in one text`, q(`SELECT 1; ${text}\n; ${look}; SELECT 2`));
    add(`${name}, in a transaction`, q('BEGIN'), q(text), seen, q('COMMIT'));
    add(`${name}, rolled back`, q('BEGIN'), q(text), seen, q('ROLLBACK'));
    add(
      `${name}, to a savepoint`,
      q('BEGIN; SAVEPOINT s'),
      q(text),
      q('ROLLBACK TO s'),
      seen,
      q('COMMIT'),
    );
    add(`${name}, with an error behind it`, q(`${text}\n; SELECT v FROM t; SELECT nobody FROM t`));
    add(`${name}, with an error before it`, q(`SELECT nobody FROM t; ${text}`));
    add(`${name}, in a failed transaction`, q('BEGIN; SELECT 1/0'), q(text), q('ROLLBACK'));
    add(`${name}, pinned`, q('CREATE TEMP TABLE p (v int)'), q(text), seen, q('DROP TABLE p'));
  }
  add(
    'EXECUTE',
    q("PREPARE e AS SELECT set_config('search_path', NULL, false) IS NULL"),
    q('EXECUTE e'),
  );
  add(
    'EXECUTE in one text',
    q(
      "PREPARE e AS SELECT set_config('search_path', NULL, false) IS NULL; EXECUTE e; SELECT v FROM t",
    ),
  );
  add(
    'EXECUTE with a value',
    q('PREPARE e(text) AS SELECT set_config($$work_mem$$, $1, false) IS NULL'),
    q('EXECUTE e(NULL)'),
  );
  for (const value of [null, '7MB'])
    add(
      `set_config with $1 ${value ?? 'NULL'}`,
      Buffer.concat([extended("SELECT set_config('work_mem', $1, false) IS NULL", value), m.sync]),
    );
  add('DISCARD ALL in a transaction', q('BEGIN'), q('DISCARD ALL'), q('ROLLBACK'));
  add('DISCARD ALL in a text', q('SELECT 1; DISCARD ALL'));
  add(
    'DISCARD ALL behind a BEGIN on its way',
    Buffer.concat([q('BEGIN'), q('DISCARD ALL'), q('ROLLBACK')]),
  );
  add(
    'SET LOCAL behind a BEGIN on its way',
    Buffer.concat([q('BEGIN'), q('SET LOCAL work_mem TO DEFAULT'), seen, q('COMMIT')]),
  );
  add(
    'isolation levels after a reset',
    q(
      'BEGIN; RESET work_mem; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SHOW transaction_isolation; COMMIT',
    ),
  );
  add(
    'the reset of an asyncpg pool',
    q('SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;'),
  );
  add(
    'the reset of Npgsql',
    q(
      'SET SESSION AUTHORIZATION DEFAULT;RESET ALL;CLOSE ALL;UNLISTEN *;SELECT pg_advisory_unlock_all();DISCARD SEQUENCES;DISCARD TEMP',
    ),
  );
  add(
    'positions in errors count the characters of the client',
    q("RESET ALL; SELECT 'é', nobody FROM t"),
  );
  add('COPY behind a reset', Buffer.concat([q('RESET ALL; COPY t TO STDOUT; RESET work_mem')]));
  return all;
}

const options = {
  settings: { PoolSize: 2 },
  routes: ['node', 'bun'],
  sample: onOneRuntime,
} as const;

onEachRoute('start values', options, (route) => {
  before(async () => {
    await route().database.query(`
      DROP SCHEMA IF EXISTS tenant_a CASCADE;
      DROP TABLE IF EXISTS public.t;
      DROP ROLE IF EXISTS tenant;
      CREATE ROLE tenant;
      CREATE SCHEMA tenant_a;
      CREATE TABLE tenant_a.t AS SELECT 'a' AS v;
      CREATE TABLE public.t AS SELECT 'public' AS v;
      CREATE OR REPLACE FUNCTION public.forget() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RESET work_mem; RESET search_path; RETURN 1; END $$;
      CREATE OR REPLACE PROCEDURE public.forget_all() LANGUAGE plpgsql AS $$ BEGIN RESET work_mem; RESET search_path; RESET timezone; COMMIT; END $$;
      GRANT USAGE ON SCHEMA tenant_a TO tenant;
      GRANT SELECT ON tenant_a.t, public.t TO tenant;
    `);
  });

  test('a known function', async () => {
    const { host, port } = route().database;
    const compare = async (steps: readonly Buffer[]): Promise<void> => {
      const script = { parameters: start, steps };
      const direct = await play({ ...route().address, host, port }, script);
      assert.deepEqual(await play(route().address, script), direct);
    };
    // The catalog is not read immediately if reading it has recently taken long.
    await eventually(() => compare([changed, q('SELECT forget()')]));
    const calls = [
      q('SELECT forget()'),
      seen,
      q('SELECT forget(); SELECT v FROM t; SELECT forget()'),
      seen,
    ];
    await compare([changed, ...calls, Buffer.concat(calls)]);
  });

  test('an unknown function', async () => {
    const { address, database, name } = route();
    const fresh = `forget_${name}`;
    await database.query(`CREATE FUNCTION ${fresh}() RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN RESET work_mem; RESET search_path; RETURN 1; END $$`);
    const steps = [q(`SELECT ${fresh}()`), seen, q(`SELECT ${fresh}(); SELECT v FROM t`), seen];
    const script = { parameters: start, steps };
    const { host, port } = database;
    const here = await play(address, script);
    assert.deepEqual(
      withoutReports(here),
      withoutReports(await play({ ...address, host, port }, script)),
    );
    await database.query(`DROP FUNCTION ${fresh}()`);
  });

  for (const [name, script] of sampleOf([...scripts()], 2)) {
    test(name, async () => {
      const { host, port } = route().database;
      const direct = await play({ ...route().address, host, port }, script);
      const here = await play(route().address, script);
      if (!mayCommit.test(name)) assert.deepEqual(here, direct);
      else assert.deepEqual(withoutReports(here), withoutReports(direct));
    });
  }
});
