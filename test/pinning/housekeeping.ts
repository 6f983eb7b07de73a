import { bind, execute, parse, query, sync } from '../helpers/messages.ts';

/** The statements that a driver or framework sends by itself, and the state of the session afterwards. */
export interface Housekeeping {
  /** As in the first column of the table in `docs/pinning.md`. */
  readonly client: string;
  /** The requests as the driver sends them, each answered by one ReadyForQuery. */
  readonly requests: readonly Buffer[];
  /** A query of one value, and the expected result in the session afterwards. */
  readonly shows: readonly [text: string, value: string];
}

const simple = (...texts: readonly string[]): Buffer[] => texts.map((text) => query(text));

const extended = (text: string, values: readonly string[] = [], name = ''): Buffer =>
  Buffer.concat([parse(name, text), bind(name, values), execute(), sync]);

/** A literal of a megabyte. */
const megabyte = 'x'.repeat(1024 * 1024);

export const housekeeping: readonly Housekeeping[] = [
  {
    client: 'asyncpg, on release to its pool',
    requests: simple('SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;'),
    shows: ['SHOW work_mem', '4MB'],
  },
  {
    client: 'Npgsql, on release to its pool',
    requests: simple('DISCARD ALL'),
    shows: ['SHOW work_mem', '4MB'],
  },
  {
    client: 'Npgsql, on release with prepared statements',
    requests: [
      extended('SELECT 1', [], '_p1'),
      ...simple(
        'SET SESSION AUTHORIZATION DEFAULT;RESET ALL;CLOSE ALL;UNLISTEN *;' +
          'SELECT pg_advisory_unlock_all();DISCARD SEQUENCES;DISCARD TEMP',
      ),
    ],
    shows: ['SHOW work_mem', '4MB'],
  },
  {
    client: 'Rails, on connect',
    requests: simple(
      "SET client_min_messages TO 'warning'",
      'SET standard_conforming_strings = on',
      'SET intervalstyle = iso_8601',
      "SET SESSION timezone TO 'UTC'",
      "SET SESSION statement_timeout TO '15s'",
    ),
    shows: [
      "SELECT concat_ws(' ', current_setting('IntervalStyle'), current_setting('statement_timeout'))",
      'iso_8601 15s',
    ],
  },
  {
    client: 'Django, on connect',
    requests: [extended("SELECT set_config('TimeZone', $1, false)", ['Europe/Rome'])],
    shows: ['SHOW TimeZone', 'Europe/Rome'],
  },
  {
    client: 'django-pghistory, before a query',
    requests: simple(
      "SELECT set_config('pghistory.context_id', 'c7', true), " +
        "set_config('pghistory.context_metadata', '{}', true); SELECT 1",
    ),
    shows: ["SELECT coalesce(current_setting('pghistory.context_id', true), '')", ''],
  },
  {
    client: 'Prisma, on connect',
    requests: simple('SET search_path = "reports"'),
    shows: ['SHOW search_path', 'reports'],
  },
  {
    client: 'Prisma with pgbouncer=true, before a transaction',
    requests: simple('DEALLOCATE ALL'),
    shows: ['SELECT 1', '1'],
  },
  {
    client: 'psycopg, when its cache of statements is full',
    requests: [extended('SELECT $1::text', ['x'], '_pg3_0'), ...simple('DEALLOCATE "_pg3_0"')],
    shows: ['SELECT 1', '1'],
  },
  {
    client: 'pgjdbc, on connect',
    requests: [
      extended('SET extra_float_digits = 3'),
      extended("SET application_name = 'PostgreSQL JDBC Driver'"),
    ],
    shows: ['SHOW application_name', 'PostgreSQL JDBC Driver'],
  },
  {
    client: 'pgjdbc, setTransactionIsolation()',
    requests: [
      extended('SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ'),
    ],
    shows: ['SHOW transaction_isolation', 'repeatable read'],
  },
  {
    client: 'SQLAlchemy with asyncpg, when it looks up a type',
    requests: [
      extended("SELECT current_setting('jit') AS cur, set_config('jit', 'off', false) AS new"),
      extended("SELECT set_config('jit', $1, false)", ['off']),
    ],
    shows: ['SHOW jit', 'off'],
  },
  {
    client: 'psqlODBC, on connect',
    requests: simple("SET DateStyle = 'ISO';SET extra_float_digits = 2;show transaction_isolation"),
    shows: ['SHOW extra_float_digits', '2'],
  },
  {
    client: 'pg_dump, at its start',
    requests: simple(
      "SELECT pg_catalog.set_config('search_path', '', false);",
      'SET DATESTYLE = ISO',
      'SET INTERVALSTYLE = POSTGRES',
      'SET extra_float_digits TO 3',
      'SET synchronize_seqscans TO off',
      'SET statement_timeout = 0',
      'SET lock_timeout = 0',
      'SET idle_in_transaction_session_timeout = 0',
      'SET row_security = off',
      'BEGIN',
      'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',
      'COMMIT',
    ),
    shows: ['SHOW search_path', ''],
  },
  {
    client: 'Row level security, once a request',
    requests: simple("SET app.user_id = '42'", 'SET ROLE pg_read_all_data'),
    shows: ["SELECT current_user || ' ' || current_setting('app.user_id')", 'pg_read_all_data 42'],
  },
  {
    client: 'A worker that waits for jobs',
    requests: simple('LISTEN jobs', "NOTIFY jobs, 'mine'"),
    shows: ['SELECT pg_listening_channels()', 'jobs'],
  },
  {
    client: 'A statement of a megabyte',
    requests: [...simple(`SELECT length('${megabyte}')`), extended(`SELECT length('${megabyte}')`)],
    shows: ['SELECT 1', '1'],
  },
];
