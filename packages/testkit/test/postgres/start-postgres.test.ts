import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { frugal } from '../../../../test/helpers/database.ts';
import { makeCertificate, startPostgres } from '../../src/index.ts';
import type { Postgres } from '../../src/index.ts';

const templates = path.resolve(import.meta.dirname, '../../../../.cache/postgres-templates');

suite('startPostgres', () => {
  test('starts a server that answers, and stop() leaves no process and no files', async (t) => {
    const postgres = await startPostgres();
    t.after(() => postgres.stop());
    assert.match(postgres.url, /^postgres:\/\/postgres:[\w%-]{20}@127\.0\.0\.1:\d+\/postgres$/);
    const [row] = await postgres.query('SELECT 41 + $1::int AS answer', [1]);
    assert.deepEqual(row, { answer: 42 });

    const { pid } = postgres;
    assert(pid !== undefined);
    await postgres.stop();
    assert.equal(postgres.pid, undefined);
    assert(!isAlive(pid));
    await assert.rejects(access(path.dirname(postgres.dataDir)));
    await postgres.stop();
  });

  test('accepts user, password, database, connections, parameters and port', async (t) => {
    const port = await unusedPort();
    const postgres = await start(t, {
      port,
      user: 'Ann of Hull',
      password: 'p@ss:"word',
      database: 'Shop "1"',
      maxConnections: 23,
      parameters: { work_mem: '5MB', search_path: `"a'b", public` },
    });
    assert.equal(postgres.port, port);
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    const { rows } = await client.query(
      `SELECT current_user::text AS user, current_database() AS database, current_setting('work_mem') AS memory,
              current_setting('max_connections') AS connections, current_setting('search_path') AS path`,
    );
    await client.end();
    assert.deepEqual(rows, [
      {
        user: 'Ann of Hull',
        database: 'Shop "1"',
        memory: '5MB',
        connections: '23',
        path: `"a'b", public`,
      },
    ]);
  });

  for (const auth of ['scram-sha-256', 'md5', 'password', 'trust'] as const) {
    test(`requires ${auth}`, async (t) => {
      const postgres = await start(t, { auth });
      const wrong = new Client({
        connectionString: postgres.url.replace(/:[^:@]+@/, ':wrong@'),
      });
      wrong.on('error', () => undefined);
      if (auth === 'trust') {
        await wrong.connect();
        await wrong.end();
        return;
      }
      await assert.rejects(wrong.connect(), { code: '28P01' });
      const [row] = await postgres.query<{ readonly hash: string }>(
        'SELECT rolpassword AS hash FROM pg_authid WHERE rolname = current_user',
      );
      assert.match(row?.hash ?? '', auth === 'md5' ? /^md5/ : /^SCRAM-SHA-256\$/);
    });
  }

  test('uses TLS with a new certificate', async (t) => {
    const certificate = await makeCertificate();
    const postgres = await start(t, { tls: certificate });
    const client = new Client({
      connectionString: postgres.url,
      ssl: { ca: certificate.ca },
    });
    await client.connect();
    const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    await client.end();
    assert.deepEqual(rows, [{ ssl: true }]);
  });

  test('restarts after a kill with the committed data, on the same port', async (t) => {
    const postgres = await start(t);
    await postgres.query('CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)');
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    // pg may report the loss twice: the reset of the socket, and the unexpected end.
    client.on('error', () => undefined);
    const lost = new Promise<void>((resolve) => client.once('end', resolve));
    const { port, pid } = postgres;
    assert(pid !== undefined);

    await postgres.kill();
    await lost;
    assert(!isAlive(pid));
    await postgres.start();
    assert.equal(postgres.port, port);
    assert.deepEqual(await postgres.query('SELECT id FROM kept'), [{ id: 7 }]);
  });

  test('keeps the data of a given directory, with its password', async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-test-'));
    t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
    await chmod(folder, 0o755);
    const dataDir = path.join(folder, 'data');
    const first = await startPostgres({ dataDir });
    await first.query('CREATE TABLE kept AS SELECT 7 AS id');
    await first.stop();

    const second = await startPostgres({ dataDir });
    t.after(() => second.stop());
    assert.equal(second.password, first.password);
    assert.deepEqual(await second.query('SELECT id FROM kept'), [{ id: 7 }]);
    await assert.rejects(
      startPostgres({ dataDir, user: 'somebody' }),
      /was created for user postgres/,
    );
  });

  test('reports that its account cannot enter the data directory', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('only root needs another account');
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-test-'));
    t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
    await assert.rejects(
      startPostgres({ dataDir: path.join(folder, 'data') }),
      /"nobody" cannot enter .*data; put the data in a directory/,
    );
  });

  test('reports why a server does not start', async (t) => {
    const first = await start(t);
    await assert.rejects(
      startPostgres({ port: first.port, password: 'secret', templates }),
      (error: Error) =>
        error.message.includes(`did not start on 127.0.0.1:${first.port}`) &&
        error.message.includes('could not bind IPv4 address'),
    );
    await assert.rejects(
      startPostgres({ parameters: { work_mem: 'much' }, password: 'secret', templates }),
      /invalid value for parameter "work_mem": "much"/,
    );
  });

  test('a killed owner leaves no server and no files', async () => {
    const program = `
      import { startPostgres } from ${JSON.stringify(path.resolve(import.meta.dirname, '../../src/index.ts'))};
      const { pid, dataDir } = await startPostgres({ password: 'secret', templates: ${JSON.stringify(templates)} });
      console.log(JSON.stringify({ pid, dataDir }));
      setInterval(() => undefined, 1000);
    `;
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(owner.stdout), 'line')) as [string];
    const { pid, dataDir } = JSON.parse(line) as { readonly pid: number; readonly dataDir: string };
    assert(isAlive(pid));
    owner.kill('SIGKILL');
    await eventually(async () => {
      assert(!isAlive(pid), 'the server lives on');
      await assert.rejects(access(path.dirname(dataDir)), 'the files are still there');
    });
  });
});

async function start(
  t: { readonly after: (clean: () => Promise<void>) => void },
  options: Parameters<typeof startPostgres>[0] = {},
): Promise<Postgres> {
  const postgres = await startPostgres({
    password: 'secret',
    templates,
    ...options,
    parameters: { ...frugal, ...options.parameters },
  });
  t.after(() => postgres.stop('immediate'));
  return postgres;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Retries until it succeeds or 10 seconds have passed. */
async function eventually(check: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(20);
    }
  }
}
