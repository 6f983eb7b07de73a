import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { makeCertificate } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { startDatabase } from '../helpers/database.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** Docker's name for the architecture of this machine. */
const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

/** A port that was free just now: the daemon reports its own only in its log. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

/** The first line of the log that contains `words`; fails with the log if the program ends without it. */
async function lineOf({ stderr }: ChildProcess, words: string): Promise<string> {
  assert.ok(stderr);
  const output: string[] = [];
  for await (const line of createInterface(stderr)) {
    output.push(line);
    if (line.includes(words)) {
      stderr.resume();
      return line;
    }
  }
  return assert.fail(`no line with ${words} in:\n${output.join('\n')}`);
}

const skip = process.platform === 'linux' ? false : 'what the image holds runs on Linux only';

suite('the container image, with its steps run in a clean folder', { skip }, () => {
  let folder: string;
  let postgres: Postgres;
  let daemon: ChildProcess | undefined;

  let sluice: string;
  /** Nothing of this machine except what the base image has, too. */
  const bare = { PATH: '/nowhere' };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-image-'));
    const image = join(folder, 'image');
    await run('sh', ['container/build.sh', root, image, architecture], { cwd: root });
    sluice = join(image, 'usr/local/bin/sluice');
    postgres = await startDatabase();
  });

  after(async () => {
    daemon?.kill('SIGKILL');
    await postgres.stop();
    await rm(folder, { recursive: true });
  });

  test('contains one program, the license, and the writable folder', async () => {
    const image = join(folder, 'image');
    const files = await readdir(image, { recursive: true, withFileTypes: true });
    assert.deepEqual(
      files
        .filter((file) => file.isFile())
        .map((file) => relative(image, join(file.parentPath, file.name)))
        .sort(),
      ['usr/local/bin/sluice', 'usr/share/doc/sluice/LICENSE'],
    );
    assert.equal((await stat(join(image, 'run/sluice'))).mode & 0o777, 0o700);
  });

  test('refuses another architecture with an error', async () => {
    const built = run('sh', ['container/build.sh', root, join(folder, 'other'), 'riscv64']);
    await assert.rejects(built, { code: 1, stderr: /no image for the architecture "riscv64"/ });
  });

  test('reads secrets by their ARNs: while one cannot be read, reports why and is not ready', async () => {
    const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders-AbCdEf';
    const env = {
      ...bare,
      SLUICE_RUN_FOLDER: join(folder, 'run-arns'),
      SLUICE_LISTEN_PORT: String(await freePort()),
      SLUICE_ADMIN_PORT: String(await freePort()),
      SLUICE_TARGET_HOST: postgres.host,
      SLUICE_TARGET_PORT: String(postgres.port),
      DATABASE_SECRET_ARNS: arn,
      AWS_ACCESS_KEY_ID: 'testing',
      AWS_SECRET_ACCESS_KEY: 'testing',
      // Nothing listens there.
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    };
    const started = spawn(sluice, ['container'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    daemon = started;
    const exited = once(started, 'exit');
    const output = await lineOf(started, `the secret ${arn} cannot be used: `);
    assert.match(output, /cannot be used: .*ECONNREFUSED/);
    await assert.rejects(run(sluice, ['health', '--ready'], { env }), { code: 1 });
    started.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });

  test('reports which secret is wrong, without showing any of it', async () => {
    for (const [env, output] of [
      [
        { DATABASE_SECRET_0: 'hunter2' },
        /DATABASE_SECRET_0 must be JSON with username and password/,
      ],
      [{ TLS_CERTIFICATE: 'hunter2' }, /TLS_CERTIFICATE is set without TLS_PRIVATE_KEY/],
      [{ TLS_PRIVATE_KEY: 'hunter2' }, /TLS_PRIVATE_KEY is set without TLS_CERTIFICATE/],
    ] as const) {
      const started = run(sluice, ['container'], {
        env: { ...bare, SLUICE_RUN_FOLDER: join(folder, 'run-wrong'), ...env },
      });
      await assert.rejects(started, (error: Error & { code?: number; stderr?: string }) => {
        assert.equal(error.code, 1);
        assert.match(error.stderr ?? '', output);
        assert.doesNotMatch(error.stderr ?? '', /hunter2/);
        return true;
      });
    }
  });

  test('the Dockerfile runs that script, not as root, with a health check', async () => {
    const text = await readFile(join(root, 'Dockerfile'), 'utf8');
    assert.match(text, /^RUN sh container\/build\.sh \/source \/image "\$TARGETARCH"$/m);
    assert.match(text, /^USER 1000:1000$/m);
    assert.match(text, /^STOPSIGNAL SIGTERM$/m);
    assert.match(text, /^HEALTHCHECK .* CMD \["\/usr\/local\/bin\/sluice", "health"\]$/m);
    assert.match(text, /^ENTRYPOINT \["\/usr\/local\/bin\/sluice"\]\nCMD \["container"\]$/m);
    for (const [, image = ''] of text.matchAll(/^FROM (?:--\S+ )?(\S+)/gm)) {
      assert.match(image, /@sha256:[0-9a-f]{64}$/, `${image} is not named by its digest`);
    }
  });

  test('serves clients over TLS with the injected secrets, is healthy, and drains on SIGTERM', async () => {
    const [port, admin] = [await freePort(), await freePort()];
    const { cert, key } = await makeCertificate();
    const runFolder = join(folder, 'run');
    // As in the image: not root, with one writable folder.
    const user = process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {};
    await mkdir(runFolder, { mode: 0o700 });
    if (user.uid !== undefined) {
      await chmod(folder, 0o711);
      await chown(runFolder, user.uid, user.gid);
    }
    const env = {
      ...bare,
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
    daemon = spawn(sluice, ['container'], {
      cwd: runFolder,
      ...user,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await lineOf(daemon, '"ready"');

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

    await run(sluice, ['health'], { env });
    await run(sluice, ['health', '--ready'], { env });
    const exited = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    await assert.rejects(run(sluice, ['health'], { env }), {
      code: 1,
      stderr: /healthz does not respond/,
    });
  });
});
