import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bind,
  close,
  describe,
  execute,
  flush,
  parse,
  summary,
  sync,
} from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import type { Owner, Route } from '../helpers/routes.ts';

/*
 * PostgreSQL runs some statements only alone, and others only in a transaction. What the proxy has to send before one
 * of them, on a connection that does not have it yet, must not make it part of a pipeline.
 */

/** Statements, and what PostgreSQL replies to their Execute outside a transaction. */
const cases: readonly (readonly [text: string, reply: RegExp])[] = [
  ['VACUUM note', /^C VACUUM$/],
  ['DROP DATABASE IF EXISTS nowhere', /^N 00000 \| C DROP DATABASE$/],
  ['ALTER SYSTEM RESET work_mem', /^C ALTER SYSTEM$/],
  ['REINDEX TABLE CONCURRENTLY note', /^C REINDEX$/],
  ['CREATE INDEX CONCURRENTLY ON note (id)', /^C CREATE INDEX$/],
  ['DISCARD ALL', /^C DISCARD ALL$/],
  ['CALL commits()', /^C CALL$/],
  ['DO $$ BEGIN COMMIT; END $$', /^C DO$/],
  ['SET LOCAL work_mem = 1000', /^N 25P01 \| C SET$/],
  ['SET TRANSACTION READ ONLY', /^N 25P01 \| C SET$/],
  ['LOCK TABLE note', /^E 25P01$/],
  ['SAVEPOINT s', /^E 25P01$/],
  ['DECLARE c CURSOR FOR SELECT 1', /^E 25P01$/],
  ['COMMIT', /^N 25P01 \| C COMMIT$/],
  ['ROLLBACK', /^N 25P01 \| C ROLLBACK$/],
];

/** Parameters that texts are are parsed under, earlier and later. */
const changes: readonly (readonly [name: string, earlier: string, later: string])[] = [
  ['client_encoding', "'LATIN1'", "'UTF8'"],
  ['TimeZone', "'UTC'", "'Asia/Tokyo'"],
  ['work_mem', '1000', '2000'],
];

/** What the client may send before, in the same cycle, and the reply to it. */
const before: readonly (readonly [what: string, messages: readonly Buffer[], reply: string])[] = [
  ['Parse', [parse('other', 'SELECT 1')], '1'],
  ['Parse and Flush', [parse('other', 'SELECT 1'), flush], '1'],
  ['Parse and Describe', [parse('other', 'SELECT 1'), describe('S', 'other')], '1 | t | T'],
  ['Close', [close('S', 'other')], '3'],
];

/** Takes the connection with this process, so that the client that had it is served on the other of two. */
async function takeAway(route: Route, had: string | null | undefined, t: Owner): Promise<void> {
  if (route.isDirect) return;
  const [first, second] = [await route.login(t), await route.login(t)];
  await first.query('BEGIN');
  if ((await first.value('SELECT pg_backend_pid()')) === had) return;
  await second.query('BEGIN');
  assert.equal(await second.value('SELECT pg_backend_pid()'), had);
  await first.query('ROLLBACK');
}

/** Sets a parameter without a Query, which would destroy the unnamed statement. */
async function set(client: RawClient, name: string, value: string): Promise<void> {
  const statement = `set ${value}`;
  client.send(parse(statement, `SET ${name} = ${value}`), bind(statement), execute(), sync);
  await client.ready();
}

onEachRoute(
  'a statement that must run alone, prepared again',
  { settings: { PoolSize: 2 }, sample: onOneRuntime },
  (route) => {
    test('the objects', async (t) => {
      const client = await route().login(t);
      await client.rows(`CREATE TABLE IF NOT EXISTS note (id int PRIMARY KEY);
        CREATE OR REPLACE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$`);
    });
    for (const name of ['s', ''])
      for (const [parameter, earlier, later] of changes)
        for (const [text, reply] of cases)
          test(`${parameter}: ${name === '' ? 'unnamed' : 'named'} ${text}`, async (t) => {
            const client = await route().login(t);
            await prepareElsewhere(route(), client, { name, text, parameter, earlier, later }, t);
            client.send(bind(name), execute(), sync);
            const replies = summary(await client.ready());
            assert.match(replies, /^2 \| .* \| Z I$/);
            // DISCARD ALL reports the start values.
            assert.match(replies.slice(4, -6).replaceAll(/ \| S [^|]*(?= \||$)/g, ''), reply);
          });

    for (const name of ['s', ''])
      for (const [parameter, earlier, later] of changes)
        for (const [text, reply] of cases)
          for (const [what, first, answer] of before)
            test(`${parameter}: ${name === '' ? 'unnamed' : 'named'} ${text} behind ${what}`, async (t) => {
              const client = await route().login(t);
              await prepareElsewhere(route(), client, { name, text, parameter, earlier, later }, t);
              client.send(...first, bind(name), execute(), sync);
              const replies = summary(await client.ready());
              assert(replies.startsWith(`${answer} | 2 | `) && replies.endsWith(' | Z I'), replies);
              const own = replies.slice(answer.length + 7, -6);
              assert.match(own.replaceAll(/ \| S [^|]*(?= \||$)/g, ''), reply);
              client.send(bind('other'), execute(), sync);
              const isThere = what !== 'Close' && text !== 'DISCARD ALL';
              assert.match(summary(await client.ready()), isThere ? /^2 \| D 1/ : /^E 26000/);
            });

    // docs/pinning.md, "Differences from a direct connection": a Sync would close the portal of the other Bind.
    test('behind another Bind', async (t) => {
      const client = await route().login(t);
      const [parameter, earlier, later] = ['client_encoding', "'LATIN1'", "'UTF8'"];
      const text = 'VACUUM note';
      await prepareElsewhere(route(), client, { name: 's', text, parameter, earlier, later }, t);
      const first = [parse('other', 'SELECT 1'), bind('other', [], { portal: 'p' })];
      client.send(...first, bind('s'), execute(), sync);
      const end = route().isDirect ? 'C VACUUM' : 'E 25001';
      assert.equal(summary(await client.ready()), `1 | 2 | 2 | ${end} | Z I`);
    });

    for (const name of ['s', ''])
      test(`behind a Parse that fails, ${name === '' ? 'unnamed' : 'named'}`, async (t) => {
        const client = await route().login(t);
        const [parameter, earlier, later] = ['client_encoding', "'LATIN1'", "'UTF8'"];
        const text = 'CREATE TABLE never ()';
        await prepareElsewhere(route(), client, { name, text, parameter, earlier, later }, t);
        client.send(parse('other', 'SELECT nonsense'), bind(name), execute(), sync);
        assert.equal(summary(await client.ready()), 'E 42703 | Z I');
        assert.equal(await client.value("SELECT to_regclass('never')"), null);
      });

    for (const name of ['s', ''])
      test(`described in the same cycle, ${name === '' ? 'unnamed' : 'named'}`, async (t) => {
        const client = await route().login(t);
        const [parameter, earlier, later] = ['client_encoding', "'LATIN1'", "'UTF8'"];
        const text = 'VACUUM note';
        await prepareElsewhere(route(), client, { name, text, parameter, earlier, later }, t);
        client.send(describe('S', name), bind(name), execute(), sync);
        assert.equal(summary(await client.ready()), 't | n | 2 | C VACUUM | Z I');
      });

    for (const name of ['s', ''])
      for (const [text, first] of [
        ['UPDATE gone SET id = 1', bind(name)],
        ['INSERT INTO gone VALUES (1) RETURNING id', bind(name)],
        ['CALL vanishes(1)', bind(name)],
        ['INSERT INTO gone VALUES (1) RETURNING id', describe('S', name)],
      ] as const)
        test(`the error of what can no longer be prepared, ${name === '' ? 'unnamed' : 'named'} ${text}, ${first.toString('latin1', 0, 1)}`, async (t) => {
          const client = await route().login(t);
          const keeper = await route().login(t);
          await keeper.rows(`DROP TABLE IF EXISTS gone; CREATE TABLE gone (id int);
            CREATE OR REPLACE PROCEDURE vanishes(int) LANGUAGE sql AS ''`);
          await keeper.end();
          const [parameter, earlier, later] = ['client_encoding', "'LATIN1'", "'UTF8'"];
          await prepareElsewhere(route(), client, { name, text, parameter, earlier, later }, t);
          await route().database.query('DROP TABLE gone; DROP PROCEDURE vanishes(int)');
          client.send(first, bind(name), execute(), sync, parse('n', 'SELECT 1'), sync);
          const reply = /^(t \| )?E (42P01|42883) \| Z I \| 1 \| Z I$/;
          assert.match(summary([...(await client.ready()), ...(await client.ready())]), reply);
          client.send(bind(name), execute(), sync);
          assert.match(summary(await client.ready()), /^E (42P01|42883) \| Z I$/);
          client.send(bind('n'), execute(), sync);
          assert.match(summary(await client.ready()), /^2 \| D 1 \| C SELECT 1 \| Z I$/);
        });
  },
);

interface Preparation {
  readonly name: string;
  readonly text: string;
  readonly parameter: string;
  readonly earlier: string;
  readonly later: string;
}

/** Prepares a statement, changes a parameter, and takes the connection away that has the statement. */
async function prepareElsewhere(
  route: Route,
  client: RawClient,
  { name, text, parameter, earlier, later }: Preparation,
  t: Owner,
): Promise<void> {
  const had = await client.value('SELECT pg_backend_pid()');
  await set(client, parameter, earlier);
  client.send(parse(name, text), sync);
  assert.equal(summary(await client.ready()), '1 | Z I');
  await set(client, parameter, later);
  await takeAway(route, had, t);
}
