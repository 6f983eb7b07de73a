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

const text = 'SELECT $1::int + 91';
const run = [bind('s', ['1']), execute(), sync];
const answer = '2 | D 92 | C SELECT 1 | Z I';

/** Requests that close statements although no text shows it; the name is that of the connection's first statement. */
const closings = [
  "EXECUTE 'DEALLOCATE ALL'",
  "EXECUTE coalesce((SELECT 'DEALLOCATE ' || quote_ident(name) FROM pg_prepared_statements LIMIT 1), 'SELECT 1')",
] as const;

async function corrected({ sluice }: Route): Promise<number> {
  const { body } = await sluice.admin('/metrics');
  const counts = body.matchAll(
    /^sluice_assumptions_corrected_total\{.*assumption="statement"\} (\d+)$/gm,
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

const options = { settings: { PoolSize: 1 }, sample: onOneRuntime };

onEachRoute('assumptions about a connection', options, (route) => {
  for (const [at, closing] of closings.entries()) {
    for (const how of ['function', 'block'] as const)
      test(`are corrected after a ${how} closes statements: ${closing}`, async (t) => {
        await route().database.query(
          `CREATE OR REPLACE FUNCTION closes_${at}() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ${closing}; END $$`,
        );
        const closes =
          how === 'function' ? `SELECT closes_${at}()` : `DO $$ BEGIN ${closing}; END $$`;
        const [session, other] = await Promise.all([route().login(t), route().login(t)]);
        await replyTo(other, parse('mine', 'SELECT 5'), sync);
        assert.equal(await replyTo(session, parse('s', text), ...run), `1 | ${answer}`);
        assert.doesNotMatch(await replyTo(other, query(closes)), /E \d/);
        assert.equal(await replyTo(session, ...run), answer);
        assert.equal(await replyTo(session, describe('S', 's'), sync), 't | T | Z I');
        await replyTo(other, query(closes));
        assert.equal(await replyTo(session, describe('S', 's'), ...run), `t | T | ${answer}`);
        // Later sessions are not affected.
        await replyTo(other, parse('mine too', 'SELECT 5'), sync);
        await replyTo(other, query(closes));
        const late = await route().login(t);
        assert.equal(await replyTo(late, parse('s', text), ...run), `1 | ${answer}`);
        assert.equal(
          await replyTo(late, close('S', 's'), parse('s', text), ...run),
          `3 | 1 | ${answer}`,
        );
      });
  }

  test('are not corrected if the session has closed its statement itself', async (t) => {
    await route().database.query(
      "CREATE OR REPLACE FUNCTION closes() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
    );
    const session = await route().login(t);
    assert.equal(await replyTo(session, parse('s', text), ...run), `1 | ${answer}`);
    await replyTo(session, query('SELECT closes()'));
    assert.equal(await replyTo(session, ...run), 'E 26000 | Z I');
    assert.equal(await replyTo(session, parse('s', text), ...run), `1 | ${answer}`);
    await replyTo(session, query('PREPARE p AS SELECT 7'));
    await replyTo(session, query('SELECT closes()'));
    assert.equal(await replyTo(session, query('EXECUTE p')), 'E 26000 | Z I');
    assert.equal(await replyTo(session, query('PREPARE p AS SELECT 8')), 'C PREPARE | Z I');
    assert.equal(await replyTo(session, query('EXECUTE p')), 'T | D 8 | C SELECT 1 | Z I');
  });

  test('are counted', async (t) => {
    if (route().isDirect) return;
    const before = await corrected(route());
    const [session, other] = await Promise.all([route().login(t), route().login(t)]);
    await replyTo(session, parse('s', text), ...run);
    await replyTo(other, query("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"));
    assert.equal(await replyTo(session, ...run), answer);
    assert((await corrected(route())) >= before);
  });
});

onEachRoute('the names of the proxy’s statements', options, (route) => {
  /** The name of another session's statement on the connection, from `pg_prepared_statements`. */
  async function nameOfAnother(client: RawClient, other: RawClient): Promise<string> {
    await replyTo(other, parse('theirs', 'SELECT 1234 AS theirs'), sync);
    const name = await client.value(
      "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%1234 AS theirs'",
    );
    // A direct connection shows none.
    return name ?? 'sluice_1';
  }

  const asked: readonly (readonly [string, (name: string) => Buffer[], string])[] = [
    ['EXECUTE', (name) => [query(`EXECUTE "${name}"`)], 'E 26000 | Z I'],
    ['EXECUTE without quotes', (name) => [query(`EXECUTE ${name}`)], 'E 26000 | Z I'],
    ['DEALLOCATE', (name) => [query(`DEALLOCATE "${name}"`)], 'E 26000 | Z I'],
    ['DEALLOCATE PREPARE', (name) => [query(`deallocate prepare ${name}`)], 'E 26000 | Z I'],
    [
      'EXECUTE behind another statement',
      (name) => [query(`SELECT 1; EXECUTE "${name}"`)],
      'T | D 1 | C SELECT 1 | E 26000 | Z I',
    ],
    ['EXPLAIN EXECUTE', (name) => [query(`EXPLAIN EXECUTE "${name}"`)], 'E 26000 | Z I'],
    [
      'CREATE TABLE AS EXECUTE',
      (name) => [query(`CREATE TEMP TABLE x AS EXECUTE "${name}"`)],
      'E 26000 | Z I',
    ],
    [
      'a block',
      (name) => [query(`DO $$ BEGIN EXECUTE 'DEALLOCATE "${name}"'; END $$`)],
      'E 26000 | Z I',
    ],
    [
      'EXECUTE over the protocol',
      (name) => [parse('', `EXECUTE "${name}"`), bind(''), execute(), sync],
      '1 | 2 | E 26000 | Z I',
    ],
    ['Bind', (name) => [bind(name), execute(), sync], 'E 26000 | Z I'],
    ['Describe', (name) => [describe('S', name), sync], 'E 26000 | Z I'],
    ['Close', (name) => [close('S', name), sync], '3 | Z I'],
  ];
  for (const [how, request, expected] of asked)
    test(`mean nothing to other sessions: ${how}`, async (t) => {
      const [client, other] = await Promise.all([route().login(t), route().login(t)]);
      const name = await nameOfAnother(client, other);
      client.send(...request(name));
      const messages = await client.ready();
      assert.equal(summary(messages), expected);
      // Errors contain the name that the client has given.
      const error = messages.find(({ code }) => code === 'E');
      if (error !== undefined) assert(error.body.toString().includes(`"${name}"`));
      const theirs = [bind('theirs'), execute(), sync];
      assert.equal(await replyTo(other, ...theirs), '2 | D 1234 | C SELECT 1 | Z I');
    });

  test('are usable by clients', async (t) => {
    const [client, other] = await Promise.all([route().login(t), route().login(t)]);
    const name = await nameOfAnother(client, other);
    assert.equal(await replyTo(client, query(`PREPARE "${name}" AS SELECT 7`)), 'C PREPARE | Z I');
    assert.equal(await replyTo(client, query(`EXECUTE "${name}"`)), 'T | D 7 | C SELECT 1 | Z I');
    assert.equal(await replyTo(client, query(`DEALLOCATE "${name}"`)), 'C DEALLOCATE | Z I');
    assert.equal(await replyTo(client, parse(name, 'SELECT 8'), sync), '1 | Z I');
    assert.equal(await replyTo(client, bind(name), execute(), sync), '2 | D 8 | C SELECT 1 | Z I');
    assert.equal(await replyTo(client, query(`EXECUTE "${name}"`)), 'T | D 8 | C SELECT 1 | Z I');
    const theirs = [bind('theirs'), execute(), sync];
    assert.equal(await replyTo(other, ...theirs), '2 | D 1234 | C SELECT 1 | Z I');
  });

  for (const name of ['sluice_1', 'sluice_none', 'sluice_prepare', 'sluice_sequences'])
    test(`are names that clients do not choose: ${name}`, async (t) => {
      const client = await route().login(t);
      assert.equal(await replyTo(client, bind(name), sync), 'E 26000 | Z I');
      assert.equal(await replyTo(client, parse(name, 'SELECT 9'), sync), '1 | Z I');
      assert.equal(
        await replyTo(client, bind(name), execute(), sync),
        '2 | D 9 | C SELECT 1 | Z I',
      );
      assert.equal(await replyTo(client, query(`EXECUTE ${name}`)), 'T | D 9 | C SELECT 1 | Z I');
      assert.equal(await replyTo(client, query(`DEALLOCATE ${name}`)), 'C DEALLOCATE | Z I');
      assert.equal(await replyTo(client, query(`PREPARE ${name} AS SELECT 9`)), 'C PREPARE | Z I');
      assert.equal(await replyTo(client, query(`EXECUTE ${name}`)), 'T | D 9 | C SELECT 1 | Z I');
    });
});
