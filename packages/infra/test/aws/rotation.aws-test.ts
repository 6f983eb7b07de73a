import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { startPostgres, type Postgres } from '@sluice/testkit';
import { startProxy, type RunningProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import { Client } from 'pg';
import { startEmulator, withoutEmulator, type Emulator } from './emulator.ts';

const clients = 200;
const rotations = 20;
/** The time between two rotations, in milliseconds. */
const pause = 2500;
/** The maximum age of the secret that a client has read, in milliseconds. */
const age = 700;

interface Login {
  readonly username: string;
  readonly password: string;
}

suite('rotation under load', { skip: withoutEmulator }, () => {
  let emulator: Emulator;
  let postgres: Postgres;
  let secrets: SecretsManagerClient;
  const environment = { ...process.env };

  before(async () => {
    [emulator, postgres] = await Promise.all([startEmulator(true), startPostgres()]);
    process.env['AWS_ACCESS_KEY_ID'] = 'testing';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'testing';
    process.env['AWS_REGION'] = 'eu-central-1';
    process.env['AWS_ENDPOINT_URL'] = emulator.endpoint;
    secrets = new SecretsManagerClient({});
  });
  after(async () => {
    secrets.destroy();
    process.env = environment;
    await Promise.all([emulator.stop(), postgres.stop()]);
  });

  for (const strategy of ['single user', 'alternating users'] as const) {
    test(`${strategy}: ${clients} clients, ${rotations} rotations, no error`, async (t) => {
      const isSingle = strategy === 'single user';
      const SecretId = strategy.replace(' ', '-');
      const base = isSingle ? 'single' : 'alternate';
      const names = isSingle ? [base] : [base, `${base}_clone`];
      for (const name of names) await postgres.query(`create role ${name} login password 'first'`);
      let current: Login = { username: base, password: 'first' };
      const created = await secrets.send(
        new CreateSecretCommand({ Name: SecretId, SecretString: JSON.stringify(current) }),
      );
      let version = created.VersionId;
      const proxy: RunningProxy = await startProxy(
        createSettings({
          ListenPort: 0,
          AdminPort: 0,
          TargetHost: postgres.host,
          TargetPort: postgres.port,
          Auth: [{ SecretArn: SecretId }],
          SecretsRefreshInterval: 10,
          // Server connections are closed and reopened, so that the database sees every password.
          ConnectionLifetime: 60,
          LogLevel: 'fatal',
        }),
      );
      t.after(() => proxy.stop());
      const port = proxy.endpoints[0]?.port ?? 0;

      /** The contents of the secret, and since when. */
      const history = [{ login: current, since: -Infinity }];
      /** The steps of AWS's rotation function. */
      const rotate = async (round: number): Promise<void> => {
        const username = names[(names.indexOf(current.username) + 1) % names.length] ?? base;
        const next = { username, password: `password ${round}` };
        const pending = await secrets.send(
          new PutSecretValueCommand({
            SecretId,
            SecretString: JSON.stringify(next),
            VersionStages: ['AWSPENDING'],
          }),
        );
        await postgres.query(`alter role ${username} password '${next.password}'`);
        await delay(200);
        await secrets.send(
          new UpdateSecretVersionStageCommand({
            SecretId,
            VersionStage: 'AWSCURRENT',
            MoveToVersionId: pending.VersionId,
            RemoveFromVersionId: version,
          }),
        );
        version = pending.VersionId;
        current = next;
        history.push({ login: next, since: performance.now() });
      };

      const over = new AbortController();
      let logins = 0;
      let queries = 0;
      const errors: string[] = [];
      const work = async (id: number): Promise<void> => {
        while (!over.signal.aborted) {
          // Half of the clients read the secret at each login, the others shortly before.
          const asOf = performance.now() - age;
          const before = history.findLast(({ since }) => since <= asOf)?.login ?? current;
          const { username, password } = id % 2 === 0 ? current : before;
          const client = new Client({
            host: '127.0.0.1',
            port,
            user: username,
            password,
            database: 'postgres',
          });
          client.on('error', (error) => errors.push(error.message));
          try {
            await client.connect();
            logins++;
            for (let i = 0; i < 4 && !over.signal.aborted; i++) {
              await client.query('select 1');
              queries++;
              await delay(250 + (id % 100) * 5);
            }
          } catch (error) {
            errors.push(`client ${id} as ${username}: ${(error as Error).message}`);
          } finally {
            await client.end().catch(() => undefined);
          }
        }
      };
      const working = Array.from({ length: clients }, (_, id) => work(id));
      for (let round = 1; round <= rotations; round++) {
        await delay(pause);
        await rotate(round);
      }
      await delay(pause);
      over.abort();
      await Promise.all(working);
      t.diagnostic(`${logins} logins, ${queries} queries, ${errors.length} errors`);
      assert.deepEqual(errors, []);
      assert.ok(logins > clients && queries > logins);
    });
  }
});
