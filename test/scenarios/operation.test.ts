import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bind, execute, fieldsOf, parse, query, summary, sync } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startDatabase } from '../helpers/database.ts';
import { eventually } from '../helpers/routes.ts';
import type { Owner } from '../helpers/routes.ts';
import { Sluice } from '../helpers/sluice.ts';
import type { Runtime } from '../helpers/runtime.ts';
import type { Address } from '../helpers/raw-client.ts';
import { after, before } from 'node:test';
import type { Postgres } from '@sluice/testkit';

suite('operation', () => {
  let database: Postgres;
  before(async () => {
    database = await startDatabase();
  });
  after(() => database.stop('immediate'));

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => declare(runtime));
  }

  function declare(runtime: Runtime): void {
    const start = async (
      owner: Owner,
      settings: Readonly<Record<string, unknown>> = {},
    ): Promise<Sluice> => {
      const sluice = await Sluice.start(database, settings, runtime);
      owner.after(() => sluice.kill());
      return sluice;
    };
    const address = ({ host, port }: Sluice): Address => {
      const { user, password, database: name } = database;
      return { host, port, user, password, database: name };
    };
    const login = async (sluice: Sluice, owner: Owner): Promise<RawClient> => {
      const client = await RawClient.login(address(sluice));
      owner.after(() => client.end());
      return client;
    };

    test('SIGTERM drains: transactions finish, idle clients get an error, new ones are refused, exit 0', async (t) => {
      const sluice = await start(t);
      const [idle, working, running] = await Promise.all([
        login(sluice, t),
        login(sluice, t),
        login(sluice, t),
      ]);
      await working.query('BEGIN');
      running.send(query("SELECT pg_sleep(0.5), 'done'"));
      await eventually(async () => {
        const active = await database.query(
          "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%0.5%done%' AND pid <> pg_backend_pid()",
        );
        assert.equal(active.length, 1);
      });
      sluice.signal('SIGTERM');
      assert.equal(summary(await idle.untilClosed()), 'E 57P01');
      await assert.rejects(RawClient.login(address(sluice)));
      assert.equal(await working.value('SELECT 1'), '1');
      const finished = summary(await running.ready());
      assert.equal(finished, 'T | D  done | C SELECT 1 | Z I');
      assert.equal(summary(await working.query('COMMIT')), 'C COMMIT | Z I');
      assert.equal(summary(await working.untilClosed()), 'E 57P01');
      assert.equal(await sluice.exited(), 0);
      await eventually(async () => {
        const left = await database.query(
          "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        );
        assert.equal(left.length, 0);
      });
    });

    test('a second SIGTERM stops immediately', async (t) => {
      const sluice = await start(t);
      const working = await login(sluice, t);
      await working.query('BEGIN');
      sluice.signal('SIGTERM');
      await sluice.logged(({ msg }) => msg.includes('draining'));
      // A signal within 0.3 s of the first counts as its echo.
      const again = setInterval(() => sluice.signal('SIGTERM'), 100);
      t.after(() => clearInterval(again));
      const seen = await working.untilClosed();
      assert(seen.every((message) => message.code === 'E' && fieldsOf(message)['C'] === '57P01'));
      assert.equal(await sluice.exited(), 0);
    });

    test('the drain has its own time limit', async (t) => {
      const sluice = await start(t, { DrainTimeout: 0.5 });
      const working = await login(sluice, t);
      await working.query('BEGIN');
      sluice.signal('SIGTERM');
      await working.untilClosed();
      assert.equal(await sluice.exited(), 0);
    });

    test('changed settings apply while clients stay; those that cannot change are named', async (t) => {
      const sluice = await start(t, { PoolSize: 1 });
      const [one, two] = await Promise.all([login(sluice, t), login(sluice, t)]);
      await one.query('BEGIN');
      await sluice.rewrite({ ConnectionBorrowTimeout: 0.2 });
      await sluice.logged(({ msg }) => msg === 'settings reloaded');
      assert.equal(summary(await two.query('SELECT 1')), 'E 08000 | Z I');
      await sluice.rewrite({ PoolSize: 2, ConnectionBorrowTimeout: 30, ListenPort: 1 });
      await sluice.logged(({ msg }) => msg.includes('ListenPort'));
      assert.equal(await two.value('SELECT 1'), '1');
      assert.equal(summary(await one.query('COMMIT')), 'C COMMIT | Z I');
    });

    test('SIGHUP with an invalid file changes nothing, and reports the problem', async (t) => {
      const sluice = await start(t, { PoolSize: 1 });
      const client = await login(sluice, t);
      await sluice.rewrite({ PoolSize: 'many' });
      sluice.signal('SIGHUP');
      await sluice.logged(({ msg }) => msg.includes('PoolSize') && msg.includes('"many"'));
      assert.equal(await client.value('SELECT 1'), '1');
    });

    test('the admin port answers', async (t) => {
      const sluice = await start(t);
      await login(sluice, t);
      assert.equal((await sluice.admin('/healthz')).status, 200);
      assert.equal((await sluice.admin('/readyz')).status, 200);
      const { body } = await sluice.admin('/metrics');
      assert.match(body, /^sluice_client_connections\{.*state="idle".*\} 1$/m);
      assert.match(body, /^# TYPE sluice_query_duration_seconds histogram$/m);
    });

    test('DebugLogging logs normalized queries, and no values', async (t) => {
      const [quiet, debugging] = await Promise.all([start(t), start(t, { DebugLogging: true })]);
      for (const sluice of [quiet, debugging]) {
        const client = await login(sluice, t);
        await client.query("SELECT 'a secret literal' AS simple_column");
        client.send(parse('', 'SELECT $1::text AS bound_column'), bind('', ['a secret value']));
        client.send(execute(), sync);
        await client.ready();
        await sluice.stop();
      }
      const shapes = debugging.log
        .filter(({ msg }) => msg === 'statement')
        .map((line) => line['normalizedQuery']);
      assert.deepEqual(shapes, ["select '?' as simple_column", 'select $1::text as bound_column']);
      assert.doesNotMatch(JSON.stringify(quiet.log), /bound_column|simple_column/);
      for (const { log } of [quiet, debugging]) {
        const text = JSON.stringify(log);
        assert(!text.includes(database.password));
        assert(!text.includes('secret'));
      }
    });

    test('an unavailable database: /readyz reports it, a client waits, and is served when it is back', async (t) => {
      const own = await startDatabase();
      t.after(() => own.stop('immediate'));
      const sluice = await Sluice.start(own, {}, runtime);
      t.after(() => sluice.kill());
      const client = await login(sluice, t);
      assert.equal(await client.value('SELECT 1'), '1');
      await own.shutdown('immediate');
      client.send(query('SELECT 2'));
      const answer = client.ready(30_000);
      await own.start();
      const outcome = summary(await answer);
      assert(
        ['T | D 2 | C SELECT 1 | Z I', 'E 08006 | Z I', 'E 57P01 | Z I'].includes(outcome),
        outcome,
      );
      assert.equal(await client.value('SELECT 3'), '3');
    });
  }
});
