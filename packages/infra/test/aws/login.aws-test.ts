import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { makeCertificate, startPostgres, type Postgres } from '@sluice/testkit';
import { startProxy, type RunningProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runApply, runPlan } from '../../src/shell/index.ts';
import { startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';
import { FakeAws } from './fake/fake-aws.ts';

const password = 'the-password-of-app';
/** A port without a listener. */
const nobody = 1;

suite('--deep and --verify, with a real PostgreSQL', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;
  let fake: FakeAws;
  let postgres: Postgres;
  let folder: string;

  before(async () => {
    const certificate = await makeCertificate();
    folder = await mkdtemp(join(tmpdir(), 'sluice-login-'));
    await writeFile(join(folder, 'cert.pem'), certificate.cert);
    await writeFile(join(folder, 'key.pem'), certificate.key, { mode: 0o600 });
    [account, postgres] = await Promise.all([
      startAccount(),
      startPostgres({ tls: certificate, maxConnections: 40 }),
    ]);
    await postgres.query(`create role app login password '${password}'`);
    await account.openPort(postgres.port);
    await account.openPort(nobody);
    fake = await FakeAws.start(account.endpoint);
    process.env['AWS_ENDPOINT_URL'] = fake.endpoint;
  });

  afterEach(async () => {
    fake.reset();
    await secret(JSON.stringify({ username: 'app', password }));
  });

  after(async () => {
    await fake.stop();
    await Promise.all([account.stop(), postgres.stop(), rm(folder, { recursive: true })]);
  });

  async function secret(value: string): Promise<void> {
    await account.clients.secrets.send(
      new PutSecretValueCommand({ SecretId: 'orders-database', SecretString: value }),
    );
  }

  async function deep(t: Parameters<typeof inputsFile>[0]): Promise<{ code: number; out: string }> {
    fake.databaseAt(postgres.host, postgres.port);
    const file = await inputsFile(t, account.tfvars);
    const plain = await runCommand(runPlan, file, { deep: true });
    const json = await runCommand(runPlan, file, { deep: true, json: true });
    assert.doesNotMatch(`${plain.out}${plain.err}${json.out}${json.err}`, /the-password|wrong-one/);
    return plain;
  }

  test('the secret and the login are checked, and the password is not shown', async (t) => {
    await secret(JSON.stringify({ username: 'app', password }));
    const { code, out } = await deep(t);
    assert.equal(code, 0, out);
    assert.match(out, /✓ PF11 .*user app, with a password/);
    assert.match(out, /✓ PF12 .*user app logged in with TLS; \d+ of 40 connections in use/);
  });

  test('a wrong password blocks the plan', async (t) => {
    await secret(JSON.stringify({ username: 'app', password: 'wrong-one' }));
    const { code, out } = await deep(t);
    assert.equal(code, 1);
    assert.match(out, /✗ PF12 .*password authentication failed for user "app"/);
  });

  for (const [value, detail] of [
    ['{"password":"wrong-one"}', /✗ PF11 .*has no username/],
    ['wrong-one', /✗ PF11 .*is not a JSON object/],
  ] as const) {
    test(`a secret that is ${value} blocks the plan, and there is no login`, async (t) => {
      await secret(value);
      const { code, out } = await deep(t);
      assert.equal(code, 1);
      assert.match(out, detail);
      assert.match(out, /- PF12 /);
    });
  }

  test('a connection limit of the database role is a warning', async (t) => {
    await postgres.query('alter role app connection limit 5');
    const { code, out } = await deep(t);
    await postgres.query('alter role app connection limit -1');
    assert.equal(code, 0);
    assert.match(out, /! PF12 .*the role’s own limit is 5\n +fix: alter role app/);
  });

  test('a database that is unreachable from here proves nothing', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    fake.databaseAt('127.0.0.1', nobody);
    const { code, out } = await runCommand(runPlan, file, { deep: true });
    assert.equal(code, 0);
    assert.match(out, /! PF12 .*cannot be reached from here: .*ECONNREFUSED/);
  });

  test('--verify connects through the endpoint, here a real Sluice with TLS', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    assert.equal((await runCommand(runApply, file, { autoApprove: true })).code, 0);
    const proxy = await sluice();
    const { port = 0 } = proxy.endpoints[0] ?? {};
    try {
      fake.endpointAt(`127.0.0.1:${port}`);
      const works = await runCommand(runApply, file, { autoApprove: true, verify: true });
      assert.equal(works.code, 0, works.err);
      assert.match(works.err, /127\.0\.0\.1:\d+ works: connected and ran select 1 in \d+ ms/);
      await secret(JSON.stringify({ username: 'app', password: 'wrong-one' }));
      const refused = await runCommand(runApply, file, { autoApprove: true, verify: true });
      assert.equal(refused.code, 1);
      assert.match(refused.err, /answers, but refuses the login: .*password authentication failed/);
      assert.doesNotMatch(refused.err, /wrong-one/);
    } finally {
      await proxy.stop();
    }
    const gone = await runCommand(runApply, file, { autoApprove: true, verify: true });
    assert.equal(gone.code, 0);
    assert.match(gone.err, /cannot be reached from here .*; run this inside the VPC/);
  });

  test('--verify waits VerifyTimeout for a server that never answers', async (t) => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => silent.close());
    const address = silent.address();
    assert.ok(typeof address === 'object' && address !== null);
    fake.endpointAt(`127.0.0.1:${address.port}`);
    const file = await inputsFile(t, `${account.tfvars}VerifyTimeout = 1\n`);
    const { code, err } = await runCommand(runApply, file, { autoApprove: true, verify: true });
    assert.equal(code, 0, err);
    assert.match(err, /cannot be reached from here \(.*timeout.*\); run this inside the VPC/);
  });

  test('--deep logs in to a database without TLS, and reports that it has none', async (t) => {
    await postgres.query('alter system set ssl = off');
    await postgres.query('select pg_reload_conf()');
    const { code, out } = await deep(t);
    assert.equal(code, 0);
    assert.match(out, /✓ PF12 .*logged in without TLS/);
  });

  function sluice(): Promise<RunningProxy> {
    return startProxy(
      createSettings({
        ListenPort: 0,
        AdminPort: 0,
        TargetHost: postgres.host,
        TargetPort: postgres.port,
        TlsCertFile: join(folder, 'cert.pem'),
        TlsKeyFile: join(folder, 'key.pem'),
        RequireTLS: true,
        Users: [{ UserName: 'app', Password: password }],
        LogLevel: 'fatal',
      }),
    );
  }
});
