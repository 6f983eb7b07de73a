import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bind,
  execute,
  fieldsOf,
  parse,
  query,
  startupPacket,
  summary,
  sync,
} from '../helpers/messages.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

const routes = ['node', 'bun'] as const;

onEachRoute(
  'a full pool',
  { settings: { PoolSize: 1, ConnectionBorrowTimeout: 2 }, routes },
  (route) => {
    test('a session that waits too long gets 08000 with the reason, and continues', async (t) => {
      const leaseholder = await route().login(t);
      await leaseholder.query('BEGIN');
      const waiting = await route().login(t);
      const began = performance.now();
      const [error, ready] = await waiting.query('SELECT 1');
      const waited = performance.now() - began;
      assert(error !== undefined && ready?.code === 'Z');
      const { C: code, M: text = '' } = fieldsOf(error);
      assert.equal(code, '08000');
      assert.match(text, /pool .*shop.* has 1 of 1 connections open, and \d+ sessions are waiting/);
      assert(waited >= 1990 && waited < 25_000, `${waited} ms`);
      assert.equal(ready.body.toString(), 'I');
      await leaseholder.query('COMMIT');
      assert.equal(await waiting.value('SELECT 1'), '1');
    });

    test('the same for a cycle of extended messages, and for the next one', async (t) => {
      const leaseholder = await route().login(t);
      await leaseholder.query('BEGIN');
      const waiting = await route().login(t);
      waiting.send(parse('', 'SELECT 1'), bind(''), execute(), sync);
      assert.equal(summary(await waiting.ready()), 'E 08000 | Z I');
      waiting.send(parse('', 'SELECT 2'), bind(''), execute(), sync);
      await leaseholder.query('COMMIT');
      assert.equal(summary(await waiting.ready()), '1 | 2 | D 2 | C SELECT 1 | Z I');
    });
  },
);

onEachRoute('the borrow queue', { settings: { PoolSize: 1 }, routes }, (route) => {
  test('waiting sessions are served in order', async (t) => {
    const leaseholder = await route().login(t);
    const waiting = [];
    for (let index = 0; index < 5; index += 1) waiting.push(await route().login(t));
    await route().database.query(
      'CREATE TABLE IF NOT EXISTS queue (place serial, who int); TRUNCATE queue',
    );
    await leaseholder.query('BEGIN');
    for (const [index, client] of waiting.entries()) {
      client.send(query(`INSERT INTO queue (who) VALUES (${index})`));
      await eventually(async () => {
        const waits = await route().sluice.metric('sluice_borrow_queue_length');
        assert.equal(waits, index + 1);
      });
    }
    await leaseholder.query('COMMIT');
    for (const client of waiting) assert.equal(summary(await client.ready()), 'C INSERT 0 1 | Z I');
    const served = await leaseholder.rows('SELECT who FROM queue ORDER BY place');
    assert.deepEqual(served.flat(), ['0', '1', '2', '3', '4']);
  });
});

onEachRoute(
  'limits of clients',
  {
    settings: {
      MaxClientConnections: 4,
      MaxClientConnectionsPerUser: 3,
      ClientLoginTimeout: 3,
      IdleClientTimeout: 3,
      IdleInTransactionTimeout: 1,
    },
    routes,
  },
  (route) => {
    test('one client too many of a user gets 53300, and the next one succeeds when another has left', async (t) => {
      const clients = await Promise.all([1, 2, 3].map(() => route().login(t)));
      const late = await route().open(t);
      await assert.rejects(late.login(), { code: '53300', severity: 'FATAL' });
      await late.closed;
      await clients[0]?.end();
      const later = await route().login(t);
      assert.equal(await later.value('SELECT 1'), '1');
    });

    test('a login that takes too long is closed, with an error if it had started', async (t) => {
      const silent = await route().open(t);
      const begun = await route().open(t);
      begun.send(startupPacket({ user: 'ann', database: 'shop' }));
      await begun.next();
      const [first, second] = await Promise.all([silent.untilClosed(), begun.untilClosed()]);
      assert(['', 'E 08006'].includes(summary(first)), summary(first));
      assert.equal(summary(second), 'E 08006');
    });

    test('an idle client is closed, a busy one is not', async (t) => {
      const idle = await route().login(t);
      const busy = await route().login(t);
      busy.send(query('SELECT pg_sleep(4)'));
      assert.equal(summary(await idle.untilClosed()), 'E 57P05');
      assert.equal(summary(await busy.ready()), 'T | D  | C SELECT 1 | Z I');
    });

    test('a client that leaves its transaction open is closed, and the transaction rolled back', async (t) => {
      await route().database.query('CREATE TABLE IF NOT EXISTS ledger (id int)');
      const client = await route().login(t);
      await client.query('BEGIN; INSERT INTO ledger VALUES (1)');
      assert.equal(summary(await client.untilClosed()), 'E 25P03');
      await route().quiet();
      assert.deepEqual(await route().database.query('SELECT * FROM ledger'), []);
    });
  },
);

onEachRoute(
  'a share of the database’s connections',
  {
    settings: { MaxConnectionsPercent: 50, ConnectionBorrowTimeout: 2 },
    postgres: { maxConnections: 13 },
    routes,
  },
  (route) => {
    test('the pool uses its percentage of what the database permits, and no more', async (t) => {
      // 13, minus 3 that are reserved for superusers, is 10; half of it is 5, and one of those is the health check's.
      const clients = await Promise.all(Array.from({ length: 8 }, () => route().login(t)));
      const answers = await Promise.all(clients.map((client) => client.query('BEGIN')));
      const summaries = answers.map((answer) => summary(answer)).toSorted();
      assert.deepEqual(summaries, [
        ...Array.from({ length: 4 }, () => 'C BEGIN | Z T'),
        ...Array.from({ length: 4 }, () => 'E 08000 | Z I'),
      ]);
      assert.equal((await route().backends()).length, 4);
      assert.equal(await route().healthChecks(), 1);
    });
  },
);
