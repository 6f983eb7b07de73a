import fc from 'fast-check';
import type { Bytes } from './script.ts';
import { long } from './script.ts';
import { baseStatement, preparable, startup } from './statements.ts';
import { storedCodeBinds, storedCodeRuns } from './stored-code.ts';
import { loginChange, worldChange } from './world-changes.ts';

/*
 * The themes of scripts. Each script is about one or two themes (swarm testing: a script about everything rarely
 * combines two related things).
 */

/** The contribution of a theme to its scripts. */
export interface Theme {
  /** Statements for both protocols. */
  readonly statements: fc.Arbitrary<string>;
  /** Statements to prepare; `$1` is a text. */
  readonly preparable?: fc.Arbitrary<string>;
  readonly startup?: fc.Arbitrary<Record<string, string>>;
  readonly world?: fc.Arbitrary<string>;
  /** Names of statements and portals, beside `a` and `b`. */
  readonly names?: readonly string[];
  readonly bytes?: readonly Bytes[];
  /** How often a cycle is sent again, in a separate step. */
  readonly repeats?: number;
}

const reading = fc.constantFrom(
  'SELECT current_user, session_user, current_schemas(false)::text',
  "SELECT current_setting('work_mem'), current_setting('search_path'), current_setting('DateStyle')",
  'SELECT name FROM place',
  "SELECT current_setting('app.user_id', true), current_setting('app.tenant', true), current_setting('app.h', true)",
);

/** Start values of sessions, and what restores them. */
const start: Theme = {
  statements: fc.oneof(
    { weight: 3, arbitrary: reading },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        'RESET ALL',
        'DISCARD ALL',
        'RESET ROLE',
        'RESET SESSION AUTHORIZATION',
        'SET SESSION AUTHORIZATION DEFAULT',
        'SET ROLE NONE',
        'SET ROLE guest',
        'SET SESSION AUTHORIZATION guest',
        'RESET search_path',
        'SET search_path TO DEFAULT',
        'SET work_mem TO DEFAULT',
        'SET TIME ZONE LOCAL',
        'SET TIME ZONE DEFAULT',
        'RESET DateStyle',
        'RESET client_encoding',
        'RESET "app.user_id"',
        "SELECT set_config('work_mem', NULL, false)",
        'SET LOCAL search_path TO DEFAULT',
        "SELECT run('RESET ALL')",
        'BEGIN; RESET ALL; ROLLBACK',
        'BEGIN; RESET work_mem; SAVEPOINT s; SET work_mem = 700; ROLLBACK TO s; COMMIT',
        'CREATE FUNCTION pg_temp.f() RETURNS int SET work_mem FROM CURRENT LANGUAGE sql RETURN 1',
      ),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        "SET work_mem = '7MB'",
        "SET search_path = 'north'",
        "SET DateStyle = 'SQL'",
        "SET app.user_id = 'other'",
        "SET application_name = 'other'",
        "SET temp_buffers = '9MB'",
        'BEGIN; CREATE TEMP TABLE brief (a int) ON COMMIT DROP; INSERT INTO brief VALUES (1); COMMIT',
        'SELECT counts(1)',
        'SELECT clock_in_tokyo()',
        'BEGIN',
        'COMMIT',
        'ROLLBACK',
      ),
    },
    fc.constantFrom(
      'SHOW work_mem',
      'SHOW search_path',
      'SHOW DateStyle',
      'SHOW role',
      'SHOW temp_buffers',
    ),
  ),
  startup: fc.constantFrom<Record<string, string>[]>(
    {},
    { options: '-c search_path=south -c work_mem=9MB' },
    { options: '--search-path=north,south --work_mem=9000' },
    { options: '-c search_path=north,\\ south -c app.user_id=start' },
    { search_path: 'south', 'app.tenant': 't9' },
    { search_path: '"$user", north' },
    { DateStyle: 'ISO' },
    { datestyle: 'iso, dmy' },
    { DATESTYLE: 'German' },
    { statement_timeout: '90s' },
    { lock_timeout: '1min', idle_in_transaction_session_timeout: '90000' },
    { jit: '0', work_mem: '8192' },
    { work_mem: '8MB', jit: 'off' },
    { role: 'clerk' },
    { options: '-c role=clerk -c search_path=north' },
    { options: '-c session_authorization=clerk' },
    { session_authorization: 'guest' },
    { options: '-c temp_buffers=16MB' },
    { temp_buffers: '2048' },
    { application_name: 'sluice' },
    { application_name: 'zoë' },
    { TimeZone: 'Asia/Tokyo' },
    { timezone: 'utc' },
    { client_encoding: 'latin1' },
    { client_encoding: "'utf-8'" },
    { client_encoding: 'unicode', bytea_output: 'escape' },
    { standard_conforming_strings: 'off' },
    { default_transaction_read_only: 'on' },
    { default_transaction_isolation: 'serializable' },
    { extra_float_digits: '3', IntervalStyle: 'iso_8601' },
    { search_path: 'pg_temp' },
    { options: '-c search_path=' },
    { options: '-B 16' },
    { options: '-c is_superuser=on' },
    { user: 'clerk', search_path: 'north' },
    { exit_on_error: 'off' },
  ),
};

const encodings = ['UTF8', 'LATIN1', 'WIN1252', 'EUC_JP', 'SQL_ASCII'] as const;
const words = ['é', 'ü', 'kundé', 'kundü', '日本', '€', 'ß', 'Ãé'] as const;

/** Bytes beyond ASCII in every encoding. */
const encoding: Theme = {
  statements: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(...encodings).map((name) => `SET client_encoding = '${name}'`),
    },
    { weight: 1, arbitrary: fc.constantFrom(...encodings).map((name) => `SET NAMES '${name}'`) },
    {
      weight: 4,
      arbitrary: fc
        .constantFrom(...words)
        .chain((word) =>
          fc.constantFrom(
            `SET app.tenant = '${word}'`,
            `SELECT set_config('app.tenant', '${word}', false)`,
            `SELECT set_config('search_path', '${word}, public', false)`,
            `SET search_path = '${word}', public`,
            `SET search_path = "${word}"`,
            `SET application_name = '${word}'`,
            `SELECT '${word}', length('${word}'), octet_length('${word}')`,
            `SELECT run('SET app.user_id = ''${word}''')`,
            `SELECT 1 AS "${word}"`,
            `PREPARE "${word}" AS SELECT '${word}'::text`,
            `EXECUTE "${word}"`,
            `DEALLOCATE "${word}"`,
            `SELECT name FROM "${word}".place`,
            `LISTEN "${word}_@"`,
            `NOTIFY "${word}_@", '${word}'`,
            `CREATE TEMP TABLE "${word}" (v text)`,
            `TABLE "${word}"`,
            `SELECT 1 FROM "nicht_${word}"`,
          ),
        ),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        "SELECT encode(convert_to(current_setting('app.tenant', true), 'UTF8'), 'hex')",
        "SELECT encode(convert_to(current_setting('search_path'), 'UTF8'), 'hex')",
        "SELECT current_setting('app.tenant', true)",
        'SHOW app.tenant',
        'SHOW application_name',
        'SHOW search_path',
        'SHOW client_encoding',
        'SELECT name FROM place',
        'RESET client_encoding',
        'RESET ALL',
        'DISCARD ALL',
        'BEGIN',
        'COMMIT',
        'ROLLBACK',
      ),
    },
  ),
  preparable: fc.oneof(
    fc.constantFrom(...words).map((word) => `SELECT $1::text || '${word}'`),
    fc.constantFrom(
      'SELECT name FROM place WHERE name <> $1',
      "SELECT set_config('app.tenant', $1, false)",
    ),
  ),
  startup: fc.oneof(
    fc.constantFrom(...encodings).map((name) => ({ client_encoding: name })),
    fc.constantFrom(...encodings).map((name) => ({ options: `-c client_encoding=${name}` })),
    fc
      .record({ word: fc.constantFrom(...words), name: fc.constantFrom(...encodings) })
      .chain(({ word, name }) =>
        fc.constantFrom<Record<string, string>>(
          { client_encoding: name, search_path: word },
          { client_encoding: name, 'app.tenant': word },
          { application_name: word },
          { options: `-c search_path=${word} -c client_encoding=${name}` },
        ),
      ),
  ),
  names: ['é', 'ü'],
  bytes: ['utf8', 'latin1', 'latin1'],
};

const paths = [
  'pg_temp',
  'pg_temp, public',
  'public, pg_temp',
  '"pg_temp"',
  'nowhere, pg_temp',
] as const;

/** Objects that are temporary without the keyword, in every catalog with schemas. */
const temporary: Theme = {
  statements: fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .constantFrom(...paths)
        .chain((path) =>
          fc.constantFrom(
            `SET search_path = ${path}`,
            `SET search_path TO ${path}; CREATE VIEW place AS SELECT 'own @'::text AS name; RESET search_path`,
            `SELECT set_config('search_path', '${path}', false)`,
            `SELECT run('SET search_path = ${path}')`,
            `BEGIN; SET LOCAL search_path = ${path}; CREATE TABLE place AS SELECT 'own @'::text AS name; COMMIT`,
            `SELECT sets('search_path', '${path}')`,
          ),
        ),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        'CREATE TABLE place (name text)',
        "CREATE VIEW place AS SELECT 'own @'::text AS name",
        "SELECT 'own @'::text AS name INTO place",
        "CREATE TABLE place AS SELECT 'own @'::text AS name",
        'CREATE SEQUENCE place',
        "CREATE TYPE place AS ENUM ('a')",
        'CREATE DOMAIN place AS text',
        "CREATE FUNCTION pg_temp.helper() RETURNS text LANGUAGE sql RETURN 'own @'",
        'CREATE AGGREGATE pg_temp.adds(int) (sfunc = int4pl, stype = int)',
        'CREATE OPERATOR pg_temp.=== (leftarg = int, rightarg = int, function = int4eq)',
        'CREATE COLLATION pg_temp.plain FROM "C"',
        'CREATE TEXT SEARCH DICTIONARY pg_temp.words (template = simple)',
        'CREATE TEXT SEARCH CONFIGURATION pg_temp.words (copy = simple)',
        "CREATE CONVERSION pg_temp.turns FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
        'CREATE OPERATOR FAMILY pg_temp.family USING btree',
        // Where operators and tables shadow unqualified names.
        'SET search_path = ev, pg_catalog',
        'SET search_path = ev, public, pg_catalog',
        "SELECT set_config('search_path', 'ev, pg_catalog', false)",
        "CREATE TEMP TABLE place AS SELECT 'own @'::text AS name",
        'CREATE TEMP VIEW place (name) AS SELECT 1',
        'SELECT pg_advisory_lock_shared(79) AS x_lock',
      ),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        'SELECT name FROM place',
        "BEGIN; INSERT INTO place VALUES ('@') RETURNING name; ROLLBACK",
        'SELECT pg_temp.helper()',
        "SELECT to_regclass('pg_temp.place') IS NULL, to_regtype('pg_temp.place') IS NULL",
        "SELECT nextval('pg_temp.place')",
        'SELECT 1 OPERATOR(pg_temp.===) 1',
        "SELECT 'a' COLLATE pg_temp.plain",
        "SELECT ts_lexize('pg_temp.words', 'own')",
        'SELECT count(*) FROM pg_collation WHERE collnamespace = pg_my_temp_schema()',
        'SELECT count(*) FROM pg_ts_config WHERE cfgnamespace = pg_my_temp_schema()',
        'SELECT count(*) FROM pg_conversion WHERE connamespace = pg_my_temp_schema()',
        'SELECT count(*) FROM pg_opfamily WHERE opfnamespace = pg_my_temp_schema()',
        'RESET search_path',
        'RESET ALL',
        'DISCARD TEMP',
        'DISCARD ALL',
        'DROP VIEW pg_temp.place',
        'DROP TABLE pg_temp.place',
        'BEGIN',
        'COMMIT',
        'ROLLBACK',
      ),
    },
  ),
  startup: fc.constantFrom<Record<string, string>[]>(
    { search_path: 'pg_temp' },
    { options: '-c search_path=pg_temp,public' },
    { search_path: 'public' },
    {},
  ),
};

const hidden = fc.constantFrom(
  "SELECT sets('app.h', 'set')",
  "SELECT sets('app.tenant', 'set @')",
  "SELECT sets('search_path', 'north')",
  "SELECT sets('role', 'guest')",
  "SELECT run('SET app.h = ''ran''')",
  "SELECT run('SET SESSION AUTHORIZATION guest')",
  "SELECT run('CREATE TEMP TABLE place AS SELECT ''own'' AS name')",
  "SELECT run('SELECT pg_advisory_' || 'lock_shared(78)') AS x_lock",
  "SELECT run('LISTEN news_@')",
  "SELECT run('PREPARE a AS SELECT ''own @''')",
  "SELECT run('DECLARE far CURSOR WITH HOLD FOR SELECT 1')",
  "SELECT run('SET session_replication_role = replica')",
  "SELECT run('SET LOCAL app.h = ''here''')",
  "SELECT run('SELECT setseed(0.42)')",
  'SELECT seed()',
  'SELECT setseed(0.42)',
  'SELECT closes()',
  "SELECT run('DEALLOCATE ALL')",
  "SELECT run('DISCARD PLANS')",
  'SELECT link()',
  'SELECT tcl_sets()',
  "SELECT tcl_keeps('own @')",
  'SELECT late()',
);

const seeing = fc.constantFrom(
  "SELECT current_setting('app.h', true), current_setting('app.tenant', true)",
  'SELECT count(*) FROM seeded WHERE v = (SELECT random())',
  'SELECT count(*) FROM seeded WHERE v = random()',
  'SELECT links()',
  'SELECT tcl_kept()',
  "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
  'SHOW session_replication_role',
  'SELECT name FROM place',
  "SELECT ask('SELECT name::text FROM place')",
  'SELECT current_user, session_user',
);

/** Code in the database that leaves state, by every route. */
const code: Theme = {
  statements: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...storedCodeRuns) },
    { weight: 4, arbitrary: hidden },
    { weight: 4, arbitrary: seeing },
    fc.constantFrom('BEGIN', 'COMMIT', 'ROLLBACK', 'RESET ALL', 'DISCARD ALL', 'RESET app.h'),
  ),
  preparable: fc.constantFrom(...storedCodeBinds, 'SELECT run($1)', "SELECT sets('app.h', $1)"),
  world: fc.constant(
    'CREATE OR REPLACE FUNCTION late() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM setseed(0.42); END $$',
  ),
  repeats: 7,
};

/** Names and SQL statements, including the proxy's own, and the effects of code on them. */
const names: Theme = {
  statements: fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .integer({ min: 1, max: 4 })
        .chain((n) =>
          fc.constantFrom(
            `DEALLOCATE "sluice_${n}"`,
            `EXECUTE "sluice_${n}"`,
            `EXECUTE "sluice_${n}"('x')`,
            `EXECUTE sluice_${n}('x')`,
            `PREPARE "sluice_${n}" AS SELECT 'mine @'`,
            `SELECT ask('EXECUTE sluice_${n}')`,
            `SELECT run('DEALLOCATE sluice_${n}')`,
            `LISTEN sluice_mark_${n}`,
            `SET sluice.x = 'x${n}'`,
            `DECLARE "sluice_${n}" CURSOR WITH HOLD FOR SELECT 'mine @'`,
            `FETCH 1 FROM "sluice_${n}"`,
          ),
        ),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        "PREPARE a AS SELECT 'mine @'::text",
        'EXECUTE a',
        "SELECT ask('EXECUTE a')",
        "SELECT run('EXECUTE a')",
        "SELECT run('DEALLOCATE a')",
        'SELECT closes()',
        'DEALLOCATE ALL',
        'DISCARD ALL',
        'DISCARD PLANS',
        'SHOW sluice.x',
        "SET application_name = 'sluice'",
        "SELECT 'sluice look', false, true, true, true, true",
        'SELECT name FROM place',
        'DISCARD SEQUENCES',
        "SELECT nextval('ticket_@')",
        'SELECT lastval()',
        "SELECT currval('ticket_@')",
        'BEGIN',
        'COMMIT',
        'ROLLBACK',
      ),
    },
  ),
  names: ['sluice_1', 'sluice_2', 'sluice_3'],
  repeats: 3,
};

const things = fc.constantFrom(
  'SELECT id, v FROM thing',
  'SELECT id FROM thing',
  'SELECT * FROM thing',
  'TABLE things',
  "UPDATE thing SET v = 'x' WHERE id = $1",
  'SELECT v FROM thing WHERE id = $1',
  'SELECT best(1)',
  'SELECT best($1)',
  "SELECT best('1')",
  'SELECT $1::mood',
  "SELECT 'glad'::mood < 'sad'::mood",
  "SELECT '(1,a)'::pair",
  'SELECT ($1::pair).b',
  'SELECT name FROM place WHERE name <> $1',
  'SELECT late()',
);

/** Other users' DDL between a session's statements. */
const world: Theme = {
  statements: fc.oneof(
    { weight: 6, arbitrary: things.filter((text) => !text.includes('$1')) },
    fc.constantFrom(
      'SET search_path = north, public',
      'SET search_path = south, public',
      'RESET search_path',
      'SET ROLE clerk',
      'RESET ROLE',
      'PREPARE a AS SELECT id, v FROM thing',
      'PREPARE b AS SELECT best(1)',
      'EXECUTE a',
      'EXECUTE b',
      'DEALLOCATE ALL',
      'BEGIN; UPDATE thing SET v = v; ROLLBACK',
      "SELECT current_setting('app.h', true)",
    ),
  ),
  preparable: things,
  world: worldChange,
  startup: fc.constantFrom<Record<string, string>[]>(
    {},
    { search_path: 'north, public' },
    { search_path: 'south, public' },
    { user: 'clerk' },
  ),
  repeats: 2,
};

/** Facts that PostgreSQL evaluates at login, and databases and roles that are dropped. */
const login: Theme = {
  statements: fc.oneof(
    { weight: 4, arbitrary: reading },
    fc.constantFrom(
      'SHOW work_mem',
      'SHOW IntervalStyle',
      'SHOW TimeZone',
      "SELECT interval '1 day'",
    ),
    fc.constantFrom(
      "ALTER DATABASE shop SET work_mem = '37MB'",
      "ALTER ROLE clerk SET work_mem = '38MB'",
      'ALTER ROLE clerk NOLOGIN',
      'DROP DATABASE spare',
      'ALTER DATABASE spare RENAME TO gone',
      'CREATE DATABASE gone TEMPLATE spare',
      'DROP ROLE guest',
      'DROP ROLE clerk',
    ),
  ),
  startup: fc.constantFrom<Record<string, string>[]>(
    {},
    {},
    { user: 'clerk' },
    { user: 'clerk' },
    { user: 'guest' },
    { database: 'spare' },
    { database: 'gone' },
    { database: 'nowhere' },
    { user: 'clerk', database: 'spare' },
  ),
  world: loginChange,
};

/** Texts that are longer than what the proxy parses. */
const length: Theme = {
  statements: fc.constantFrom(
    `DO $$ BEGIN ${long} END $$`,
    `DO $$ BEGIN ${long} PERFORM set_config('app.h', 'long', false); END $$`,
    `SELECT 1 /* ${long} */`,
    `SET app.h = 'long' /* ${long} */`,
    `SELECT '${long}' = 'x'`,
    `SELECT 1; SELECT '${long}' = 'x'; RESET ALL`,
    "SELECT current_setting('app.h', true)",
    'SELECT 1',
    'RESET ALL',
    'BEGIN',
    'COMMIT',
  ),
};

/** Everything that PostgreSQL keeps per session, in SQL. */
const base: Theme = { statements: baseStatement, preparable, startup };

export const themes = {
  base,
  start,
  encoding,
  temporary,
  code,
  names,
  world,
  login,
  length,
} as const satisfies Record<string, Theme>;

export type ThemeName = keyof typeof themes;

/** Themes without open differences. The soak runs the others. */
export const settled: readonly ThemeName[] = ['base'];
