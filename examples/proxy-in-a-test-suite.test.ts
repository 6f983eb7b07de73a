// A test suite that starts PostgreSQL and Sluice in its own process.
//
//   npm pkg set type=module
//   npm install --save-dev sluice @sluice/postgres pg
//   node --test proxy-in-a-test-suite.test.ts
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startPostgres } from '@sluice/postgres';
import type { Postgres } from '@sluice/postgres';
import { Client, Pool } from 'pg';
import { onEvent, startProxy } from 'sluice';
import type { Proxy } from 'sluice';

let postgres: Postgres;
let proxy: Proxy;
let url: string;

before(async () => {
  postgres = await startPostgres();
  const { host, port, user, password, database } = postgres;
  proxy = await startProxy({
    TargetHost: host,
    TargetPort: port,
    TargetTlsMode: 'disable',
    PoolSize: 2,
    Users: [{ UserName: user, Password: password }],
  });
  url = `postgres://${user}:${password}@${proxy.host}:${proxy.port}/${database}`;
});

after(async () => {
  await proxy.stop();
  await postgres.stop();
});

test('twenty clients share two server connections', async () => {
  const pool = new Pool({ connectionString: url, max: 20 });
  const answers = await Promise.all(
    Array.from({ length: 200 }, () =>
      pool.query<{ pid: number }>('select pg_backend_pid() as pid'),
    ),
  );
  assert.ok(new Set(answers.map(({ rows }) => rows[0]?.pid)).size <= 2);
  await pool.end();
});

test('shows which statement pins a session', async () => {
  const pinned: string[] = [];
  const stop = onEvent('sessionPinned', ({ statement }) => pinned.push(statement));
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('create temporary table basket (item text)');
  stop();
  assert.deepEqual(pinned, ['create temporary table basket (item text)']);
  assert.equal(proxy.status().endpoints[0]?.clients.pinned, 1);
  await client.end();
});

test('clients wait during maintenance of the database', async () => {
  const client = new Client({ connectionString: url });
  await client.connect();
  assert.equal(await proxy.pause(), true);
  const answer = client.query<{ one: number }>('select 1 as one');
  // … restart the database, switch over …
  proxy.resume();
  assert.deepEqual((await answer).rows, [{ one: 1 }]);
  await client.end();
});
