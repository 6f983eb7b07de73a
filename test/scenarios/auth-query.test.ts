import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { startDatabase } from '../helpers/database.ts';
import { Sluice } from '../helpers/sluice.ts';

const sql =
  'SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin AND ' +
  '(rolvaliduntil IS NULL OR rolvaliduntil > now())';

suite('users from AuthQuery', () => {
  let database: Postgres;
  before(async () => {
    database = await startDatabase();
    await database.query(
      `set scram_iterations = 5000; create role "o'Neil \\ é" login password 'secret'`,
    );
    await database.query(`create role later login password 'first'`);
    await database.query(`create role nologin password 'secret'`);
  });
  after(() => database.stop('immediate'));

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => {
      let sluice: Sluice;
      before(async () => {
        await database.query(`alter role later password 'first'`);
        sluice = await Sluice.start(
          database,
          { AuthQuery: sql, AuthQueryNegativeCacheTime: 0.5 },
          runtime,
        );
      });
      after(async () => {
        try {
          assert.equal(await sluice.stop(), 0);
        } finally {
          await sluice.kill();
        }
      });

      async function login(user: string, password: string): Promise<Client> {
        const { host, port } = sluice;
        const client = new Client({ host, port, user, password, database: 'shop' });
        client.on('error', () => undefined);
        await client.connect();
        return client;
      }

      async function who(user: string, password: string): Promise<unknown> {
        const client = await login(user, password);
        const { rows } = await client.query<{ who: string }>('select current_user as who');
        await client.end();
        return rows[0]?.who;
      }

      test('log in with their verifiers; the proxy logs in as them without a password', async () => {
        const user = String.raw`o'Neil \ é`;
        assert.equal(await who(user, 'secret'), user);
        await assert.rejects(who(user, 'wrong'), { code: '28P01' });
        assert.equal(await who(user, 'secret'), user);
      });

      test('a user who does not exist, has NOLOGIN, or is created later', async () => {
        for (const user of ['nobody', 'nologin'])
          await assert.rejects(who(user, 'secret'), {
            code: '28P01',
            message: `password authentication failed for user "${user}"`,
          });
        const user = `new_${runtime}`;
        await assert.rejects(who(user, 'secret'), { code: '28P01' });
        await database.query(`create role ${user} login password 'secret'`);
        // After a refusal, the proxy queries the database again instead of its cache.
        await assert.rejects(who(user, 'wrong'), { code: '28P01' });
        assert.equal(await who(user, 'secret'), user);
      });

      test('a changed password: the new one works immediately', async () => {
        const client = await login('later', 'first');
        await client.query('select 1');
        await database.query(`alter role later password 'second'`);
        // It has another salt than the cached one: the first attempt makes the proxy read it again.
        await who('later', 'second').catch((error: Error & { code?: string }) =>
          assert.equal(error.code, '28P01'),
        );
        assert.equal(await who('later', 'second'), 'later');
        await assert.rejects(who('later', 'first'), { code: '28P01' });
        await client.end();
      });
    });
  }
});
