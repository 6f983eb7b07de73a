import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { startProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import type { Settings } from '@sluice/proxy/settings';
import { eventually } from '../helpers/routes.ts';
import { Outage, suiteOwner } from './outage.ts';
import type { GroupView } from './outage.ts';

suite('targets from the database', () => {
  const owner = suiteOwner();
  let outage: Outage;
  before(async () => {
    outage = await Outage.start(owner);
    const { cluster } = outage;
    const ports = cluster.servers.map((server) => outage.network(server).port);
    const [writer = 0, reader = 0] = ports;
    // As documented by Amazon; the instances of the test cluster are named after their ports.
    await cluster.primary.query(`
      CREATE FUNCTION aurora_replica_status()
        RETURNS TABLE (server_id text, session_id text, last_update_timestamp timestamptz,
          replica_lag_in_msec double precision)
        LANGUAGE sql STABLE AS $$ VALUES ('${writer}', 'MASTER_SESSION_ID', NULL::timestamptz, NULL),
          ('${reader}', 'b1a4c1a2-0000-4000-8000-000000000000', now(), 12500.5),
          ('1', 'b1a4c1a2-0000-4000-8000-000000000001', now() - interval '1 hour', 0),
          ('not a host', 'b1a4c1a2-0000-4000-8000-000000000002', now(), 0) $$;
      CREATE SCHEMA rds_tools;
      CREATE FUNCTION rds_tools.show_topology(caller text DEFAULT NULL)
        RETURNS TABLE (id text, endpoint text, port int)
        LANGUAGE sql STABLE AS $$ VALUES ('db-A', '127.0.0.1', ${writer}), ('db-B', '127.0.0.1', ${reader}) $$`);
    await cluster.caughtUp();
  });

  /**
   * What a proxy with these settings shows of its targets once that is the expected state. Without settings, it only
   * knows the reader.
   */
  async function viewWith(
    settings: Partial<Settings>,
    check: (view: GroupView) => void,
  ): Promise<GroupView> {
    const { user, password } = reader();
    const proxy = await startProxy(
      createSettings({
        TargetHost: '127.0.0.1',
        TargetPort: outage.network(reader()).port,
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
        check(view);
        return view;
      });
    } finally {
      await proxy.stop();
    }
  }

  function reader(): Postgres {
    const [server] = outage.cluster.standbys;
    assert(server !== undefined);
    return server;
  }

  for (const [settings, readerReason] of [
    [{ TargetTopology: 'aurora', TargetInstancePattern: '127.0.0.1:?' }, 'REPLICATION_LAG'],
    [{ TargetTopology: 'multi-az-cluster' }, undefined],
  ] as const)
    test(`${settings.TargetTopology}: its instances become targets, including the writer`, async () => {
      const view = await viewWith(settings, ({ writer, targets }) => {
        assert(targets.length > 1);
        assert.equal(writer, outage.nameOf(outage.cluster.primary));
        const shown = targets.find(({ target }) => target === outage.nameOf(reader()));
        assert.equal(shown?.reason, readerReason);
      });
      const names = outage.cluster.servers.map((server) => outage.nameOf(server));
      assert.deepEqual(view.targets.map(({ target }) => target).toSorted(), names.toSorted());
    });

  test('two addresses of one server are one target', async () => {
    const { primary } = outage.cluster;
    const settings = {
      TargetPort: outage.network(primary).port,
      Targets: [{ Host: '127.0.0.1', Port: primary.port }],
    };
    await viewWith(settings, ({ writer, targets }) => {
      const [other] = targets.filter(({ target }) => target !== writer);
      assert.equal(targets.length, 2);
      assert(writer !== null);
      assert.equal(other?.state, 'AVAILABLE');
      assert.equal(other.message, `it is the same server as ${writer}`);
    });
  });
});
