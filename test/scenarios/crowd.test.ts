import assert from 'node:assert/strict';
import { test } from 'node:test';
import { triesAll } from '../helpers/extent.ts';
import {
  bind,
  copyData,
  copyDone,
  execute,
  parse,
  query,
  rowsOf,
  summary,
  sync,
} from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';
import type { Route } from '../helpers/routes.ts';

const clientCount = triesAll ? 1000 : 400;
const databaseConnections = 10;
const turns = triesAll ? 6 : 3;
const filler = 'x'.repeat(200_000);

/** Random numbers that repeat with the same seed, so that a failure can be reproduced. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed + 0x9e37_79b9;
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x85eb_ca6b) + 0x6d2b_79f5;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

/** The actions of a client. Each sends its own id, and expects the same id in the result. */
const deeds: readonly ((client: RawClient, id: string) => Promise<void>)[] = [
  async (client, id) => {
    assert.deepEqual(await client.rows(`SELECT '${id}'`), [[id]]);
  },
  async (client, id) => {
    client.send(parse('', 'SELECT $1::text'), bind('', [id]), execute(), sync);
    assert.equal(summary(await client.ready()), `1 | 2 | D ${id} | C SELECT 1 | Z I`);
  },
  async (client, id) => {
    client.send(bind('mine', ['again']), execute(), sync);
    assert.equal(summary(await client.ready()), `2 | D ${id} again | C SELECT 1 | Z I`);
  },
  async (client, id) => {
    client.send(query('BEGIN'), query(`SELECT '${id}', pg_backend_pid()`));
    await client.ready();
    const [row] = rowsOf(await client.ready());
    assert.equal(row?.[0], id);
    assert.deepEqual(await client.rows(`SELECT '${id}', pg_backend_pid()`), [row]);
    assert.equal(summary(await client.query('COMMIT')), 'C COMMIT | Z I');
  },
  async (client, id) => {
    assert.equal(summary(await client.query(`SELECT '${id}'::text::int`)), 'E 22P02 | Z I');
  },
  async (client, id) => {
    client.send(
      ...Array.from({ length: 5 }, (_, index) =>
        Buffer.concat([
          parse('', 'SELECT $1::text'),
          bind('', [`${id}/${index}`]),
          execute(),
          sync,
        ]),
      ),
    );
    for (let index = 0; index < 5; index += 1) {
      assert.deepEqual(rowsOf(await client.ready()), [[`${id}/${index}`]]);
    }
  },
  async (client, id) => {
    client.send(query(`COPY (SELECT '${id}') TO STDOUT`));
    assert.equal(summary(await client.ready()), `H | d ${id} | c | C COPY 1 | Z I`);
  },
  async (client, id) => {
    client.send(
      query('BEGIN; CREATE TEMPORARY TABLE crowd (id text) ON COMMIT DROP; COPY crowd FROM STDIN'),
    );
    await client.until('G');
    client.send(copyData(`${id}\n`), copyDone);
    await client.ready();
    assert.deepEqual(await client.rows('SELECT id FROM crowd'), [[id]]);
    await client.query('ROLLBACK');
  },
  // A slow reader.
  async (client, id) => {
    client.send(query(`SELECT '${id}', '${filler}'`));
    client.pause();
    await new Promise(setImmediate);
    client.resume();
    const [row] = rowsOf(await client.ready(60_000));
    assert.equal(row?.[0], id);
    assert.equal(row[1]?.length, filler.length);
  },
  // A cancel request for a statement that may or may not be running.
  async (client, id) => {
    client.send(query(`SELECT '${id}' FROM pg_sleep(0.01)`));
    const cancelled = client.cancel();
    assert.match(
      summary(await client.ready(60_000)),
      new RegExp(`^(T \\| D ${id} \\| C SELECT 1|(T \\| )?E 57014) \\| Z I$`),
    );
    await cancelled;
  },
];

/** The ways in which a client disconnects in the middle; another one then gets its server connection. */
const departures: readonly ((client: RawClient, id: string) => unknown)[] = [
  (client) => client.end(),
  (client) => client.send(query('BEGIN')),
  (client, id) => client.send(query(`SELECT '${id}', '${filler}'`)),
  (client, id) => client.send(parse('', 'SELECT $1::text'), bind('', [id]), execute(), sync),
  (client, id) => client.send(query(`SELECT '${id}'`).subarray(0, 9)),
];

async function live(route: Route, index: number): Promise<void> {
  const random = randomFrom(index);
  const id = `client-${index}`;
  let client: RawClient | undefined;
  try {
    for (let turn = 0; turn < turns; turn += 1) {
      client ??= await arrive(route, id);
      await deeds[random(deeds.length)]?.(client, id);
      if (random(8) > 0) continue;
      await departures[random(departures.length)]?.(client, id);
      client.destroy();
      await client.closed;
      client = undefined;
    }
    await client?.end();
  } finally {
    // A failed client must not keep a server connection from the others.
    client?.destroy();
  }
}

async function arrive(route: Route, id: string): Promise<RawClient> {
  const client = await RawClient.login(route.address);
  client.send(parse('mine', `SELECT '${id} ' || $1::text`), sync);
  assert.equal(summary(await client.ready(60_000)), '1 | Z I');
  return client;
}

onEachRoute(
  'a crowd',
  { settings: { PoolSize: databaseConnections }, postgres: { maxConnections: 130 } },
  (route) => {
    test('each of many clients gets its own replies', async () => {
      // A direct connection costs a process. The control shows that the actions are right, and needs fewer clients.
      const count = route().isDirect ? 100 : clientCount;
      const outcomes = await Promise.allSettled(
        Array.from({ length: count }, (_, index) => live(route(), index)),
      );
      const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
      assert.equal(
        failures.length,
        0,
        `${failures.length} clients failed, the first with ${String(failures[0]?.reason)}`,
      );
      await route().quiet();
      if (route().isDirect) return;
      await eventually(async () => {
        assert((await route().backends()).length <= databaseConnections);
      });
      assert.equal(await route().sluice.metric('sluice_database_connections_out_of_sync_total'), 0);
    });
  },
);
