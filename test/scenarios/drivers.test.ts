import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { Client, Pool } from 'pg';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import postgres from 'postgres';
import { onEachRoute } from '../helpers/routes.ts';
import type { Owner, Route } from '../helpers/routes.ts';

const run = promisify(execFile);

/** Programs from PostgreSQL's own packages, which are not on every machine. */
async function isInstalled(program: string): Promise<boolean> {
  return run(program, ['--version']).then(
    () => true,
    () => false,
  );
}

async function connect(route: Route, owner: Owner): Promise<Client> {
  const client = new Client({ connectionString: route.url });
  await client.connect();
  owner.after(() => client.end());
  return client;
}

onEachRoute('drivers', { settings: { PoolSize: 5 } }, (route) => {
  suite('pg', () => {
    test('queries with values of many types', async (t) => {
      const client = await connect(route(), t);
      const { rows } = await client.query(
        'SELECT $1::int AS i, $2::text AS t, $3::jsonb AS j, $4::timestamptz AS at, $5::bytea AS b, $6::int[] AS a',
        [7, 'é', { deep: [1, null] }, new Date(0), Buffer.from([0, 255]), [1, 2]],
      );
      assert.deepEqual(rows, [
        {
          i: 7,
          t: 'é',
          j: { deep: [1, null] },
          at: new Date(0),
          b: Buffer.from([0, 255]),
          a: [1, 2],
        },
      ]);
    });

    test('a pool of clients, named statements, and transactions', async (t) => {
      const pool = new Pool({ connectionString: route().url, max: 12 });
      t.after(() => pool.end());
      await Promise.all(
        Array.from({ length: 120 }, async (_, index) => {
          const client = await pool.connect();
          try {
            await client.query('BEGIN');
            const { rows } = await client.query<{ readonly id: number }>({
              name: `get ${index % 5}`,
              text: `SELECT $1::int + ${index % 5} AS id`,
              values: [index],
            });
            await client.query(index % 3 === 0 ? 'ROLLBACK' : 'COMMIT');
            assert.equal(rows[0]?.id, index + (index % 5));
          } finally {
            client.release();
          }
        }),
      );
    });

    test('an error leaves the client usable', async (t) => {
      const client = await connect(route(), t);
      await assert.rejects(client.query('SELECT $1::int', ['x']), { code: '22P02' });
      await assert.rejects(client.query('SELECT 1/0'), { code: '22012' });
      assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }]);
    });

    test('a cursor read in parts', async (t) => {
      const client = await connect(route(), t);
      const cursor = client.query(new Cursor('SELECT x FROM generate_series(1, 250) x'));
      let count = 0;
      for (;;) {
        const rows = await cursor.read(100);
        count += rows.length;
        if (rows.length === 0) break;
      }
      await cursor.close();
      assert.equal(count, 250);
      assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }]);
    });

    test('a cursor closed before its end', async (t) => {
      const client = await connect(route(), t);
      const cursor = client.query(new Cursor('SELECT x FROM generate_series(1, 250) x'));
      assert.equal((await cursor.read(10)).length, 10);
      await cursor.close();
      assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }]);
    });

    test('a query stream', async (t) => {
      const client = await connect(route(), t);
      const stream = client.query(
        new QueryStream('SELECT x FROM generate_series(1, $1) x', [5000], { batchSize: 300 }),
      );
      let sum = 0;
      for await (const row of stream) sum += (row as { readonly x: number }).x;
      assert.equal(sum, (5000 * 5001) / 2);
    });

    test('notices and notifications', async (t) => {
      const client = await connect(route(), t);
      const notices: string[] = [];
      client.on('notice', ({ message }) => notices.push(message ?? ''));
      await client.query(`DO $$ BEGIN RAISE NOTICE 'hear'; END $$`);
      assert.deepEqual(notices, ['hear']);
      const received = new Promise<string | undefined>((resolve) => {
        client.on('notification', ({ payload }) => resolve(payload));
      });
      await client.query('LISTEN gong');
      const other = await connect(route(), t);
      await other.query("SELECT pg_notify('gong', 'bong')");
      assert.equal(await received, 'bong');
    });
  });

  suite('postgres', () => {
    test('pipelines by default, prepares, and copies', async (t) => {
      const sql = postgres(route().url, { max: 8, onnotice: () => undefined });
      t.after(() => sql.end());
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, index) => sql`SELECT ${index}::int AS id, ${'é'} AS t`),
      );
      for (const [index, rows] of answers.entries()) {
        assert.deepEqual([...rows], [{ id: index, t: 'é' }]);
      }
      await sql.begin(async (transaction) => {
        await transaction`CREATE TEMPORARY TABLE box (id int) ON COMMIT DROP`;
        const into = await transaction`COPY box FROM STDIN`.writable();
        await pipeline(Readable.from(['1\n', '2\n3\n']), into);
        const [count] = await transaction`SELECT count(*)::int AS count FROM box`;
        assert.deepEqual(count, { count: 3 });
        const from = await transaction`COPY box TO STDOUT`.readable();
        const pieces: unknown[] = [];
        for await (const piece of from) pieces.push(piece);
        assert.equal(pieces.join(''), '1\n2\n3\n');
      });
    });

    test('a cursor, a savepoint, and a canceled query', async (t) => {
      const sql = postgres(route().url, { max: 2 });
      t.after(() => sql.end());
      let seen = 0;
      for await (const rows of sql`SELECT x FROM generate_series(1, 100) x`.cursor(30)) {
        seen += rows.length;
      }
      assert.equal(seen, 100);
      await sql.begin(async (transaction) => {
        await assert.rejects(
          transaction.savepoint((inner) => inner`SELECT 1/0`),
          { code: '22012' },
        );
        assert.deepEqual([...(await transaction`SELECT 1 AS one`)], [{ one: 1 }]);
      });
      const sleeping = sql`SELECT pg_sleep(60)`;
      const outcome = assert.rejects(sleeping.execute(), { code: '57014' });
      await sql`SELECT 1`;
      sleeping.cancel();
      await outcome;
    });

    test('listens on a separate connection', async (t) => {
      const sql = postgres(route().url, { max: 2 });
      t.after(() => sql.end());
      const received = new Promise<string>((resolve) => {
        void sql.listen('bell', resolve).then(() => sql.notify('bell', 'ding'));
      });
      assert.equal(await received, 'ding');
    });
  });

  test('psql: commands, copies and errors', async (t) => {
    if (!(await isInstalled('psql'))) return t.skip('psql is not installed');
    const { stdout } = await run('psql', [
      route().url,
      ...['--no-psqlrc', '--no-align', '--tuples-only'],
      ...['-c', 'SELECT 1', '-c', '\\d pg_class', '-c', 'COPY (SELECT 7) TO STDOUT'],
      ...['-c', '\\conninfo', '-c', 'SELECT 2'],
    ]);
    assert.match(stdout, /^1\n/);
    assert.match(stdout, /\n7\n/);
    assert.match(stdout, /\n2\n$/);
  });

  test('pgbench: simple, extended and prepared, and a connection for each transaction', async (t) => {
    if (!(await isInstalled('pgbench'))) return t.skip('pgbench is not installed');
    const bench = (...options: readonly string[]): Promise<{ readonly stdout: string }> =>
      run('pgbench', [...options, route().url]);
    await bench('-i', '-s', '1', '-q');
    // One thread per client: while a thread of pgbench prepares for one client, its other clients keep their
    // transactions open, which blocks forever if they use the whole pool.
    for (const mode of ['simple', 'extended', 'prepared']) {
      const { stdout } = await bench('-n', '-M', mode, '-c', '8', '-j', '8', '-t', '25');
      assert.match(stdout, /number of failed transactions: 0/);
      assert.match(stdout, /processed: 200\/200/);
    }
    const { stdout } = await bench('-n', '-S', '-C', '-c', '4', '-t', '10');
    assert.match(stdout, /processed: 40\/40/);
  });
});
