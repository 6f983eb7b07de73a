import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import type { Owner, Route } from '../helpers/routes.ts';

/* A limit that leaves no connection at all is PostgreSQL's error, immediately. */

const password = 'teller secret';
const settings = {
  PoolSize: 2,
  // Longer than the test waits for a reply.
  ConnectionBorrowTimeout: 120,
  Users: [
    { UserName: 'ann', Password: 'correct horse' },
    { UserName: 'teller', Password: password },
  ],
};
const asTeller = { password, parameters: { user: 'teller', database: 'till' } };

const limits = [
  ['ALTER ROLE teller CONNECTION LIMIT 0', /53300: too many connections for role "teller"/],
  ['ALTER DATABASE till CONNECTION LIMIT 0', /53300: too many connections for database "till"/],
] as const;

/** A superuser elsewhere, and the role and the database without limits. */
async function begin(route: Route, owner: Owner): Promise<RawClient> {
  const elsewhere = await RawClient.login({ ...route.address, port: route.database.port });
  owner.after(() => elsewhere.end());
  for (const sql of [
    'DROP DATABASE IF EXISTS till WITH (FORCE)',
    'DROP ROLE IF EXISTS teller',
    `CREATE ROLE teller LOGIN PASSWORD '${password}'`,
    'CREATE DATABASE till',
  ])
    await elsewhere.rows(sql);
  // The daemon notices at the next login that the role and the database are others.
  const admin = await route.login(owner);
  await admin.query('ALTER ROLE CURRENT_USER CONNECTION LIMIT -1');
  await admin.end();
  return elsewhere;
}

onEachRoute('a CONNECTION LIMIT of 0', { settings, sample: onOneRuntime }, (route) => {
  for (const [limit, error] of limits) {
    test(`${limit}: before the first client`, async (t) => {
      const elsewhere = await begin(route(), t);
      await elsewhere.rows(limit);
      for (let turn = 0; turn < 3; turn += 1)
        await assert.rejects(route().login(t, asTeller), error);
      await elsewhere.rows(limit.replace('LIMIT 0', 'LIMIT -1'));
      // A change from elsewhere shows within a second.
      const client = await eventually(() => route().login(t, asTeller));
      assert.equal(await client.value('SELECT 1'), '1');
    });

    test(`${limit}: all connections are gone, and the client stays`, async (t) => {
      const elsewhere = await begin(route(), t);
      const client = await route().login(t, asTeller);
      assert.equal(await client.value('SELECT 1'), '1');
      await elsewhere.rows(limit);
      await elsewhere.rows(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'till' AND usename = 'teller'",
      );
      await assert.rejects(client.rows('SELECT 1'), route().isDirect ? /57P01|closed/ : error);
      await eventually(() => assert.rejects(route().login(t, asTeller), error));
      await elsewhere.rows(limit.replace('LIMIT 0', 'LIMIT -1'));
      if (!route().isDirect) assert.equal(await client.value('SELECT 1'), '1');
    });
  }
});
