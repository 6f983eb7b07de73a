import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldsOf, functionCall, parse, query, summary, sync } from '../helpers/messages.ts';
import type { Message } from '../helpers/messages.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

/** State that pins, and what removes it; without an `end` the pin lasts as long as the session. */
const pins: readonly {
  readonly reason: string;
  readonly begin: Buffer;
  readonly end?: string;
}[] = [
  {
    reason: 'sql_prepare',
    begin: query("DO $$ BEGIN EXECUTE 'PREPARE p AS SELECT 1'; END $$"),
    end: 'DEALLOCATE p',
  },
  { reason: 'sql_prepare', begin: query('PREPARE "é" AS SELECT 1'), end: 'DEALLOCATE "é"' },
  {
    reason: 'sql_prepare',
    begin: Buffer.concat([parse('é', 'SELECT 1'), sync]),
    end: 'DEALLOCATE "é"',
  },
  { reason: 'temporary_object', begin: query('CREATE TEMP TABLE t (v int)'), end: 'DROP TABLE t' },
  { reason: 'temporary_object', begin: query('CREATE TEMP SEQUENCE s'), end: 'DISCARD TEMP' },
  {
    reason: 'advisory_lock',
    begin: query('SELECT pg_advisory_lock(7)'),
    end: 'SELECT pg_advisory_unlock(7)',
  },
  {
    reason: 'cursor_with_hold',
    begin: query('DECLARE c CURSOR WITH HOLD FOR SELECT 1'),
    end: 'CLOSE c',
  },
  { reason: 'load', begin: query("LOAD 'plpgsql'") },
  { reason: 'other_state', begin: query('SELECT setseed(0.5)') },
  // current_database(), by its OID.
  { reason: 'function_call', begin: functionCall(861, []) },
  { reason: 'long_statement', begin: query(`SELECT length('${'x'.repeat(300_000)}')`) },
];

/** The notices among these messages, as `message`. */
function noticesOf(messages: readonly Message[]): string[] {
  return messages.filter(({ code }) => code === 'N').map((message) => fieldsOf(message)['M'] ?? '');
}

onEachRoute(
  'pins',
  {
    settings: {
      PoolSize: 1,
      ConnectionBorrowTimeout: 30,
      PinNotice: true,
      MaxBufferedMessage: 16_384,
    },
    routes: ['node', 'bun'],
  },
  (route) => {
    for (const { reason, begin, end } of pins) {
      test(`${reason}: ${begin.toString('latin1', 5, 45)}`, async (t) => {
        const client = await route().login(t);
        const other = await route().login(t);
        client.send(begin);
        const begun = await client.ready();
        assert.equal(begun.at(-2)?.code === 'E', false, summary(begun));
        assert.deepEqual(noticesOf(begun), [
          `the session is pinned to its server connection (${reason})`,
        ]);
        assert.equal(await route().sluice.metric('sluice_sessions_pinned'), 1);
        const waiting = other.value('SELECT 1');
        if (end === undefined) await client.end();
        else assert.equal(summary(await client.query(end)).startsWith('E'), false);
        assert.equal(await waiting, '1');
        if (end !== undefined) {
          assert.deepEqual(noticesOf([await client.next()]), [
            `the session is no longer pinned to its server connection (${reason})`,
          ]);
        }
        await eventually(async () =>
          assert.equal(await route().sluice.metric('sluice_sessions_pinned'), 0),
        );
      });
    }

    test('the next session does not find the state', async (t) => {
      const next = await route().login(t);
      const [row] = await next.rows(
        `SELECT (SELECT count(*) FROM pg_prepared_statements WHERE from_sql),
          (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()),
          (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
          (SELECT count(*) FROM pg_cursors WHERE name <> ''),
          (SELECT count(*) FROM pg_listening_channels())`,
      );
      assert.deepEqual(row, ['0', '0', '0', '0', '0']);
    });

    test('state that a function leaves is found, reported, and probed for from then on', async (t) => {
      const client = await route().login(t, { parameters: { application_name: 'shop' } });
      const other = await route().login(t);
      await client.query(
        "CREATE FUNCTION hides(key int) RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_lock(key); END'",
      );
      const before = await route().sluice.metric('sluice_hidden_state_total');
      for (const key of [5, 6]) {
        await client.query(`SELECT hides(${key})`);
        assert.deepEqual(noticesOf([await client.next()]), [
          'the session is pinned to its server connection (advisory_lock)',
        ]);
        await client.query('SELECT pg_advisory_unlock_all()');
        assert.equal((await client.next()).code, 'N');
        assert.equal(await other.value('SELECT 1'), '1');
      }
      assert.equal(await route().sluice.metric('sluice_hidden_state_total'), before + 2);
      const line = await route().sluice.logged(({ msg }) => msg.includes('does not show'));
      assert.deepEqual(line['statements'], ['SELECT hides(?)'.toLowerCase()]);
      assert.equal(line['application'], 'shop');
      await other.query('DROP FUNCTION hides');
    });

    test('the log and the counters contain the statement, without its values', async (t) => {
      const client = await route().login(t, { parameters: { application_name: 'secretive' } });
      await client.query("CREATE TEMP TABLE mine AS SELECT 'secret'");
      await client.end();
      const line = await route().sluice.logged(
        ({ msg, application }) => msg.startsWith('session pinned') && application === 'secretive',
      );
      assert.equal(line['statement'], "create temp table mine as select '?'");
      const { body } = await route().sluice.admin('/metrics');
      assert.match(body, /sluice_session_pins_by_statement_total\{[^}]*create temp table mine/);
      assert.match(body, /sluice_session_pinned_seconds_count\{[^}]*reason="temporary_object"/);
      assert.doesNotMatch(body, /secret'/);
    });

    test('a client that disables notices gets none', async (t) => {
      const client = await route().login(t, { parameters: { client_min_messages: 'warning' } });
      const answer = await client.query('CREATE TEMP TABLE quiet (v int); DROP TABLE quiet');
      assert.deepEqual(noticesOf(answer), []);
    });
  },
);
