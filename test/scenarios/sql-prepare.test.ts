import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawClient } from '../helpers/raw-client.ts';
import { bind, close, execute, parse, query, summary, sync } from '../helpers/messages.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';

async function replyTo(client: RawClient, ...requests: readonly Buffer[]): Promise<string> {
  client.send(...requests);
  return summary(await client.ready());
}

/** Keeps a server connection in a transaction, so that another one serves the others. */
async function hold(client: RawClient): Promise<void> {
  assert.equal(await replyTo(client, query('BEGIN')), 'C BEGIN | Z T');
}

const options = { settings: { PoolSize: 2 }, sample: onOneRuntime };

onEachRoute('PREPARE, EXECUTE, DEALLOCATE', options, (route) => {
  test('a prepared statement follows its session, and no other session sees it', async (t) => {
    const [session, other, third] = await Promise.all([
      route().login(t),
      route().login(t),
      route().login(t),
    ]);
    assert.equal(
      await replyTo(session, query('PREPARE add (int, date) AS SELECT $1 + 1, $2 + $1')),
      'C PREPARE | Z I',
    );
    assert.equal(
      await replyTo(third, query("PREPARE add AS SELECT 'third'::text")),
      'C PREPARE | Z I',
    );
    const answer = 'T | D 3 2026-01-03 | C SELECT 1 | Z I';
    for (let turn = 0; turn < 4; turn += 1) {
      // Whichever connection the other one keeps, the remaining one serves the session.
      if (turn % 2 === 1) await hold(other);
      assert.equal(await replyTo(session, query("EXECUTE add (2, '2026-01-01')")), answer);
      assert.equal(
        await replyTo(session, bind('add', ['2', '2026-01-01']), execute(), sync),
        '2 | D 3 2026-01-03 | C SELECT 1 | Z I',
      );
      assert.equal(await replyTo(third, query('EXECUTE add')), 'T | D third | C SELECT 1 | Z I');
      if (turn % 2 === 1) assert.equal(await replyTo(other, query('ROLLBACK')), 'C ROLLBACK | Z I');
    }
    assert.match(await replyTo(other, query('EXECUTE add (1)')), /^E 26000/);
    assert.equal(await replyTo(session, query('DEALLOCATE add')), 'C DEALLOCATE | Z I');
    assert.match(await replyTo(session, query('EXECUTE add (1)')), /^E 26000/);
  });

  test('a PREPARE is not rolled back, also not by a later statement that fails', async (t) => {
    const [session, other] = await Promise.all([route().login(t), route().login(t)]);
    await replyTo(session, query('BEGIN; PREPARE one AS SELECT 1; ROLLBACK'));
    assert.match(
      await replyTo(
        session,
        query('PREPARE two AS SELECT 2; SELECT 1/0; PREPARE three AS SELECT 3'),
      ),
      /^C PREPARE \| E 22012/,
    );
    await hold(other);
    assert.equal(await replyTo(session, query('EXECUTE one')), 'T | D 1 | C SELECT 1 | Z I');
    assert.equal(await replyTo(session, query('EXECUTE two')), 'T | D 2 | C SELECT 1 | Z I');
    assert.match(await replyTo(session, query('EXECUTE three')), /^E 26000/);
  });

  test('EXECUTE inside other statements, and several EXECUTEs in one Query', async (t) => {
    const [session, other] = await Promise.all([route().login(t), route().login(t)]);
    await replyTo(session, query('PREPARE n AS SELECT 7 AS seven'));
    await hold(other);
    assert.match(await replyTo(session, query('EXPLAIN EXECUTE n')), /^T \| D Result/);
    assert.equal(
      await replyTo(session, query('PREPARE m AS SELECT 8; EXECUTE n; EXECUTE m; DEALLOCATE n')),
      'C PREPARE | T | D 7 | C SELECT 1 | T | D 8 | C SELECT 1 | C DEALLOCATE | Z I',
    );
    assert.equal(
      await replyTo(session, query('BEGIN; CREATE TEMP TABLE made ON COMMIT DROP AS EXECUTE m')),
      'C BEGIN | C SELECT 1 | Z T',
    );
    await replyTo(session, query('ROLLBACK'));
  });

  test('a statement that cannot be prepared again reports why', async (t) => {
    const [session, other] = await Promise.all([route().login(t), route().login(t)]);
    await replyTo(session, query('DROP TABLE IF EXISTS vanishing; CREATE TABLE vanishing (v int)'));
    await replyTo(session, query('PREPARE gone AS TABLE vanishing'));
    await replyTo(session, query('DROP TABLE vanishing'));
    await hold(other);
    for (const turn of ['first', 'second']) {
      assert.match(await replyTo(session, query('EXECUTE gone')), /^E 42P01/, turn);
    }
    assert.equal(await replyTo(session, query('DEALLOCATE gone')), 'C DEALLOCATE | Z I');
  });

  test('Parse and PREPARE share their names', async (t) => {
    const [session, other] = await Promise.all([route().login(t), route().login(t)]);
    await replyTo(session, query('PREPARE a AS SELECT 1'));
    assert.match(await replyTo(session, parse('a', 'SELECT 2'), sync), /^E 42P05/);
    assert.equal(
      await replyTo(session, close('S', 'a'), parse('a', 'SELECT 2'), sync),
      '3 | 1 | Z I',
    );
    await hold(other);
    assert.match(await replyTo(session, query('PREPARE a AS SELECT 3')), /^E 42P05/);
    assert.equal(await replyTo(session, query('EXECUTE a')), 'T | D 2 | C SELECT 1 | Z I');
    await replyTo(session, query('DEALLOCATE ALL'));
    assert.match(await replyTo(session, bind('a'), sync), /^E 26000/);
  });

  test('none of this pins', async (t) => {
    if (route().isDirect) return;
    const pins = await route().sluice.metric('sluice_session_pins_total');
    const session = await route().login(t);
    await replyTo(session, query('PREPARE a AS SELECT 1; EXECUTE a'));
    await replyTo(session, parse('', 'PREPARE b AS SELECT 2'), bind(''), execute(), sync);
    assert.equal(await replyTo(session, query('EXECUTE b')), 'T | D 2 | C SELECT 1 | Z I');
    assert.equal(await route().sluice.metric('sluice_session_pins_total'), pins);
    // A block may prepare what its text does not show, which pins the session.
    await replyTo(session, query("DO $$ BEGIN EXECUTE 'PREPARE hidden AS SELECT 3'; END $$"));
    assert.equal(await replyTo(session, query('EXECUTE hidden')), 'T | D 3 | C SELECT 1 | Z I');
    assert.equal(await route().sluice.metric('sluice_session_pins_total'), pins + 1);
  });
});
