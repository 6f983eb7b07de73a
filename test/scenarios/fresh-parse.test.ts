import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawClient } from '../helpers/raw-client.ts';
import {
  bind,
  close,
  describe,
  execute,
  parse,
  query,
  summary,
  sync,
} from '../helpers/messages.ts';
import type { Route } from '../helpers/routes.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';

async function replyTo(client: RawClient, ...requests: readonly Buffer[]): Promise<string> {
  client.send(...requests);
  return summary(await client.ready());
}

interface Case {
  /** The subject of the case. */
  readonly name: string;
  /** DDL before everything, and between the first and the second Parse of the text. */
  readonly before: string;
  readonly between: string;
  readonly text: string;
  /** The values that the first and the second client bind, and the reply to the second. */
  readonly first: readonly string[];
  readonly second: readonly string[];
  readonly reply: string;
}

/** PostgreSQL analyzes a text again at every Parse: with the current tables, not those of an earlier client. */
const cases: readonly Case[] = [
  {
    name: 'a column of a wider type',
    before: 'CREATE TABLE wider (id int, v text); INSERT INTO wider VALUES (1)',
    between: 'ALTER TABLE wider ALTER id TYPE bigint; INSERT INTO wider VALUES (3000000000)',
    text: "UPDATE wider SET v = 'x' WHERE id = $1",
    first: ['1'],
    second: ['3000000000'],
    reply: '1 | t | n | 2 | C UPDATE 1 | Z I',
  },
  {
    name: 'a table that was dropped',
    before: 'CREATE TABLE dropped AS SELECT 1 AS a',
    between: 'DROP TABLE dropped',
    text: 'SELECT a FROM dropped',
    first: [],
    second: [],
    reply: 'E 42P01 | Z I',
  },
  {
    name: 'a table that was created again with other columns',
    before: 'CREATE TABLE again AS SELECT 1 AS a',
    between: "DROP TABLE again; CREATE TABLE again AS SELECT 'one'::text AS a, 2 AS b",
    text: 'SELECT * FROM again',
    first: [],
    second: [],
    reply: '1 | t | T | 2 | D one 2 | C SELECT 1 | Z I',
  },
  {
    name: 'a table of the same name in an earlier schema',
    before:
      'CREATE SCHEMA early; CREATE SCHEMA late; SET search_path = early, late;' +
      "CREATE TABLE late.shaded AS SELECT 'late'::text AS v",
    between: "CREATE TABLE early.shaded AS SELECT 'early'::text AS v",
    text: 'SELECT v FROM shaded',
    first: [],
    second: [],
    reply: '1 | t | T | 2 | D early | C SELECT 1 | Z I',
  },
  {
    name: 'a function that is a better match',
    before: "CREATE FUNCTION fits(numeric) RETURNS text LANGUAGE sql AS $$ SELECT 'numeric' $$",
    between: "CREATE FUNCTION fits(int) RETURNS text LANGUAGE sql AS $$ SELECT 'int' $$",
    text: 'SELECT fits(1)',
    first: [],
    second: [],
    reply: '1 | t | T | 2 | D int | C SELECT 1 | Z I',
  },
  {
    name: 'a function that was dropped',
    before: 'CREATE FUNCTION gone(int) RETURNS int LANGUAGE sql AS $$ SELECT $1 $$',
    between: 'DROP FUNCTION gone(int)',
    text: 'SELECT gone($1)',
    first: ['1'],
    second: ['1'],
    reply: 'E 42883 | Z I',
  },
  {
    name: 'a type that was dropped and created again',
    before: "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods AS SELECT 'sad'::mood AS m",
    between:
      'DROP TABLE moods; DROP TYPE mood;' +
      "CREATE TYPE mood AS ENUM ('glad'); CREATE TABLE moods AS SELECT 'glad'::mood AS m",
    text: 'SELECT m FROM moods WHERE m = $1',
    first: ['sad'],
    second: ['glad'],
    reply: '1 | t | T | 2 | D glad | C SELECT 1 | Z I',
  },
  {
    name: 'a view that was replaced',
    before: 'CREATE VIEW seen AS SELECT 1 AS a',
    between: "DROP VIEW seen; CREATE VIEW seen AS SELECT 'two'::text AS a",
    text: 'SELECT a FROM seen',
    first: [],
    second: [],
    reply: '1 | t | T | 2 | D two | C SELECT 1 | Z I',
  },
  {
    name: 'RETURNING of another type',
    before: 'CREATE TABLE returned (a int)',
    between: 'ALTER TABLE returned ALTER a TYPE text',
    text: 'INSERT INTO returned VALUES ($1) RETURNING a',
    first: ['1'],
    second: ['one'],
    reply: '1 | t | T | 2 | D one | C INSERT 0 1 | Z I',
  },
  {
    name: 'a column that was dropped',
    before: 'CREATE TABLE narrower AS SELECT 1 AS a, 2 AS b',
    between: 'ALTER TABLE narrower DROP b',
    text: 'SELECT a, b FROM narrower',
    first: [],
    second: [],
    reply: 'E 42703 | Z I',
  },
];

const pooled = ['node', 'bun'] as const;
const all = ['direct', ...pooled] as const;

for (const poolSize of [1, 3])
  onEachRoute(
    `a text that others have prepared, on ${poolSize} connections`,
    // A direct connection behaves the same in all cases.
    {
      settings: { PoolSize: poolSize },
      routes: poolSize === 1 ? all : pooled,
      sample: onOneRuntime,
    },
    (route) => {
      for (const { name, before, between, text, first, second, reply } of cases)
        test(`is parsed again: ${name}`, async (t) => {
          const { database } = route();
          await cleared(route());
          await database.query(before);
          t.after(() => cleared(route()));
          const path = 'early, late, public';
          const options = { parameters: { search_path: path } };
          const old = await Promise.all([1, 2, 3].map(() => route().login(t, options)));
          for (const client of old) {
            const all = [parse('s', text), describe('S', 's'), bind('s', first), execute(), sync];
            await replyTo(client, query('BEGIN'));
            assert.match(await replyTo(client, ...all), /^1 \| t \| [nT] \| 2 \| /);
            await replyTo(client, query('ROLLBACK'));
          }
          await database.query(between);
          const fresh = await route().login(t, options);
          for (const client of [fresh, ...old.slice(1)]) {
            if (client !== fresh) await replyTo(client, close('S', 's'), sync);
            await replyTo(client, query('BEGIN'));
            const got = await replyTo(
              client,
              ...[parse('s', text), describe('S', 's'), bind('s', second), execute(), sync],
            );
            assert.equal(got.replace(/Z [TE]$/, 'Z I'), reply);
            await replyTo(client, query('ROLLBACK'));
          }
        });
    },
  );

/** Removes what the cases have created. */
async function cleared({ database }: Route): Promise<void> {
  await database.query(`
    DROP SCHEMA IF EXISTS early, late CASCADE;
    DROP SCHEMA public CASCADE; CREATE SCHEMA public`);
}
