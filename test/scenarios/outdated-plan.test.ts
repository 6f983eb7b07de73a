import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawClient } from '../helpers/raw-client.ts';
import { bind, describe, execute, parse, query, story, sync } from '../helpers/messages.ts';
import { onEachRoute } from '../helpers/routes.ts';

async function said(client: RawClient, ...requests: readonly Buffer[]): Promise<string> {
  client.send(...requests);
  return story(await client.ready());
}

const outdated = /^E 0A000 \| Z I$/;

/** "cached plan must not change result type": PostgreSQL says so for ever, a new preparation mends it. */
onEachRoute(
  'a statement whose rows have changed',
  { settings: { PoolSize: 1 }, routes: ['node', 'bun'] },
  (route) => {
    async function table(client: RawClient, name: string): Promise<() => Promise<void>> {
      await said(client, query(`DROP TABLE IF EXISTS ${name}`));
      await said(client, query(`CREATE TABLE ${name} AS SELECT 1 AS a`));
      return async () => {
        await said(client, query(`ALTER TABLE ${name} ADD COLUMN b int DEFAULT 2`));
      };
    }

    test('is prepared again within the request that learns its rows', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      const change = await table(other, 'grows_1');
      assert.equal(await said(session, parse('all', 'SELECT * FROM grows_1'), sync), '1 | Z I');
      const portal = [bind('all'), describe('P'), execute(), sync];
      assert.equal(await said(session, ...portal), '2 | T | D 1 | C SELECT 1 | Z I');
      await change();
      assert.equal(await said(session, ...portal), '2 | T | D 1 2 | C SELECT 1 | Z I');
      await said(other, query('ALTER TABLE grows_1 ADD COLUMN c int DEFAULT 3'));
      // Describe of a statement has told its parameters before it comes to its rows.
      const statement = [describe('S', 'all'), bind('all'), execute(), sync];
      assert.equal(await said(session, ...statement), 't | E 0A000 | Z I');
      assert.equal(await said(session, ...statement), 't | T | 2 | D 1 2 3 | C SELECT 1 | Z I');
    });

    test('is an error for who knows its rows from before, and the next use works', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      const change = await table(other, 'grows_2');
      await said(session, parse('all', 'SELECT * FROM grows_2'), describe('S', 'all'), sync);
      await said(session, bind('all'), execute(), sync);
      await change();
      assert.match(await said(session, bind('all'), execute(), sync), outdated);
      assert.equal(
        await said(session, bind('all'), execute(), sync),
        '2 | D 1 2 | C SELECT 1 | Z I',
      );
    });

    test('is an error in a transaction, and works in the next', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      await table(other, 'grows_3');
      await said(session, query('PREPARE all_3 AS SELECT * FROM grows_3'));
      await said(session, query('BEGIN; EXECUTE all_3'));
      await said(session, query('ALTER TABLE grows_3 ADD COLUMN b int'));
      assert.match(await said(session, query('EXECUTE all_3')), /^E 0A000 \| Z E$/);
      await said(session, query('ROLLBACK'));
      assert.equal(await said(session, query('EXECUTE all_3')), 'T | D 1 | C SELECT 1 | Z I');
    });

    test('of PREPARE is prepared again within EXECUTE, with what was sent behind it', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      const change = await table(other, 'grows_4');
      await said(session, query('PREPARE all_4 AS SELECT * FROM grows_4'));
      await said(session, query('EXECUTE all_4'));
      await change();
      assert.equal(await said(session, query('EXECUTE all_4')), 'T | D 1 2 | C SELECT 1 | Z I');
      assert.equal(
        await said(session, bind('all_4'), describe('P'), execute(), sync),
        '2 | T | D 1 2 | C SELECT 1 | Z I',
      );
    });

    test('is prepared again while the next group waits for its answers', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      const change = await table(other, 'grows_6');
      await said(session, parse('all', 'SELECT * FROM grows_6'), sync);
      await said(session, bind('all'), describe('P'), execute(), sync);
      await change();
      session.send(
        ...[bind('all'), describe('P'), execute(), parse('more', 'SELECT 1'), sync],
        ...[parse('most', 'SELECT 2'), sync],
      );
      assert.equal(story(await session.ready()), '2 | T | D 1 2 | C SELECT 1 | 1 | Z I');
      assert.equal(story(await session.ready()), '1 | Z I');
    });

    test('does not run again what has run: a pipeline gets the error', async (t) => {
      const [session, other] = await Promise.all([route().login(t), route().login(t)]);
      const change = await table(other, 'grows_5');
      await said(session, query('CREATE TABLE IF NOT EXISTS marks (v int); TRUNCATE marks'));
      await said(session, parse('all', 'SELECT * FROM grows_5'), sync);
      await said(session, bind('all'), describe('P'), execute(), sync);
      await change();
      session.send(
        ...[parse('', 'INSERT INTO marks VALUES (1)'), bind(''), execute()],
        ...[bind('all'), describe('P'), execute(), sync],
      );
      assert.match(story(await session.ready()), /^1 \| 2 \| C INSERT 0 1 \| E 0A000/);
      assert.equal(await said(session, query('TABLE marks')), 'T | C SELECT 0 | Z I');
      assert.equal(
        await said(session, bind('all'), describe('P'), execute(), sync),
        '2 | T | D 1 2 | C SELECT 1 | Z I',
      );
    });
  },
);
