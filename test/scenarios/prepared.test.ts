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
  rowsOf,
  summary,
  sync,
} from '../helpers/messages.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';

const bound = 10;

async function run(
  client: RawClient,
  name: string,
  values: readonly string[] = [],
): Promise<string> {
  client.send(bind(name, values), execute(), sync);
  return summary(await client.ready());
}

async function prepare(client: RawClient, name: string, text: string): Promise<string> {
  client.send(parse(name, text), sync);
  return summary(await client.ready());
}

onEachRoute(
  'prepared statements',
  { settings: { PoolSize: 2, PreparedStatementsPerConnection: bound }, sample: onOneRuntime },
  (route) => {
    test('a named statement outlives its transaction', async (t) => {
      const clients = await Promise.all(Array.from({ length: 6 }, () => route().login(t)));
      await Promise.all(
        clients.map(async (client, index) => {
          // The same name has a different meaning for each.
          assert.equal(await prepare(client, 'add', `SELECT $1::int + ${index}`), '1 | Z I');
          for (let turn = 0; turn < 10; turn += 1) {
            const expected = `2 | D ${turn + index} | C SELECT 1 | Z I`;
            assert.equal(await run(client, 'add', [String(turn)]), expected);
          }
        }),
      );
    });

    test('the unnamed statement outlives its transaction, until the next one or a simple query', async (t) => {
      const [client, other] = await Promise.all([route().login(t), route().login(t)]);
      await prepare(client, '', 'SELECT 5');
      for (let turn = 0; turn < 3; turn += 1) {
        await prepare(other, '', `SELECT ${turn}`);
        assert.equal(await run(other, ''), `2 | D ${turn} | C SELECT 1 | Z I`);
        assert.equal(await run(client, ''), '2 | D 5 | C SELECT 1 | Z I');
      }
      await prepare(client, '', 'SELECT 6');
      assert.equal(await run(client, ''), '2 | D 6 | C SELECT 1 | Z I');
      await client.query('SELECT 1');
      assert.equal(await run(client, ''), 'E 26000 | Z I');
    });

    test('an unnamed statement that fails does not exist afterwards', async (t) => {
      const client = await route().login(t);
      await prepare(client, '', 'SELECT 5');
      assert.equal(await prepare(client, '', 'SELECT bad'), 'E 42703 | Z I');
      assert.equal(await run(client, ''), 'E 26000 | Z I');
    });

    test('a name in use is 42P05; after Close it is free', async (t) => {
      const client = await route().login(t);
      assert.equal(await prepare(client, 'once', 'SELECT 1'), '1 | Z I');
      assert.equal(await prepare(client, 'once', 'SELECT 1'), 'E 42P05 | Z I');
      assert.equal(await prepare(client, 'once', 'SELECT 2'), 'E 42P05 | Z I');
      assert.equal(await run(client, 'once'), '2 | D 1 | C SELECT 1 | Z I');
      client.send(close('S', 'once'), sync);
      assert.equal(summary(await client.ready()), '3 | Z I');
      assert.equal(await run(client, 'once'), 'E 26000 | Z I');
      assert.equal(await prepare(client, 'once', 'SELECT 3'), '1 | Z I');
      assert.equal(await run(client, 'once'), '2 | D 3 | C SELECT 1 | Z I');
    });

    test('closing what does not exist is no error', async (t) => {
      const client = await route().login(t);
      client.send(close('S', 'nowhere'), close('P', 'nowhere'), close('S'), close('P'), sync);
      assert.equal(summary(await client.ready()), '3 | 3 | 3 | 3 | Z I');
    });

    test('another session does not see the statement', async (t) => {
      const [client, other] = await Promise.all([route().login(t), route().login(t)]);
      await prepare(client, 'mine', 'SELECT 1');
      assert.equal(await run(other, 'mine'), 'E 26000 | Z I');
      other.send(describe('S', 'mine'), sync);
      assert.equal(summary(await other.ready()), 'E 26000 | Z I');
    });

    test('a statement whose parse fails does not exist, and its name is free', async (t) => {
      const client = await route().login(t);
      assert.equal(await prepare(client, 'bad', 'SELECT no_such'), 'E 42703 | Z I');
      assert.equal(await run(client, 'bad'), 'E 26000 | Z I');
      assert.equal(await prepare(client, 'bad', 'SELECT 1'), '1 | Z I');
      assert.equal(await run(client, 'bad'), '2 | D 1 | C SELECT 1 | Z I');
    });

    test('a statement skipped after an error does not exist', async (t) => {
      const client = await route().login(t);
      client.send(parse('', 'SELECT bad'), parse('skipped', 'SELECT 1'), sync);
      assert.equal(summary(await client.ready()), 'E 42703 | Z I');
      assert.equal(await run(client, 'skipped'), 'E 26000 | Z I');
    });

    test('a close skipped after an error closes nothing', async (t) => {
      const client = await route().login(t);
      await prepare(client, 'stays', 'SELECT 1');
      client.send(parse('', 'SELECT bad'), close('S', 'stays'), sync);
      assert.equal(summary(await client.ready()), 'E 42703 | Z I');
      assert.equal(await run(client, 'stays'), '2 | D 1 | C SELECT 1 | Z I');
    });

    test('a statement is not undone by a rollback', async (t) => {
      const client = await route().login(t);
      client.send(query('BEGIN'));
      await client.ready();
      await prepare(client, 'kept', 'SELECT 1');
      await client.query('ROLLBACK');
      assert.equal(await run(client, 'kept'), '2 | D 1 | C SELECT 1 | Z I');
    });

    test('more statements than a connection keeps', async (t) => {
      const client = await route().login(t);
      const count = bound * 3;
      for (let index = 0; index < count; index += 1) {
        assert.equal(await prepare(client, `s${index}`, `SELECT ${index}`), '1 | Z I');
      }
      for (const index of [...Array(count).keys(), 0, 7, count - 1]) {
        const expected = `2 | D ${index} | C SELECT 1 | Z I`;
        assert.equal(await run(client, `s${index}`), expected);
      }
      // All in one cycle: more than the limit at once.
      client.send(
        ...Array.from({ length: count }, (_, index) =>
          Buffer.concat([bind(`s${index}`), execute()]),
        ),
        sync,
      );
      const rows = rowsOf(await client.ready()).flat();
      assert.deepEqual(
        rows,
        Array.from({ length: count }, (_, index) => String(index)),
      );
      if (route().isDirect) return;
      const held = Number(await client.value('SELECT count(*) FROM pg_prepared_statements'));
      assert(held <= bound, `${held} statements on one connection`);
    });

    test('the same text with other parameter types is another statement', async (t) => {
      const client = await route().login(t);
      for (const [name, type, expected] of [
        ['number', 23, 'integer'],
        ['text', 25, 'text'],
        ['number again', 23, 'integer'],
      ] as const) {
        client.send(
          parse(name, 'SELECT pg_typeof($1)', [type]),
          bind(name, ['1']),
          execute(),
          sync,
        );
        assert.equal(summary(await client.ready()), `1 | 2 | D ${expected} | C SELECT 1 | Z I`);
      }
    });

    test('the search path determines the meaning of a statement, for each session', async (t) => {
      await route().database.query(`
        CREATE SCHEMA north; CREATE TABLE north.place AS SELECT 'north' AS name;
        CREATE SCHEMA south; CREATE TABLE south.place AS SELECT 'south' AS name`);
      t.after(async () => {
        await route().database.query('DROP SCHEMA north CASCADE; DROP SCHEMA south CASCADE');
      });
      const names = ['north', 'south'];
      const clients = await Promise.all(
        names.map((name) => route().login(t, { parameters: { search_path: name } })),
      );
      for (const client of clients) await prepare(client, 'where', 'SELECT name FROM place');
      for (let turn = 0; turn < 4; turn += 1) {
        const answers = await Promise.all(clients.map((client) => run(client, 'where')));
        assert.deepEqual(answers, [
          '2 | D north | C SELECT 1 | Z I',
          '2 | D south | C SELECT 1 | Z I',
        ]);
      }
      await Promise.all(clients.map((client) => client.end()));
    });

    test('DEALLOCATE and DISCARD ALL remove statements of Parse', async (t) => {
      const client = await route().login(t);
      await prepare(client, 'gone', 'SELECT 1');
      await prepare(client, 'kept', 'SELECT 2');
      await client.query('DEALLOCATE gone');
      assert.equal(await run(client, 'gone'), 'E 26000 | Z I');
      assert.equal(await run(client, 'kept'), '2 | D 2 | C SELECT 1 | Z I');
      await client.query('DISCARD ALL');
      assert.equal(await run(client, 'kept'), 'E 26000 | Z I');
    });

    test('SQL EXECUTE runs statements of Parse', async (t) => {
      const client = await route().login(t);
      await prepare(client, 'shared', 'SELECT $1::int * 2');
      assert.equal(await client.value('EXECUTE shared(21)'), '42');
    });
  },
);
