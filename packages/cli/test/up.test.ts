import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { Postgres } from '@sluice/testkit';
import pg from 'pg';
import { startDatabase } from '../../../test/helpers/database.ts';
import { runCommand } from './run-command.ts';
import { runtimes, SluiceProcess, temporaryFolder } from './sluice-process.ts';
import type { Runtime } from './sluice-process.ts';

interface ReadyEvent {
  readonly event: string;
  readonly endpoint: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
    readonly url: string;
  };
  readonly database: { readonly url: string };
  readonly admin: { readonly url: string };
  readonly pid: number;
}

/** For tests that send no query. */
const noDatabase = ['--target', 'postgres://nobody:nothing@127.0.0.1:1/none'];

/** For tests that do not need one of their own: initdb takes longer than everything else in them. */
let existing: Postgres;
before(async () => {
  existing = await startDatabase({ user: 'shop keeper', password: 'p@ss/word' });
});
after(() => existing.stop('immediate'));

interface Up {
  readonly sluice: SluiceProcess;
  readonly ready: ReadyEvent;
}

async function startUp(
  t: TestContext,
  args: readonly string[],
  runtime: Runtime,
  bin = false,
): Promise<Up> {
  const sluice = new SluiceProcess(t, ['up', '--port', '0', '--json', ...args], { runtime, bin });
  const ready = JSON.parse(await sluice.line(/./)) as ReadyEvent;
  return { sluice, ready };
}

async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text);
    return rows;
  } finally {
    await client.end();
  }
}

const triesAll = process.env['SLUICE_TEST_ALL'] === '1';

for (const runtime of runtimes) {
  suite(`sluice up on ${runtime}`, { concurrency: 2 }, () => {
    // The runtime only affects signals and cleanup; the rest runs the same code.
    const isSampled = runtime === 'bun' && !triesAll;

    test('prints as JSON what a client needs, and stops on Ctrl-C', async (t) => {
      const { sluice, ready } = await startUp(t, ['--pool-size', '3'], runtime, true);
      const { event, endpoint, database, admin, pid } = ready;
      assert.equal(event, 'ready');
      assert.equal(pid, sluice.pid);
      const { host, port, user, password } = endpoint;
      const client = new pg.Client({ host, port, user, password, database: endpoint.database });
      await client.connect();
      assert.deepEqual((await client.query('select 1 as one')).rows, [{ one: 1 }]);
      await client.end();
      assert.deepEqual(await query(endpoint.url, 'select 2 as two'), [{ two: 2 }]);
      assert.deepEqual(await query(database.url, 'select 3 as three'), [{ three: 3 }]);
      assert.equal((await fetch(`${admin.url}/readyz`)).status, 200);

      await sluice.stop('SIGINT');
      assert.deepEqual(sluice.stdout.slice(1), ['{"event":"stopped"}']);
      assert.deepEqual(sluice.stderr, []);
      await assert.rejects(query(endpoint.url, 'select 1'), { code: 'ECONNREFUSED' });
      await assert.rejects(query(database.url, 'select 1'), { code: 'ECONNREFUSED' });
    });

    for (const [signal, target] of isSampled
      ? []
      : ([
          ['SIGINT', noDatabase],
          ['SIGTERM', []],
        ] as const)) {
      test(`stops when npm, which started it, gets ${signal}`, async (t) => {
        const args = ['up', '--port', '0', '--json', ...target];
        const sluice = new SluiceProcess(t, args, { runtime, npm: 'run' });
        await sluice.line(/"ready"/);
        sluice.signal(signal);
        await sluice.line(/"stopped"/);
        await sluice.exit();
      });
    }

    test('stops when npx, which started it, gets SIGTERM', async (t) => {
      const args = ['up', '--port', '0', '--json', ...noDatabase];
      const sluice = new SluiceProcess(t, args, { runtime, npm: 'npx' });
      const { pid } = JSON.parse(await sluice.line(/"ready"/)) as ReadyEvent;
      sluice.signal('SIGTERM');
      try {
        await sluice.line(/"stopped"/);
      } catch (error) {
        process.kill(pid, 'SIGKILL');
        throw error;
      }
      await sluice.exit();
    });

    if (isSampled) return;

    test('shows lines for node that work when they are pasted', async (t) => {
      const args = ['up', '--port', '0', '--target', existing.url];
      const sluice = new SluiceProcess(t, args, { runtime });
      await sluice.line(/Ctrl-C stops everything/);
      const text = sluice.stdout.join('\n');
      const [lines = ''] = /^const .*await pool\.end\(\);$/ms.exec(text) ?? [];
      const root = path.resolve(import.meta.dirname, '../../..');
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--input-type=module', '--eval', lines],
        { cwd: root },
      );
      // Ten may share the work; on a busy machine fewer may do all of it.
      const [, used] = /^50 clients, 1000 answers, (\d+) server connections\n$/.exec(stdout) ?? [];
      assert.ok(Number(used) >= 2 && Number(used) <= 10, stdout);
      await sluice.stop('SIGINT');
    });

    test('--tls: its URL makes a client verify the certificate', async (t) => {
      const { sluice, ready } = await startUp(t, ['--tls', '--target', existing.url], runtime);
      const { url } = ready.endpoint;
      assert.match(url, /\?sslmode=verify-full&sslrootcert=/);
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      assert.deepEqual((await client.query('select 1 as one')).rows, [{ one: 1 }]);
      await client.end();
      await sluice.stop('SIGTERM');
    });
  });
}

suite('sluice up', { concurrency: 2 }, () => {
  test('--data keeps the data and the password', async (t) => {
    const data = path.join(temporaryFolder(t), 'data');
    const first = await startUp(t, ['--data', data], 'node');
    await query(first.ready.endpoint.url, 'create table kept as select 42 as answer');
    await first.sluice.stop('SIGINT');

    const second = await startUp(t, ['--data', data, '--max-connections', '50'], 'node');
    assert.equal(second.ready.endpoint.password, first.ready.endpoint.password);
    const { url } = second.ready.endpoint;
    assert.deepEqual(await query(url, 'select answer from kept'), [{ answer: 42 }]);
    assert.deepEqual(await query(url, 'show max_connections'), [{ max_connections: '50' }]);
    await second.sluice.stop('SIGINT');
  });

  test('--target puts the proxy in front of an existing database', async (t) => {
    const { sluice, ready } = await startUp(t, ['--target', existing.url], 'node');
    const rows = await query(
      ready.endpoint.url,
      'select current_user as u, current_database() as d',
    );
    assert.deepEqual(rows, [{ u: 'shop keeper', d: 'shop' }]);
    await sluice.stop('SIGINT');
    assert.deepEqual(await existing.query('select 1 as one'), [{ one: 1 }]);
  });

  test('Ctrl-C during the start leaves nothing', async (t) => {
    const sluice = new SluiceProcess(t, ['up', '--port', '0']);
    await sluice.line(/Starting PostgreSQL/);
    await sluice.stop('SIGINT');
  });

  test('Ctrl-C that npm forwards once more counts once', async (t) => {
    const { sluice } = await startUp(t, noDatabase, 'node');
    sluice.signal('SIGINT');
    await sluice.stop('SIGINT');
    assert.equal(sluice.stdout.at(-1), '{"event":"stopped"}');
  });

  test('reports invalid options', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [
        ['--prot', '1'],
        /unknown option '--prot'\n\(Did you mean --port\?\)\nTry: sluice up --help/,
      ],
      [['--port', '70000'], /'70000' is invalid\. It must be a whole number from 0 to 65535\./],
      [['--pool-size', 'ten'], /'ten' is invalid\. It must be a whole number from 1 to 100000\./],
      [['--target', 'shop'], /--target is "shop"; it must look like postgres:\/\//],
      [['--target', 'postgres://a@b/c?sslmode=yes'], /sslmode "yes"; it must be one of disable, /],
      [['--target', 'postgres://a@b/c?ssl=1'], /--target has "ssl"; only sslmode and sslrootcert/],
      [['--target', 'postgres://a@b/c', '--data', 'x'], /--data cannot be combined with --target/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await runCommand(['up', ...args]);
      assert.equal(code, 1);
      assert.match(stderr, message);
      assert.equal(stdout, '');
    }
  });

  test('reports that its port is in use', async (t) => {
    const { sluice, ready } = await startUp(t, noDatabase, 'node');
    const port = String(ready.endpoint.port);
    for (const runtime of runtimes) {
      const second = new SluiceProcess(t, ['up', '--port', port, ...noDatabase], { runtime });
      assert.equal(await second.exit(), 1);
      assert.deepEqual(second.stderr, [
        `error: port ${port} is already in use; choose another port, or 0 for any free port`,
      ]);
    }
    await sluice.stop('SIGINT');
  });
});
