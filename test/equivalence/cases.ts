import type { Part, Script, SessionNumber, Step } from './script.ts';

/** The smallest script that once showed a difference. */
export interface Case {
  readonly name: string;
  readonly script: Script;
  /** A known difference, which docs/pinning.md describes. The test fails if it no longer exists. */
  readonly differs?: string;
}

const say = (session: SessionNumber, ...texts: readonly string[]): Step => ({
  session,
  send: texts.map((query) => ({ query })),
});

const extended = (session: SessionNumber, ...groups: readonly (readonly Part[])[]): Step => ({
  session,
  send: groups.map((parts) => ({ extended: parts })),
});

const run = (name: string, text: string, ...values: readonly string[]): readonly Part[] => [
  { parse: name, text },
  { bind: name, portal: '', values },
  { execute: '', rows: 0 },
];

/** Kept permanently: every run checks what was once wrong. */
export const cases: readonly Case[] = [
  {
    name: 'the names of statements on server connections do not show in errors',
    script: [
      extended(1, [
        { parse: 'a', text: 'SELECT $1::text' },
        { bind: 'a', portal: '', values: [] },
      ]),
    ],
  },
  {
    name: 'PREPARE and Parse share their names',
    script: [
      extended(1, run('a', 'SELECT 1')),
      say(1, 'PREPARE a AS SELECT 2', 'EXECUTE a', 'PREPARE b AS SELECT 3'),
      extended(1, run('b', 'SELECT 4')),
      extended(1, [
        { bind: 'b', portal: '', values: [] },
        { execute: '', rows: 0 },
      ]),
    ],
  },
  {
    name: 'EXECUTE runs what Parse prepared',
    script: [extended(1, run('a', 'SELECT 1/0')), say(1, 'BEGIN', 'EXECUTE a')],
  },
  {
    name: 'a custom parameter whose name is in the rows of a query',
    script: [
      say(
        1,
        "SELECT set_config(n, v, false) FROM (VALUES ('app.user_id', 'u1'), ('app.n', '1')) t(n, v)",
      ),
      say(2, "SELECT current_setting('app.user_id', true), current_setting('app.n', true)"),
      say(1, "SELECT current_setting('app.user_id', true), current_setting('app.n', true)"),
    ],
  },
  {
    name: 'a custom parameter that a DO block sets',
    script: [
      say(1, "DO $$ BEGIN PERFORM set_config('app.tenant', 't1', false); END $$"),
      say(2, 'SHOW app.tenant'),
      say(1, 'SHOW app.tenant'),
    ],
  },
  {
    name: 'a custom parameter that a function sets, before a COPY in the same write',
    script: [
      say(1, "SELECT remember('app.user_id', 'u1', false); INSERT INTO note_1 (body) VALUES ('a')"),
      extended(1, [...run('', 'COPY note_1 (body) FROM STDIN'), { copy: [] }]),
      say(2, 'SHOW app.user_id'),
      say(1, 'SHOW app.user_id'),
    ],
  },
  {
    name: 'a failing function leaves no state, nor does one that catches its error',
    script: [say(1, 'SELECT fails()'), say(2, 'SELECT catches()'), say(1, 'SHOW app.user_id')],
  },
  {
    name: 'RESET ALL goes back to what the client asked for at its start',
    script: [
      { session: 1, connect: { application_name: 'web', DateStyle: 'ISO, DMY' } },
      say(1, "SET DateStyle = 'German'", 'RESET ALL'),
      say(2, 'SHOW DateStyle'),
      say(1, 'SHOW DateStyle'),
      say(1, "SET application_name = 'other'", 'DISCARD ALL', 'SHOW application_name'),
    ],
  },
  {
    name: 'Parse in a failed transaction fails, also when the statement is prepared already',
    script: [
      extended(1, run('a', 'SELECT name FROM place')),
      say(2, 'BEGIN; SELECT 1/0'),
      extended(2, run('a', 'SELECT name FROM place')),
    ],
  },
  {
    name: 'SET TRANSACTION and unknown changes leave nothing that cannot be reset',
    script: [
      say(1, "DO $$ BEGIN PERFORM set_config('TimeZone', 'Asia/Tokyo', false); END $$"),
      say(2, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ'),
      say(
        2,
        "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT remember('work_mem', '7MB', false); COMMIT",
      ),
      say(1, 'SHOW TimeZone', 'SHOW transaction_isolation'),
      say(3, 'SHOW TimeZone', 'SHOW work_mem'),
    ],
  },
  {
    name: 'a name is free again when the database skipped its Parse',
    script: [
      extended(
        1,
        [{ bind: '', portal: '', values: [] }, ...run('a', 'SELECT 1')],
        run('a', 'SELECT name FROM place'),
      ),
    ],
  },
  {
    name: 'PREPARE under the name that a Parse of the same group, or a failed group, has taken',
    script: [
      extended(1, run('a', 'PREPARE a AS SELECT 1')),
      extended(1, [
        ...run('', 'PREPARE b AS SELECT 1'),
        { parse: 'b', text: 'SELECT name FROM place' },
      ]),
      extended(2, [
        { parse: 'a', text: 'SELECT 1' },
        { bind: '', portal: '', values: [] },
      ]),
      say(2, "INSERT INTO note_2 (body) VALUES ('a'); PREPARE a AS SELECT 2", 'ROLLBACK'),
      say(3, 'PREPARE b AS SELECT 1; PREPARE b AS SELECT 2; SELECT 3'),
      extended(3, run('b', 'SELECT 4')),
    ],
  },
  {
    name: 'the error of a failed transaction comes before that of a name in use',
    script: [
      extended(1, run('a', 'SELECT 1')),
      say(1, 'BEGIN; SELECT 1/0'),
      extended(1, run('a', 'SELECT 2')),
    ],
  },
  {
    name: 'an unnamed statement whose Close was skipped stays, and stays with its session',
    script: [
      extended(1, [...run('', 'SELECT 1/0'), { close: 'S', name: '' }]),
      extended(2, [{ describe: 'S', name: '' }]),
      extended(1, [{ describe: 'S', name: '' }]),
    ],
  },
  {
    name: 'a COPY that fails, with its Close skipped',
    script: [
      extended(1, [
        ...run('', 'COPY note_1 (id) FROM STDIN'),
        { copy: ['first'] },
        { close: 'S', name: '' },
      ]),
      extended(2, [{ describe: 'S', name: '' }]),
    ],
  },
  {
    name: 'SET, then RESET ALL in a transaction that is rolled back',
    script: [
      say(2, "SET TIME ZONE 'Europe/Rome'", "SET quote_all_identifiers = 'on'; BEGIN READ ONLY"),
      say(2, 'RESET ALL'),
      say(2, 'ROLLBACK'),
      say(1, 'SHOW TimeZone'),
      say(2, 'SHOW TimeZone', 'SHOW quote_all_identifiers'),
    ],
  },
  {
    name: 'a custom parameter set together with an unknown function',
    script: [
      say(1, "SET app.user_id = 'u1'; SELECT remember('work_mem', '7MB', true); SELECT 1"),
      say(2, 'SHOW app.user_id'),
      say(1, 'SHOW app.user_id'),
    ],
  },
  {
    name: 'Bind to a statement whose Parse the database skipped',
    script: [
      extended(
        1,
        [{ bind: '', portal: '', values: [] }, ...run('a', 'SELECT 1')],
        [
          { bind: 'a', portal: '', values: [] },
          { execute: '', rows: 0 },
        ],
      ),
    ],
  },
  {
    name: 'a name that EXECUTE does not find, and that the next cycle defines',
    script: [
      {
        session: 1,
        send: [
          { query: "EXECUTE b('north')" },
          {
            extended: [
              { parse: 'b', text: 'SELECT $1::text' },
              { parse: 'b', text: 'SELECT 1' },
            ],
          },
        ],
      },
      extended(1, [
        { bind: 'b', portal: '', values: ['north'] },
        { execute: '', rows: 0 },
      ]),
    ],
  },
  {
    name: 'a text with another meaning under another DateStyle is another statement',
    script: [
      say(1, "SET DateStyle = 'SQL, DMY'"),
      extended(1, run('a', "SELECT date '01/02/2026' - date '2026-01-01'")),
      extended(2, run('a', "SELECT date '01/02/2026' - date '2026-01-01'")),
      say(2, 'BEGIN', "SET LOCAL DateStyle = 'SQL, DMY'"),
      extended(2, run('b', "SELECT date '01/02/2026' - date '2026-01-01'")),
      say(2, 'COMMIT'),
      extended(3, run('a', "SELECT date '01/02/2026' - date '2026-01-01'")),
    ],
  },
  {
    name: 'a procedure that sets parameters, which some text has named, and commits',
    script: [
      say(1, "SELECT set_config('app.user_id', 'u', false), set_config('app.tenant', 't', false)"),
      say(1, "CALL keep('called')"),
      say(2, 'SHOW app.user_id'),
      say(1, 'SHOW app.user_id'),
    ],
  },
  {
    name: 'the unnamed statement after an unknown function',
    script: [
      extended(1, run('', 'SELECT clock_in_tokyo()')),
      extended(1, [
        { bind: '', portal: '', values: ['03/04/2026'] },
        { execute: '', rows: 0 },
      ]),
    ],
  },
  {
    name: 'a statement whose Parse was skipped, bound by the next cycle of the same write',
    script: [
      extended(1, run('a', 'SELECT name FROM place')),
      say(2, 'PREPARE a AS SELECT 1; SELECT 1/0'),
      say(2, 'ROLLBACK'),
      extended(
        1,
        [...run('a', 'SELECT 1'), ...run('', 'SELECT 2')],
        [{ bind: 'a', portal: '', values: ['1'] }],
        [{ bind: '', portal: '', values: ['1'] }],
      ),
    ],
  },
  {
    name: 'LISTEN and UNLISTEN in transactions and savepoints, and the resulting notifications',
    script: [
      say(1, 'BEGIN', 'LISTEN news_1', 'SAVEPOINT s', 'UNLISTEN *', 'ROLLBACK TO s', 'COMMIT'),
      say(1, "NOTIFY news_1, 'a'", 'BEGIN', 'UNLISTEN news_1', 'ROLLBACK', "NOTIFY news_1, 'b'"),
      say(2, 'LISTEN news_2', "NOTIFY news_2, 'c'; NOTIFY news_2, 'd'"),
      extended(1, run('', 'LISTEN news_1'), run('', "NOTIFY news_1, 'e'")),
      say(1, "BEGIN; NOTIFY news_1, 'f'; UNLISTEN news_1; COMMIT", "NOTIFY news_1, 'g'"),
      say(1, 'LISTEN news_1', "NOTIFY news_1, 'h'", 'DISCARD ALL', "NOTIFY news_1, 'i'"),
      say(2, "SELECT pg_notify('news_2', 'j')", 'SELECT pg_listening_channels()'),
    ],
  },
  {
    name: 'currval() and lastval() in later transactions, between those of others',
    script: [
      say(1, "SELECT nextval('ticket_1')"),
      say(2, "SELECT nextval('ticket_2')", 'SELECT lastval()'),
      say(1, 'SELECT lastval()', "SELECT currval('ticket_1')", 'DISCARD SEQUENCES'),
      say(2, "SELECT currval('ticket_2')", 'BEGIN', "SELECT nextval('ticket_2')", 'ROLLBACK'),
      say(1, 'SELECT lastval()'),
      say(2, 'SELECT lastval()'),
      say(1, "SELECT setval('ticket_1', 7)", 'SELECT lastval()', "SELECT currval('ticket_1')"),
      say(1, 'CREATE TEMP TABLE seen (v int)', 'DROP TABLE seen', "SELECT currval('ticket_1')"),
    ],
  },
  {
    name: 'RESET ALL while the parameters set before it are still read back',
    script: [
      say(2, "SET IntervalStyle = 'iso_8601'"),
      say(2, "SET app.user_id = 'u1'; RESET ALL"),
      say(1, 'SHOW IntervalStyle'),
      say(2, 'SHOW IntervalStyle'),
    ],
  },
  {
    name: 'an error that names a statement whose Close follows',
    script: [
      extended(
        1,
        [{ parse: 'a', text: 'SELECT name FROM place' }],
        [{ bind: 'a', portal: '', values: ['1'] }],
        [{ close: 'S', name: 'a' }],
      ),
    ],
  },
  {
    name: 'a role stays when DISCARD ALL, which would have ended it, is refused',
    script: [
      say(2, 'SET ROLE guest'),
      say(2, 'SELECT 1; DISCARD ALL'),
      say(1, 'SELECT current_user, session_user'),
      say(2, 'SELECT current_user, session_user', 'RESET ROLE'),
      say(1, 'SELECT current_user'),
      say(2, 'SELECT current_user', 'SET ROLE guest', 'BEGIN; RESET ROLE; ROLLBACK'),
      say(1, 'SELECT current_user'),
      say(2, 'SELECT current_user'),
    ],
  },
  {
    name: 'a role ends with another session authorization',
    script: [
      say(1, 'SET ROLE guest', 'RESET SESSION AUTHORIZATION'),
      say(2, "SET TIME ZONE 'Europe/Rome'"),
      say(1, 'SELECT current_user', 'SHOW role'),
    ],
  },
  {
    name: 'a PREPARE that Parse prepared names its statement when EXECUTE or Bind runs it',
    script: [
      extended(1, [{ parse: 'b', text: 'PREPARE a AS SELECT 1' }]),
      extended(1, [{ parse: 'c', text: 'EXECUTE b' }]),
      say(1, 'EXECUTE c'),
      extended(1, run('a', 'SELECT 2')),
      say(2, 'EXECUTE a', "SET TIME ZONE 'Asia/Tokyo'"),
      say(1, 'EXECUTE a', 'EXECUTE b', 'DEALLOCATE a'),
      extended(1, [
        { bind: 'c', portal: '', values: [] },
        { execute: '', rows: 0 },
      ]),
      extended(1, [{ parse: 'd', text: 'DEALLOCATE a' }]),
      say(1, 'EXECUTE a', 'EXECUTE d; SELECT 1/0', 'EXECUTE a', 'PREPARE a AS SELECT 3'),
      say(1, 'EXECUTE a'),
    ],
  },
  {
    name: 'names in texts with backslashes while their parsing depends on a pending reply',
    script: [
      say(2, String.raw`DO 'BEGIN END'`, String.raw`PREPARE a AS SELECT E'\\', 'c\d'`, 'EXECUTE a'),
      extended(2, run('a', 'SELECT 2'), run('b', String.raw`SELECT 'e\f'`)),
      say(2, 'BEGIN', 'SET LOCAL standard_conforming_strings = on'),
      say(2, String.raw`PREPARE c AS SELECT 'g\h'`, 'COMMIT', 'EXECUTE c'),
      extended(2, run('c', 'SELECT 3')),
      say(1, 'SET standard_conforming_strings = wrong', String.raw`PREPARE d AS SELECT 'i\j'`),
      extended(1, run('d', 'SELECT 4')),
    ],
  },
  {
    name: 'a name in a text with a backslash while standard_conforming_strings is off',
    differs: 'names in texts with backslashes',
    script: [
      say(1, 'SET standard_conforming_strings = off', String.raw`PREPARE a AS SELECT 'a\'b'`),
      extended(1, run('a', 'SELECT 1')),
    ],
  },
  {
    name: 'a text that the connection has prepared, parsed again where search_path hides its table',
    script: [
      extended(3, run('a', 'TABLE place'), run('b', 'TABLE note_3')),
      extended(2, [
        ...run('', "SELECT set_config('search_path', $1, true)", 'south'),
        { parse: 'a', text: 'TABLE place' },
        { parse: 'b', text: 'TABLE note_3' },
      ]),
      extended(2, [
        { parse: 'c', text: 'TABLE note_3' },
        { close: 'S', name: 'c' },
      ]),
      say(2, 'SET search_path = south'),
      extended(2, [{ parse: 'd', text: 'TABLE note_3' }]),
      extended(1, [{ parse: 'e', text: 'TABLE note_3' }]),
      say(2, 'BEGIN', 'SET LOCAL search_path TO DEFAULT'),
      extended(2, [
        { parse: 'f', text: 'TABLE note_3' },
        { close: 'S', name: 'f' },
      ]),
      say(2, 'COMMIT'),
      extended(2, [{ parse: 'g', text: 'TABLE note_3' }]),
    ],
  },
  {
    name: 'EXECUTE of a name that another lease has closed, behind a group that waits',
    script: [
      say(4, 'PREPARE a AS SELECT $1::text'),
      {
        session: 1,
        send: [
          { query: "SET app.user_id = 'u1'" },
          { query: 'COPY note_1 (body) FROM STDIN', copy: [] },
        ],
      },
      extended(
        4,
        [
          { parse: 'b', text: "SELECT current_setting('app.user_id', true)" },
          { close: 'S', name: '' },
        ],
        [
          { parse: '', text: 'EXECUTE a' },
          { describe: 'S', name: '' },
          { bind: '', portal: '', values: [] },
          { execute: '', rows: 0 },
        ],
      ),
      say(1, "SELECT set_config('app.user_id', 'u1', true)"),
    ],
  },
  {
    name: 'EXECUTE of a savepoint outside a transaction, which ends the server connection',
    differs: 'connections that PostgreSQL ends',
    script: [
      extended(1, [{ parse: 'a', text: 'SAVEPOINT one' }]),
      say(1, 'EXECUTE a'),
      say(1, 'SELECT 1'),
    ],
  },
  {
    name: 'the replies of a read-only transaction before its error',
    script: [
      say(1, "SET default_transaction_read_only = 'on'"),
      extended(1, run('', 'INSERT INTO note_1 (body) VALUES ($1) RETURNING id', 'x')),
    ],
  },
  {
    name: 'a cycle that arrives while the code in the database is read',
    script: [
      say(1, 'CREATE TEMP VIEW seen AS SELECT 1 AS v'),
      extended(4, run('', 'CREATE TEMP TABLE own (v int)')),
      extended(4, [
        ...run('', "PREPARE b AS SELECT current_setting('app.user_id', true)"),
        { parse: 'b', text: 'SELECT name FROM place' },
      ]),
    ],
  },
  {
    name: 'currval() behind setval() and other statements in one write, where others have drawn',
    script: [
      say(2, "SELECT setval('ticket_2', 7)"),
      { session: 2, leave: 'terminate' },
      { session: 1, send: [{ query: 'COPY note_1 (body) FROM STDIN', copy: [] }] },
      {
        session: 1,
        send: [
          { extended: [{ parse: '', text: 'SELECT 1' }] },
          { query: "SELECT setval('ticket_1', 40)" },
          { query: "SELECT currval('ticket_1')" },
        ],
      },
      {
        session: 1,
        send: [
          { query: "SELECT nextval('ticket_1')" },
          { extended: run('', "SELECT currval('ticket_1')") },
        ],
      },
    ],
  },
  {
    name: 'a session that ends while it is probed',
    script: [
      say(3, 'SELECT lock_inside(3) AS run_#'),
      { session: 3, connect: {} },
      say(
        3,
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
      ),
    ],
  },
  {
    name: 'an empty search_path is not the default one',
    script: [
      extended(1, run('a', 'SELECT name FROM place')),
      say(2, "SELECT set_config('search_path', '', false)"),
      extended(2, run('a', 'SELECT name FROM place')),
    ],
  },
  {
    name: 'a function that sets a parameter while another connection reads the catalog',
    script: [say(1, "SELECT code.act_static('x')"), say(2, 'SELECT 1')],
  },
  {
    name: 'a non-ASCII value, found after the client has started a transaction',
    script: [
      extended(2, run('', "SELECT set_config('app.tenant', $1, false)", 'é')),
      say(2, "BEGIN; SET client_encoding = 'UTF8'; SET client_encoding = 'UTF8'"),
      { session: 1, connect: { options: '-c client_encoding=UTF8' } },
      extended(1, run('', 'SELECT name FROM place WHERE name <> $1', 'x')),
    ],
  },
  {
    name: 'the configuration is reloaded, which the server reports in a reply to the proxy',
    script: [
      say(1, 'SELECT 1'),
      {
        session: 0,
        world: "ALTER SYSTEM SET IntervalStyle = 'iso_8601';; SELECT pg_reload_conf()",
      },
      say(1, 'SELECT 1; SELECT 2'),
    ],
  },
  {
    name: 'a custom parameter that only dynamic SQL names, in a literal of the statement that runs it',
    script: [
      say(1, "SELECT run('SET sluice.x = ''ran''')"),
      extended(3, run('', "SELECT run($$SET sluice.x = 'of its own'$$)")),
      say(2, 'SELECT 1'),
    ],
  },
  {
    name: 'an object is temporary because the same text sets search_path',
    script: [
      say(
        1,
        "SET search_path TO pg_temp, public; CREATE VIEW place AS SELECT 'own'::text AS name; RESET search_path",
      ),
      say(
        3,
        "SELECT set_config('search_path', 'pg_temp', false); CREATE TABLE place AS SELECT 'third'::text AS name; RESET search_path",
      ),
      say(4, "BEGIN; SET LOCAL search_path TO pg_temp; CREATE TYPE place AS ENUM ('a'); COMMIT"),
      say(2, 'SELECT name FROM place', "SET app.user_id = 'second'"),
      say(1, 'SELECT name FROM place'),
      say(3, 'SELECT name FROM place'),
      say(4, "SELECT 'a'::pg_temp.place"),
    ],
  },
  {
    name: 'an object is temporary because the database has that search_path',
    script: [
      { session: 0, world: 'ALTER DATABASE shop SET search_path = pg_temp, public' },
      say(1, "CREATE TABLE place AS SELECT 'own'::text AS name"),
      say(2, 'SELECT name FROM place', "SET app.user_id = 'second'"),
      say(1, 'SELECT name FROM place'),
    ],
  },
  {
    name: 'temporary objects of every catalog stay when other DDL runs',
    script: [
      say(1, 'CREATE COLLATION pg_temp.plain FROM "C"'),
      say(2, 'CREATE TEXT SEARCH CONFIGURATION pg_temp.words (copy = simple)'),
      say(3, 'CREATE OPERATOR pg_temp.=== (leftarg = int, rightarg = int, function = int4eq)'),
      say(1, 'DROP TABLE IF EXISTS nowhere'),
      say(2, 'DROP TABLE IF EXISTS nowhere'),
      say(3, 'DROP TABLE IF EXISTS nowhere'),
      say(4, "SET app.user_id = 'fourth'", 'SELECT 1 OPERATOR(pg_temp.===) 1'),
      say(1, `SELECT 'a' COLLATE pg_temp.plain`),
      say(2, `SELECT to_tsvector('pg_temp.words', 'own')`),
      say(3, 'SELECT 1 OPERATOR(pg_temp.===) 1'),
    ],
  },
  {
    name: 'a session keeps the start value with which the first connection of its pool began',
    script: [
      say(4, 'SELECT 1', 'RESET search_path'),
      { session: 0, world: "ALTER ROLE ann SET DateStyle = 'German'" },
      say(1, 'SHOW DateStyle'),
      say(4, 'SHOW DateStyle'),
      say(1, 'SHOW DateStyle'),
    ],
  },
  {
    name: 'a client learns of a reload although its session keeps a start value then',
    script: [
      say(2, 'SELECT 1'),
      {
        session: 0,
        world: "ALTER SYSTEM SET DateStyle = 'German';; SELECT pg_reload_conf()",
      },
      say(4, 'SELECT 1'),
      { session: 0, world: "ALTER ROLE ann SET DateStyle = 'German'" },
      say(1, 'SHOW DateStyle'),
      say(2, 'SHOW DateStyle'),
    ],
  },
  {
    name: 'a reload, after a change of start values',
    differs: 'a reload after ALTER ROLE or ALTER DATABASE SET',
    script: [
      say(1, 'SELECT 1'),
      { session: 0, world: "ALTER DATABASE shop SET work_mem = '33MB'" },
      say(2, 'SHOW work_mem'),
      { session: 0, world: "ALTER SYSTEM SET work_mem = '36MB';; SELECT pg_reload_conf()" },
      say(1, 'SHOW work_mem'),
    ],
  },
  {
    name: 'hidden state of a statement whose first runs no probe followed',
    script: [
      say(1, "SELECT run('SET app.h = ''ran''') AS lonely"),
      { session: 1, leave: 'terminate' },
      say(1, "SELECT run('SET app.h = ''ran''') AS lonely"),
      { session: 1, leave: 'terminate' },
      say(1, "SELECT run('SET app.h = ''ran''') AS lonely"),
      { session: 1, leave: 'terminate' },
      say(1, "SELECT run('SET app.h = ''ran''') AS lonely"),
      { session: 1, leave: 'terminate' },
      say(1, "SELECT run('SET app.h = ''ran''') AS lonely"),
      say(2, "SET app.user_id = 'second'"),
      say(1, "SELECT current_setting('app.h', true)"),
    ],
  },
];
