import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

onEachRoute(
  'descriptors used up',
  { routes: ['node', 'bun'], settings: { PoolSize: 5 }, descriptors: 256 },
  (route) => {
    test('clients are turned away; those inside and the admin port go on, and it is said once', async (t) => {
      const { sluice } = route();
      const inside = await route().login(t);
      const flood = await Promise.all(
        Array.from({ length: 400 }, () => RawClient.open(route().address)),
      );
      await sluice.logged(({ msg }) => msg.startsWith('few file descriptors are left'));
      assert.equal(await inside.value('SELECT 1'), '1');
      // Another server connection can be opened, too.
      await inside.query('BEGIN');
      // The proxy accepts in turns: what leaves before its turn is not refused.
      await eventually(async () =>
        assert((await sluice.metric('sluice_client_connections_refused_total')) > 100),
      );
      for (const client of flood) client.destroy();
      await eventually(async () => {
        const another = await RawClient.login(route().address);
        assert.equal(await another.value('SELECT 2'), '2');
        another.destroy();
      });
      await inside.query('COMMIT');
      const said = sluice.log.filter(({ msg }) => msg.startsWith('few file descriptors are left'));
      assert.equal(said.length, 1);
    });
  },
);
