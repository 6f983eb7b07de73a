import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { startProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import type { Settings } from '@sluice/proxy/settings';
import { eventually } from '../helpers/routes.ts';
import { Outage, suiteOwner } from './outage.ts';
import type { GroupView } from './outage.ts';

suite('targets that the database names', () => {
  const owner = suiteOwner();
  let outage: Outage;
  before(async () => {
    outage = await Outage.start(owner);
    const { cluster } = outage;
    const ports = cluster.servers.map((server) => outage.network(server).port);
    const [writer = 0, reader = 0] = ports;
    // As Amazon documents them; the lab's instances are called by their ports.
    await cluster.primary.query(`
      CREATE FUNCTION aurora_replica_status()
        RETURNS TABLE (server_id text, session_id text, last_update_timestamp timestamptz)
        LANGUAGE sql STABLE AS $$ VALUES ('${writer}', 'MASTER_SESSION_ID', NULL::timestamptz),
          ('${reader}', 'b1a4c1a2-0000-4000-8000-000000000000', now()),
          ('1', 'b1a4c1a2-0000-4000-8000-000000000001', now() - interval '1 hour'),
          ('not a host', 'b1a4c1a2-0000-4000-8000-000000000002', now()) $$;
      CREATE SCHEMA rds_tools;
      CREATE FUNCTION rds_tools.show_topology(caller text DEFAULT NULL)
        RETURNS TABLE (id text, endpoint text, port int)
        LANGUAGE sql STABLE AS $$ VALUES ('db-A', '127.0.0.1', ${writer}), ('db-B', '127.0.0.1', ${reader}) $$`);
    await cluster.caughtUp();
  });

  /** A proxy that is told of one instance only: the reader, say. */
  async function viewWith(settings: Partial<Settings>): Promise<GroupView> {
    const [server] = outage.cluster.standbys;
    assert(server !== undefined);
    const { user, password } = server;
    const proxy = await startProxy(
      createSettings({
        TargetHost: '127.0.0.1',
        TargetPort: outage.network(server).port,
        TargetTlsMode: 'disable',
        ListenPort: 0,
        AdminPort: 0,
        LogLevel: 'fatal',
        Users: [{ UserName: user, Password: password }],
        ...settings,
      }),
    );
    try {
      return await eventually(async () => {
        const response = await fetch(`http://127.0.0.1:${proxy.admin.port}/targets`);
        const view = (await response.json()) as GroupView;
        assert(view.targets.length > 1 && view.targets.every(({ state }) => state === 'AVAILABLE'));
        assert.equal(view.writer, outage.nameOf(outage.cluster.primary));
        return view;
      });
    } finally {
      await proxy.stop();
    }
  }

  for (const settings of [
    { TargetTopology: 'aurora', TargetInstancePattern: '127.0.0.1:?' },
    { TargetTopology: 'multi-az-cluster' },
  ] as const)
    test(`${settings.TargetTopology}: its instances become targets, and the writer is found among them`, async () => {
      const view = await viewWith(settings);
      const names = outage.cluster.servers.map((server) => outage.nameOf(server));
      assert.deepEqual(view.targets.map(({ target }) => target).toSorted(), names.toSorted());
    });
});
