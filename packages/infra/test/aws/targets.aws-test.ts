import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, before, suite, test } from 'node:test';
import {
  CreateDBClusterCommand,
  CreateDBInstanceCommand,
  DeleteDBInstanceCommand,
} from '@aws-sdk/client-rds';
import { startPostgres, type Postgres } from '@sluice/testkit';
import { ProxyError, startProxy } from '@sluice/proxy';
import { createSettings, type Settings } from '@sluice/proxy/settings';
import { Client } from 'pg';
import { createClients, destroyClients, type Clients } from '../../src/aws/clients.ts';
import { RdsInstances } from '../../../proxy/src/targets/rds-instances.ts';
import { region } from './account.ts';
import { startEmulator, withoutEmulator, type Emulator } from './emulator.ts';

const engine = { Engine: 'aurora-postgresql', DBInstanceClass: 'db.r6g.large' } as const;

suite('the daemon with targets from the RDS API', { skip: withoutEmulator }, () => {
  let emulator: Emulator;
  let postgres: Postgres;
  let clients: Clients;

  before(async () => {
    [emulator, postgres] = await Promise.all([startEmulator(), startPostgres()]);
    process.env['AWS_ACCESS_KEY_ID'] = 'testing';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'testing';
    process.env['AWS_REGION'] = region;
    process.env['AWS_ENDPOINT_URL'] = emulator.endpoint;
    delete process.env['AWS_PROFILE'];
    clients = createClients({ region, endpoint: emulator.endpoint });
    await clients.rds.send(
      new CreateDBClusterCommand({
        DBClusterIdentifier: 'orders',
        Engine: engine.Engine,
        MasterUsername: 'root_user',
        MasterUserPassword: 'not-a-real-one',
      }),
    );
    // The first is a real database; nothing listens at the second.
    await instance('orders-1', postgres.port);
    await instance('orders-2', 1);
  });

  after(async () => {
    destroyClients(clients);
    await Promise.all([emulator.stop(), postgres.stop()]);
  });

  async function instance(name: string, port: number): Promise<void> {
    await clients.rds.send(
      new CreateDBInstanceCommand({
        ...engine,
        DBInstanceIdentifier: name,
        DBClusterIdentifier: 'orders',
        Tags: [
          { Key: 'address', Value: postgres.host },
          { Key: 'port', Value: String(port) },
        ],
      }),
    );
  }

  function settings(targets: Partial<Settings>): Settings {
    return createSettings({
      ListenPort: 0,
      AdminPort: 0,
      LogLevel: 'fatal',
      Users: [{ UserName: postgres.user, Password: postgres.password }],
      ...targets,
    });
  }

  for (const [targets, ports] of [
    [{ DBInstanceIdentifier: 'orders-1' }, [() => postgres.port]],
    [
      { DBInstanceIdentifier: `arn:aws:rds:${region}:123456789012:db:orders-1` },
      [() => postgres.port],
    ],
    [{ DBClusterIdentifier: 'orders' }, [() => postgres.port, () => 1]],
  ] as const)
    test(`${Object.values(targets).join()}: clients are served by the writer among the instances`, async (t) => {
      const proxy = await startProxy(settings(targets));
      t.after(() => proxy.stop());
      const [endpoint] = proxy.endpoints;
      const { user, password } = postgres;
      const database = 'postgres';
      const client = new Client({
        host: '127.0.0.1',
        port: endpoint?.port,
        user,
        password,
        database,
      });
      await client.connect();
      const { rows } = await client.query<{ port: number }>('select inet_server_port() as port');
      await client.end();
      assert.equal(rows[0]?.port, postgres.port);
      const response = await fetch(`http://127.0.0.1:${proxy.admin.port}/targets`);
      const view = (await response.json()) as { targets: { target: string }[] };
      assert.deepEqual(
        view.targets.map(({ target }) => target).toSorted(),
        ports.map((port) => `${postgres.host}:${port()}`).toSorted(),
      );
    });

  for (const [targets, why] of [
    [{ DBInstanceIdentifier: 'none' }, /returned no address for none: DBInstanceNotFound/],
    [
      { DBClusterIdentifier: 'none' },
      /returned no address for none: .*the instance or cluster does not exist/,
    ],
  ] as const)
    test(`${Object.keys(targets).join()}: without a host, a missing one ends the start with an error that says why`, async () => {
      await assert.rejects(startProxy(settings(targets)), (error) => {
        assert.ok(error instanceof ProxyError);
        assert.equal(error.code, 'RDS_INSTANCES');
        assert.match(error.message, why);
        return true;
      });
    });

  test('a start with a host does not need the API: its failure is logged', async (t) => {
    const failed = Promise.withResolvers<unknown>();
    subscribe('sluice.targets.notListed', failed.resolve);
    t.after(() => unsubscribe('sluice.targets.notListed', failed.resolve));
    const proxy = await startProxy(
      settings({
        TargetHost: postgres.host,
        TargetPort: postgres.port,
        DBClusterIdentifier: 'none',
      }),
    );
    t.after(() => proxy.stop());
    const { why } = (await failed.promise) as { why: string };
    assert.match(why, /returned no address for none/);
  });

  test('the last targets stay when the API returns no instances', async (t) => {
    await instance('orders-3', postgres.port);
    const rds = new RdsInstances(settings({ DBInstanceIdentifier: 'orders-3' }));
    t.after(() => rds.close());
    await rds.read();
    const detail = [{ host: postgres.host, port: postgres.port }];
    assert.deepEqual(rds.hostPorts, detail);
    await clients.rds.send(
      new DeleteDBInstanceCommand({ DBInstanceIdentifier: 'orders-3', SkipFinalSnapshot: true }),
    );
    await assert.rejects(rds.read(), { code: 'RDS_INSTANCES' });
    assert.deepEqual(rds.hostPorts, detail);
  });
});
