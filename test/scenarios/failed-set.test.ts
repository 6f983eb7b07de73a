import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bind, execute, parse, query, sync } from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';

/** A SET of a parameter: to a value that PostgreSQL accepts, and to one that it refuses. */
interface Target {
  readonly name: string;
  readonly good: string;
  readonly bad: string;
}

const targets: readonly Target[] = [
  { name: 'work_mem', good: '9MB', bad: 'nonsense' },
  { name: 'DateStyle', good: 'German', bad: 'nonsense' },
  { name: 'statement_timeout', good: '61s', bad: 'nonsense' },
  { name: 'extra_float_digits', good: '2', bad: '77' },
  { name: 'role', good: 'owner', bad: 'nobody' },
  { name: 'session_authorization', good: 'owner', bad: 'nobody' },
];

type Write = (name: string, value: string) => string;

const writes: Readonly<Record<string, Write>> = {
  SET: (name, value) =>
    name === 'session_authorization'
      ? `SET SESSION AUTHORIZATION '${value}'`
      : `SET ${name} = '${value}'`,
  'set_config()': (name, value) => `SELECT set_config('${name}', '${value}', false)`,
  'set_config() in a block': (name, value) =>
    `DO $$ BEGIN PERFORM set_config('${name}', '${value}', false); END $$`,
};

/** The messages of a statement in the extended protocol, without Sync. */
const run = (text: string): Buffer[] => [parse('', text), bind(''), execute()];

/** Sends a cycle, and reads its reply. */
async function send(client: RawClient, messages: readonly Buffer[]): Promise<void> {
  client.send(Buffer.concat(messages));
  await client.ready();
}

/** How a SET has no effect: `good` is a statement that succeeds, `bad` one that fails. */
const ways: Readonly<
  Record<string, (client: RawClient, good: string, bad: string) => Promise<void>>
> = {
  'alone in a Query': (client, _good, bad) => send(client, [query(bad)]),
  'alone in an extended cycle': (client, _good, bad) => send(client, [...run(bad), sync]),
  'before an error in one text': (client, good) => send(client, [query(`${good}; SELECT 1 / 0`)]),
  'before an error in one extended cycle': (client, good) =>
    send(client, [...run(good), ...run('SELECT 1 / 0'), sync]),
  'before an error of a Parse in one extended cycle': (client, good) =>
    send(client, [...run(good), ...run('SELECT nonsense'), sync]),
  'before ROLLBACK in one text': (client, good) => send(client, [query(`${good}; ROLLBACK`)]),
  'before ROLLBACK in one extended cycle': (client, good) =>
    send(client, [...run(good), ...run('ROLLBACK'), sync]),
  'in a transaction that it fails': async (client, _good, bad) => {
    await send(client, [query('BEGIN')]);
    await send(client, [query(bad)]);
    await send(client, [query('COMMIT')]);
  },
  'in a transaction that is rolled back': async (client, good) => {
    await send(client, [query('BEGIN')]);
    await send(client, [query(good)]);
    await send(client, [query('ROLLBACK')]);
  },
  'in a transaction of the extended protocol that is rolled back': async (client, good) => {
    await send(client, [...run('BEGIN'), ...run(good), ...run('ROLLBACK'), sync]);
  },
  'before a savepoint that is rolled back to': async (client, good) => {
    await send(client, [query('BEGIN; SAVEPOINT s')]);
    await send(client, [query(good)]);
    await send(client, [query('ROLLBACK TO s; COMMIT')]);
  },
  'refused before a savepoint that is rolled back to': async (client, _good, bad) => {
    await send(client, [query('BEGIN; SAVEPOINT s')]);
    await send(client, [...run(bad), sync]);
    await send(client, [query('ROLLBACK TO s')]);
    await send(client, [query('COMMIT')]);
  },
  'refused, and skipped cycles behind it': async (client, good, bad) => {
    client.send(Buffer.concat([query(bad), ...run('SELECT nonsense'), ...run(good), sync]));
    await client.ready();
    await client.ready();
  },
};

onEachRoute(
  'a SET without effect leaves no trace',
  {
    settings: { PoolSize: 1 },
    sample: onOneRuntime,
  },
  (route) => {
    /** Where the value of a parameter comes from, as the session sees it. */
    const sourceOf = async (client: RawClient, name: string): Promise<string> => {
      const [row] = await client.rows(
        `SELECT current_setting('${name}'), (SELECT source FROM pg_settings s
           WHERE lower(s.name) = lower('${name}')), current_user, session_user`,
      );
      return JSON.stringify(row);
    };

    for (const target of targets)
      for (const [how, write] of Object.entries(writes))
        test(`${how} of ${target.name}`, async (t) => {
          const { name, good, bad } = target;
          const other = await route().login(t);
          await other.rows('DROP ROLE IF EXISTS owner; CREATE ROLE owner');
          const failed: string[] = [];
          for (const [title, way] of Object.entries(ways)) {
            const client = await route().login(t);
            const before = await sourceOf(client, name);
            await way(client, write(name, good), write(name, bad));
            // The other session changes the connection, so that what this one has is set again.
            await other.rows(write(name, good));
            await other.rows('RESET ALL; RESET SESSION AUTHORIZATION; RESET ROLE');
            const after = await sourceOf(client, name);
            if (after !== before) failed.push(`${title}: ${before} became ${after}`);
            await client.end();
          }
          assert.deepEqual(failed, []);
          await other.rows('RESET SESSION AUTHORIZATION; RESET ROLE; DROP ROLE owner');
        });
  },
);
