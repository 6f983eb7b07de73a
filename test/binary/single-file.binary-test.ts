import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { cpus, homedir, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { startPostgres } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';
import { version } from '@sluice/proxy/version';
import { Client } from 'pg';
import { hostTarget } from '../../scripts/binary/targets.ts';
import { run } from '../../scripts/package/run.ts';
import { root } from '../../scripts/package/workspace.ts';
import { endWell, lineOf } from '../packages/daemon.ts';

const execute = promisify(execFile);

/** The longest start on an idle machine, in milliseconds. */
const mostMilliseconds = 300;

suite('the single file in an otherwise empty folder', () => {
  let folder: string;
  let sluice: string;
  let postgres: Postgres;

  before(async () => {
    await run('node', ['scripts/binary/main.ts']);
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-binary-'));
    sluice = path.join(folder, 'sluice');
    await copyFile(path.join(root, 'dist/bin', `sluice-${hostTarget}`), sluice);
    postgres = await startPostgres();
    const { host, port, user, password } = postgres;
    await writeFile(
      path.join(folder, 'sluice.yaml'),
      JSON.stringify({
        TargetHost: host,
        TargetPort: port,
        ListenPort: 0,
        AdminPort: 0,
        LogFormat: 'json',
        Users: [{ UserName: user, Password: password }],
      }),
    );
  });

  after(async () => {
    await postgres.stop();
    await rm(folder, { recursive: true });
  });

  /** Starts the daemon; resolves to the time until clients could connect, and to its output. */
  async function serve(use: (port: number) => Promise<void>): Promise<number> {
    const started = performance.now();
    const daemon = spawn(sluice, ['serve'], {
      cwd: folder,
      // No program of this machine is found.
      env: { PATH: '/nowhere' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const line = await lineOf(daemon.stderr, /"ready"/);
    const milliseconds = performance.now() - started;
    const { endpoints } = JSON.parse(line) as {
      readonly endpoints: readonly { readonly port: number }[];
    };
    await use(endpoints[0]?.port ?? 0);
    await endWell(daemon, 'SIGTERM');
    return milliseconds;
  }

  test('shows its version, and its size', async (t: TestContext) => {
    const { stdout } = await execute(sluice, ['--version'], { cwd: folder });
    assert.equal(stdout, `${version}\n`);
    t.diagnostic(`${Math.round((await stat(sluice)).size / 1e6)} MB`);
  });

  test('checks settings', async () => {
    const { stdout } = await execute(sluice, ['check-config', 'sluice.yaml'], { cwd: folder });
    assert.equal(stdout, 'sluice.yaml is valid\n');
  });

  test('serves clients; the included parser classifies statements', async () => {
    await serve(async (port) => {
      const { user, password, database } = postgres;
      const client = new Client({ host: '127.0.0.1', port, user, password, database });
      await client.connect();
      // Only PostgreSQL's own parser finds out whether Sluice tracks this or pins.
      await client.query("do $$ begin perform set_config('work_mem', '1MB', false); end $$");
      const { rows } = await client.query<{ work_mem: string }>('show work_mem');
      assert.deepEqual(rows, [{ work_mem: '1MB' }]);
      await client.end();
    });
  });

  test(`is ready within ${mostMilliseconds} ms`, async (t: TestContext) => {
    const times: number[] = [];
    for (let run = 0; run < 5; run++) times.push(await serve(() => Promise.resolve()));
    const best = Math.min(...times);
    const busy = (loadavg()[0] ?? 0) / cpus().length;
    t.diagnostic(
      `from start to ready: ${times.map(Math.round).join(', ')} ms (load ${busy.toFixed(1)})`,
    );
    // On a shared machine, other processes affect the duration.
    const most = mostMilliseconds * Math.max(1, 2 * busy);
    assert.ok(best < most, `${best} ms, at most ${most}`);
  });

  test('reports what is not included, and how to install it', async () => {
    const up = execute(sluice, ['up'], { cwd: folder });
    await assert.rejects(up, {
      code: 1,
      stderr: new RegExp(
        `npm install @sluice/postgres@${version.replaceAll('.', String.raw`\.`)}\n`,
      ),
    });
  });

  test('finds what is installed in the current folder', async () => {
    const here = path.join(folder, 'with-postgres');
    await mkdir(path.join(here, 'node_modules/@sluice'), { recursive: true });
    const installed = path.join(here, 'node_modules/@sluice/postgres');
    await symlink(path.join(root, 'packages/postgres'), installed);
    const up = spawn(sluice, ['up', '--json', '--port', '0'], { cwd: here });
    await lineOf(up.stdout, /"ready"/);
    await endWell(up, 'SIGINT');
  });

  test('contains no folder of the build machine', async () => {
    const bytes = await readFile(sluice);
    assert.equal(bytes.indexOf(root), -1);
    // The makers of Bun have a home folder, too. Ours must not be in the file, unless it is as general as /root.
    if (homedir().length > 6) assert.equal(bytes.indexOf(homedir()), -1);
  });
});
