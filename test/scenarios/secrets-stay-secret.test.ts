import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Signer } from '@aws-sdk/rds-signer';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { FakeAws } from '../credentials/fake-aws.ts';
import { Issuer } from '../credentials/issuer.ts';
import { startDatabase } from '../helpers/database.ts';
import { Sluice } from '../helpers/sluice.ts';

/** All passwords of the run; no two have a common part. */
const secrets = {
  inSettings: 'zq-settings-zq',
  inFile: 'zq-file-zq',
  inAuthFile: 'zq-authfile-zq',
  inVariable: 'zq-variable-zq',
  inManager: 'zq-manager-zq',
  inDatabase: 'zq-told-by-database-zq',
  wrong: 'zq-wrong-zq',
  rotated: 'zq-rotated-zq',
  aws: 'zq-aws-key-zq',
  admin: 'zq-admin-token-zq-long',
  reading: 'zq-reading-token-zq-long',
} as const;

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

function asked(sluice: Sluice, place: string, token: string): Promise<Response> {
  const { host, port } = sluice.adminAddress;
  return fetch(`http://${host}:${port}${place}`, {
    headers: { authorization: `Bearer ${token}` },
  });
}

suite('secrets stay secret', { concurrency: true }, () => {
  let certificate: Certificate;
  let database: Postgres;
  let folder: string;
  let iamToken: string;
  const issuer = new Issuer();
  const aws = new FakeAws();

  before(async () => {
    certificate = await makeCertificate();
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-secrets-'));
    [database] = await Promise.all([
      startDatabase({
        tls: certificate,
        hba: 'hostssl all iam 127.0.0.1/32 password\nhost all all 127.0.0.1/32 scram-sha-256\n',
      }),
      issuer.start(),
      aws.start(),
    ]);
    aws.secrets.set('app', { username: 'managed', password: secrets.inManager });
    iamToken = await new Signer({
      hostname: 'localhost',
      port: database.port,
      username: 'iam',
      region: 'eu-west-3',
      credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
    }).getAuthToken();
    for (const [role, password] of [
      ['settings', secrets.inSettings],
      ['file', secrets.inFile],
      ['listed', secrets.inAuthFile],
      ['variable', secrets.inVariable],
      ['managed', secrets.inManager],
      ['told', secrets.inDatabase],
      ['job', secrets.inVariable],
      ['role', secrets.inVariable],
      ['iam', iamToken],
    ])
      await database.query(`create role ${role} login password '${password}'`);
  });
  after(async () => {
    await database.stop('immediate');
    await Promise.all([issuer.stop(), aws.stop()]);
    await rm(folder, { recursive: true });
  });

  /** A request of the role to AWS STS, and its signature. */
  function signedRequest(): { readonly request: string; readonly signature: string } {
    const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const signature = `zq${date}zq`;
    aws.callers.set(signature, 'arn:aws:iam::123456789012:role/ci');
    const query = `Action=GetCallerIdentity&X-Amz-Date=${date}&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=${signature}`;
    return { request: `https://sts.amazonaws.com/?${query}`, signature };
  }

  for (const runtime of ['node', 'bun'] as const)
    test(`${runtime}: at every level of the log`, async () => {
      const file = async (name: string, text: string): Promise<string> => {
        const place = path.join(folder, `${runtime}-${name}`);
        await writeFile(place, text);
        return place;
      };
      const PasswordFile = await file('password', secrets.inFile);
      const users = [
        { UserName: 'ann', Password: database.password },
        { UserName: 'settings', Password: secrets.inSettings },
        { UserName: 'file', PasswordFile },
        { UserName: 'variable', PasswordEnv: 'APP_PASSWORD' },
        ...['job', 'role'].map((name) => ({
          UserName: name,
          DatabasePasswordEnv: 'APP_PASSWORD',
        })),
        { UserName: 'iam', DatabasePassword: iamToken },
      ];
      const sluice = await Sluice.start(
        database,
        {
          // `ready` is logged at level info, and contains the necessary addresses, so a reload sets the level.
          LogLevel: 'info',
          TargetHost: 'localhost',
          TargetTlsMode: 'verify-full',
          TargetTlsCaFile: await file('ca', certificate.ca),
          TlsCertFile: await file('cert', certificate.cert),
          TlsKeyFile: await file('key', certificate.key),
          Users: users,
          Auth: [{ SecretArn: 'app' }],
          AuthFile: await file('users', `"listed" "${secrets.inAuthFile}"\n`),
          AuthQuery: 'SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1',
          StsEndpoint: aws.url,
          NameMaps: [
            {
              MapName: 'roles',
              SystemUserName: 'arn:aws:iam::123456789012:role/ci',
              UserName: 'role',
            },
          ],
          ClientAuth: [
            { User: 'settings', Method: 'password' },
            { User: 'iam', Method: 'iam' },
            { User: 'job', Method: 'jwt', Issuer: issuer.url, Audience: 'sluice' },
            { User: 'role', Method: 'sts', Map: 'roles' },
            { User: 'all', Method: 'md5' },
          ],
          AdminToken: secrets.admin,
        },
        runtime,
        undefined,
        {
          environment: {
            ...aws.environment,
            AWS_SECRET_ACCESS_KEY: secrets.aws,
            APP_PASSWORD: secrets.inVariable,
          },
        },
      );
      /** All output of any kind. */
      const outputs: string[] = [];
      /** Tokens that were presented, or their secret part. */
      const tokens = [iamToken.split('X-Amz-Signature=')[1] ?? ''];
      const login = async (user: string, password: string): Promise<string | undefined> => {
        const { host, port } = sluice;
        const ssl = { ca: certificate.ca };
        const client = new Client({ host, port, user, password, database: 'shop', ssl });
        client.on('error', () => undefined);
        try {
          await client.connect();
          await client.query(`select 1 as one`);
          return undefined;
        } catch (error) {
          outputs.push(JSON.stringify(error), String(error));
          return (error as Error & { code?: string }).code;
        } finally {
          await client.end().catch(() => undefined);
        }
      };
      /** Makes the daemon log at this level. Its log may not show the change, but it accepts another token then. */
      const reloaded = async (LogLevel: string): Promise<string> => {
        const reading = `${secrets.reading}-${reloads++}`;
        const DebugLogging = LogLevel === 'trace';
        await sluice.rewrite({ LogLevel, DebugLogging, AdminReadOnlyToken: reading });
        for (let status = 0; status !== 200; await delay(20))
          ({ status } = await asked(sluice, '/status', reading));
        return reading;
      };
      let reloads = 0;
      try {
        for (const [at, LogLevel] of levels.entries()) {
          const reading = await reloaded(LogLevel);
          const jwt = await issuer.token({ sub: 'job' });
          const sts = signedRequest();
          tokens.push(jwt.split('.')[2] ?? '', sts.signature);
          for (const [user, password] of [
            ['settings', secrets.inSettings],
            ['file', secrets.inFile],
            ['listed', secrets.inAuthFile],
            ['variable', secrets.inVariable],
            ['managed', secrets.inManager],
            ['told', secrets.inDatabase],
            ['iam', iamToken],
            ['job', jwt],
            ['role', sts.request],
          ] as const)
            assert.equal(await login(user, password), undefined, `${user}: ${outputs.join('\n')}`);
          // Each user fails so rarely that no response is delayed.
          const half = at % 2;
          for (const [user, password, sqlstate] of half === 0
            ? ([
                ['settings', secrets.wrong, '28P01'],
                ['iam', `${iamToken}0`, '28000'],
                ['nobody', secrets.wrong, '28P01'],
              ] as const)
            : ([
                ['variable', secrets.wrong, '28P01'],
                ['job', `${jwt}0`, '28000'],
                ['role', `${sts.request}0`, '28000'],
              ] as const))
            assert.equal(await login(user, password), sqlstate, user);
          for (const place of ['/metrics', '/status', '/targets', '/healthz', '/readyz', '/'])
            for (const token of [secrets.admin, reading, secrets.wrong]) {
              const response = await asked(sluice, place, token);
              outputs.push(await response.text(), JSON.stringify([...response.headers]));
            }
        }
        assert.ok(
          sluice.log.some(({ msg, level }) => msg === 'client login failed' && level === 40),
        );
        // A password that the database refuses, and invalid settings.
        await reloaded('trace');
        await sluice.rewrite({
          Users: [{ UserName: 'x', Password: secrets.rotated, Wrong: secrets.wrong }],
        });
        await sluice.logged(({ msg }) => msg.includes('Wrong'));
        await writeFile(PasswordFile, secrets.rotated);
        await sluice.rewrite({ Users: users });
        await reloaded('trace');
        await login('file', secrets.rotated);
        for (const name of ['cmdline', 'comm'])
          outputs.push(await readFile(`/proc/${sluice.pid}/${name}`, 'latin1'));
        // Only the value in its own environment is allowed.
        const environment = await readFile(`/proc/${sluice.pid}/environ`, 'latin1');
        outputs.push(environment.replace(secrets.aws, '').replace(secrets.inVariable, ''));
        await sluice.stop();
      } finally {
        await sluice.kill();
      }
      const everything = [...outputs, JSON.stringify(sluice.log)].join('\n');
      assert.match(everything, /client login failed/);
      assert.doesNotMatch(everything, /zq-/);
      for (const secret of [database.password, ...tokens]) {
        assert.ok(secret.length > 8);
        assert.ok(!everything.includes(secret));
      }
      // Verifiers, and the key of the certificate.
      assert.doesNotMatch(everything, /SCRAM-SHA-256\$\d|PRIVATE KEY/);
      assert.ok(!everything.includes(certificate.key.split('\n')[1] ?? '-'));
    });
});
