import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bind,
  copyData,
  execute,
  flush,
  parse,
  query,
  summary,
  sync,
} from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

const megabyte = 'x'.repeat(1_000_000);

/** The action of a client before it disappears. */
const deeds: Readonly<Record<string, (client: RawClient) => unknown>> = {
  'while idle': (client) => client.query('SELECT 1'),
  'in a transaction': (client) => client.query('BEGIN; INSERT INTO ledger VALUES (1)'),
  'in a failed transaction': (client) => client.query('BEGIN; SELECT 1/0'),
  'while a statement runs': (client) => client.send(query('SELECT pg_sleep(0.2)')),
  'in an extended cycle': async (client) => {
    client.send(parse('', 'INSERT INTO ledger VALUES (2)'), bind(''), execute(), flush);
    await client.until('C');
  },
  'in an extended cycle, without a Flush': (client) =>
    client.send(parse('', 'INSERT INTO ledger VALUES (8)'), bind(''), execute()),
  'in an extended cycle, before any reply': (client) =>
    client.send(parse('left', 'INSERT INTO ledger VALUES (3)'), bind('left')),
  'in a pipeline': (client) =>
    client.send(
      ...Array.from({ length: 50 }, () =>
        Buffer.concat([parse('', 'SELECT pg_sleep(0.005)'), bind(''), execute(), sync]),
      ),
    ),
  'during a copy in': async (client) => {
    client.send(query('COPY ledger FROM STDIN'));
    await client.until('G');
    client.send(copyData('4\n'));
  },
  'during a copy in with an extended query': async (client) => {
    client.send(parse('', 'COPY ledger FROM STDIN'), bind(''), execute(), flush);
    await client.until('G');
    client.send(copyData('5\n'));
  },
  'during a copy out': async (client) => {
    client.send(query(`COPY (SELECT '${megabyte}' FROM generate_series(1, 200)) TO STDOUT`));
    await client.until('H');
    client.pause();
  },
  'during a large reply': async (client) => {
    client.send(query(`SELECT '${megabyte}' FROM generate_series(1, 200)`));
    await client.until('T');
    client.pause();
  },
  'after half a header': (client) => client.send(Buffer.from('Q\0\0')),
  'after half a query': (client) =>
    client.send(query(`INSERT INTO ledger VALUES (6)`).subarray(0, 20)),
  'after half a query, in a transaction': async (client) => {
    await client.query('BEGIN; INSERT INTO ledger VALUES (7)');
    client.send(query(`SELECT '${megabyte}'`).subarray(0, 500_000));
  },
  'after half a bind': (client) =>
    client.send(parse('', 'SELECT $1'), bind('', [megabyte]).subarray(0, 500_000)),
  'after half a message of copy data': async (client) => {
    client.send(query('COPY ledger FROM STDIN'));
    await client.until('G');
    client.send(copyData(megabyte).subarray(0, 500_000));
  },
};

onEachRoute('a client that disappears', { settings: { PoolSize: 2 } }, (route) => {
  for (const [when, deed] of Object.entries(deeds)) {
    test(`${when} does not affect others`, async (t) => {
      await route().database.query('CREATE TABLE IF NOT EXISTS ledger (id int); TRUNCATE ledger');
      const bystander = await route().login(t);
      const vanishing = await route().login(t);
      await deed(vanishing);
      vanishing.destroy();
      await vanishing.closed;
      for (let turn = 0; turn < 5; turn += 1) {
        assert.equal(await bystander.value(`SELECT ${turn}`), String(turn));
        const other = await route().login(t);
        assert.equal(summary(await other.query('SELECT 1')), 'T | D 1 | C SELECT 1 | Z I');
        await other.end();
      }
      await route().quiet();
      assert.deepEqual(await route().database.query('SELECT * FROM ledger'), []);
      await eventually(async () => {
        const most = route().isDirect ? 1 : 2;
        assert((await route().backends()).length <= most, 'more connections than the pool holds');
      });
    });
  }

  test('a hundred of them at once, during different actions', async (t) => {
    const bystander = await route().login(t);
    const all = Object.values(deeds);
    const count = route().isDirect ? 40 : 100;
    await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const client = await route().login(t);
        const deed = all[index % all.length];
        // Some never get a server connection, since others keep theirs until they disappear.
        void Promise.resolve(deed?.(client)).catch(() => undefined);
        await new Promise(setImmediate);
        client.destroy();
        await client.closed;
      }),
    );
    for (let turn = 0; turn < 20; turn += 1) {
      assert.equal(await bystander.value(`SELECT ${turn}`), String(turn));
    }
    await route().quiet();
    await route().database.query('TRUNCATE ledger');
  });
});
