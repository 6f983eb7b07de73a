import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { eventually } from '../helpers/routes.ts';
import { Outage, suiteOwner } from './outage.ts';

/** The port of the server that responds; behind the network it is the server's own. */
async function serverOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ port: number }>('SELECT inet_server_port() AS port');
  return rows[0]?.port ?? 0;
}

suite('a READ_ONLY endpoint', () => {
  const owner = suiteOwner();
  let outage: Outage;
  before(async () => {
    outage = await Outage.start(
      owner,
      {
        Endpoints: [{ EndpointName: 'reads', TargetRole: 'READ_ONLY', ListenPort: 0 }],
        MaxReplicationLag: 0.5,
        HealthCheckInterval: 0.1,
        HealthCheckTimeout: 0.3,
        ConnectionBorrowTimeout: 20,
      },
      2,
    );
    await everyoneReads();
  });

  async function everyoneReads(): Promise<void> {
    await outage.until(({ readers }) => readers.length === 2);
  }

  /** Sessions keep their connections for a moment; waits until none does. */
  async function nobodyLingers(): Promise<void> {
    await eventually(async () => {
      const view = await outage.view();
      assert(view.targets.every(({ leases }) => leases === 0));
    });
  }

  test('distributes leases over the standbys', async () => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => outage.client('reads')));
    // Idle connections are borrowed before new ones are opened: both targets have enough.
    await Promise.all(clients.map((client) => client.query('BEGIN')));
    await Promise.all(clients.map((client) => client.query('COMMIT')));
    await nobodyLingers();
    // One after the other, so that each finds the leases of the previous ones.
    for (const client of clients) await client.query('BEGIN');
    const ports = await Promise.all(clients.map(serverOf));
    const [first, second] = outage.cluster.standbys;
    assert(first !== undefined && second !== undefined);
    assert.deepEqual(
      ports.toSorted((a, b) => a - b),
      [first.port, first.port, second.port, second.port].toSorted((a, b) => a - b),
    );
    for (const client of clients) await client.query('COMMIT');
    await nobodyLingers();
  });

  test('refuses writes, as the standby does', async () => {
    const client = await outage.client('reads');
    await assert.rejects(client.query('INSERT INTO kept VALUES (1)'), { code: '25006' });
    assert.equal((await client.query('SELECT 1')).rowCount, 1);
    assert.deepEqual((await outage.view()).failovers, []);
  });

  test('leaves a lagging standby between transactions, and returns to it', async () => {
    const { cluster } = outage;
    const [slow, other] = cluster.standbys;
    assert(slow !== undefined && other !== undefined);
    const client = await outage.client('reads');
    await slow.query('SELECT pg_wal_replay_pause()');
    await cluster.primary.query('INSERT INTO kept VALUES (-1)');
    const view = await outage.until(({ readers }) => readers.length === 1);
    assert.deepEqual(view.readers, [outage.nameOf(other)]);
    const lagging = view.targets.find(({ target }) => target === outage.nameOf(slow));
    assert.equal(lagging?.state, 'UNAVAILABLE');
    assert.equal(lagging.reason, 'REPLICATION_LAG');
    for (let i = 0; i < 5; i++) assert.equal(await serverOf(client), other.port);
    assert.match(
      await outage.metrics(),
      /^sluice_target_unavailable\{target=".*",reason="REPLICATION_LAG"\} 1$/m,
    );
    await slow.query('SELECT pg_wal_replay_resume()');
    await everyoneReads();
  });

  test('leaves a lost standby: reads run on another one, a transaction gets 40001', async () => {
    const { cluster } = outage;
    const inside = await outage.client('reads');
    const between = await outage.client('reads');
    await between.query("SET application_name = 'between'");
    await inside.query('BEGIN');
    const port = await serverOf(inside);
    const lost = cluster.standbys.find((standby) => standby.port === port);
    const left = cluster.standbys.find((standby) => standby.port !== port);
    assert(lost !== undefined && left !== undefined);
    await outage.network(lost).set('refuse');
    await assert.rejects(inside.query('SELECT 1'), { code: '40001' });
    await inside.query('ROLLBACK');
    for (const client of [inside, between]) assert.equal(await serverOf(client), left.port);
    const { rows } = await between.query("SELECT current_setting('application_name') AS name");
    assert.deepEqual(rows, [{ name: 'between' }]);
    await outage.network(lost).set('pass');
    await everyoneReads();
  });

  test('a read runs on another standby if the first one stops responding', async () => {
    const { primary, standbys } = outage.cluster;
    const standbyWith = (sql: string): Promise<Postgres[]> =>
      Promise.all(standbys.map((standby) => standby.query(sql))).then((answers) =>
        standbys.filter((_, at) => answers[at]?.length === 1),
      );
    const client = await outage.client('reads');
    const text = 'SELECT 42 AS answer, count(*) FROM kept -- falls silent';
    // From now on the proxy knows that the statement runs no code of the database, so that it may run it again.
    await client.query(text);
    await client.query('SELECT 1');
    // The standbys replay the lock from the WAL. It blocks the read until the test has found the standby that runs it.
    const locker = new Client(primary);
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE kept IN ACCESS EXCLUSIVE MODE');
    // A commit flushes the WAL.
    await primary.query("COMMENT ON SCHEMA public IS 'locked'");
    await eventually(async () => {
      const locked = await standbyWith(
        "SELECT 1 FROM pg_locks WHERE relation = 'kept'::regclass AND mode = 'AccessExclusiveLock' AND granted",
      );
      assert.equal(locked.length, standbys.length);
    });
    const read = client.query<{ answer: number }>(text);
    const waiting = (): Promise<Postgres[]> =>
      standbyWith(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%-- falls ' || 'silent'",
      );
    const silent = await eventually(async () => {
      const [standby] = await waiting();
      assert(standby !== undefined);
      return standby;
    });
    await outage.network(silent).set('blackhole');
    // The server process of the first standby still waits too.
    await eventually(async () => assert.equal((await waiting()).length, 2));
    await locker.query('COMMIT');
    await locker.end();
    assert.equal((await read).rows[0]?.answer, 42);
    await outage.network(silent).set('pass');
    await everyoneReads();
  });

  test('waits while no standby can serve reads, or falls back to the writer if the settings permit it', async () => {
    const client = await outage.client('reads');
    const networks = outage.cluster.standbys.map((standby) => outage.network(standby));
    for (const network of networks) await network.set('refuse');
    await outage.until(({ readers }) => readers.length === 0);
    const held = serverOf(client);
    await outage.reload({ ReadOnlyFallback: true });
    assert.equal(await held, outage.cluster.primary.port);
    for (const network of networks) await network.set('pass');
    await everyoneReads();
    await outage.reload({ ReadOnlyFallback: false });
    assert.notEqual(await serverOf(client), outage.cluster.primary.port);
  });

  test('a drained standby is left at the end of transactions, and used again after resume', async () => {
    const [drained, left] = outage.cluster.standbys;
    assert(drained !== undefined && left !== undefined);
    const clients = await Promise.all([1, 2].map(() => outage.client('reads')));
    for (const client of clients) await client.query('BEGIN');
    const place = `/drain?target=${outage.nameOf(drained)}`;
    assert.deepEqual(await outage.post(place), {
      target: outage.nameOf(drained),
      drained: true,
      quiet: false,
    });
    for (const client of clients) await client.query('COMMIT');
    await eventually(async () => {
      const answer = (await outage.post(place)) as { readonly quiet: boolean };
      assert(answer.quiet);
    });
    for (const client of clients) assert.equal(await serverOf(client), left.port);
    await outage.post(`/resume?target=${outage.nameOf(drained)}`);
    await everyoneReads();
    const missing = await fetch(outage.admin('/drain?target=nobody'), { method: 'POST' });
    assert.equal(missing.status, 404);
  });
});
