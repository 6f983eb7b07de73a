import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { query, summary } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';
import { eventually } from '../helpers/routes.ts';
import { Sluice } from '../helpers/sluice.ts';
import type { Surroundings } from '../helpers/sluice.ts';

/** A separate mount namespace, if the system permits everybody to create one; its name server refuses connections. */
function ownNames(hosts: string, resolver: string): readonly string[] {
  const mount = `mount --bind '${hosts}' /etc/hosts && mount --bind '${resolver}' /etc/resolv.conf`;
  return [
    'unshare',
    '--user',
    '--map-root-user',
    '--mount',
    'sh',
    '-c',
    `${mount} && exec "$0" "$@"`,
  ];
}

function hasNamespaces(): boolean {
  try {
    execFileSync('unshare', ['--user', '--map-root-user', '--mount', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The proxy reports faults of its environment, and recovers without a restart. */
suite('the surroundings', () => {
  let database: Postgres;
  before(async () => {
    database = await startDatabase();
  });
  after(() => database.stop('immediate'));

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => {
      async function begin(
        t: { after: (clean: () => Promise<void>) => void },
        settings: Record<string, unknown> = {},
        surroundings: Surroundings = {},
      ): Promise<{
        readonly sluice: Sluice;
        readonly address: Address;
        readonly client: RawClient;
      }> {
        const sluice = await Sluice.start(database, settings, runtime, undefined, surroundings);
        t.after(() => sluice.kill());
        const { user, password, database: name } = database;
        const address = { host: sluice.host, port: sluice.port, user, password, database: name };
        const client = await RawClient.login(address);
        t.after(() => client.end());
        return { sluice, address, client };
      }

      async function assertServesNew(address: Address): Promise<void> {
        const another = await RawClient.login(address);
        assert.equal(await another.value('SELECT 2'), '2');
        another.destroy();
      }

      test('the wall clock jumps, forwards and backwards', async (t) => {
        const preload = path.join(import.meta.dirname, 'clock-jump.ts');
        const settings = {
          IdleInTransactionTimeout: 3600,
          QueryTimeout: 3600,
          ClientLoginTimeout: 600,
        };
        const { sluice, address, client } = await begin(t, settings, { preload });
        const year = async (): Promise<number> => {
          const { body } = await sluice.admin('/targets');
          return new Date((JSON.parse(body) as { readAt: string }).readAt).getUTCFullYear();
        };
        const now = await year();
        await client.query('BEGIN');
        for (const then of [now + 1, now - 1, now]) {
          const waiting = await RawClient.open(address);
          const asked = client.query('SELECT pg_sleep(0.3)');
          sluice.signal('SIGUSR2');
          await eventually(async () => assert.equal(await year(), then));
          assert.equal(summary(await asked), 'T | D  | C SELECT 1 | Z T');
          await waiting.login();
          waiting.destroy();
          await assertServesNew(address);
        }
        assert.equal(summary(await client.query('COMMIT')), 'C COMMIT | Z I');
        const loud = sluice.log.filter(({ level }) => level > 30);
        assert.deepEqual(loud, []);
        assert.equal(await sluice.stop(), 0);
      });

      test('the database is stopped, and continues', async (t) => {
        const { sluice, address, client } = await begin(t, { ConnectTimeout: 1 });
        assert.equal(await client.value('SELECT 1'), '1');
        const rows = await database.query<{ pid: number }>('SELECT pid FROM pg_stat_activity');
        const pids = [database.pid ?? 0, ...rows.map(({ pid }) => pid)];
        const signal = (name: NodeJS.Signals): void => {
          for (const pid of pids) {
            try {
              process.kill(pid, name);
            } catch {
              // The process of the query itself has ended.
            }
          }
        };
        signal('SIGSTOP');
        try {
          client.send(query('SELECT 3'));
          await sluice.logged(({ msg, level }) => level >= 40 && msg.includes('writer'));
          assert.equal((await sluice.admin('/healthz')).status, 200);
        } finally {
          signal('SIGCONT');
        }
        await eventually(() => assertServesNew(address));
        // A read is retried if its connection was given up.
        assert.equal(summary(await client.ready()), 'T | D 3 | C SELECT 1 | Z I');
        assert.equal(await sluice.stop(), 0);
      });

      test(
        'the name of the database does not resolve, and resolves again',
        { skip: !hasNamespaces() },
        async (t) => {
          const folder = await mkdtemp(path.join(tmpdir(), 'sluice-names-'));
          t.after(() => rm(folder, { recursive: true }));
          const [hosts, resolver] = [path.join(folder, 'hosts'), path.join(folder, 'resolv.conf')];
          await writeFile(hosts, '127.0.0.1 database.test\n');
          await writeFile(resolver, 'nameserver 127.0.0.1\n');
          const settings = { TargetHost: 'database.test', ConnectionLifetime: 1, PoolSize: 2 };
          const within = ownNames(hosts, resolver);
          const { sluice, address, client } = await begin(t, settings, { within });
          await writeFile(hosts, '');
          await sluice.logged(
            ({ msg, name }) => name === 'database.test' && msg.startsWith('could not resolve'),
          );
          // Its previous address still works, also for new connections.
          await client.query('BEGIN');
          await assertServesNew(address);
          await client.query('COMMIT');
          await database.shutdown('fast');
          await database.start();
          await eventually(() => assertServesNew(address));
          await writeFile(hosts, '127.0.0.1 database.test\n');
          await assertServesNew(address);
          assert.equal(await sluice.stop(), 0);
        },
      );

      test('the changed settings file cannot be read', async (t) => {
        const { sluice, address } = await begin(t, { MaxClientConnections: 50 });
        await sluice.spoilSettings();
        await sluice.logged(({ msg, level }) => level >= 40 && msg.includes('settings'));
        await assertServesNew(address);
        await sluice.rewrite({ MaxClientConnections: 1 });
        await eventually(async () => {
          const another = await RawClient.open(address);
          await assert.rejects(another.login(), /53300/);
        });
        assert.equal(await sluice.stop(), 0);
      });

      test('the process does not get the CPU for a while', async (t) => {
        const { sluice, address, client } = await begin(t);
        const asked = client.query('SELECT pg_sleep(1)');
        sluice.signal('SIGSTOP');
        await delay(2500);
        sluice.signal('SIGCONT');
        assert.equal(summary(await asked), 'T | D  | C SELECT 1 | Z I');
        await assertServesNew(address);
        const late = await sluice.logged(({ msg }) => msg.startsWith('the event loop was blocked'));
        assert(Number(late['milliseconds']) > 2000, JSON.stringify(late));
        assert((await sluice.metric('sluice_stalls_total')) >= 1);
        // No other cause is reported.
        assert.deepEqual(
          sluice.log.filter(({ msg, level }) => level >= 40 && msg.includes('writer')),
          [],
        );
        assert.equal(await sluice.stop(), 0);
      });
    });
  }
});
