import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, before, suite, test } from 'node:test';
import { PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { startPostgres, type Postgres } from '@sluice/testkit';
import { ProxyError, startProxy, type RunningProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import { Client } from 'pg';
import { startAccount, type EmulatedAccount } from './account.ts';
import { withoutEmulator } from './emulator.ts';

suite('the daemon with users from Secrets Manager', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;
  let postgres: Postgres;
  let proxy: RunningProxy;

  before(async () => {
    [account, postgres] = await Promise.all([startAccount(true), startPostgres()]);
    await postgres.query(`create role app login password 'first'`);
    await store('app', 'first');
    proxy = await startProxy(settings(account.secretArn));
  });

  after(async () => {
    await proxy.stop();
    await Promise.all([account.stop(), postgres.stop()]);
  });

  function settings(secret: string): ReturnType<typeof createSettings> {
    return createSettings({
      ListenPort: 0,
      AdminPort: 0,
      TargetHost: postgres.host,
      TargetPort: postgres.port,
      Auth: [{ SecretArn: secret }],
      PasswordOverlap: 0,
      LogLevel: 'fatal',
    });
  }

  async function store(username: string, password: string): Promise<void> {
    await account.clients.secrets.send(
      new PutSecretValueCommand({
        SecretId: 'orders-database',
        SecretString: JSON.stringify({ username, password, engine: 'postgres' }),
      }),
    );
  }

  /** In the order of AWS's rotation: first the database, then the secret. */
  async function rotate(password: string): Promise<void> {
    await postgres.query(`alter role app password '${password}'`);
    await store('app', password);
  }

  async function login(password: string): Promise<Client> {
    const client = new Client({
      host: '127.0.0.1',
      port: proxy.endpoints[0]?.port ?? 0,
      user: 'app',
      password,
      database: 'postgres',
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async function runs(client: Client): Promise<void> {
    const { rows } = await client.query<{ who: string }>('select current_user as who');
    assert.equal(rows[0]?.who, 'app');
  }

  test('clients and the proxy log in with the password in the secret', async () => {
    const client = await login('first');
    await runs(client);
    await client.end();
    await assert.rejects(login('second'), { code: '28P01' });
  });

  test('a connected client does not notice a rotation: the next login reads the secret again', async (t) => {
    await proxy.stop();
    proxy = await startProxy(settings(account.secretArn));
    const client = await login('first');
    t.after(() => client.end());
    await runs(client);
    await rotate('second');
    const closed = Promise.withResolvers<unknown>();
    subscribe('sluice.serverConnection.closed', closed.resolve);
    t.after(() => unsubscribe('sluice.serverConnection.closed', closed.resolve));
    await postgres.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'`,
    );
    await closed.promise;
    await runs(client);
  });

  test('a client that knows the new password can log in: the proxy reads it while the client waits', async () => {
    await proxy.stop();
    proxy = await startProxy(settings(account.secretArn));
    await rotate('third');
    const client = await login('third');
    await runs(client);
    await client.end();
    await assert.rejects(login('second'), { code: '28P01' });
  });

  for (const [secret, why] of [
    ['no-such-secret', /the secret no-such-secret cannot be used: ResourceNotFoundException/],
    ['orders-tls', /the secret orders-tls cannot be used: .*no username and password/],
  ] as const) {
    test(`${secret}: the daemon does not start, and says why`, async () => {
      process.env['AWS_REGION'] = 'eu-central-1';
      await assert.rejects(startProxy(settings(secret)), (error) => {
        assert.ok(error instanceof ProxyError);
        assert.equal(error.code, 'SECRET');
        assert.match(error.message, why);
        return true;
      });
    });
  }
});
