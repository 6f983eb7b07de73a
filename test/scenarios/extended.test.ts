import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bind,
  close,
  describe,
  execute,
  flush,
  outline,
  parse,
  query,
  rowsOf,
  summary,
  sync,
} from '../helpers/messages.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';

const int4 = 23;
const text = 25;

/** Fails when it runs; a division of constants would already fail at Bind. */
const divide = 'SELECT 100 / count(*) FROM generate_series(1, $1::int)';

onEachRoute(
  'extended query',
  { settings: { PoolSize: 3, PreparedStatementsPerConnection: 20 }, sample: onOneRuntime },
  (route) => {
    test('parse, bind, describe, execute, sync', async (t) => {
      const client = await route().login(t);
      client.send(
        parse('', 'SELECT $1::int + 1'),
        bind('', ['41']),
        describe('P'),
        execute(),
        sync,
      );
      assert.equal(summary(await client.ready()), '1 | 2 | T | D 42 | C SELECT 1 | Z I');
    });

    test('values in binary, NULL, and the types that the client names', async (t) => {
      const client = await route().login(t);
      client.send(
        parse('', 'SELECT $1, $2, $1 IS NULL', [int4, text]),
        bind('', [null, 'a'], { binary: true }),
        execute(),
        sync,
      );
      const answer = await client.ready();
      assert.deepEqual(rowsOf(answer), [[null, 'a', '\u0001']]);
    });

    test('a read-only database refuses after it has sent replies', async (t) => {
      const name = `read_only_${route().name}`;
      await route().database.query(`CREATE DATABASE ${name}`);
      await route().database.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      const client = await route().login(t, { parameters: { database: name } });
      const create = 'INSERT INTO pg_description VALUES (0, 0, 0, $1)';
      for (let round = 0; round < 3; round++) {
        client.send(parse('', create), describe('S', ''), bind('', ['x']), execute(), sync);
        assert.equal(summary(await client.ready()), '1 | t | n | 2 | E 25006 | Z I');
      }
    });

    test('Flush returns the replies without ending the query cycle', async (t) => {
      const client = await route().login(t);
      client.send(parse('', 'SELECT 7'), flush);
      assert.equal(summary(await client.until('1')), '1');
      client.send(bind(''), describe('P'), flush);
      assert.equal(summary(await client.until('T')), '2 | T');
      client.send(execute(), flush);
      assert.equal(summary(await client.until('C')), 'D 7 | C SELECT 1');
      client.send(sync);
      assert.equal(summary(await client.ready()), 'Z I');
    });

    test("a cycle whose messages arrive one by one, with others' work in between", async (t) => {
      const [slow, quick] = await Promise.all([route().login(t), route().login(t)]);
      for (const part of [parse('', 'SELECT 7'), bind(''), describe('P'), execute(), sync]) {
        slow.send(part);
        assert.equal(await quick.value('SELECT 1'), '1');
      }
      assert.equal(summary(await slow.ready()), '1 | 2 | T | D 7 | C SELECT 1 | Z I');
    });

    test('after an error everything up to the Sync is skipped, and nothing after it', async (t) => {
      const client = await route().login(t);
      client.send(
        parse('', divide),
        bind('', ['0']),
        execute(),

        parse('skipped', 'SELECT 1'),
        bind('skipped'),
        execute(),
        close('S', 'skipped'),
        flush,
        sync,
        parse('', 'SELECT 2'),
        bind(''),
        execute(),
        sync,
        bind('skipped'),
        execute(),
        sync,
      );
      assert.equal(summary(await client.ready()), '1 | 2 | E 22012 | Z I');
      assert.equal(summary(await client.ready()), '1 | 2 | D 2 | C SELECT 1 | Z I');
      assert.equal(summary(await client.ready()), 'E 26000 | Z I');
    });

    test('a Query within a cycle is answered immediately, and has no effect later', async (t) => {
      const client = await route().login(t);
      client.send(parse('', 'SELECT 1'), bind(''), execute(), query('SELECT 2'));
      // Newer versions treat the cycle as an implicit transaction, which only the Sync ends.
      assert.match(
        summary(await client.ready()),
        /^1 \| 2 \| D 1 \| C SELECT 1 \| T \| D 2 \| C SELECT 1 \| Z [IT]$/,
      );
      client.send(sync);
      assert.equal(summary(await client.ready()), 'Z I');
      // PostgreSQL 18 remains in a state in which it refuses more statements: no other session may get it.
      const other = await route().login(t);
      for (let turn = 0; turn < 5; turn += 1) assert.equal(await other.value('SELECT 4'), '4');
    });

    test('a Query after an error is skipped', async (t) => {
      const client = await route().login(t);
      client.send(parse('', 'SELECT bad'), query('SELECT 3'), sync);
      assert.equal(summary(await client.ready()), 'E 42703 | Z I');
      assert.equal(await client.value('SELECT 4'), '4');
    });

    test('a pipeline of many query cycles, some with errors', async (t) => {
      const client = await route().login(t);
      const count = 150;
      client.send(
        ...Array.from({ length: count }, (_, index) =>
          Buffer.concat([parse('', divide), bind('', [String(index % 10)]), execute(), sync]),
        ),
      );
      for (let index = 0; index < count; index += 1) {
        const rest = index % 10;
        assert.equal(
          summary(await client.ready()),
          rest === 0
            ? '1 | 2 | E 22012 | Z I'
            : `1 | 2 | D ${Math.trunc(100 / rest)} | C SELECT 1 | Z I`,
        );
      }
    });

    test('a transaction over several query cycles in one pipeline', async (t) => {
      const client = await route().login(t);
      const group = (sql: string): Buffer =>
        Buffer.concat([parse('', sql), bind(''), execute(), sync]);
      client.send(group('BEGIN'), group('SELECT 1'), group('SELECT 1/0'), group('SELECT 2'));
      client.send(group('ROLLBACK'), group('SELECT 3'));
      const endings = [];
      for (let index = 0; index < 6; index += 1)
        endings.push(...(await client.ready()).slice(-2).map(outline));
      assert.equal(
        endings.join(' | '),
        'C BEGIN | Z T | C SELECT 1 | Z T | E 22012 | Z E | E 25P02 | Z E | C ROLLBACK | Z I | C SELECT 1 | Z I',
      );
    });

    test('a portal gives its rows in parts, and ends with its transaction', async (t) => {
      const client = await route().login(t);
      client.send(query('BEGIN'));
      await client.ready();
      client.send(
        parse('', 'SELECT generate_series(1, 5)'),
        bind('', [], { portal: 'five' }),
        execute('five', 2),
        flush,
      );
      assert.equal(summary(await client.until('s')), '1 | 2 | D 1 | D 2 | s');
      client.send(execute('five', 2), sync);
      assert.equal(summary(await client.ready()), 'D 3 | D 4 | s | Z T');
      client.send(execute('five', 2), sync);
      assert.equal(summary(await client.ready()), 'D 5 | C SELECT 1 | Z T');
      await client.query('COMMIT');
      client.send(execute('five'), sync);
      assert.equal(summary(await client.ready()), 'E 34000 | Z I');
    });

    test('two portals at once, one described and closed', async (t) => {
      const client = await route().login(t);
      client.send(
        query('BEGIN'),
        parse('', "SELECT x, 'a' FROM generate_series(1, 3) x"),
        bind('', [], { portal: 'a' }),
        bind('', [], { portal: 'b' }),
        describe('P', 'a'),
        execute('a', 1),
        execute('b', 2),
        close('P', 'a'),
        execute('b', 2),
        execute('a'),
        sync,
      );
      await client.ready();
      assert.equal(
        summary(await client.ready()),
        '1 | 2 | 2 | T | D 1 a | s | D 1 a | D 2 a | s | 3 | D 3 a | C SELECT 1 | E 34000 | Z E',
      );
      await client.query('ROLLBACK');
    });

    test('Describe returns parameter types and columns, or that there are none', async (t) => {
      const client = await route().login(t);
      client.send(
        parse('with', 'SELECT $1::int AS a, $2 AS b', [0, text]),
        describe('S', 'with'),
        parse('without', 'SET LOCAL work_mem = 9000'),
        describe('S', 'without'),
        sync,
      );
      const answer = await client.ready();
      assert.equal(summary(answer), '1 | t | T | 1 | t | n | Z I');
      const types = answer[1]?.body;
      assert.equal(types?.readInt16BE(0), 2);
      assert.deepEqual([types.readInt32BE(2), types.readInt32BE(6)], [int4, text]);
      client.send(describe('S', 'with'), sync);
      assert.equal(summary(await client.ready()), 't | T | Z I');
      client.send(describe('S', 'nowhere'), sync);
      assert.equal(summary(await client.ready()), 'E 26000 | Z I');
      client.send(describe('P', 'nowhere'), sync);
      assert.equal(summary(await client.ready()), 'E 34000 | Z I');
    });

    test('the empty statement', async (t) => {
      const client = await route().login(t);
      client.send(parse('', ''), bind(''), describe('P'), execute(), sync);
      assert.equal(summary(await client.ready()), '1 | 2 | n | I | Z I');
    });

    test('a single Sync, and many of them', async (t) => {
      const client = await route().login(t);
      client.send(sync, sync, sync);
      for (let index = 0; index < 3; index += 1) {
        assert.equal(summary(await client.ready()), 'Z I');
      }
    });

    test('values of several megabytes', async (t) => {
      const client = await route().login(t);
      const long = 'x'.repeat(5_000_000);
      client.send(parse('', 'SELECT length($1), $1'), bind('', [long]), execute(), sync);
      const [row] = rowsOf(await client.ready());
      assert.equal(row?.[0], '5000000');
      assert(row[1] === long);
    });
  },
);
