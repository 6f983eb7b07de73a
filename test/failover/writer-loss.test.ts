import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { eventually } from '../helpers/routes.ts';
import { Outage } from './outage.ts';

function sqlstate(code: string): { code: string } {
  return { code };
}

async function transaction(client: Client, id: number): Promise<void> {
  await client.query('BEGIN');
  await client.query('INSERT INTO kept VALUES ($1)', [id]);
}

suite('loss of the writer', { concurrency: false }, () => {
  test('kill: clients stay; those in a transaction get one error and are usable at once', async (t) => {
    const outage = await Outage.start(t);
    const { cluster } = outage;
    const [former] = cluster.servers;
    const [standby] = cluster.standbys;
    assert(former !== undefined && standby !== undefined);

    const idle = await outage.client();
    await idle.query("SET application_name = 'idle'");
    const goesOn = await outage.client();
    await transaction(goesOn, 1);
    const rollsBack = await outage.client();
    await transaction(rollsBack, 2);
    const commits = await outage.client();
    await transaction(commits, 3);
    const writing = await outage.client();
    const write = assert.rejects(
      writing.query('INSERT INTO kept SELECT 4 FROM pg_sleep(100)'),
      sqlstate('08006'),
    );
    await untilRunning(outage, 'pg_sleep');

    await former.kill();
    await write;
    const held = idle.query<{ name: string }>('SELECT current_setting($1) AS name', [
      'application_name',
    ]);
    const newcomer = outage.client();

    // The lost transaction answers with an error by itself, while there is no writer.
    await assert.rejects(goesOn.query('INSERT INTO kept VALUES (5)'), sqlstate('40001'));
    await assert.rejects(goesOn.query('INSERT INTO kept VALUES (6)'), sqlstate('25P02'));
    await assert.rejects(goesOn.query('SELECT $1::int', [7]), sqlstate('25P02'));
    assert.equal((await goesOn.query('COMMIT')).command, 'ROLLBACK');
    assert.equal((await rollsBack.query('ROLLBACK')).command, 'ROLLBACK');
    await assert.rejects(commits.query('COMMIT'), sqlstate('40001'));

    await cluster.promote(standby);
    assert.equal((await held).rows[0]?.name, 'idle', 'what the session had set');
    for (const [at, client] of [goesOn, rollsBack, commits, writing, await newcomer].entries())
      await client.query('INSERT INTO kept VALUES ($1)', [10 + at]);
    const { rows } = await idle.query<{ id: number }>('SELECT id FROM kept ORDER BY id');
    assert.deepEqual(
      rows.map(({ id }) => id),
      [10, 11, 12, 13, 14],
    );

    const view = await outage.view();
    assert.equal(view.writer, outage.nameOf(standby));
    const [failover] = view.failovers;
    assert(
      failover !== undefined && failover.writerFoundAt !== null && failover.firstServedAt !== null,
    );
    assert.equal(failover.formerWriter, outage.nameOf(former));
    assert(failover.waiting >= 1, `waiting ${failover.waiting}`);
    assert(failover.failureSignalAt !== null && failover.failureSignalAt <= failover.detectedAt);
    assert(
      failover.detectedAt <= failover.writerFoundAt &&
        failover.writerFoundAt <= failover.firstServedAt,
    );

    // The former primary restarts unchanged: it accepts writes, and must get none.
    await former.start();
    const back = await outage.until(
      ({ targets }) =>
        targets[0]?.state === 'UNAVAILABLE' && targets[0].reason === 'INVALID_REPLICATION_STATE',
    );
    assert.equal(back.writer, outage.nameOf(standby));
    await idle.query('INSERT INTO kept VALUES (20)');
    assert.equal((await former.query('SELECT FROM kept WHERE id = 20')).length, 0);
  });

  test('fast shutdown: no client outside a transaction gets an error', async (t) => {
    const outage = await Outage.start(t);
    const { cluster } = outage;
    const [former] = cluster.servers;
    const [standby] = cluster.standbys;
    assert(former !== undefined && standby !== undefined);
    const inTransaction = await outage.client();
    await transaction(inTransaction, -1);

    // Every writer numbers its rows, with simple and extended queries in turn; all continue until they are stopped.
    const stopping = new AbortController();
    const acknowledged: number[] = [];
    const write = async (first: number): Promise<void> => {
      const client = await outage.client();
      for (let id = first; !stopping.signal.aborted; id += 4) {
        if (id % 8 < 4) await client.query(`INSERT INTO kept VALUES (${id})`);
        else await client.query('INSERT INTO kept VALUES ($1)', [id]);
        acknowledged.push(id);
      }
    };
    const writers = Promise.all([0, 1, 2, 3].map(write));
    await former.shutdown('fast');
    await cluster.promote(standby);
    await outage.until(({ failovers }) => failovers[0]?.firstServedAt != null);
    const before = acknowledged.length;
    while (acknowledged.length < before + 20) await new Promise(setImmediate);
    stopping.abort();
    await writers;

    await assert.rejects(inTransaction.query('SELECT 1'), sqlstate('40001'));
    await inTransaction.query('ROLLBACK');
    const { rows } = await inTransaction.query<{ id: number }>('SELECT id FROM kept');
    assert.deepEqual(
      rows.map(({ id }) => id).sort((a, b) => a - b),
      acknowledged.sort((a, b) => a - b),
    );
  });

  test('blackhole: detected within 2 s with default settings; a read without a reply runs again', async (t) => {
    const outage = await Outage.start(t);
    const { cluster } = outage;
    const [former] = cluster.servers;
    const [standby] = cluster.standbys;
    assert(former !== undefined && standby !== undefined);
    const reader = await outage.client();
    const writer = await outage.client();
    // Two concurrent statements open two connections, so that the write does not wait for one.
    for (const statement of ['BEGIN', 'COMMIT'])
      await Promise.all([reader.query(statement), writer.query(statement)]);
    await outage.until(({ targets }) => targets.every(({ state }) => state === 'AVAILABLE'));

    await outage.network(former).set('blackhole');
    const cut = performance.now();
    const read = reader.query<{ answer: number }>('SELECT 42 AS answer');
    const write = assert.rejects(writer.query('INSERT INTO kept VALUES (1)'), sqlstate('08006'));
    await outage.until(({ writer }) => writer === null);
    assert(performance.now() - cut < 20_000);
    // A busy machine takes longer; the settings limit the time on an idle one.
    const { HealthCheckFailures, HealthCheckInterval, HealthCheckTimeout } = outage.settings;
    assert(HealthCheckFailures * (HealthCheckInterval + HealthCheckTimeout) < 2);
    await cluster.promote(standby);
    assert.equal((await read).rows[0]?.answer, 42);
    await write;
    await writer.query('INSERT INTO kept VALUES (2)');

    // The network works again: the former primary still accepts writes.
    await outage.network(former).set('pass');
    const back = await outage.until(
      ({ targets }) => targets[0]?.reason === 'INVALID_REPLICATION_STATE',
    );
    assert.equal(back.writer, outage.nameOf(standby));
  });

  test('no failover: a pause, a lost connection, a terminated statement', async (t) => {
    const outage = await Outage.start(t);
    const { primary } = outage.cluster;
    const client = await outage.client();

    // A writer that only was unreachable for a while loses nothing.
    await transaction(client, 1);
    await outage.network(primary).set('blackhole');
    const statement = client.query('INSERT INTO kept VALUES (2)');
    await outage.until(({ writer }) => writer === null);
    await outage.network(primary).set('pass');
    await statement;
    await client.query('COMMIT');
    assert.equal((await client.query('SELECT FROM kept')).rowCount, 2);
    const { failovers, writer } = await outage.view();
    assert.equal(writer, outage.nameOf(primary));

    // A check notices that connections are lost one by one, and no client gets an error.
    for (let i = 0; i < 5; i++) {
      await primary.query(
        // It returns after the processes have ended: a statement that reaches a process just before its end would be
        // lost.
        "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE application_name = '' AND pid <> pg_backend_pid()",
      );
      await client.query(`INSERT INTO kept VALUES (${10 + i})`);
    }
    outage.network(primary).reset();
    await client.query('SELECT 1');

    // An administrator has terminated a long-running statement on purpose, so it is not run again.
    const ended = assert.rejects(
      client.query('SELECT count(*) FROM generate_series(1, 1000000000)'),
      sqlstate('57P01'),
    );
    await untilRunning(outage, 'generate_series', '1.1 s');
    await primary.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND pid <> pg_backend_pid()",
    );
    await ended;
    assert.equal((await client.query('SELECT FROM kept')).rowCount, 7);
    assert.deepEqual((await outage.view()).failovers, failovers);
  });

  test('a session keeps its state on the new writer', async (t) => {
    const outage = await Outage.start(t);
    const [former] = outage.cluster.servers;
    const [standby] = outage.cluster.standbys;
    assert(former !== undefined && standby !== undefined);
    const client = await outage.client();
    const received: (string | undefined)[] = [];
    client.on('notification', ({ payload }) => received.push(payload));
    await client.query("SET statement_timeout = '17s'");
    await client.query('LISTEN news');
    const prepared = { name: 'mine', text: 'SELECT $1::int * 2 AS double' };
    await client.query({ ...prepared, values: [1] });

    // A SET in a lost transaction is rolled back with it.
    await client.query('BEGIN');
    await client.query("SET statement_timeout = '3s'");
    await former.kill();
    await outage.cluster.promote(standby);
    await client.query('ROLLBACK');

    const { rows } = await client.query('SHOW statement_timeout');
    assert.deepEqual(rows, [{ statement_timeout: '17s' }]);
    const answer = await client.query({ ...prepared, values: [21] });
    assert.deepEqual(answer.rows, [{ double: 42 }]);
    await eventually(async () => {
      await standby.query("NOTIFY news, 'new'");
      assert(received.includes('new'));
    });
  });
});

/** Waits until the database has been running a statement with this text for a while. */
async function untilRunning(outage: Outage, text: string, since = '0 s'): Promise<void> {
  for (;;) {
    const rows = await outage.cluster.primary.query(
      `SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()
        AND query_start < clock_timestamp() - $2::interval`,
      [`%${text}%`, since],
    );
    if (rows.length > 0) return;
    await delay(20);
  }
}
