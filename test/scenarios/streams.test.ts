import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  bind,
  copyData,
  copyDone,
  execute,
  parse,
  query,
  summary,
  sync,
} from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { onEachRoute } from '../helpers/routes.ts';
import type { Route } from '../helpers/routes.ts';

const megabyte = 1_048_576;

/** Returns the maximum growth of the daemon's memory during the work, in bytes; 0 without a daemon. */
async function memoryGrowth(route: Route, work: () => Promise<void>): Promise<number> {
  if (route.isDirect) {
    await work();
    return 0;
  }
  const before = await route.sluice.residentMemory();
  const done = new AbortController();
  const watching = (async () => {
    let most = before;
    while (!done.signal.aborted) {
      most = Math.max(most, await route.sluice.residentMemory());
      await delay(20);
    }
    return most;
  })();
  await work().finally(() => done.abort());
  return (await watching) - before;
}

/** How many times 100 MB a test sends. A direct connection is only the control, and needs little data. */
function factorOn(route: Route): number {
  return route.isDirect ? 1 : 3;
}

/** Asserts that three times 100 MB need less than 250 MB of memory, which the runtimes may accumulate as garbage. */
async function assertBounded(route: Route, work: (factor: number) => Promise<void>): Promise<void> {
  const growth = await memoryGrowth(route, () => work(factorOn(route)));
  assert(growth < 250 * megabyte, `grew by ${growth / megabyte} MB`);
}

/**
 * Waits until the proxy no longer reads from the database because the client does not read: the backend waits to write,
 * and in fifty checks the daemon has not grown. `turn` makes the daemon do something in between. Fails if everything
 * has been read.
 */
async function assertHeldUp(route: Route, turn: () => Promise<void>): Promise<void> {
  const looker = await RawClient.login({ ...route.address, port: route.database.port });
  let most = 0;
  let still = 0;
  while (still < 50) {
    await turn();
    const [[state, event] = []] = await looker.rows(
      "SELECT state, wait_event FROM pg_stat_activity WHERE query LIKE 'SELECT repeat%'",
    );
    assert.equal(state, 'active', 'all was taken from the database');
    const memory = route.isDirect ? 0 : await route.sluice.residentMemory();
    const isStill = event === 'ClientWrite' && memory <= most + megabyte / 4;
    still = isStill ? still + 1 : 0;
    most = Math.max(most, memory);
  }
  await looker.end();
}

onEachRoute('streams', { settings: { PoolSize: 2 } }, (route) => {
  test('a result of many rows', async (t) => {
    const client = await route().login(t);
    client.reader.discard = true;
    await assertBounded(route(), async (factor) => {
      const text = `SELECT repeat('x', 100000) FROM generate_series(1, ${factor * 1000})`;
      assert.match(summary(await client.query(text)), /^T \| C SELECT \d+ \| Z I$/);
    });
    assert(client.reader.bytes > factorOn(route()) * 100_000_000);
  });

  test('a single row', async (t) => {
    const client = await route().login(t);
    client.reader.discard = true;
    await assertBounded(route(), async (factor) => {
      await client.query(`SELECT repeat('x', ${factor * 30_000_000})`);
    });
    assert(client.reader.bytes > factorOn(route()) * 30_000_000);
  });

  test('a copy in', async (t) => {
    const client = await route().login(t);
    await client.query('CREATE TEMPORARY TABLE box (t text)');
    const piece = copyData(`${'x'.repeat(99_999)}\n`);
    await assertBounded(route(), async (factor) => {
      // The rows reach the database, which then drops them: storing them would take longest.
      client.send(query('COPY box FROM STDIN WHERE false'));
      await client.until('G');
      for (let index = 0; index < factor * 1000; index += 1) {
        client.send(piece);
        await client.flushed();
      }
      client.send(copyDone);
      assert.match(summary(await client.ready(60_000)), /^C COPY \d+ \| Z I$/);
    });
  });

  test('a copy out', async (t) => {
    const client = await route().login(t);
    client.reader.discard = true;
    await assertBounded(route(), async (factor) => {
      const rows = `SELECT repeat('x', 100000) FROM generate_series(1, ${factor * 1000})`;
      await client.query(`COPY (${rows}) TO STDOUT`);
    });
    assert(client.reader.bytes > factorOn(route()) * 100_000_000);
  });

  test('a statement of 60 MB', async (t) => {
    const client = await route().login(t);
    const growth = await memoryGrowth(route(), async () => {
      assert.equal(await client.value(`SELECT length('${'x'.repeat(60_000_000)}')`), '60000000');
    });
    assert(growth < 250 * megabyte, `grew by ${growth / megabyte} MB`);
  });

  test('a client that does not read delays only itself', async (t) => {
    const slow = await route().login(t);
    const quick = await route().login(t);
    slow.send(query("SELECT repeat('x', 100000) FROM generate_series(1, 2000)"));
    await slow.until('T');
    slow.pause();
    const growth = await memoryGrowth(route(), async () => {
      for (let turn = 0; turn < 200; turn += 1) {
        assert.equal(await quick.value(`SELECT ${turn}`), String(turn));
      }
      await assertHeldUp(route(), async () => void (await quick.value('SELECT 1')));
    });
    assert(growth < 150 * megabyte, `grew by ${growth / megabyte} MB`);
    slow.reader.discard = true;
    slow.resume();
    assert.equal(summary(await slow.ready()), 'C SELECT 2000 | Z I');
    assert(slow.reader.bytes > 200_000_000);
  });

  test('a client that keeps sending while the database is busy is slowed down, and its data not buffered', async (t) => {
    const client = await route().login(t);
    client.send(parse('long', 'SELECT length($1)'), sync, query('SELECT pg_sleep(1)'));
    const long = Buffer.concat([bind('long', ['x'.repeat(500_000)]), execute(), sync]);
    const count = 120;
    await client.ready();
    const sending = (async () => {
      for (let index = 0; index < count; index += 1) {
        client.send(long);
        await client.flushed();
      }
    })();
    // Only while the database is busy: Bun accumulates 150 MB of garbage of what it passes on afterwards.
    const growth = await memoryGrowth(route(), async () => void (await client.ready()));
    assert(growth < 20 * megabyte, `grew by ${growth / megabyte} MB`);
    for (let index = 0; index < count; index += 1) {
      assert.equal(summary(await client.ready()), '2 | D 500000 | C SELECT 1 | Z I');
    }
    await sending;
  });
});
