import assert from 'node:assert/strict';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Postgres } from '@sluice/testkit';
import pg from 'pg';
import { startDatabase } from '../../../test/helpers/database.ts';
import { echoTime } from '../src/stop-signals.ts';
import { runtimes, SluiceProcess, temporaryFolder } from './sluice-process.ts';
import type { Runtime } from './sluice-process.ts';

let postgres: Postgres;
before(async () => {
  postgres = await startDatabase({ user: 'postgres', password: 'secret', database: 'postgres' });
});
after(() => postgres.stop());

interface ReadyLine {
  readonly endpoints: readonly { readonly host: string; readonly port: number }[];
  readonly admin: { readonly host: string; readonly port: number };
  readonly runtime: string;
}

interface Served {
  readonly sluice: SluiceProcess;
  readonly ready: ReadyLine;
  readonly config: string;
  /** A client of the proxy that is not yet connected. */
  readonly client: (password: string) => pg.Client;
}

function yaml(password: string, more = ''): string {
  return `TargetHost: ${postgres.host}
TargetPort: ${postgres.port}
ListenPort: 0
AdminPort: 0
Users:
  - UserName: ${postgres.user}
    Password: ${password}
    DatabasePassword: ${postgres.password}
${more}`;
}

async function startServe(t: TestContext, runtime: Runtime): Promise<Served> {
  const config = path.join(temporaryFolder(t), 'sluice.yaml');
  await writeFile(config, yaml('first'));
  const sluice = new SluiceProcess(t, ['serve', '--config', config], { runtime });
  const ready = JSON.parse(await sluice.line(/"msg":"ready"/)) as ReadyLine;
  const { host, port } = ready.endpoints[0] ?? assert.fail('no endpoint');
  const client = (password: string): pg.Client => {
    const made = new pg.Client({ host, port, user: postgres.user, password, database: 'postgres' });
    // If the proxy closes a connection, pg reports an error event.
    made.on('error', () => undefined);
    return made;
  };
  return { sluice, ready, config, client };
}

/** Resolves when the connection has ended, for whatever reason. */
function end(client: pg.Client): Promise<void> {
  return new Promise((resolve) => {
    client.once('end', resolve);
  });
}

async function canLogIn(client: pg.Client): Promise<boolean> {
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

for (const runtime of runtimes) {
  suite(`sluice serve on ${runtime}`, { concurrency: 2 }, () => {
    test('SIGTERM drains: no new clients, transactions finish, exit 0', async (t) => {
      const { sluice, client } = await startServe(t, runtime);
      const working = client('first');
      const idle = client('first');
      await working.connect();
      await idle.connect();
      await working.query('begin');
      await working.query('create temporary table t (a int) on commit drop');
      const idleEnded = end(idle);
      const workingEnded = end(working);

      sluice.signal('SIGTERM');
      await sluice.line(/"msg":"draining"/);
      await idleEnded;
      assert.equal(await canLogIn(client('first')), false);
      const { rowCount } = await working.query('insert into t values (1)');
      assert.equal(rowCount, 1);
      const { command } = await working.query('commit');
      assert.equal(command, 'COMMIT');

      await workingEnded;
      assert.equal(await sluice.exit(), 0);
      await sluice.line(/"msg":"stopped"/);
    });

    test('its log names the runtime, and its metrics are those that the runtime has', async (t) => {
      const { sluice, ready } = await startServe(t, runtime);
      assert.match(ready.runtime, runtime === 'bun' ? /^Bun \d/ : /^Node\.js \d/);
      const response = await fetch(`http://${ready.admin.host}:${ready.admin.port}/metrics`);
      const metrics = await response.text();
      assert.match(metrics, /^nodejs_heap_size_used_bytes /m);
      const kinds = metrics.matchAll(/^# TYPE nodejs_heap_space_size_(\w+)_bytes /gm);
      assert.deepEqual(
        Array.from(kinds, ([, kind]) => kind),
        runtime === 'bun' ? [] : ['total', 'used', 'available'],
      );
      await sluice.stop('SIGTERM');
    });

    test('a second SIGTERM ends it in spite of an open transaction', async (t) => {
      const { sluice, client } = await startServe(t, runtime);
      const working = client('first');
      await working.connect();
      await working.query('begin');
      const ended = end(working);
      sluice.signal('SIGTERM');
      await sluice.line(/"msg":"draining"/);
      // An earlier one would count as the echo of the first.
      await delay(echoTime + 1);
      sluice.signal('SIGTERM');
      assert.equal(await sluice.exit(), 0);
      await ended;
    });

    test('rereads its settings when the file is written or replaced, and on SIGHUP', async (t) => {
      const { sluice, config, client } = await startServe(t, runtime);
      const stays = client('first');
      await stays.connect();

      await writeFile(config, yaml('second'));
      assert.deepEqual(await reloaded(sluice), ['Users']);
      assert.equal(await canLogIn(client('first')), false);
      assert.equal(await canLogIn(client('second')), true);

      await writeFile(`${config}.new`, yaml('third', 'PoolSize: 4\nAdminHost: localhost\n'));
      await rename(`${config}.new`, config);
      assert.deepEqual(await reloaded(sluice), ['Users', 'PoolSize']);
      await sluice.line(/AdminHost not changed: takes effect after a restart/);
      assert.equal(await canLogIn(client('third')), true);

      sluice.signal('SIGHUP');
      assert.deepEqual(await reloaded(sluice), []);

      await writeFile(config, yaml('fourth', 'PoolSize: many\n'));
      await sluice.line(/settings not reloaded, .*9:11: PoolSize is \\"many\\"/);
      assert.equal(await canLogIn(client('third')), true);

      assert.deepEqual((await stays.query('select 1 as one')).rows, [{ one: 1 }]);
      await stays.end();
      await sluice.stop('SIGTERM');
    });
  });
}

/** The settings of the next reload. */
async function reloaded(sluice: SluiceProcess): Promise<readonly string[]> {
  const line = await sluice.line(/"msg":"settings reloaded"/);
  return (JSON.parse(line) as { applied: string[] }).applied;
}

suite('sluice serve', () => {
  test('rereads a password file when it changes', async (t) => {
    const folder = temporaryFolder(t);
    const password = path.join(folder, 'secrets', 'password');
    await mkdir(path.dirname(password));
    await writeFile(password, `${postgres.password}x\n`);
    const config = path.join(folder, 'sluice.yaml');
    await writeFile(
      config,
      yaml('x').replace(/ {4}Password: .*\n.*\n/, '    PasswordFile: secrets/password\n'),
    );
    const sluice = new SluiceProcess(t, ['serve', '--config', config]);
    await sluice.line(/"msg":"ready"/);
    await writeFile(password, `${postgres.password}\n`);
    await sluice.line(/"msg":"settings reloaded"/);
    await sluice.stop('SIGTERM');
  });

  test('shows every problem of its settings, and does not start', async (t) => {
    const config = path.join(temporaryFolder(t), 'sluice.yaml');
    await writeFile(config, 'TargetHost: db\nPoolSize: -1\nTlsMode: require\nAuthFile: 5\n');
    const sluice = new SluiceProcess(t, ['serve', '--config', config]);
    assert.equal(await sluice.exit(), 1);
    assert.match(
      sluice.stderr.join('\n'),
      /:2:11: PoolSize.*:4:11: AuthFile.*:3:10: TlsMode.*3 problems$/s,
    );
  });
});
