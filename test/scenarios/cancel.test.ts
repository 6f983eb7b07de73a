import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bind, copyData, execute, parse, query, summary, sync } from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';
import type { Owner, Route } from '../helpers/routes.ts';

/** Starts a statement that runs until it is canceled, and waits until the database runs it. */
async function sleeper(route: Route, owner: Owner, mark: string): Promise<RawClient> {
  const client = await route.login(owner);
  client.send(query(`SELECT pg_sleep(60), '${mark}'`));
  await running(route, mark);
  return client;
}

function running(route: Route, mark: string): Promise<void> {
  return eventually(async () => {
    const backends = await route.backends();
    assert(
      backends.some(({ state, query }) => state === 'active' && query.includes(mark)),
      `${mark} does not run`,
    );
  });
}

onEachRoute('cancel', { settings: { PoolSize: 2 } }, (route) => {
  test("cancels this client's statement, and the session continues", async (t) => {
    const client = await sleeper(route(), t, 'first');
    await client.cancel();
    assert.match(summary(await client.ready()), /E 57014 \| Z I$/);
    assert.equal(await client.value('SELECT 1'), '1');
  });

  test('in a transaction', async (t) => {
    const client = await route().login(t);
    await client.query('BEGIN');
    client.send(query("SELECT pg_sleep(60), 'within'"));
    await running(route(), 'within');
    await client.cancel();
    assert.match(summary(await client.ready()), /E 57014 \| Z E$/);
    assert.equal(summary(await client.query('ROLLBACK')), 'C ROLLBACK | Z I');
  });

  test('of an extended query, followed by another query cycle', async (t) => {
    const client = await route().login(t);
    client.send(parse('', "SELECT pg_sleep(60), 'extended'"), bind(''), execute(), sync);
    client.send(parse('', 'SELECT 2'), bind(''), execute(), sync);
    await running(route(), 'extended');
    await client.cancel();
    assert.match(summary(await client.ready()), /E 57014 \| Z I$/);
    assert.equal(summary(await client.ready()), '1 | 2 | D 2 | C SELECT 1 | Z I');
  });

  test('has no effect while the client is idle, neither on it nor on others', async (t) => {
    const client = await route().login(t);
    assert.equal(await client.value('SELECT 1'), '1');
    const other = await sleeper(route(), t, 'other');
    for (let turn = 0; turn < 10; turn += 1) await client.cancel();
    assert.equal(await client.value('SELECT 2'), '2');
    await running(route(), 'other');
    await other.cancel();
    assert.match(summary(await other.ready()), /E 57014 \| Z I$/);
  });

  test('never reaches a later statement of the same connection', async (t) => {
    const [client, other] = await Promise.all([route().login(t), route().login(t)]);
    for (let turn = 0; turn < 30; turn += 1) {
      client.send(query('SELECT 1'));
      const cancelled = client.cancel();
      const first = summary(await client.ready());
      assert.match(first, /^(T \| D 1 \| C SELECT 1|.*E 57014) \| Z I$/);
      // The next session that borrows the server connection must not be affected by the cancel request.
      assert.equal(await other.value(`SELECT ${turn} FROM pg_sleep(0.002)`), String(turn));
      await cancelled;
    }
  });

  test('with a wrong secret does nothing', async (t) => {
    const client = await sleeper(route(), t, 'guarded');
    const { key } = client;
    assert(key !== undefined);
    const wrong = Buffer.from(key.secret.map((byte) => byte ^ 1));
    await client.cancel({ pid: key.pid, secret: wrong });
    await client.cancel({ pid: key.pid ^ 1, secret: key.secret });
    await running(route(), 'guarded');
    await client.cancel();
    assert.match(summary(await client.ready()), /E 57014 \| Z I$/);
  });

  test('of a copy in', async (t) => {
    const client = await route().login(t);
    await client.query('BEGIN; CREATE TEMPORARY TABLE box (id int) ON COMMIT DROP');
    client.send(query('COPY box FROM STDIN'));
    await client.until('G');
    await client.cancel();
    // The database checks for the cancel request when the next data arrives.
    const answer = client.ready();
    const pieces = setInterval(() => client.send(copyData('1\n')), 10);
    t.after(() => clearInterval(pieces));
    assert.equal(summary(await answer), 'E 57014 | Z E');
    clearInterval(pieces);
    await client.query('ROLLBACK');
  });
});

onEachRoute(
  'cancel in the borrow queue',
  { settings: { PoolSize: 1 }, routes: ['node', 'bun'] },
  (route) => {
    test('of a statement that waits for a server connection', async (t) => {
      const holder = await sleeper(route(), t, 'holder');
      const waiting = await route().login(t);
      waiting.send(query("SELECT 'never run'"));
      await eventually(async () => {
        assert.equal(await route().sluice.metric('sluice_borrow_queue_length'), 1);
      });
      await waiting.cancel();
      assert.match(summary(await waiting.ready()), /^E 57014 \| Z I$/);
      await running(route(), 'holder');
      await holder.cancel();
      assert.match(summary(await holder.ready()), /E 57014 \| Z I$/);
      assert.equal(await waiting.value('SELECT 1'), '1');
    });
  },
);
