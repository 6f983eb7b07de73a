import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as m from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import type { Route } from '../helpers/routes.ts';

/** Leaves a connection on which temp_buffers can no longer be changed. */
const useTemporary =
  'BEGIN; CREATE TEMP TABLE b (v int) ON COMMIT DROP; INSERT INTO b VALUES (1); COMMIT';

async function useAll(
  route: Route,
  owner: Parameters<Route['login']>[0],
  count: number,
): Promise<void> {
  const clients = [];
  for (let at = 0; at < count; at++) clients.push(await route.login(owner));
  await Promise.all(clients.map((client) => client.query('BEGIN; SELECT pg_sleep(0.02)')));
  await Promise.all(clients.map((client) => client.query('COMMIT')));
  for (const client of clients) await client.query(useTemporary);
  await Promise.all(clients.map((client) => client.query(`BEGIN; ${useTemporary.slice(7)}`)));
  await Promise.all(clients.map((client) => client.end()));
}

onEachRoute(
  'replays that one connection refuses',
  { settings: { PoolSize: 2, ConnectionBorrowTimeout: 30 }, sample: onOneRuntime },
  (route) => {
    for (const what of ['options', 'parameter'] as const)
      test(`temp_buffers in the startup packet, as ${what}, after temporary tables`, async (t) => {
        await useAll(route(), t, 2);
        const parameters =
          what === 'options' ? { options: '-c temp_buffers=16MB' } : { temp_buffers: '16MB' };
        const client = await route().login(t, { parameters });
        assert.equal(await client.value('SHOW temp_buffers'), '16MB');
      });

    const requests: Readonly<Record<string, readonly Buffer[]>> = {
      'a Query': [m.query('SHOW temp_buffers')],
      'a text with side effects': [m.query('INSERT INTO ran VALUES (1); SHOW temp_buffers')],
      'an unnamed statement': [m.parse('', 'SHOW temp_buffers'), m.bind(''), m.execute(), m.sync],
      'a named statement, parsed and closed': [
        m.parse('n', 'SHOW temp_buffers'),
        m.bind('n'),
        m.execute(),
        m.close('S', 'n'),
        m.sync,
      ],
      'several pipelined cycles': [
        m.query('SELECT 1'),
        m.query('INSERT INTO ran VALUES (1)'),
        m.query('SHOW temp_buffers'),
      ],
      'a temporary table': [
        m.query('CREATE TEMP TABLE mine (v int)'),
        m.query('SHOW temp_buffers'),
      ],
      'a transaction': [
        m.query('BEGIN'),
        m.query('INSERT INTO ran VALUES (1)'),
        m.query('COMMIT'),
        m.query('SHOW temp_buffers'),
      ],
      LISTEN: [m.query('LISTEN news'), m.query('SHOW temp_buffers')],
    };
    for (const [name, request] of Object.entries(requests))
      test(`temp_buffers that was set earlier, with ${name}`, async (t) => {
        await route().database.query('CREATE TABLE IF NOT EXISTS ran (v int); TRUNCATE ran');
        const client = await route().login(t);
        await client.query("SET temp_buffers = '16MB'");
        await useAll(route(), t, 2);
        const bystander = await route().login(t);
        client.send(...request);
        const groups = request.filter((bytes) => 'QS'.includes(String.fromCharCode(bytes[0] ?? 0)));
        const seen = [];
        for (const _ of groups) seen.push(...(await client.ready()));
        assert.equal(m.summary(seen.filter(({ code }) => code === 'E')), '');
        assert.deepEqual(m.rowsOf(seen).at(-1), ['16MB']);
        const ran = await route().database.query('SELECT FROM ran');
        assert.equal(ran.length, request.some((bytes) => bytes.includes('INSERT')) ? 1 : 0);
        assert.equal(await bystander.value('SELECT 1'), '1');
      });

    const set = "SET temp_buffers = '12MB'";
    const settings: Readonly<Record<string, readonly Buffer[]>> = {
      'a Query': [m.query(set)],
      'a Query behind another': [m.query('INSERT INTO ran VALUES (1)'), m.query(set)],
      'a Query after a transaction': [
        m.query('BEGIN'),
        m.query('INSERT INTO ran VALUES (1)'),
        m.query('COMMIT'),
        m.query(set),
      ],
      'an unnamed statement after a Query': [
        m.query('INSERT INTO ran VALUES (1)'),
        m.parse('', set),
        m.bind(''),
        m.execute(),
        m.sync,
      ],
      'a named statement': [m.parse('s', set), m.bind('s'), m.execute(), m.sync],
      'a named statement after a Query': [
        m.query('INSERT INTO ran VALUES (1)'),
        m.parse('s', set),
        m.bind('s'),
        m.execute(),
        m.sync,
      ],
      'a statement that was prepared before': [m.bind('before'), m.execute(), m.sync],
    };
    for (const [name, request] of Object.entries(settings))
      test(`temp_buffers set by ${name}, after temporary tables of others`, async (t) => {
        await route().database.query('CREATE TABLE IF NOT EXISTS ran (v int); TRUNCATE ran');
        const client = await route().login(t);
        client.send(m.parse('before', set), m.sync);
        await client.ready();
        await useAll(route(), t, 2);
        client.send(...request);
        const groups = request.filter((bytes) => 'QS'.includes(String.fromCharCode(bytes[0] ?? 0)));
        const seen = [];
        for (const _ of groups) seen.push(...(await client.ready()));
        assert.equal(m.summary(seen.filter(({ code }) => code === 'E')), '');
        assert.equal(await client.value('SHOW temp_buffers'), '12MB');
        const ran = await route().database.query('SELECT FROM ran');
        assert.equal(ran.length, request.some((bytes) => bytes.includes('INSERT')) ? 1 : 0);
      });

    test('parameters that have to be read back are not lost when the session sets temp_buffers', async (t) => {
      const client = await route().login(t);
      await useAll(route(), t, 2);
      client.send(
        m.query("SELECT set_config(name, '7', false) FROM (VALUES ('app.kept')) AS names (name)"),
        m.query(set),
      );
      await client.ready();
      // PostgreSQL may refuse it if the session cannot leave the connection.
      await client.ready();
      assert.equal(await client.value("SELECT current_setting('app.kept', true)"), '7');
    });

    test("a role of the user's default that was dropped is an error of the database", async (t) => {
      const client = await route().open(t);
      await assert.rejects(client.login({ parameters: { role: 'nobody_here' } }), {
        code: '22023',
        severity: 'FATAL',
      });
      await client.closed;
    });
  },
);

onEachRoute(
  'replays that every connection refuses',
  { settings: { PoolSize: 1 }, routes: ['node', 'bun'], sample: onOneRuntime },
  (route) => {
    test('a session whose role was dropped ends, and none of it runs as another role', async (t) => {
      await route().database.query('CREATE ROLE short; GRANT short TO ann');
      const client = await route().login(t);
      await client.query('SET ROLE short');
      const other = await route().login(t);
      await other.query('SELECT 1');
      await route().database.query('DROP ROLE short');
      client.send(m.query('CREATE TABLE escaped (v int)'));
      const seen = await client.untilClosed();
      assert.equal(m.fieldsOf(seen.at(-1) ?? assert.fail('nothing came'))['C'], '22023');
      assert.equal(m.fieldsOf(seen.at(-1) ?? assert.fail('nothing came'))['V'], 'FATAL');
      assert.deepEqual(
        await route().database.query("SELECT FROM pg_class WHERE relname = 'escaped'"),
        [],
      );
      assert.equal(await other.value('SELECT current_user'), 'ann');
      await eventually(async () =>
        assert.equal(await route().sluice.metric('sluice_parameter_replays_refused_total'), 2),
      );
    });

    test("the proxy's own statements are not subject to the client's time-outs", async (t) => {
      const [hurried, patient] = [await route().login(t), await route().login(t)];
      await hurried.query('SET statement_timeout = 20; SET lock_timeout = 1');
      for (let turn = 0; turn < 50; turn++) {
        await hurried.query(`SET app.turn = ${turn}`);
        assert.equal(await patient.value(`SELECT current_setting('statement_timeout')`), '0');
        await patient.query(`SET work_mem = '${turn + 1}MB'`);
      }
      assert.equal(await patient.value('SHOW work_mem'), '50MB');
      assert.equal(
        await patient.value("SELECT coalesce(current_setting('app.turn', true), '')"),
        '',
      );
      assert.equal(await route().sluice.metric('sluice_sessions_pinned'), 0);
      await hurried.end();
      const { host, port } = route().sluice;
      const start = await RawClient.login(
        { ...route().address, host, port },
        { parameters: { statement_timeout: '5s' } },
      );
      await start.query(
        "SET statement_timeout = 0; SELECT set_config('lock_timeout', '7s', false)",
      );
      assert.equal(await patient.value('SHOW lock_timeout'), '0');
      assert.equal(await start.value('SHOW lock_timeout'), '7s');
      await start.query('RESET statement_timeout');
      assert.equal(await patient.value('SHOW statement_timeout'), '0');
      assert.equal(await start.value('SHOW statement_timeout'), '5s');
      await start.end();
    });
  },
);
