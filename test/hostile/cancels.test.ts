import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { HostileDatabase } from '../helpers/hostile-database.ts';
import { cancelPacket, query, summary } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually } from '../helpers/routes.ts';
import { Sluice } from '../helpers/sluice.ts';

/** A flood of cancel requests reaches the database a few at a time. */
suite('cancels', () => {
  let real: Postgres;
  before(async () => {
    real = await startDatabase();
  });
  after(() => real.stop('immediate'));

  for (const runtime of ['node', 'bun'] as const) {
    test(`a thousand at once with a valid key, on ${runtime}`, async (t) => {
      const link = await HostileDatabase.start(real);
      t.after(() => link.stop());
      // The link is part of the test, which opens a thousand connections.
      const settings = { PoolSize: 3, HealthCheckInterval: 60, HealthCheckTimeout: 30 };
      const sluice = await Sluice.start(link.database, settings, runtime);
      t.after(() => sluice.kill());
      const { user, password, database } = real;
      const address = { host: sluice.host, port: sluice.port, user, password, database };
      const [victim, bystander] = [await RawClient.login(address), await RawClient.login(address)];
      assert(victim.key !== undefined);
      const packet = cancelPacket(victim.key);
      await bystander.query('BEGIN');
      victim.send(query('SELECT pg_sleep(60)'));
      await eventually(async () => {
        const active = await real.query(
          "SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'",
        );
        assert.equal(active.length, 1);
      });
      const before = link.connections;
      const flood = Promise.all(
        Array.from({ length: 1000 }, async () => {
          const client = await RawClient.open(address);
          client.send(packet);
          await client.closed;
        }),
      );
      for (let round = 0; round < 50; round += 1) {
        assert.equal(await bystander.value('SELECT 1'), '1');
        assert(link.connections <= before + 8, `${link.connections} connections, ${before} before`);
      }
      await flood;
      assert.match(summary(await victim.ready()), /E 57014 \| Z I$/);
      await eventually(() => assert.equal(link.connections, before, sluice.logText()));
      // A late cancel request does not hit the next statement.
      assert.equal(await victim.value('SELECT 2'), '2');
      assert.equal(await sluice.metric('sluice_cancel_requests_total'), 1000);
      for (const client of [victim, bystander]) client.destroy();
      assert.equal(await sluice.stop(), 0);
    });

    test(`the proxy's own statements before a request are not canceled instead of it, on ${runtime}`, async (t) => {
      const settings = { PoolSize: 1, InitQuery: 'SELECT pg_sleep(0.5)' };
      const sluice = await Sluice.start(real, settings, runtime);
      t.after(() => sluice.kill());
      const { user, password, database } = real;
      const address = { host: sluice.host, port: sluice.port, user, password, database };
      const [one, other] = [await RawClient.login(address), await RawClient.login(address)];
      // Its effects are unproven: the next session's lease starts with a reset, followed by InitQuery.
      await one.query("DO $$BEGIN EXECUTE 'SELECT 1'; END$$");
      other.send(query('SELECT pg_sleep(60)'));
      await eventually(async () => {
        const active = await real.query(
          "SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(0.5)' AND state = 'active'",
        );
        assert.equal(active.length, 1);
      });
      await other.cancel();
      assert.match(summary(await other.ready()), /E 57014 \| Z I$/);
      assert.equal(await other.value('SELECT 2'), '2');
      for (const client of [one, other]) client.destroy();
      assert.equal(await sluice.stop(), 0);
    });
  }
});
