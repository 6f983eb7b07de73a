import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { startDatabase } from '../../../../test/helpers/database.ts';
import { Flag, classify, loadParser } from '../../src/sql/index.ts';
import { knownOperators, steadyFunctions } from '../../src/sql/known-functions.ts';
import { harmless, plainReads, touching } from './corpus.ts';

/** Session state that PostgreSQL shows, and the bits of which one must be set when it changes. */
const aspects = {
  parameters: {
    query: `select coalesce(string_agg(name || '=' || setting, ' ' order by name), '') from pg_settings
            where source = 'session' and name not like 'transaction\\_%'`,
    bits: Flag.SetsParameter | Flag.SetsLocalParameter,
  },
  'a custom parameter': {
    query: `select coalesce(current_setting('a.b', true), '')`,
    bits: Flag.SetsParameter | Flag.SetsLocalParameter,
  },
  role: { query: 'select current_user || session_user', bits: Flag.ChangesRole },
  locks: {
    query: `select count(*)::text from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
    bits: Flag.AdvisoryLock | Flag.AdvisoryUnlock,
  },
  'temporary objects': {
    query: `select concat(
              (select count(*) from pg_class where relnamespace = pg_my_temp_schema()), ' ',
              (select count(*) from pg_proc where pronamespace = pg_my_temp_schema()), ' ',
              (select count(*) from pg_type where typnamespace = pg_my_temp_schema()))`,
    bits: Flag.TemporaryObject,
  },
  cursors: { query: 'select count(*)::text from pg_cursors', bits: Flag.Cursor | Flag.Discard },
  statements: {
    query: 'select count(*)::text from pg_prepared_statements',
    bits: Flag.Prepare | Flag.Deallocate | Flag.Discard,
  },
  channels: {
    query: 'select count(*)::text from pg_listening_channels()',
    bits: Flag.Listen | Flag.Unlisten | Flag.Discard,
  },
} as const;

const setup = `
  create role r;
  create table t (a int, b text, c int, d int, e text);
  create table u (a int);
  create sequence s;
  create function my_function(int) returns int language sql as 'select 1';
  create function f(int) returns int language sql as 'select 1';
  create procedure p(int) language sql as 'select 1';
  insert into t values (1, 'x', 2, 3, 'y')`;

let postgres: Postgres;

before(async () => {
  [postgres] = await Promise.all([startDatabase(), loadParser()]);
  await withClient((client) => client.query(setup));
});

after(() => postgres.stop());

async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(postgres.url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const stateQuery = `select ${Object.values(aspects)
  .map(({ query }) => `(${query})`)
  .join(', ')}`;

/** One value per kind of state. */
async function stateOf(client: Client): Promise<Map<string, string | undefined>> {
  const { rows } = await client.query<string[]>({ text: stateQuery, rowMode: 'array' });
  return new Map(Object.keys(aspects).map((name, index) => [name, rows[0]?.[index]]));
}

describe('on a real server', () => {
  test('statements that change a session are classified so', { timeout: 60_000 }, async () => {
    const changed = new Map<string, number>();
    for (const [text] of [...plainReads, ...harmless, ...touching]) {
      // COPY FROM STDIN would wait for its data.
      const { flags } = classify(text);
      if ((flags & Flag.CopyIn) !== 0) continue;
      await withClient(async (client) => {
        const before = await stateOf(client);
        await client.query(text).catch(() => undefined);
        const state = await stateOf(client).catch(() => before);
        for (const [name, { bits }] of Object.entries(aspects)) {
          if (state.get(name) === before.get(name)) continue;
          changed.set(name, (changed.get(name) ?? 0) + 1);
          assert.notEqual(flags & bits, 0, `${text} changed ${name}`);
        }
      });
    }
    for (const name of Object.keys(aspects)) {
      assert.ok((changed.get(name) ?? 0) > 0, `no text changed ${name}`);
    }
  });

  test('a function can be called as if it were a column', async () => {
    await withClient(async (client) => {
      await client.query('select (1::bigint).pg_advisory_lock');
      assert.equal((await stateOf(client)).get('locks'), '1');
    });
  });

  test('the known functions and operators have the assumed properties', async () => {
    await withClient(async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `select name from unnest($1::text[]) as name
          where not exists (select from pg_proc where proname = name and pronamespace = 'pg_catalog'::regnamespace)
             or exists (select from pg_proc where proname = name and provolatile = 'v'
                           and pronamespace = 'pg_catalog'::regnamespace)`,
        [steadyFunctions],
      );
      assert.deepEqual(rows, []);
      const operators = await client.query<{ name: string }>(
        `select name from unnest($1::text[]) as name
          where not exists (select from pg_operator where oprname = name)`,
        [knownOperators],
      );
      assert.deepEqual(operators.rows, []);
    });
  });
});
