import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultProxy } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { summary } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';
import { Sluice } from '../helpers/sluice.ts';

/** The payloads of the notifications until one is at least `last`. */
async function countUpTo(client: RawClient, seen: number[], last: () => number): Promise<void> {
  while ((seen.at(-1) ?? 0) < last()) {
    const message = await client.next();
    if (message.code === 'A') seen.push(Number(message.body.toString('utf8', 4).split('\0')[1]));
  }
}

onEachRoute(
  'the listening connection takes over',
  { settings: { PoolSize: 3, ConnectionBorrowTimeout: 30 }, routes: ['node', 'bun'] },
  (route) => {
    test('during a stream of notifications: none is missed, none arrives twice, in order', async (t) => {
      const sender = await route().login(t);
      const clients = await Promise.all([1, 2].map(() => route().login(t)));
      let sent = 0;
      const over = new AbortController();
      const sending = (async () => {
        while (!over.signal.aborted) {
          await sender.query(`NOTIFY stream, '${sent + 1}'`);
          sent++;
        }
      })();
      const listening = clients.map(async (client) => {
        for (let round = 0; round < 12; round++) {
          const seen: number[] = [];
          const take = (
            messages: readonly { readonly code: string; readonly body: Buffer }[],
          ): void => {
            for (const { code, body } of messages)
              if (code === 'A') seen.push(Number(body.toString('utf8', 4).split('\0')[1]));
          };
          take(await client.query('LISTEN stream'));
          // The notification after the acknowledged ones may have been sent before; the next one has not.
          const first = sent + 2;
          const enough = sent + 6;
          take(await client.query('SELECT 1'));
          take(await client.query('BEGIN; SELECT 2'));
          take(await client.query('COMMIT'));
          await countUpTo(client, seen, () => enough);
          take(await client.query('UNLISTEN stream'));
          assert(
            (seen[0] ?? Infinity) <= first,
            `begins with ${seen[0]}, ${first} was certainly sent later`,
          );
          const from = seen[0] ?? 0;
          assert.deepEqual(
            seen,
            seen.map((_, index) => from + index),
          );
        }
      });
      try {
        await Promise.all(listening);
      } finally {
        over.abort();
        await sending;
      }
      assert.equal(await route().sluice.metric('sluice_session_pins_total'), 0);
    });

    test('a listening session survives the loss of its server connection', async (t) => {
      const client = await route().login(t);
      await client.query('LISTEN a');
      // Until then, only the server connection knows the session's channels.
      await eventually(async () =>
        assert.equal(await route().sluice.metric('sluice_target_leases'), 0),
      );
      await eventually(async () => {
        const [row] = await route().database.query<{ ended: boolean }>(
          `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name <> 'sluice'`,
        );
        assert(row !== undefined);
      });
      await route().database.query("SELECT pg_notify('a', 'still')");
      const { code, body } = await client.next();
      assert.equal(code + body.toString('utf8', 4), 'Aa\0still\0');
    });
  },
);

onEachRoute(
  'no connection is free for listening',
  { settings: { MaxConnectionsPercent: 1, PinNotice: true }, routes: ['node', 'bun'] },
  (route) => {
    test('the session is pinned, gets notifications all the same, and is taken over when a connection is free', async (t) => {
      const client = await route().login(t);
      const answer = await client.query('LISTEN a');
      assert.equal(answer.at(-1)?.code, 'Z');
      assert.equal((await client.next()).code, 'N');
      assert.equal(await route().sluice.metric('sluice_sessions_pinned'), 1);
      await route().database.query("SELECT pg_notify('a', 'one')");
      assert.match((await client.next()).body.toString('utf8', 4), /^a\0one/);
      await client.query('UNLISTEN *');
      assert.equal((await client.next()).code, 'N');
      assert.equal(await route().sluice.metric('sluice_sessions_pinned'), 0);

      await client.query('LISTEN a');
      assert.equal((await client.next()).code, 'N');
      await route().sluice.rewrite({ MaxConnectionsPercent: 100 });
      assert.equal((await client.next()).code, 'N');
      assert.equal(await route().sluice.metric('sluice_sessions_pinned'), 0);
      await route().database.query("SELECT pg_notify('a', 'two')");
      assert.match((await client.next()).body.toString('utf8', 4), /^a\0two/);
      await client.end();
      await route().sluice.rewrite({ MaxConnectionsPercent: 1 });
    });
  },
);

for (const runtime of ['node', 'bun'] as const) {
  test(`a client that disconnects while its LISTEN is probed leaves nothing to the next session, on ${runtime}`, async (t) => {
    const database = await startDatabase();
    t.after(() => database.stop('immediate'));
    const network = await FaultProxy.start(database);
    t.after(() => network.stop());
    const sluice = await Sluice.start(database, { PoolSize: 1, TargetPort: network.port }, runtime);
    t.after(() => sluice.kill());
    const { user, password, database: name } = database;
    const { host, port } = sluice;
    const address = { host, port, user, password, database: name };
    const client = await RawClient.login(address);
    await client.query('SELECT 1');
    // A long delay, so that the client is gone before the database has reported the channels.
    await network.set({ delay: 20 });
    assert.equal(summary(await client.query('LISTEN news')), 'C LISTEN | Z I');
    await client.end();
    const next = await RawClient.login(address);
    t.after(() => next.destroy());
    const answer = await next.query('SELECT pg_listening_channels()');
    assert.equal(summary(answer), 'T | C SELECT 0 | Z I');
  });
}
