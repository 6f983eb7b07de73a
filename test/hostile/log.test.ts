import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import type { Postgres } from '@sluice/testkit';
import { runtimes } from '../../packages/proxy/test/runtimes.ts';
import { builtCommand } from '../helpers/daemon-build.ts';
import { startDatabase } from '../helpers/database.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually } from '../helpers/routes.ts';

const run = promisify(execFile);

const logins = 10;

/** A log that cannot be written, or that nobody reads, neither blocks nor ends the proxy. */
suite('the log', () => {
  let database: Postgres;
  before(async () => {
    database = await startDatabase();
  });
  after(() => database.stop('immediate'));

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => {
      test('on a full disk', async (t) => {
        const file = await open('/dev/full', 'w');
        t.after(() => file.close());
        await assertServes(t, file.fd, 'lost');
      });

      test('without a reader, in a pipe', async (t) => {
        const folder = await mkdtemp(path.join(tmpdir(), 'sluice-log-'));
        const fifo = path.join(folder, 'log');
        await run('mkfifo', [fifo]);
        const file = await open(fifo, 'r+');
        t.after(async () => {
          await file.close();
          await rm(folder, { recursive: true });
        });
        await assertServes(t, file.fd, 'waits');
      });

      if (runtime === 'node')
        test('without a reader, in a socket', (t) => assertServes(t, 'pipe', 'waits'));

      test('whose reader has ended', async (t) => {
        await assertServes(t, 'pipe', 'closed');
      });

      test('is complete in a file', async (t) => {
        const folder = await mkdtemp(path.join(tmpdir(), 'sluice-log-'));
        const name = path.join(folder, 'log');
        const file = await open(name, 'w');
        t.after(async () => {
          await file.close();
          await rm(folder, { recursive: true });
        });
        await assertServes(t, file.fd, 'whole');
        const lines = (await readFile(name, 'utf8')).trimEnd().split('\n');
        const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
        assert.equal(messages.filter((msg) => msg === 'client logged in').length, logins);
        assert.equal(messages.at(-1), 'stopped');
      });

      async function assertServes(
        t: TestContext,
        stderr: number | 'pipe',
        outcome: 'lost' | 'waits' | 'closed' | 'whole',
      ): Promise<void> {
        const isWhole = outcome === 'whole';
        const isClosed = outcome === 'closed';
        const losesLines = outcome === 'lost' || isClosed;
        const folder = await mkdtemp(path.join(tmpdir(), 'sluice-log-'));
        const [ListenPort, AdminPort] = [await freePort(), await freePort()];
        const { user, password, database: name, host, port } = database;
        const settings = {
          ListenPort,
          AdminPort,
          TargetHost: host,
          TargetPort: port,
          LogFormat: 'json',
          DebugLogging: !isWhole,
          DrainTimeout: 1,
          Users: [{ UserName: user, Password: password }],
        };
        await writeFile(path.join(folder, 'sluice.yaml'), JSON.stringify(settings));
        const child = spawn(runtimes[runtime], [await builtCommand(runtime), 'serve'], {
          cwd: folder,
          stdio: ['ignore', 'ignore', stderr],
        });
        t.after(async () => {
          child.kill('SIGKILL');
          await rm(folder, { recursive: true });
        });
        if (isClosed) child.stderr?.destroy();
        const exited = once(child, 'exit');
        const admin = `http://127.0.0.1:${AdminPort}`;
        await eventually(async () => assert.equal((await fetch(`${admin}/readyz`)).status, 200));
        const address = { host: '127.0.0.1', port: ListenPort, user, password, database: name };
        const long = `SELECT ${'a, '.repeat(300)}1 FROM (SELECT 1 AS a) AS t`;
        for (let login = 0; login < logins; login += 1) {
          const client = await RawClient.login(address);
          // More than the buffer of a pipe or a socket.
          for (let turn = 0; turn < 20; turn += 1) assert.equal(await client.value(long), '1');
          client.destroy();
        }
        const metrics = await (await fetch(`${admin}/metrics`)).text();
        const lost = Number(/^sluice_log_lines_lost_total (\d+)$/m.exec(metrics)?.[1]);
        if (isWhole) assert.equal(lost, 0);
        else if (losesLines) assert(lost > 0, 'no line was lost');
        child.kill('SIGTERM');
        // A daemon that waits for its log never exits.
        const late = delay(30_000, ['still there'], { ref: false });
        assert.deepEqual((await Promise.race([exited, late]))[0], 0);
      }
    });
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
