import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { suite, test } from 'node:test';
import type { ProxyStatus } from '@sluice/proxy';
import pg from 'pg';
import { duration, statusText } from '../src/status/status-text.ts';
import { startDatabase } from '../../../test/helpers/database.ts';
import { SluiceProcess, temporaryFolder } from './sluice-process.ts';

const status: ProxyStatus = {
  startedAt: '2026-01-01T00:00:00.000Z',
  readAt: '2026-01-01T00:01:40.000Z',
  pid: 42,
  paused: false,
  draining: false,
  endpoints: [
    {
      name: 'default',
      role: 'READ_WRITE',
      clients: { arriving: 1, idle: 20, waiting: 3, active: 4, pinned: 2 },
    },
  ],
  pools: [
    {
      role: 'READ_WRITE',
      database: 'shop',
      user: 'app',
      sessions: 29,
      limit: 10,
      open: 6,
      idle: 0,
      opening: 1,
      waiting: 3,
      waitingSeconds: 0.25,
      queries: 5000,
    },
  ],
  targets: [
    {
      name: 'db:5432',
      state: 'AVAILABLE',
      reason: null,
      role: 'READ_WRITE',
      drained: false,
      lagSeconds: null,
      borrowed: 6,
      used: 7,
      allowed: 97,
    },
    {
      name: 'standby:5432',
      state: 'UNAVAILABLE',
      reason: 'REPLICATION_LAG',
      role: 'READ_ONLY',
      drained: true,
      lagSeconds: 75,
      borrowed: 0,
      used: 1,
      allowed: 97,
    },
  ],
  pins: Array.from({ length: 7 }, (_, at) => ({
    reason: 'temporary_object' as const,
    statement: `create temporary table t${at} (a int)`,
    pins: 7 - at,
  })),
  waits: { borrows: 900, median: 0.0001, p99: 0.05 },
};

suite('sluice status', { concurrency: 2 }, () => {
  test('the text has clients, pools, targets, pins and waits', () => {
    const text = statusText(status, 'http://127.0.0.1:9127');
    assert.match(
      text,
      /^Sluice is running; started \d+ d ago \(process 42, http:\/\/127\.0\.0\.1:9127\); /,
    );
    assert.match(text, /waits for a connection: p50 at most 0\.1 ms, p99 at most 50 ms/);
    assert.match(text, /^default +READ_WRITE +30 +20 +4 +3 +2 +1$/m);
    assert.match(text, /^shop \/ app +READ_WRITE +29 +6 of 10 +0 +1 +3 \(250 ms\) +50$/m);
    assert.match(text, /^db:5432 +READ_WRITE +AVAILABLE +7 of 97 +6$/m);
    assert.match(text, /UNAVAILABLE \(REPLICATION_LAG\), drained +1 of 97 +0 +75 s$/m);
    assert.match(text, /^ +7 +temporary_object +create temporary table t0/m);
    assert.match(text, /^… and 2 more$/m);
  });

  test('says that there is no pool before the first client', () => {
    const text = statusText({ ...status, pools: [] }, 'x');
    assert.match(text, /^No pool yet/m);
    assert.doesNotMatch(text, /^POOL/m);
  });

  test('rates are since the earlier status', () => {
    const pools = status.pools.map((pool) => ({ ...pool, queries: 5300 }));
    const later = { ...status, readAt: '2026-01-01T00:01:50.000Z', pools };
    assert.match(statusText(later, 'x', status), /^shop .* 30$/m);
  });

  test('shows waits that are longer than the largest bucket', () => {
    const text = statusText({ ...status, waits: { borrows: 9, median: 1, p99: null } }, 'x');
    assert.match(text, /p50 at most 1\.0 s, p99 more than 100 s/);
  });

  test('shows a pause, and when no session is pinned or has waited', () => {
    const waits = { borrows: 0, median: null, p99: null };
    const text = statusText({ ...status, paused: true, pins: [], waits }, 'x');
    assert.match(text, /^Sluice is paused, and clients wait; started /);
    assert.match(text, /no session has waited/);
    assert.match(text, /^No session has been pinned\.$/m);
  });

  for (const [seconds, text] of [
    [0, '0 s'],
    [0.00012, '0.12 ms'],
    [0.0049, '4.9 ms'],
    [0.25, '250 ms'],
    [1.25, '1.3 s'],
    [60, '60 s'],
    [600, '10 min'],
    [10_000, '3 h'],
    [200_000, '2 d'],
  ] as const)
    test(`${seconds} seconds are ${text}`, () => assert.equal(duration(seconds), text));

  for (const body of ['<html>', '{}'])
    test(`refuses ${body}, which is no status`, async (t) => {
      const server = createServer((_request, response) => response.end(body)).listen(
        0,
        '127.0.0.1',
      );
      t.after(() => server.close());
      await once(server, 'listening');
      const address = server.address();
      assert.ok(address !== null && typeof address !== 'string');
      const admin = `http://127.0.0.1:${address.port}`;
      const command = new SluiceProcess(t, ['status', '--admin', admin]);
      assert.equal(await command.exit(), 1);
      assert.match(command.stderr.join('\n'), /returned HTTP status 200 without a status; check/);
    });

  test('finds a running sluice up, and shows it once or repeatedly', async (t) => {
    const database = await startDatabase();
    t.after(() => database.stop('immediate'));
    const env = { TMPDIR: temporaryFolder(t) };
    const target = ['--target', database.url];
    const up = new SluiceProcess(t, ['up', '--port', '0', '--json', ...target], { env });
    const { endpoint, pid } = JSON.parse(await up.line(/"ready"/)) as {
      readonly endpoint: { readonly url: string };
      readonly pid: number;
    };
    const client = new pg.Client({ connectionString: endpoint.url });
    await client.connect();
    await client.query('create temporary table basket (item text)');

    const once = new SluiceProcess(t, ['status'], { env });
    assert.equal(await once.exit(), 0, once.stderr.join('\n'));
    assert.match(once.stdout.join('\n'), /^default +READ_WRITE +1 +0 +0 +0 +1 +0$/m);
    assert.match(once.stdout.join('\n'), /temporary_object +create temporary table basket/);

    const json = new SluiceProcess(t, ['status', '--json'], { env });
    assert.equal(await json.exit(), 0);
    assert.equal((JSON.parse(json.stdout.join('\n')) as ProxyStatus).pid, pid);

    const watching = new SluiceProcess(t, ['status', '--watch', '--json', '--interval', '1'], {
      env,
    });
    await watching.line(/"readAt"/);
    await watching.line(/"readAt"/);
    await watching.stop('SIGINT');

    const piped = new SluiceProcess(t, ['status', '--watch', '--interval', '1'], { env });
    await piped.line(/^default +READ_WRITE/);
    await piped.line(/^default +READ_WRITE/);
    await piped.stop('SIGINT');
    const heads = piped.stdout.flatMap((line, at) => (/^[Ss]luice /.test(line) ? [at] : []));
    assert(heads.length >= 2 && heads[0] === 0, piped.stdout.join('\n'));
    for (const at of heads.slice(1)) assert.equal(piped.stdout[at - 1], '');

    const shown = new SluiceProcess(t, ['status', '--watch'], { env, terminal: true });
    await shown.line(/^default +READ_WRITE/);
    shown.type('\u0003');
    assert.equal(await shown.exit(), 0);
    // Clears the screen (2 J), but not the scrollback of the terminal (3 J).
    assert.match(shown.stdout.join('\n'), /\[2J/);
    assert.doesNotMatch(shown.stdout.join('\n'), /\[3J/);
    await client.end();
    await up.stop('SIGINT');
  });

  test('reports that there is no response, and what to do', async (t) => {
    const sluice = new SluiceProcess(t, ['status', '--admin', 'http://127.0.0.1:1']);
    assert.equal(await sluice.exit(), 1);
    assert.match(
      sluice.stderr.join('\n'),
      /no proxy responds at http:\/\/127\.0\.0\.1:1 \(.+\); start one with sluice up/,
    );
  });

  test('reports that nothing runs if the user names no proxy', async (t) => {
    for (const command of [['status'], ['pause'], ['drain', 'a']]) {
      const cwd = temporaryFolder(t);
      const sluice = new SluiceProcess(t, command, { cwd, env: { TMPDIR: temporaryFolder(t) } });
      assert.equal(await sluice.exit(), 1);
      assert.equal(
        sluice.stderr.join('\n'),
        'error: no `sluice up` is running, and there is no sluice.yaml in this directory; ' +
          'name the proxy with --admin or --config, or start one with: sluice up',
      );
    }
  });

  test('failover reports that sluice up has no standby', async (t) => {
    const env = { TMPDIR: temporaryFolder(t) };
    const target = ['--target', 'postgres://nobody:nothing@127.0.0.1:1/none'];
    const up = new SluiceProcess(t, ['up', '--port', '0', '--json', ...target], { env });
    await up.line(/"ready"/);
    const failover = new SluiceProcess(t, ['failover'], { env });
    assert.equal(await failover.exit(), 1);
    assert.match(failover.stderr.join('\n'), /no `sluice up --standbys 1` is running/);
    await up.stop('SIGINT');
  });
});
