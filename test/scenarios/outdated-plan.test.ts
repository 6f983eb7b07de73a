import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawClient } from '../helpers/raw-client.ts';
import {
  bind,
  close,
  describe,
  execute,
  fieldsOf,
  parse,
  query,
  summary,
  sync,
} from '../helpers/messages.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import type { Owner } from '../helpers/routes.ts';

async function replyTo(client: RawClient, ...requests: readonly Buffer[]): Promise<string> {
  client.send(...requests);
  return summary(await client.ready());
}

const run = [bind('all'), execute(), sync];
const runBinary = [bind('all', [], { binary: true }), execute(), sync];
const runAndDescribe = [bind('all'), describe('P'), execute(), sync];
const ask = [describe('S', 'all'), sync];

const pooled = ['node', 'bun'] as const;
const all = ['direct', ...pooled] as const;

/** Changes in another session that affect the rows of `SELECT * FROM t`. */
const changes = [
  'ALTER TABLE t ALTER a TYPE bigint',
  'ALTER TABLE t ALTER a TYPE text',
  'ALTER TABLE t ADD COLUMN b int DEFAULT 2',
  'ALTER TABLE t RENAME a TO b',
  "DROP TABLE t; CREATE TABLE t AS SELECT 'one'::text AS a",
] as const;

/** Statements with rows from the table, by how they may be run before their reply is known. */
const texts = [
  'SELECT * FROM t',
  'SELECT * FROM v',
  'INSERT INTO t DEFAULT VALUES RETURNING *',
  'SELECT *, random() < 2 AS r FROM t',
] as const;

/**
 * "Cached plan must not change result type": a client that knows the rows of a statement gets this error every time,
 * and never rows of another kind. A client that requests the description in the same request may get the new rows.
 */
for (const poolSize of [1, 4])
  onEachRoute(
    `a statement whose rows have changed, on ${poolSize} connections`,
    // A direct connection behaves the same in all cases.
    {
      settings: { PoolSize: poolSize },
      routes: poolSize === 1 ? all : pooled,
      sample: onOneRuntime,
    },
    (route) => {
      async function table(): Promise<void> {
        await route().database.query(
          'DROP TABLE IF EXISTS t CASCADE; CREATE TABLE t AS SELECT 1 AS a;' +
            'CREATE VIEW v AS SELECT * FROM t WHERE a IS NOT NULL',
        );
      }
      /** A view cannot follow its table: it is created again. */
      async function change(sql: string): Promise<void> {
        await route().database.query(`DROP VIEW v; ${sql}; CREATE VIEW v AS SELECT * FROM t`);
      }
      const logins = (t: Owner): Promise<RawClient[]> =>
        Promise.all([1, 2, 3].map(() => route().login(t)));
      /** Each client prepares it on a separate connection, if there are enough. */
      async function prepare(clients: readonly RawClient[], text: string): Promise<void> {
        const isApart = poolSize >= clients.length;
        if (isApart) for (const client of clients) await replyTo(client, query('BEGIN'));
        for (const client of clients) {
          assert.match(
            await replyTo(client, parse('all', text), ...ask),
            /^1 \| t \| T \| Z [TI]$/,
          );
          await replyTo(client, ...run);
        }
        if (isApart) for (const client of clients) await replyTo(client, query('COMMIT'));
      }

      for (const sql of changes)
        for (const text of texts)
          test(`is an error for a client that knows the old rows: ${sql}: ${text}`, async (t) => {
            await table();
            const clients = await logins(t);
            await prepare(clients, text);
            await change(sql);
            for (let turn = 0; turn < 2; turn++) {
              for (const client of clients) {
                assert.equal(await replyTo(client, ...run), 'E 0A000 | Z I');
                assert.equal(await replyTo(client, ...runBinary), 'E 0A000 | Z I');
                assert.equal(await replyTo(client, ...ask), 't | E 0A000 | Z I');
              }
              // A transaction fails as a whole.
              const [client] = clients;
              assert(client !== undefined);
              await replyTo(client, query('BEGIN'));
              assert.equal(await replyTo(client, ...run), 'E 0A000 | Z E');
              assert.equal(await replyTo(client, query('ROLLBACK')), 'C ROLLBACK | Z I');
            }
            // A client that parses again knows the new rows, and the others do not.
            const [first, ...others] = clients;
            assert(first !== undefined);
            const again = [close('S', 'all'), parse('all', text), describe('S', 'all'), sync];
            assert.equal(await replyTo(first, ...again), '3 | 1 | t | T | Z I');
            for (let turn = 0; turn < 2; turn++) {
              assert.match(await replyTo(first, ...run), /^2 \| D .* \| C .* \| Z I$/);
              for (const client of others) {
                assert.equal(await replyTo(client, ...run), 'E 0A000 | Z I');
                assert.match(await replyTo(first, ...run), /^2 \| D .* \| C .* \| Z I$/);
              }
            }
          });

      // Drivers and frameworks (asyncpg, pgjdbc, Rails) use it to prepare the statement again.
      test('has the routine field', async (t) => {
        await table();
        const clients = await logins(t);
        await prepare(clients, 'SELECT * FROM t');
        await change('ALTER TABLE t ADD COLUMN c int');
        for (const client of clients) {
          client.send(...run);
          const error = (await client.ready()).find(({ code }) => code === 'E');
          assert(error !== undefined);
          assert.equal(fieldsOf(error)['R'], 'RevalidateCachedQuery');
        }
      });

      test('works again when the table is restored, or on another connection', async (t) => {
        await table();
        const clients = await logins(t);
        await prepare(clients, 'SELECT a FROM t');
        await change('ALTER TABLE t ALTER a TYPE bigint');
        for (const client of clients) assert.equal(await replyTo(client, ...run), 'E 0A000 | Z I');
        await change('ALTER TABLE t ALTER a TYPE int');
        for (const client of clients)
          assert.equal(await replyTo(client, ...run), '2 | D 1 | C SELECT 1 | Z I');
        await change('ALTER TABLE t ADD COLUMN b int');
        for (const client of clients)
          assert.equal(await replyTo(client, ...run), '2 | D 1 | C SELECT 1 | Z I');
        // Another table with the same name and columns: the description contains its new position.
        await change('DROP TABLE t; CREATE TABLE t (z int, a int); INSERT INTO t VALUES (1, 7)');
        for (const client of clients)
          assert.equal(await replyTo(client, ...run), '2 | D 7 | C SELECT 1 | Z I');
      });

      test('rolls back what ran before it in the same cycle', async (t) => {
        await table();
        const client = await route().login(t);
        await replyTo(client, query('CREATE TABLE IF NOT EXISTS marks (v int); TRUNCATE marks'));
        await prepare([client], 'SELECT * FROM t');
        await change('ALTER TABLE t ADD COLUMN c int DEFAULT 3');
        client.send(
          ...[parse('', 'INSERT INTO marks VALUES (1)'), bind(''), execute()],
          ...[bind('all'), execute(), parse('later', 'SELECT 1'), sync],
        );
        assert.equal(summary(await client.ready()), '1 | 2 | C INSERT 0 1 | E 0A000 | Z I');
        assert.equal(await replyTo(client, query('TABLE marks')), 'T | C SELECT 0 | Z I');
        // The statement after it was not prepared.
        assert.equal(await replyTo(client, bind('later'), execute(), sync), 'E 26000 | Z I');
      });

      test('skips what follows in the same cycle, sent with it or later', async (t) => {
        await table();
        const [client, other] = await Promise.all([route().login(t), route().login(t)]);
        await replyTo(client, query('CREATE TABLE IF NOT EXISTS marks (v int); TRUNCATE marks'));
        await replyTo(client, parse('mark', 'INSERT INTO marks VALUES (1)'), sync);
        await prepare([client], 'SELECT * FROM t');
        await replyTo(other, query('DISCARD ALL'));
        await change('ALTER TABLE t ADD COLUMN c int DEFAULT 3');
        for (const group of [
          [bind('all'), execute(), bind('mark'), execute(), parse('later', 'SELECT 1'), sync],
          [bind('all'), execute(), bind('all'), execute(), close('S', 'mark'), sync],
        ]) {
          assert.equal(await replyTo(client, ...group), 'E 0A000 | Z I');
          for (const part of group) {
            client.send(part);
            await new Promise(setImmediate);
          }
          assert.equal(summary(await client.ready()), 'E 0A000 | Z I');
        }
        assert.equal(await replyTo(client, query('TABLE marks')), 'T | C SELECT 0 | Z I');
        assert.equal(await replyTo(client, bind('later'), execute(), sync), 'E 26000 | Z I');
        assert.equal(
          await replyTo(client, bind('mark'), execute(), sync),
          '2 | C INSERT 0 1 | Z I',
        );
      });
    },
  );

/** Cases in which a direct connection returns the error every time. */
onEachRoute(
  'a statement whose rows have changed, for a client that requests their description',
  { settings: { PoolSize: 1 }, routes: ['node', 'bun'], sample: onOneRuntime },
  (route) => {
    async function table(client: RawClient, name: string): Promise<() => Promise<void>> {
      await replyTo(client, query(`DROP TABLE IF EXISTS ${name}`));
      await replyTo(client, query(`CREATE TABLE ${name} AS SELECT 1 AS a`));
      return async () => {
        await replyTo(client, query(`ALTER TABLE ${name} ADD COLUMN b int DEFAULT 2`));
      };
    }

    test('is prepared again within the request', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      const change = await table(other, 'grows_1');
      assert.equal(await replyTo(session, parse('all', 'SELECT * FROM grows_1'), sync), '1 | Z I');
      assert.equal(await replyTo(session, ...runAndDescribe), '2 | T | D 1 | C SELECT 1 | Z I');
      await change();
      assert.equal(await replyTo(session, ...runAndDescribe), '2 | T | D 1 2 | C SELECT 1 | Z I');
      // From now on these are its rows.
      assert.equal(await replyTo(session, ...run), '2 | D 1 2 | C SELECT 1 | Z I');
      await replyTo(other, query('ALTER TABLE grows_1 ADD COLUMN c int DEFAULT 3'));
      // Describe of a statement has reported its parameters before its rows.
      const statement = [describe('S', 'all'), bind('all'), execute(), sync];
      assert.equal(await replyTo(session, ...statement), 't | E 0A000 | Z I');
      assert.equal(await replyTo(session, ...statement), 't | E 0A000 | Z I');
      assert.equal(await replyTo(session, ...runAndDescribe), '2 | T | D 1 2 3 | C SELECT 1 | Z I');
    });

    test('is the same on a connection that has to prepare it first', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      const change = await table(other, 'grows_7');
      await replyTo(session, parse('all', 'SELECT * FROM grows_7'), sync);
      await change();
      await replyTo(other, query('DEALLOCATE ALL'));
      assert.equal(await replyTo(session, ...runAndDescribe), '2 | T | D 1 2 | C SELECT 1 | Z I');
      assert.equal(await replyTo(session, ...run), '2 | D 1 2 | C SELECT 1 | Z I');
    });

    test('of PREPARE is prepared again within EXECUTE, with the messages that follow it', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      const change = await table(other, 'grows_4');
      await replyTo(session, query('PREPARE all_4 AS SELECT * FROM grows_4'));
      await replyTo(session, query('EXECUTE all_4'));
      await change();
      assert.equal(await replyTo(session, query('EXECUTE all_4')), 'T | D 1 2 | C SELECT 1 | Z I');
      assert.equal(
        await replyTo(session, bind('all_4'), describe('P'), execute(), sync),
        '2 | T | D 1 2 | C SELECT 1 | Z I',
      );
    });

    test('of PREPARE is an error in a transaction, and works in the next', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      await table(other, 'grows_3');
      await replyTo(session, query('PREPARE all_3 AS SELECT * FROM grows_3'));
      await replyTo(session, query('BEGIN; EXECUTE all_3'));
      await replyTo(session, query('ALTER TABLE grows_3 ADD COLUMN b int'));
      assert.equal(await replyTo(session, query('EXECUTE all_3')), 'E 0A000 | Z E');
      await replyTo(session, query('ROLLBACK'));
      assert.equal(await replyTo(session, query('EXECUTE all_3')), 'T | D 1 | C SELECT 1 | Z I');
    });

    test('is prepared again while the next cycle waits for its replies', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      const change = await table(other, 'grows_6');
      await replyTo(session, parse('all', 'SELECT * FROM grows_6'), sync);
      await replyTo(session, ...runAndDescribe);
      await change();
      session.send(
        ...[bind('all'), describe('P'), execute(), parse('more', 'SELECT 1'), sync],
        ...[parse('most', 'SELECT 2'), sync],
      );
      assert.equal(summary(await session.ready()), '2 | T | D 1 2 | C SELECT 1 | 1 | Z I');
      assert.equal(summary(await session.ready()), '1 | Z I');
    });

    test('does not repeat what has run: a pipeline gets the error', async (t) => {
      const session = await route().login(t);
      // Changed from elsewhere: after a change through the proxy, the connection might have to prepare the statement
      // first.
      const elsewhere = (sql: string): Promise<unknown> => route().database.query(sql);
      await elsewhere('CREATE TABLE grows_5 AS SELECT 1 AS a; CREATE TABLE marks_5 (v int)');
      await replyTo(session, parse('mark', 'INSERT INTO marks_5 VALUES (1)'), sync);
      await replyTo(session, parse('all', 'SELECT * FROM grows_5'), sync);
      await replyTo(session, ...runAndDescribe);
      await elsewhere('ALTER TABLE grows_5 ADD COLUMN b int DEFAULT 2');
      session.send(bind('mark'), execute(), bind('all'), describe('P'), execute(), sync);
      assert.match(summary(await session.ready()), /^2 \| C INSERT 0 1 \| E 0A000 \| Z I/);
      assert.equal(await replyTo(session, query('TABLE marks_5')), 'T | C SELECT 0 | Z I');
      assert.equal(await replyTo(session, ...runAndDescribe), '2 | T | D 1 2 | C SELECT 1 | Z I');
      await elsewhere('DROP TABLE grows_5, marks_5');
    });
  },
);
