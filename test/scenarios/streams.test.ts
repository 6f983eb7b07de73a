import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { copyData, copyDone, outline, query, story } from '../helpers/messages.ts';
import { onEachRoute } from '../helpers/routes.ts';
import type { Route } from '../helpers/routes.ts';

const megabyte = 1_048_576;

/** Runs something and gives by how many bytes the daemon's memory grew at most meanwhile; 0 without a daemon. */
async function memoryGrowth(route: Route, work: () => Promise<void>): Promise<number> {
  if (route.isDirect) {
    await work();
    return 0;
  }
  const before = await route.sluice.residentMemory();
  let most = before;
  const stop = new AbortController();
  const watching = (async () => {
    while (!stop.signal.aborted) {
      most = Math.max(most, await route.sluice.residentMemory());
      await delay(20);
    }
  })();
  await work();
  stop.abort();
  await watching;
  return most - before;
}

onEachRoute('streams', { settings: { PoolSize: 2 } }, (route) => {
  test('a result of 300 MB passes through in little memory', async (t) => {
    const client = await route().login(t);
    client.reader.discard = true;
    const growth = await memoryGrowth(route(), async () => {
      const answer = await client.query("SELECT repeat('x', 100000) FROM generate_series(1, 3000)");
      assert.equal(answer.map(outline).slice(1).join(' | '), 'C SELECT 3000 | Z I');
    });
    assert(client.reader.bytes > 300_000_000);
    assert(growth < 100 * megabyte, `grew by ${growth / megabyte} MB`);
  });

  test('one row of 200 MB', async (t) => {
    const client = await route().login(t);
    client.reader.discard = true;
    const growth = await memoryGrowth(route(), async () => {
      await client.query("SELECT repeat('x', 200000000)");
    });
    assert(client.reader.bytes > 200_000_000);
    assert(growth < 100 * megabyte, `grew by ${growth / megabyte} MB`);
  });

  test('a copy in of 200 MB', async (t) => {
    const client = await route().login(t);
    await client.query('BEGIN; CREATE TEMPORARY TABLE box (t text) ON COMMIT DROP');
    client.send(query('COPY box FROM STDIN'));
    await client.until('G');
    const piece = copyData(`${'x'.repeat(99_999)}\n`);
    const growth = await memoryGrowth(route(), async () => {
      for (let index = 0; index < 2000; index += 1) {
        client.send(piece);
        await client.flushed();
      }
      client.send(copyDone);
      assert.equal(story(await client.ready(60_000)), 'C COPY 2000 | Z T');
    });
    assert(growth < 100 * megabyte, `grew by ${growth / megabyte} MB`);
    await client.query('ROLLBACK');
  });

  test('a statement of 60 MB', async (t) => {
    const client = await route().login(t);
    const growth = await memoryGrowth(route(), async () => {
      assert.equal(await client.value(`SELECT length('${'x'.repeat(60_000_000)}')`), '60000000');
    });
    assert(growth < 250 * megabyte, `grew by ${growth / megabyte} MB`);
  });

  test('a client that does not read holds up itself, and nobody else', async (t) => {
    const slow = await route().login(t);
    const quick = await route().login(t);
    slow.send(query("SELECT repeat('x', 100000) FROM generate_series(1, 1000)"));
    await slow.until('T');
    slow.pause();
    const growth = await memoryGrowth(route(), async () => {
      for (let turn = 0; turn < 200; turn += 1) {
        assert.equal(await quick.value(`SELECT ${turn}`), String(turn));
      }
    });
    assert(growth < 60 * megabyte, `grew by ${growth / megabyte} MB`);
    slow.reader.discard = true;
    slow.resume();
    assert.equal(story(await slow.ready()), 'C SELECT 1000 | Z I');
    assert(slow.reader.bytes > 100_000_000);
  });

  test('a client that sends on while the database is busy is held up, not piled up', async (t) => {
    const client = await route().login(t);
    client.send(query('SELECT pg_sleep(1)'));
    const long = query(`SELECT length('${'x'.repeat(500_000)}')`);
    const count = 100;
    const growth = await memoryGrowth(route(), async () => {
      const sending = (async () => {
        for (let index = 0; index < count; index += 1) {
          client.send(long);
          await client.flushed();
        }
      })();
      await client.ready();
      for (let index = 0; index < count; index += 1) {
        assert.equal(story(await client.ready()), 'T | D 500000 | C SELECT 1 | Z I');
      }
      await sending;
    });
    assert(growth < 60 * megabyte, `grew by ${growth / megabyte} MB`);
  });
});
