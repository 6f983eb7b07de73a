import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bind, execute, parse, query, summary, sync } from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute, onOneRuntime } from '../helpers/routes.ts';

/** The value of a query, or the SQLSTATE of its error. */
async function valueOr(client: RawClient, text: string): Promise<string | null | undefined> {
  return client.value(text).catch((error: { readonly code: string }) => error.code);
}

const undefinedValue = '55000';

onEachRoute(
  'currval() and lastval()',
  {
    settings: { PoolSize: 2, ConnectionBorrowTimeout: 30 },
    routes: ['node', 'bun'],
    sample: onOneRuntime,
  },
  (route) => {
    test('no session gets the value of another; a session that asks gets its own from then on', async (t) => {
      const named = (application_name: string): Promise<RawClient> =>
        route().login(t, { parameters: { application_name } });
      const [ann, bob] = [await named('web 1'), await named('other')];
      await ann.query('DROP TABLE IF EXISTS made; CREATE TABLE made (id serial, by text)');
      await ann.query("INSERT INTO made (by) VALUES ('ann')");
      await bob.query("INSERT INTO made (by) VALUES ('bob')");
      const pins = (): Promise<number> => route().sluice.metric('sluice_session_pins_total');
      assert.equal(await pins(), 0, 'an INSERT pins');
      // Ann may get her own value or an error; but never Bob's value.
      assert.match((await valueOr(ann, 'SELECT lastval()')) ?? '', /^(1|55000)$/);
      await ann.end();

      const late = await named('web 2');
      for (const id of [3, 4]) {
        await late.query("INSERT INTO made (by) VALUES ('late')");
        assert.equal(await valueOr(late, 'SELECT lastval()'), String(id));
        assert.equal(await valueOr(late, "SELECT currval('made_id_seq')"), String(id));
      }
      await eventually(async () =>
        assert.equal(await route().sluice.metric('sluice_sessions_pinned'), 1),
      );
      await late.query('DISCARD SEQUENCES');
      assert.equal(await valueOr(late, 'SELECT lastval()'), undefinedValue);
      await bob.query("INSERT INTO made (by) VALUES ('bob')");
      await eventually(async () =>
        assert.equal(await route().sluice.metric('sluice_sessions_pinned'), 0),
      );
      // It writes, but does not use a sequence.
      await late.query("UPDATE made SET by = 'x'");
      assert.equal(await valueOr(late, 'SELECT lastval()'), undefinedValue);
      await late.end();
    });

    test('in one transaction, with both protocols, regardless of earlier sessions', async (t) => {
      const [ann, bob] = [await route().login(t), await route().login(t)];
      await ann.query('DROP SEQUENCE IF EXISTS s; CREATE SEQUENCE s');
      await ann.query('SELECT lastval()');
      for (const client of [ann, bob]) await client.query("SELECT nextval('s')");
      await bob.query('DISCARD SEQUENCES');
      await ann.query('DISCARD SEQUENCES');
      await bob.query("SELECT nextval('s')");
      assert.equal(
        summary(await ann.query("BEGIN; SELECT nextval('s'); SELECT lastval(); COMMIT")),
        'C BEGIN | T | D 4 | C SELECT 1 | T | D 4 | C SELECT 1 | C COMMIT | Z I',
      );
      const run = (text: string): Buffer[] => [parse('', text), bind(''), execute()];
      bob.send(...run("SELECT nextval('s')"), ...run('SELECT lastval()'), sync);
      assert.equal(
        summary(await bob.ready()),
        '1 | 2 | D 5 | C SELECT 1 | 1 | 2 | D 5 | C SELECT 1 | Z I',
      );
      bob.send(query('SELECT lastval()'));
      assert.equal(summary(await bob.ready()), 'T | D 5 | C SELECT 1 | Z I');
      assert.equal(await valueOr(ann, 'SELECT lastval()'), '4');
    });

    test('only currval() returns the value of setval(), and only in its own session', async (t) => {
      const [ann, bob] = [await route().login(t), await route().login(t)];
      await ann.query('DROP SEQUENCE IF EXISTS o; CREATE SEQUENCE o');
      await ann.query('SELECT lastval()');
      await ann.query("SELECT setval('o', 41)");
      assert.equal(await valueOr(bob, "SELECT currval('o')"), undefinedValue);
      assert.equal(await valueOr(ann, "SELECT currval('o')"), '41');
    });

    test('a transaction that asks before it has drawn a value gets no value of others', async (t) => {
      const first = await route().login(t, { parameters: { application_name: 'first' } });
      const then = await route().login(t, { parameters: { application_name: 'then' } });
      await first.query("DROP SEQUENCE IF EXISTS n; CREATE SEQUENCE n; SELECT nextval('n')");
      for (let turn = 0; turn < 2; turn++) await first.query("SELECT nextval('n')");
      await then.query('BEGIN; SELECT 1');
      assert.equal(await valueOr(then, 'SELECT lastval()'), undefinedValue);
      await then.query('ROLLBACK');
      // Its own last value, if it is certain to exist; never that of others.
      const group = [parse('', 'SELECT 1'), bind(''), execute(), parse('', 'SELECT lastval()')];
      first.send(...group, bind(''), execute(), sync);
      assert.match(
        summary(await first.ready()),
        /^1 \| 2 \| D 1 \| C SELECT 1 \| 1 \| (2 \| )?(E 55000|D 3 \| C SELECT 1) \| Z I$/,
      );
    });
  },
);
