import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { test } from 'node:test';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

/** The CPU time of a process, in seconds. */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

onEachRoute(
  'no descriptors left',
  { routes: ['node', 'bun'], settings: { PoolSize: 5 }, descriptors: 256 },
  (route) => {
    test('new clients are refused; existing ones and the admin port continue, and the log says so once', async (t) => {
      const { sluice } = route();
      const inside = await route().login(t);
      const flood = await Promise.all(
        Array.from({ length: 400 }, () => RawClient.open(route().address)),
      );
      await sluice.logged(({ msg }) => msg.startsWith('few file descriptors are left'));
      assert.equal(await inside.value('SELECT 1'), '1');
      // Another server connection can be opened, too.
      await inside.query('BEGIN');
      // The proxy accepts in turns: a client that leaves before its turn is not refused.
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
      const warnings = sluice.log.filter(({ msg }) =>
        msg.startsWith('few file descriptors are left'),
      );
      assert.equal(warnings.length, 1);
    });

    test('the admin port has few connections, which use up neither descriptors nor the CPU', async (t) => {
      const { sluice } = route();
      const inside = await route().login(t);
      const flood = Array.from({ length: 400 }, () => connect(sluice.adminAddress));
      t.after(() => {
        for (const socket of flood) socket.destroy();
      });
      for (const socket of flood) socket.on('error', () => undefined);
      // All but a few are closed again.
      await eventually(() =>
        assert(flood.filter(({ readyState }) => readyState === 'open').length <= 32),
      );
      const began = await cpuOf(sluice.pid);
      assert.equal(await inside.value('SELECT count(*) FROM pg_sleep(1)'), '1');
      const used = (await cpuOf(sluice.pid)) - began;
      assert(used < 0.5, `${used} s of CPU in a second`);
      const another = await RawClient.login(route().address);
      assert.equal(await another.value('SELECT 2'), '2');
      another.destroy();
      assert.equal((await sluice.admin('/healthz')).status, 200);
    });
  },
);
