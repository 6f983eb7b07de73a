import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Signer } from '@aws-sdk/rds-signer';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { startDatabase } from '../helpers/database.ts';
import { Sluice } from '../helpers/sluice.ts';
import { FakeAws } from './fake-aws.ts';
import { RdsDouble, awsKeys, awsRegion } from './rds-double.ts';

const modes = ['DISABLED', 'REQUIRED', 'ENABLED'] as const;

suite('IAM tokens from clients', () => {
  let certificate: Certificate;
  let database: Postgres;
  let rds: RdsDouble;
  let folder: string;
  const aws = new FakeAws();

  before(async () => {
    certificate = await makeCertificate();
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-iam-'));
    for (const name of ['cert', 'key', 'ca'] as const)
      await writeFile(path.join(folder, `${name}.pem`), certificate[name]);
    // 10 for clients, minus 3 reserved ones: MaxConnectionsPercent 45 permits three, one of them for health checks.
    database = await startDatabase({
      hba: 'host all all 127.0.0.1/32 trust\n',
      maxConnections: 10,
    });
    await database.query('create role reader login; create role app login');
    rds = await RdsDouble.start(database, certificate);
    rds.passwords.set('ann', database.password);
    for (const mode of modes) {
      const username = mode.toLowerCase();
      await database.query(`create role ${username} login`);
      rds.passwords.set(username, `the password of ${username}`);
      aws.secrets.set(mode, { username, password: `the password of ${username}` });
    }
    await aws.start();
  });
  after(async () => {
    await rds.stop();
    await aws.stop();
    await database.stop('immediate');
    await rm(folder, { recursive: true });
  });

  const file = (name: string): string => path.join(folder, `${name}.pem`);

  function tokenOf(username: string): Promise<string> {
    const at = { hostname: 'localhost', port: rds.port, username, region: awsRegion };
    return new Signer({ ...at, credentials: awsKeys }).getAuthToken();
  }

  async function started(
    settings: Readonly<Record<string, unknown>>,
    use: (sluice: Sluice) => Promise<void>,
  ): Promise<void> {
    const sluice = await Sluice.start(
      database,
      {
        TargetHost: 'localhost',
        TargetPort: rds.port,
        TlsCertFile: file('cert'),
        TlsKeyFile: file('key'),
        TargetTlsMode: 'verify-full',
        TargetTlsCaFile: file('ca'),
        ...settings,
      },
      'node',
      undefined,
      {
        environment: {
          ...aws.environment,
          AWS_ACCESS_KEY_ID: awsKeys.accessKeyId,
          AWS_SECRET_ACCESS_KEY: awsKeys.secretAccessKey,
        },
      },
    );
    try {
      await use(sluice);
      assert.equal(await sluice.stop(), 0);
    } finally {
      await sluice.kill();
    }
  }

  async function login(
    { host, port }: Sluice,
    user: string,
    password: string,
    isTls = true,
  ): Promise<Client> {
    const ssl = isTls && { ca: certificate.ca };
    const client = new Client({ host, port, user, password, database: 'shop', ssl });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async function who(...given: Parameters<typeof login>): Promise<unknown> {
    const client = await login(...given);
    const { rows } = await client.query<{ who: string }>('select current_user as who');
    await client.end();
    return rows[0]?.who;
  }

  test('IAMAuth: DISABLED accepts the password, REQUIRED a token, ENABLED either; tokens only over TLS', async () => {
    const Auth = modes.map((mode) => ({ SecretArn: mode, IAMAuth: mode }));
    await started({ Auth }, async (sluice) => {
      for (const mode of modes) {
        const user = mode.toLowerCase();
        const password = `the password of ${user}`;
        const token = await tokenOf(user);
        for (const [secret, isWelcome] of [
          [password, mode !== 'REQUIRED'],
          [token, mode !== 'DISABLED'],
          [`${token}0`, false],
        ] as const) {
          const title = `${mode} ${secret}`;
          if (isWelcome) assert.equal(await who(sluice, user, secret), user, title);
          else
            await assert.rejects(
              who(sluice, user, secret),
              { code: mode === 'DISABLED' ? '28P01' : '28000' },
              title,
            );
        }
        const plain = who(sluice, user, password, false);
        if (mode === 'DISABLED') assert.equal(await plain, user);
        else
          await assert.rejects(plain, {
            code: '28000',
            message: 'this proxy requires TLS connections',
          });
      }
    });
  });

  test('end to end: the client and the proxy both log in with tokens, without any password', async () => {
    const settings = {
      Users: [],
      HealthCheckUser: 'reader',
      TargetIamAuth: true,
      ClientAuth: [{ Method: 'iam' }],
    };
    await started(settings, async (sluice) => {
      assert.equal(await who(sluice, 'app', await tokenOf('app')), 'app');
      await assert.rejects(who(sluice, 'app', await tokenOf('reader')), { code: '28000' });
      await assert.rejects(who(sluice, 'stranger', await tokenOf('app')), { code: '28000' });
    });
  });

  test('a check uses a slot of the connection budget, and waits for one', async () => {
    const settings = {
      MaxConnectionsPercent: 45,
      ConnectTimeout: 1,
      TargetIamAuth: true,
      ClientAuth: [{ User: 'app', Method: 'iam' }, { Method: 'scram-sha-256' }],
    };
    await started({ ...settings, HealthCheckUser: 'reader' }, async (sluice) => {
      const busy = await Promise.all(
        [1, 2].map(async () => {
          const client = await login(sluice, 'ann', database.password);
          await client.query('begin');
          return client;
        }),
      );
      const token = await tokenOf('app');
      const checks = (): number => rds.logins.filter(({ user }) => user === 'app').length;
      const before = checks();
      await assert.rejects(who(sluice, 'app', token), { code: '57P03' });
      assert.equal(checks(), before);
      await sluice.logged(({ why }) =>
        /no server connection became free in time/.test(String(why)),
      );
      for (const client of busy) await client.end();
      assert.equal(await who(sluice, 'app', token), 'app');
    });
  });
});
