import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { CreateDBInstanceCommand, RDSClient } from '@aws-sdk/client-rds';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { makeCertificate, startPostgres, type Certificate, type Postgres } from '@sluice/testkit';
import { startProxy, type RunningProxy } from '@sluice/proxy';
import { createSettings, type GivenSettings } from '@sluice/proxy/settings';
import { Client } from 'pg';
import { IamTokens } from '../../../proxy/src/credentials/iam-tokens.ts';
import { TargetAddresses } from '../../../proxy/src/targets/target-addresses.ts';
import { startEmulator, withoutEmulator, type Emulator } from './emulator.ts';

suite('users from AWS', { skip: withoutEmulator }, () => {
  let emulator: Emulator;
  let postgres: Postgres;
  let certificate: Certificate;
  let folder: string;
  let secrets: SecretsManagerClient;
  const environment = { ...process.env };
  const roles = ['tagged', 'prefixed', 'keyed', 'behind', 'late', 'plain', 'cold'];

  before(async () => {
    [emulator, postgres, certificate] = await Promise.all([
      startEmulator(true),
      startPostgres(),
      makeCertificate(),
    ]);
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-users-'));
    await writeFile(path.join(folder, 'cert.pem'), certificate.cert);
    await writeFile(path.join(folder, 'key.pem'), certificate.key);
    for (const role of roles) await postgres.query(`create role ${role} login password '${role}!'`);
    process.env['AWS_ACCESS_KEY_ID'] = 'testing';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'testing';
    process.env['AWS_REGION'] = 'eu-central-1';
    process.env['AWS_ENDPOINT_URL'] = emulator.endpoint;
    process.env['AWS_MAX_ATTEMPTS'] = '1';
    secrets = new SecretsManagerClient({});
  });
  after(async () => {
    secrets.destroy();
    process.env = environment;
    await Promise.all([emulator.stop(), postgres.stop(), rm(folder, { recursive: true })]);
  });

  async function create(
    Name: string,
    value: Readonly<Record<string, string>>,
    tag?: string,
  ): Promise<string> {
    const { ARN = '' } = await secrets.send(
      new CreateSecretCommand({
        Name,
        SecretString: JSON.stringify(value),
        ...(tag === undefined ? {} : { Tags: [{ Key: 'sluice', Value: tag }] }),
      }),
    );
    return ARN;
  }

  async function started(
    t: { after(clean: () => Promise<void>): void },
    settings: Omit<GivenSettings, 'TargetHost'>,
  ): Promise<RunningProxy> {
    const proxy = await startProxy(
      createSettings({
        ListenPort: 0,
        AdminPort: 0,
        TargetHost: postgres.host,
        TargetPort: postgres.port,
        LogLevel: 'fatal',
        ...settings,
      }),
    );
    t.after(() => proxy.stop());
    return proxy;
  }

  async function who(
    proxy: RunningProxy,
    user: string,
    password: string,
    ssl = false,
  ): Promise<string | undefined> {
    const client = new Client({
      host: '127.0.0.1',
      port: proxy.endpoints[0]?.port ?? 0,
      user,
      password,
      database: 'postgres',
      ssl: ssl ? { ca: certificate.ca } : false,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ who: string }>('select current_user as who');
      return rows[0]?.who;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  test('secrets by tag and by prefix, with other keys, and with a user name other than the secret’s', async (t) => {
    await create('elsewhere', { username: 'tagged', password: 'tagged!' }, 'yes');
    await create('not-this', { username: 'plain', password: 'plain!' }, 'no');
    await create('team/one', { username: 'prefixed', password: 'prefixed!' });
    const keyed = await create('keyed', { login: 'keyed', secret: 'keyed!' });
    await create('alias', { username: 'behind', password: 'behind!' });
    const proxy = await started(t, {
      Auth: [
        { SecretTag: 'sluice=yes' },
        { SecretNamePrefix: 'team/' },
        { SecretArn: keyed, UsernameKey: 'login', PasswordKey: 'secret' },
        {
          SecretArn: 'alias',
          UserName: 'shown',
          ClientPasswordAuthType: 'POSTGRES_MD5',
        },
      ],
    });
    for (const user of ['tagged', 'prefixed', 'keyed'])
      assert.equal(await who(proxy, user, `${user}!`), user);
    assert.equal(await who(proxy, 'shown', 'behind!'), 'behind');
    await assert.rejects(who(proxy, 'plain', 'plain!'), { code: '28P01' });
    // The proxy finds a new secret when its user connects.
    await create('team/two', { username: 'late', password: 'late!' });
    assert.equal(await who(proxy, 'late', 'late!'), 'late');
  });

  test('a start while Secrets Manager is down: the daemon is not ready, and keeps trying', async (t) => {
    await create('cold', { username: 'cold', password: 'cold!' });
    const down = createServer();
    await new Promise<void>((resolve) => down.listen(0, '127.0.0.1', resolve));
    const { port } = down.address() as AddressInfo;
    await new Promise((resolve) => down.close(resolve));
    process.env['AWS_ENDPOINT_URL'] = `http://127.0.0.1:${port}`;
    const proxy = await started(t, {
      Auth: [{ SecretArn: 'cold' }],
      Users: [{ UserName: 'plain', Password: 'plain!' }],
    });
    const ready = async (): Promise<Response> =>
      fetch(`http://127.0.0.1:${proxy.admin.port}/readyz`);
    const answer = await ready();
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /the secret cold cannot be used: .*ECONNREFUSED/);
    assert.equal(await who(proxy, 'plain', 'plain!'), 'plain');
    await assert.rejects(who(proxy, 'cold', 'cold!'), { code: '57P03' });
    // It answers on the port that refused connections before.
    const back = createServer((socket) => {
      const to = new URL(emulator.endpoint);
      void import('node:net').then(({ connect }) => {
        const other = connect(Number(to.port), to.hostname);
        socket.pipe(other).pipe(socket);
        for (const end of [socket, other]) end.on('error', () => socket.destroy());
      });
    });
    await new Promise<void>((resolve) => back.listen(port, '127.0.0.1', resolve));
    const deadline = Date.now() + 30_000;
    while ((await ready()).status !== 200 && Date.now() < deadline) await delay(100);
    assert.equal(await who(proxy, 'cold', 'cold!'), 'cold');

    // Down again: the proxy keeps using what it has read, and shows its age.
    back.close();
    const metrics = await fetch(`http://127.0.0.1:${proxy.admin.port}/metrics`);
    assert.match(await metrics.text(), /sluice_secret_age_seconds\{secret="cold"\} \d/);
    assert.equal(await who(proxy, 'cold', 'cold!'), 'cold');
    process.env['AWS_ENDPOINT_URL'] = emulator.endpoint;
  });

  test('DBInstanceIdentifier: an IAM token is signed for the endpoint from the RDS API', async (t) => {
    const rds = new RDSClient({});
    t.after(async () => rds.destroy());
    await rds.send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: 'tokens',
        DBInstanceClass: 'db.t4g.micro',
        Engine: 'postgres',
        Port: 5544,
        AllocatedStorage: 20,
        MasterUsername: 'root',
        MasterUserPassword: 'root-password',
      }),
    );
    const settings = createSettings({
      DBInstanceIdentifier: 'tokens',
      TargetIamAuth: true,
      TargetTlsMode: 'verify-full',
      Users: [{ UserName: 'app', Password: 'x' }],
    });
    const addresses = new TargetAddresses(settings, async () => ['10.0.0.7', '10.0.0.8']);
    const tokens = new IamTokens();
    t.after(async () => {
      addresses.close();
      tokens.close();
    });
    await addresses.start();
    assert.deepEqual(
      addresses.found.map(({ host }) => host),
      ['10.0.0.7', '10.0.0.8'],
    );
    for (const { endpoint, port } of addresses.found) {
      assert.match(endpoint, /^tokens\..+\.eu-central-1\.rds\.amazonaws\.com$/);
      const token = new URL(`https://${await tokens.token('app', { host: endpoint, port })}`);
      assert.equal(token.host, `${endpoint}:5544`);
      assert.equal(token.searchParams.get('DBUser'), 'app');
      assert.match(token.searchParams.get('X-Amz-Credential') ?? '', /\/eu-central-1\/rds-db\//);
    }
  });

  test('an AWS role logs in with a signed GetCallerIdentity request', async (t) => {
    const sts = new STSClient({});
    t.after(async () => sts.destroy());
    const assume = async (RoleArn: string): Promise<Keys> => {
      const { Credentials: made } = await sts.send(
        new AssumeRoleCommand({ RoleArn, RoleSessionName: 'job-17' }),
      );
      return {
        id: made?.AccessKeyId ?? '',
        secret: made?.SecretAccessKey ?? '',
        token: made?.SessionToken ?? '',
      };
    };
    const front = await signedInHeader(emulator.endpoint);
    t.after(front.close);
    const file = (name: string): string => path.join(folder, `${name}.pem`);
    const proxy = await started(t, {
      TlsCertFile: file('cert'),
      TlsKeyFile: file('key'),
      StsEndpoint: front.url,
      StsAudience: 'orders',
      Users: [{ UserName: 'plain', DatabasePassword: 'plain!' }],
      ClientAuth: [{ User: 'plain', Method: 'sts', Map: 'roles' }],
      NameMaps: [
        {
          MapName: 'roles',
          SystemUserName: 'arn:aws:iam::123456789012:role/ci',
          UserName: 'plain',
        },
      ],
    });
    const right = await assume('arn:aws:iam::123456789012:role/ci');
    const good = signedRequest(right, 'orders');
    assert.equal(await who(proxy, 'plain', good, true), 'plain');
    const changed = (change: (url: URL) => void): string => {
      const url = new URL(good);
      change(url);
      return url.href;
    };
    for (const token of [
      'nonsense',
      signedRequest(await assume('arn:aws:iam::123456789012:role/other'), 'orders'),
      signedRequest(right, null),
      changed((url) => (url.hostname = 'sts.evil.example')),
      changed((url) => url.searchParams.set('Action', 'GetSessionToken')),
      changed((url) => url.searchParams.append('Action', 'GetCallerIdentity')),
      changed((url) => url.searchParams.set('X-Amz-Date', '20200101T000000Z')),
      changed((url) => url.searchParams.set('X-Amz-Expires', '604800')),
    ])
      await assert.rejects(who(proxy, 'plain', token, true), {
        code: '28000',
        message: 'sts authentication failed for user "plain"',
      });
    await assert.rejects(who(proxy, 'plain', good), { code: '28000' });
  });
});

interface Keys {
  readonly id: string;
  readonly secret: string;
  readonly token: string;
}

/** GetCallerIdentity, signed in its query with AWS Signature Version 4. */
function signedRequest({ id, secret, token }: Keys, audience: string | null): string {
  const host = 'sts.eu-central-1.amazonaws.com';
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = [date.slice(0, 8), 'eu-central-1', 'sts', 'aws4_request'];
  const headers = audience === null ? { host } : { host, 'x-sluice-audience': audience };
  const names = Object.keys(headers).join(';');
  const query = new URLSearchParams({
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': [id, ...scope].join('/'),
    'X-Amz-Date': date,
    'X-Amz-Expires': '60',
    'X-Amz-Security-Token': token,
    'X-Amz-SignedHeaders': names,
  });
  query.sort();
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
  const request = ['GET', '/', query, lines.join(''), names, hash('')].join('\n');
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), hash(request)].join('\n');
  const key = scope.reduce<string | Buffer>(
    (last, part) => createHmac('sha256', last).update(part).digest(),
    `AWS4${secret}`,
  );
  query.set('X-Amz-Signature', createHmac('sha256', key).update(text).digest('hex'));
  return `https://${host}/?${query.toString()}`;
}

/** moto reads the service and the caller of a request from its Authorization header, AWS from the query. */
async function signedInHeader(
  endpoint: string,
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const server = createHttpServer((request, response) => {
    const url = new URL(request.url ?? '/', endpoint);
    const given = (name: string): string => url.searchParams.get(name) ?? '';
    const authorization = `AWS4-HMAC-SHA256 Credential=${given('X-Amz-Credential')}, SignedHeaders=${given('X-Amz-SignedHeaders')}, Signature=${given('X-Amz-Signature')}`;
    void fetch(url, { headers: { authorization } }).then(async (answer) => {
      response.writeHead(answer.status, { 'content-type': 'text/xml' });
      response.end(await answer.text());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
