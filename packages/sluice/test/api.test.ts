import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { settings } from '@sluice/proxy/settings';
import type { SettingName } from '@sluice/proxy/settings';
import { Client } from 'pg';
import { loadSettings, onEvent, SettingsError, startProxy, version } from 'sluice';
import type { EventName, Proxy, ProxySettings, ProxyStatus } from 'sluice';
import { startDatabase } from '../../../test/helpers/database.ts';

suite('the API', () => {
  let postgres: Postgres;

  before(async () => {
    postgres = await startDatabase({ user: 'postgres', password: 'secret', database: 'postgres' });
  });

  after(() => postgres.stop());

  function database(): ProxySettings {
    const { host, port, user, password } = postgres;
    return {
      TargetHost: host,
      TargetPort: port,
      TargetTlsMode: 'disable',
      Users: [{ UserName: user, Password: password }],
    };
  }

  async function connect({ host, port }: Proxy): Promise<Client> {
    const { user, password } = postgres;
    const client = new Client({ host, port, user, password, database: postgres.database });
    // A proxy that stops closes its clients.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  test('two proxies run concurrently on different ports, and stop at the end of their blocks', async () => {
    let addresses: readonly string[];
    {
      await using one = await startProxy(database());
      await using other = await startProxy(database());
      addresses = [one.adminUrl, other.adminUrl];
      assert.notEqual(one.port, other.port);
      assert.equal((await fetch(`${one.adminUrl}/readyz`)).status, 200);
      for (const proxy of [one, other]) {
        const client = await connect(proxy);
        await client.query('select 1');
        await client.end();
      }
    }
    for (const url of addresses) await assert.rejects(fetch(`${url}/healthz`));
  });

  test('status() returns the response of the admin port', async (t: TestContext) => {
    await using proxy = await startProxy(database());
    const client = await connect(proxy);
    await client.query('begin');
    const [endpoint] = proxy.status().endpoints;
    assert.deepEqual(endpoint, {
      name: 'default',
      role: 'READ_WRITE',
      clients: { arriving: 0, idle: 0, waiting: 0, active: 1, pinned: 0 },
    });
    const response = await fetch(`${proxy.adminUrl}/status`);
    const answer = (await response.json()) as ProxyStatus;
    // Pools and waits may change in between: the proxy sends its own queries to the database.
    assert.deepEqual(Object.keys(answer), Object.keys(proxy.status()));
    assert.deepEqual(answer.endpoints, proxy.status().endpoints);
    await client.query('commit');
    // The proxy may have to probe the session first.
    await t.waitFor(() => assert.equal(proxy.status().endpoints[0]?.clients.idle, 1), {
      timeout: 60_000,
    });
    assert.equal(proxy.status().pools[0]?.queries, 2);
    await client.end();
  });

  test('a pause waits for running work, and stops waiting when it is aborted', async () => {
    await using proxy = await startProxy(database());
    const client = await connect(proxy);
    await client.query('begin');
    assert.equal(await proxy.pause({ timeoutMs: 0 }), false);
    const gaveUp = proxy.pause({ signal: AbortSignal.abort(new Error('enough')) });
    await assert.rejects(gaveUp, { name: 'AbortError' });
    const quiet = proxy.pause();
    await client.query('commit');
    assert.equal(await quiet, true);
    assert.equal(proxy.status().paused, true);
    proxy.resume();
    await client.query('select 1');
    await client.end();
  });

  test('reload applies what can change, and keeps the ports', async () => {
    await using proxy = await startProxy(database());
    const { port } = proxy;
    const result = await proxy.reload({ ...database(), PoolSize: 3, TargetPort: 1 });
    assert.deepEqual(result.applied, ['PoolSize']);
    assert.deepEqual(
      result.refused.map(({ setting }) => setting),
      ['TargetPort'],
    );
    assert.equal(proxy.port, port);
    await assert.rejects(proxy.reload({ ...database(), PoolSize: -1 }), SettingsError);
    const client = await connect(proxy);
    await client.query('select 1');
    await client.end();
  });

  test('drain lets transactions finish, stop does not', async () => {
    for (const way of ['drain', 'stop'] as const) {
      const proxy = await startProxy(database());
      const client = await connect(proxy);
      await client.query('begin');
      const ended = proxy[way]();
      if (way === 'drain') await client.query('commit');
      else await assert.rejects(client.query('commit'));
      await ended;
      await assert.rejects(connect(proxy));
    }
  });

  test('events describe the life of a client, and none arrive after the listener is removed', async () => {
    await using proxy = await startProxy(database());
    const received: EventName[] = [];
    const names = ['clientConnected', 'clientLoggedIn', 'clientClosed'] as const;
    const stops = names.map((name) => onEvent(name, () => received.push(name)));
    const closed = Promise.withResolvers<string>();
    const stopHearing = onEvent('clientClosed', ({ reason }) => closed.resolve(reason));
    const client = await connect(proxy);
    await client.end();
    await closed.promise;
    assert.deepEqual(received, names);
    for (const stop of [...stops, stopHearing, ...stops]) stop();
    const other = await connect(proxy);
    await other.end();
    assert.deepEqual(received, names);
  });

  test('wrong settings are refused with every problem', async () => {
    await assert.rejects(startProxy({ ListenPort: -1, PoolSize: 0, Users: [] }), (error) => {
      assert.ok(error instanceof SettingsError);
      assert.ok(error.problems.length >= 2, error.message);
      return true;
    });
  });

  test('loadSettings reads the same as sluice serve', (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'sluice-api-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'sluice.yaml');
    return writeFile(file, 'TargetHost: db\nUsers: [{ UserName: app, Password: secret }]\n').then(
      () => {
        assert.equal(loadSettings(file).TargetHost, 'db');
        assert.equal(loadSettings(file, { SLUICE_TARGET_HOST: 'other' }).TargetHost, 'other');
      },
    );
  });

  test('the type of the settings has every setting', () => {
    // Both directions: a name that one of them lacks is a compile error.
    const names: readonly SettingName[] = [] as readonly (keyof ProxySettings)[];
    const back: readonly (keyof ProxySettings)[] = [] as readonly SettingName[];
    assert.deepEqual([names, back], [[], []]);
    assert.ok(settings.length > 50);
    assert.match(version, /^\d+\.\d+\.\d+$/);
  });
});
