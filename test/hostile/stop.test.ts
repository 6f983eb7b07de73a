import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { HostileDatabase } from '../helpers/hostile-database.ts';
import { query } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { Sluice } from '../helpers/sluice.ts';

/** How often each runtime is stopped; `npm run test:soak` tries more. */
const stops = Number(process.env['SLUICE_TEST_STOPS'] ?? 6);

/** DrainTimeout, in seconds. */
const drainTimeout = 0.5;
/** How long a stop may take, in milliseconds. One that hangs never ends; on a busy machine every stop takes longer. */
const patience = 30_000;

/** A stop ends in any state of sockets, timers and requests. */
suite('a stop always ends', () => {
  let real: Postgres;
  let hostile: HostileDatabase;
  before(async () => {
    real = await startDatabase();
    hostile = await HostileDatabase.start(real);
  });
  after(async () => {
    await hostile.stop();
    await real.stop('immediate');
  });

  for (const runtime of ['node', 'bun'] as const) {
    test(`${stops} stops under load, each after a fault, on ${runtime}`, async () => {
      for (let round = 0; round < stops; round += 1) await stopOnce(round);
    });

    async function stopOnce(round: number): Promise<void> {
      const fault = faults[round % faults.length];
      assert(fault !== undefined);
      const settings = { PoolSize: 5, DrainTimeout: drainTimeout, ConnectTimeout: 1 };
      const sluice = await Sluice.start(hostile.database, settings, runtime);
      try {
        const { user, password, database } = real;
        const address = { host: sluice.host, port: sluice.port, user, password, database };
        // Two of each kind, and twice as many as the pool has connections.
        const clients = await Promise.all(
          [...loads, ...loads].map(async (load) => {
            const client = await RawClient.login(address);
            return { client, load };
          }),
        );
        for (const { client, load } of clients) client.send(load);
        await fault();
        const half = RawClient.open(address);
        (await half).send(Buffer.from([0, 0, 1, 0, 0, 3]));
        sluice.signal(round % 2 === 0 ? 'SIGTERM' : 'SIGINT');
        assert.equal(await sluice.exitedWithin(patience), 0, sluice.logText());
        for (const { client } of clients) client.destroy();
        (await half).destroy();
      } finally {
        hostile.blackhole = false;
        await sluice.kill();
      }
    }
  }

  const faults: readonly (() => Promise<void>)[] = [
    async () => {
      await real.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
      );
    },
    () => cut(true, false),
    () => cut(false, true),
    () => cut(true, true),
    () => cut(false, false),
  ];

  /** Drops everything sent to the database, or ends its connections, or both. */
  async function cut(ignores: boolean, ends: boolean): Promise<void> {
    hostile.blackhole = ignores;
    if (ends) hostile.reset();
    return Promise.resolve();
  }

  /** All kinds of work: a long result, a wait, an open transaction, a copy without data, a partial message. */
  const loads: readonly Buffer[] = [
    query("SELECT repeat('x', 1000) FROM generate_series(1, 5000)"),
    query('SELECT pg_sleep(60)'),
    query('BEGIN; SELECT 1'),
    query('CREATE TEMP TABLE t (a int); COPY t FROM STDIN'),
    query(`SELECT '${'y'.repeat(3_000_000)}'`).subarray(0, 1_000_000),
  ];
});
