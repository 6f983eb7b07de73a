import assert from 'node:assert/strict';
import { test } from 'node:test';
import { query, summary } from '../helpers/messages.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

onEachRoute(
  'replication connections',
  { settings: { PoolSize: 1 }, postgres: { parameters: { wal_level: 'logical' } } },
  (route) => {
    test('use the replication protocol on a dedicated server connection', async (t) => {
      const ordinary = await route().login(t);
      await ordinary.query('BEGIN');
      const client = await route().login(t, { parameters: { replication: 'database' } });
      const [row] = await client.rows('IDENTIFY_SYSTEM');
      assert.equal(row?.[3], 'shop');
      assert.equal(await client.value('SHOW work_mem'), '4MB');
      await ordinary.query('COMMIT');
    });

    test('stream changes', async (t) => {
      const writer = await route().login(t);
      await writer.query('CREATE TABLE IF NOT EXISTS news (text text)');
      await writer.query('DROP PUBLICATION IF EXISTS news; CREATE PUBLICATION news FOR TABLE news');
      const client = await route().login(t, { parameters: { replication: 'database' } });
      await client.query('CREATE_REPLICATION_SLOT feed TEMPORARY LOGICAL pgoutput');
      client.send(
        query(
          "START_REPLICATION SLOT feed LOGICAL 0/0 (proto_version '1', publication_names 'news')",
        ),
      );
      assert.equal(summary(await client.until('W')), 'W');
      await writer.query("INSERT INTO news VALUES ('a change that is looked for')");
      await eventually(async () => {
        const { body } = await client.next();
        assert(body.includes('a change that is looked for'));
        // PostgreSQL 16 once took more than ten seconds on a busy machine, without a proxy.
      }, 30_000);
      client.destroy();
      await client.closed;
      await eventually(async () => {
        const backends = await route().backends();
        assert(backends.every(({ query: text }) => !text.startsWith('START_REPLICATION')));
      });
    });

    test('of the physical kind', async (t) => {
      const client = await route().login(t, { parameters: { replication: 'true' } });
      const [row] = await client.rows('IDENTIFY_SYSTEM');
      assert.equal(row?.[3], null);
    });
  },
);
