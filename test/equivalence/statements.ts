import fc from 'fast-check';

/*
 * The statements in the scripts of the first theme: everything that PostgreSQL keeps per session, what reads it, and
 * what fails. `@` is the number of the session, `#` a number that no other text and no other run of a script has (see
 * "functions that were often seen to leave nothing" in known-differences.ts).
 */

/** Parameters with values that affect some reply. Custom ones have a dot. */
const parameters: readonly (readonly [name: string, values: readonly string[]])[] = [
  ['app.user_id', ['u1', 'u2', '']],
  ['app.tenant', ['t1', 't 2']],
  ['application_name', ['till', 'desk 2']],
  ['work_mem', ['5MB', '6000', '7MB']],
  ['DateStyle', ['SQL, DMY', 'German', 'Postgres, MDY']],
  ['IntervalStyle', ['iso_8601', 'sql_standard']],
  ['TimeZone', ['Asia/Tokyo', 'America/New_York', '-03:30']],
  ['client_encoding', ['LATIN1', 'UTF8', 'WIN1252']],
  ['bytea_output', ['escape', 'hex']],
  ['extra_float_digits', ['0', '3']],
  ['standard_conforming_strings', ['off', 'on']],
  ['default_transaction_isolation', ['serializable', 'repeatable read']],
  ['default_transaction_read_only', ['on', 'off']],
  ['statement_timeout', ['90s', '0']],
  ['client_min_messages', ['warning', 'error']],
  ['row_security', ['off']],
  ['transform_null_equals', ['on']],
  ['array_nulls', ['off']],
  ['quote_all_identifiers', ['on']],
];

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const setting = fc
  .constantFrom(...parameters)
  .chain(([name, values]) =>
    fc.record({ name: fc.constant(name), value: fc.constantFrom(...values) }),
  );

const searchPaths = fc.constantFrom(
  'north',
  'south',
  'north, south',
  'pg_catalog',
  'nowhere, south',
  "''",
);

const setsParameter = fc.oneof(
  { weight: 4, arbitrary: setting.map(({ name, value }) => `SET ${name} = ${quoted(value)}`) },
  setting.map(({ name, value }) => `set session ${name} to ${quoted(value)}`),
  setting.map(({ name, value }) => `SELECT set_config('${name}', ${quoted(value)}, false)`),
  setting.map(
    ({ name, value }) =>
      `SELECT set_config(n, v, false) FROM (VALUES ('${name}', ${quoted(value)}), ('app.n', '@')) t(n, v)`,
  ),
  setting.map(({ name, value }) => `SELECT remember('${name}', ${quoted(value)}, false) AS run_#`),
  setting.map(
    ({ name, value }) =>
      `DO $$ BEGIN PERFORM set_config('${name}', ${quoted(value)}, false); /* # */ END $$`,
  ),
  searchPaths.map((path) => `SET search_path = ${path}`),
  fc.constantFrom(
    "SET TIME ZONE 'Europe/Rome'",
    'SET TIME ZONE LOCAL',
    "SET NAMES 'LATIN1'",
    "SET SCHEMA 'south'",
    "SET app.user_id = 'session @'",
    "SELECT set_config('search_path', '', false)",
    'SET ROLE clerk',
    'SET ROLE guest',
    'SET ROLE none',
    'SET SESSION AUTHORIZATION guest',
    'SET SESSION AUTHORIZATION DEFAULT',
    'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY',
    'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE',
    'SELECT catches()',
    'SELECT fails()',
    "INSERT INTO memo_@ VALUES ('told')",
    "INSERT INTO memos_@ VALUES ('told by a view')",
    "SELECT becomes('Asia/Tokyo')",
    "SELECT becomes_by_another('Europe/Oslo')",
    'TABLE watched',
    "CALL keep('called')",
    "CALL keep('again')",
  ),
);

const setsLocally = fc.oneof(
  setting.map(({ name, value }) => `SET LOCAL ${name} = ${quoted(value)}`),
  setting.map(({ name, value }) => `SELECT set_config('${name}', ${quoted(value)}, true)`),
  setting.map(({ name, value }) => `SELECT remember('${name}', ${quoted(value)}, true) AS run_#`),
  fc.constantFrom(
    'SET LOCAL search_path = south',
    'SET LOCAL ROLE guest',
    'SET TRANSACTION READ ONLY',
    'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ',
    'SET CONSTRAINTS ALL DEFERRED',
  ),
);

const resets = fc.oneof(
  setting.map(({ name }) => `RESET ${name}`),
  setting.map(({ name }) => `SET ${name} TO DEFAULT`),
  fc.constantFrom(
    'RESET ALL',
    'RESET ROLE',
    'RESET SESSION AUTHORIZATION',
    'RESET search_path',
    'DISCARD ALL',
    'DISCARD PLANS',
    'DISCARD SEQUENCES',
    'DISCARD TEMP',
  ),
);

const reads = fc.oneof(
  setting.map(({ name }) => `SHOW ${name}`),
  setting.map(({ name }) => `SELECT current_setting('${name}', true)`),
  fc.constantFrom(
    'SELECT name FROM place',
    'SELECT current_user, session_user, current_schemas(false)',
    'SHOW search_path',
    'SHOW transaction_isolation',
    'SHOW transaction_read_only',
    "SELECT '2026-02-01'::date, timestamptz '2026-03-04 05:06:07Z', interval '1 day 2 hours'",
    "SELECT 0.1::float8 + 0.2, '\\x41ff'::bytea, 'é', 'a\\nb'",
    'SELECT id, name, price, made FROM item WHERE id < 3',
    'SELECT clock_in_tokyo()',
    "SELECT NULL = NULL, '{NULL}'::text[], quote_ident('plain')",
    'SELECT generate_series(1, 3)',
    'TABLE note_@',
    '',
  ),
);

/** Statements that can be prepared; `$1` is a text. */
export const preparable = fc.oneof(
  { weight: 4, arbitrary: reads.filter((text) => !text.startsWith('SHOW') && text !== '') },
  fc.constantFrom(
    'SELECT $1::text',
    "SELECT set_config('app.user_id', $1, false)",
    "SELECT set_config('search_path', $1, true)",
    'INSERT INTO note_@ (body) VALUES ($1) RETURNING id, body',
    'SELECT name FROM place WHERE name <> $1',
    "SELECT date '2026-02-01', $1::date - 1",
  ),
);

const sqlPrepared = fc.oneof(
  preparable.map((text) => `PREPARE a AS ${text}`),
  preparable.map((text) => `PREPARE b AS ${text}`),
  fc.constantFrom(
    'EXECUTE a',
    "EXECUTE a('03/04/2026')",
    'EXECUTE b',
    "EXECUTE b('north')",
    'DEALLOCATE a',
    'DEALLOCATE PREPARE b',
    'DEALLOCATE ALL',
    'EXPLAIN (COSTS OFF) EXECUTE a',
  ),
);

const transactions = fc.constantFrom(
  'BEGIN',
  'BEGIN',
  'START TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  'BEGIN READ ONLY',
  'COMMIT',
  'COMMIT',
  'END',
  'ROLLBACK',
  'ROLLBACK',
  'COMMIT AND CHAIN',
  'ROLLBACK AND CHAIN',
  'SAVEPOINT one',
  'SAVEPOINT two',
  'ROLLBACK TO one',
  'ROLLBACK TO SAVEPOINT two',
  'RELEASE one',
  "PREPARE TRANSACTION 'never'",
);

const failures = fc.constantFrom(
  'SELECT 1/0',
  'SELEC 1',
  'SELECT * FROM nowhere_at_all',
  'SELECT nothing()',
  'SET no_such_parameter = 1',
  "SET work_mem = 'much'",
  "SET TimeZone = 'Mars/Base'",
  "SET client_encoding = 'KLINGON'",
  'SET ROLE nobody_at_all',
  'SHOW nothing.at_all',
  "SELECT set_config('app.user_id', 'lost', false), 1/0",
  "SELECT 'unfinished",
);

/** State that no other connection can have: the session keeps its connection. */
const keeps = fc.constantFrom(
  'CREATE TEMP TABLE own (v int)',
  'CREATE TEMPORARY TABLE own ON COMMIT DROP AS SELECT @ AS v',
  'CREATE TEMP VIEW seen AS SELECT @ AS v',
  'CREATE TEMP SEQUENCE counter',
  'SELECT @ AS v INTO TEMP own',
  'CREATE TABLE pg_temp.own (v int)',
  'INSERT INTO own VALUES (@)',
  'TABLE own',
  'TABLE seen',
  'DROP TABLE own',
  'DROP VIEW seen',
  'SELECT temp_inside() AS run_#',
  'SELECT pg_advisory_lock(@)',
  'SELECT pg_try_advisory_lock(@, 7)',
  'SELECT pg_advisory_unlock(@)',
  'SELECT pg_advisory_unlock_all()',
  'SELECT pg_advisory_xact_lock(@)',
  'SELECT lock_inside(@) AS run_#',
  'DECLARE near CURSOR FOR SELECT generate_series(1, 9)',
  'DECLARE far CURSOR WITH HOLD FOR SELECT generate_series(1, 9)',
  'FETCH 2 FROM near',
  'FETCH FORWARD 2 FROM far',
  'MOVE 1 IN far',
  'CLOSE near',
  'CLOSE far',
  'CLOSE ALL',
  "SELECT nextval('ticket_@')",
  "SELECT setval('ticket_@', 40)",
  "SELECT currval('ticket_@')",
  'SELECT lastval()',
  'LISTEN news_@',
  'UNLISTEN news_@',
  'UNLISTEN *',
);

const writing = fc.constantFrom(
  "INSERT INTO note_@ (body) VALUES ('a'), ('b')",
  'DELETE FROM note_@',
  "NOTIFY news_@, 'hello'",
  "SELECT pg_notify('news_@', 'there')",
  'COPY note_@ TO STDOUT',
  "COPY (SELECT 1, 'x') TO STDOUT (FORMAT csv)",
);

/** One statement for the simple or the extended protocol. */
export const baseStatement: fc.Arbitrary<string> = fc.oneof(
  { weight: 7, arbitrary: setsParameter },
  { weight: 3, arbitrary: setsLocally },
  { weight: 4, arbitrary: resets },
  { weight: 8, arbitrary: reads },
  { weight: 8, arbitrary: transactions },
  { weight: 3, arbitrary: failures },
  { weight: 4, arbitrary: sqlPrepared },
  { weight: 4, arbitrary: keeps },
  { weight: 2, arbitrary: writing },
);

/** Statements that change only the session: it does not matter whether they ran before their client disappeared. */
export const privateStatement: fc.Arbitrary<string> = fc.oneof(
  setsParameter,
  fc.constantFrom(
    'BEGIN',
    'SELECT pg_sleep(0.01)',
    'CREATE TEMP TABLE own (v int)',
    'PREPARE a AS SELECT 1',
  ),
);

/** Texts of COPY FROM STDIN, and the lines that follow. */
export const copyIn: fc.Arbitrary<{ readonly text: string; readonly lines: readonly string[] }> =
  fc.record({
    text: fc.constantFrom(
      'COPY note_@ (body) FROM STDIN',
      'COPY note_@ (id) FROM STDIN',
      'COPY nowhere_at_all FROM STDIN',
    ),
    lines: fc.array(fc.constantFrom('first', 'second', '12'), { maxLength: 3 }),
  });

/** Startup parameters of clients. */
export const startup: fc.Arbitrary<Record<string, string>> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  setting.map(({ name, value }) => ({ [name]: value })),
  fc.record({
    application_name: fc.constantFrom('web', 'job'),
    DateStyle: fc.constantFrom('ISO, DMY', 'ISO, YMD'),
  }),
  fc.constantFrom<Record<string, string>[]>(
    { options: '-c work_mem=8MB -c app.user_id=start' },
    { options: '-c search_path=south -c TimeZone=Asia/Kolkata' },
    { search_path: 'north', client_encoding: 'LATIN1' },
    { options: '-c role=clerk' },
    { options: '-c no_such_parameter=1' },
    { extra_float_digits: '2', TimeZone: 'UTC' },
    { default_transaction_isolation: 'serializable' },
  ),
);
