import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bind,
  close,
  execute,
  parse,
  query,
  startupPacket,
  summary,
  sync,
} from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';
import type { Route } from '../helpers/routes.ts';

const settings = {
  MaxPreparedStatements: 50,
  MaxSessionParameters: 100,
  MaxListenChannels: 20,
  MaxBytesBeforeLogin: 3000,
  MaxPortals: 10,
  MaxSessionMemory: 100_000,
};

/** The client gets the error, the log has one line, a counter increases, and no other client is affected. */
async function assertEnds(
  route: Route,
  client: RawClient,
  setting: string,
  times = 1,
): Promise<void> {
  const bystander = await RawClient.login(route.address);
  // The effect in the database shows slightly later than its reply.
  await eventually(async () => {
    client.send(query('SELECT 1'));
    await assert.rejects(client.ready(), /E 54000/);
  });
  const counter = `sluice_session_limits_exceeded_total{setting="${setting}"}`;
  assert.equal(await route.sluice.metric(counter), times);
  // The daemon writes its log after the error, in another thread.
  const linesOf = (): number =>
    route.sluice.log.filter((line) => line['setting'] === setting).length;
  await eventually(() => assert(linesOf() >= times, 'there is no line in the log'));
  assert.equal(linesOf(), times);
  assert.equal(await bystander.value('SELECT 1'), '1');
  bystander.destroy();
}

onEachRoute('limits of a session', { routes: ['node', 'bun'], settings }, (route) => {
  test('names of prepared statements, in one endless cycle', async (t) => {
    const client = await route().login(t);
    const names = (from: number, to: number): Buffer[] =>
      Array.from({ length: to - from }, (_, at) => parse(`name ${from + at}`, `SELECT ${at}`));
    client.send(...names(0, 50), sync);
    assert.match(summary(await client.ready()), /^(1 \| ){50}Z I$/);
    client.send(...names(50, 60));
    await assertEnds(route(), client, 'MaxPreparedStatements');
  });

  test('parameters', async (t) => {
    const client = await route().login(t);
    const set = (from: number, to: number): Buffer =>
      query(Array.from({ length: to - from }, (_, at) => `SET app.p${from + at} = '1'`).join(';'));
    client.send(set(0, 90));
    await client.ready();
    client.send(set(90, 120));
    await client.ready();
    await assertEnds(route(), client, 'MaxSessionParameters');
  });

  test('channels', async (t) => {
    const client = await route().login(t);
    client.send(query(Array.from({ length: 30 }, (_, at) => `LISTEN c${at}`).join(';')));
    await client.ready();
    await assertEnds(route(), client, 'MaxListenChannels');
  });

  test('bytes before the login', async (t) => {
    const { user, database } = route().address;
    const client = await route().open(t);
    client.send(startupPacket({ user, database, application_name: 'x'.repeat(3000) }));
    assert.match(summary(await client.untilClosed()), /E 08P01$/);
    const { body } = await route().sluice.admin('/metrics');
    assert.match(body, /sluice_session_limits_exceeded_total\{setting="MaxBytesBeforeLogin"\} 1\n/);
  });

  const long = 'x'.repeat(30_000);

  test('the length of prepared statements', async (t) => {
    const client = await route().login(t);
    // Each is within the limit, and closed ones do not count.
    for (let at = 0; at < 5; at += 1) {
      client.send(parse('one', `SELECT '${at}${long}'`), close('S', 'one'), sync);
      assert.equal(summary(await client.ready()), '1 | 3 | Z I');
    }
    // A longer one would not be parsed, and pin its session.
    const short = long.slice(0, 9000);
    for (let at = 0; at < 5; at += 1) await client.query(`PREPARE s${at} AS SELECT '${short}'`);
    client.send(parse('one', `SELECT '${long}'`), parse('two', `SELECT '2${long}'`), sync);
    await assertEnds(route(), client, 'MaxSessionMemory');
  });

  test('the length of parameters', async (t) => {
    const client = await route().login(t);
    for (let at = 0; at < 10; at += 1) await client.query(`SET app.same = '${at}${long}'`);
    for (let at = 0; at < 3; at += 1) await client.query(`SET app.v${at} = '${long}'`);
    await assertEnds(route(), client, 'MaxSessionMemory', 2);
  });

  test('the length of statements bound to portals', async (t) => {
    const client = await route().login(t);
    await client.query('PREPARE q AS SELECT 1; BEGIN');
    for (let at = 0; at < 4; at += 1)
      client.send(parse('', `EXECUTE q /* ${long} */`), bind('', [], { portal: `p${at}` }));
    client.send(sync);
    await assertEnds(route(), client, 'MaxSessionMemory', 3);
  });

  test('portals whose statements use names', async (t) => {
    const client = await route().login(t);
    await client.query('PREPARE q AS SELECT 1; BEGIN');
    const portals = Array.from({ length: 20 }, (_, at) => bind('e', [], { portal: `p${at}` }));
    client.send(parse('e', 'EXECUTE q'), ...portals, sync);
    await assertEnds(route(), client, 'MaxPortals');
  });
});

onEachRoute(
  'MaxMemory',
  { routes: ['node', 'bun'], settings: { HealthCheckInterval: 10 } },
  (route) => {
    test('no new work is accepted while the process uses more, and transactions continue', async (t) => {
      const { sluice } = route();
      const [inside, idle] = [await route().login(t), await route().login(t)];
      const pinned = await route().login(t);
      await inside.query('BEGIN');
      await pinned.query('CREATE TEMP TABLE mine (a int)');
      await sluice.rewrite({ MaxMemory: 1_000_000 });
      await eventually(async () => {
        const newcomer = await RawClient.open(route().address);
        await assert.rejects(newcomer.login(), /FATAL 53200/);
      });
      // It has no server connection yet, and needs one.
      await assert.rejects(idle.rows('SELECT 1'), /ERROR 53200/);
      // It has kept its own.
      await assert.rejects(pinned.rows('SELECT 1'), /ERROR 53200/);
      pinned.send(parse('', 'SELECT 1'), bind(''), execute(), sync);
      assert.equal(summary(await pinned.ready()), 'E 53200 | Z I');
      assert.equal(
        summary(await inside.query('SELECT 3; COMMIT')),
        'T | D 3 | C SELECT 1 | C COMMIT | Z I',
      );
      await sluice.logged(({ msg }) => msg.includes('above MaxMemory'));
      assert((await sluice.metric('sluice_memory_refusals_total')) >= 2);
      assert.equal((await sluice.admin('/healthz')).status, 200);
      await sluice.rewrite({ MaxMemory: 0 });
      await eventually(async () => assert.equal(await idle.value('SELECT 2'), '2'));
      assert.equal(await pinned.value('SELECT count(*) FROM mine'), '0');
    });
  },
);
