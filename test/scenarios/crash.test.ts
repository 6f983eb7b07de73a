import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bind,
  execute,
  fieldsOf,
  parse,
  query,
  rowsOf,
  summary,
  sync,
} from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';
import type { Route } from '../helpers/routes.ts';

/** Lines in the database's log about a server process that a signal has ended. */
const crashes: string[] = [];
const onLog = (line: string): void => {
  if (line.includes('was terminated by signal')) crashes.push(line);
};

/** A long read, which contains `mark`. */
const longRead = (mark: string): string =>
  `SELECT count(*), '${mark}' FROM generate_series(1, 200000000) WHERE generate_series % 7 = 3`;

/** A short read, which contains `mark`. */
const shortRead = (mark: string): string =>
  `SELECT count(*), '${mark}' FROM generate_series(1, 3000000)`;

/** PostgreSQL 18.4 and older do not check the number of arguments if VARIADIC is NULL. */
const crashingRead =
  "SELECT satisfies_hash_partition('parted'::regclass, 4, 0, VARIADIC NULL::int[])";

async function running(route: Route, mark: string): Promise<number> {
  return eventually(async () => {
    const found = (await route.backends()).find(
      ({ state, query: text }) => state === 'active' && text.includes(mark),
    );
    assert(found !== undefined, `${mark} does not run`);
    return found.pid;
  });
}

const asQuery = (text: string): Buffer[] => [query(text)];
const asExtended = (text: string): Buffer[] => [parse('', text), bind(''), execute(), sync];

onEachRoute(
  'a server process that crashes',
  { routes: ['node', 'bun'], settings: { PoolSize: 5 }, postgres: { onLog } },
  (route) => {
    /** Whether the session continues on the restarted database. */
    async function goesOn(client: RawClient): Promise<void> {
      assert.equal(await client.value('SELECT 42'), '42');
    }

    for (const [protocol, send] of [
      ['simple', asQuery],
      ['extended', asExtended],
    ] as const) {
      test(`${protocol}: the client of the crashed read gets the error, and the others' reads run again`, async (t) => {
        const [suspect, bystander, writer] = await Promise.all([
          route().login(t),
          route().login(t),
          route().login(t),
        ]);
        await writer.query('CREATE TABLE IF NOT EXISTS written (id int)');
        await writer.query('BEGIN; INSERT INTO written VALUES (1)');
        const before = crashes.length;
        suspect.send(...send(longRead(`suspect of ${protocol}`)));
        bystander.send(...send(shortRead(`bystander of ${protocol}`)));
        const pid = await running(route(), `suspect of ${protocol}`);
        process.kill(pid, 'SIGSEGV');
        const [error] = (await suspect.ready()).filter(({ code }) => code === 'E');
        assert(error !== undefined, 'the suspect was not told');
        assert.equal(fieldsOf(error)['C'], '08006');
        assert.equal(fieldsOf(error)['S'], 'ERROR');
        assert.deepEqual(rowsOf(await bystander.ready()), [
          ['3000000', `bystander of ${protocol}`],
        ]);
        assert.match(summary(await writer.query('COMMIT')), /^E 40001|C ROLLBACK/);
        await goesOn(suspect);
        // The log may come later than the answer.
        await eventually(() => assert.equal(crashes.length, before + 1, 'server processes'));
      });
    }

    for (const [protocol, send] of [
      ['simple', asQuery],
      ['extended', asExtended],
    ] as const) {
      test(`${protocol}: a read that crashes it runs once, with a pool of others and alone`, async (t) => {
        const client = await route().login(t);
        await client.query(
          'DROP TABLE IF EXISTS parted; CREATE TABLE parted (id int) PARTITION BY HASH (id)',
        );
        const before = crashes.length;
        client.send(...send(crashingRead));
        const answer = summary(await client.ready());
        if (crashes.length === before && !answer.includes('E 08006')) {
          t.diagnostic('this version of PostgreSQL does not crash');
          return;
        }
        assert.match(answer, /^(1 \| 2 \| )?E 08006 \| Z I$/);
        await goesOn(client);
        // The log may come later than the answer.
        await eventually(() => assert.equal(crashes.length, before + 1, 'server processes'));
      });
    }
  },
);
