import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import type { Postgres } from '@sluice/testkit';
import type { Message } from '../helpers/messages.ts';
import {
  bind,
  close,
  describe,
  execute,
  outline,
  parse,
  query,
  sync,
} from '../helpers/messages.ts';
import { triesAll } from '../helpers/extent.ts';
import { RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';

/*
 * Sessions prepare, describe and run statements while another connection changes the tables. In any order, each reply
 * is that of a direct connection.
 */

const sessions = 3;
const names = ['', 'a', 'b'] as const;

/** Statements, and a value for each parameter. */
const statements: readonly (readonly [text: string, ...values: string[]])[] = [
  ['SELECT * FROM t ORDER BY 1'],
  ['SELECT id FROM t WHERE id = $1', '1'],
  ['SELECT id FROM t WHERE id = $1', '3000000000'],
  ['SELECT * FROM v'],
  ["UPDATE t SET w = 'new' WHERE id = $1", '3000000000'],
  ["UPDATE t SET w = 'new' WHERE id = $1 RETURNING *", '1'],
  ['INSERT INTO t (id) VALUES ($1) RETURNING id', '2'],
  ['SELECT f(1) AS f'],
  ['SELECT m FROM moods WHERE m = $1', 'sad'],
  ['SELECT $1 || w FROM t', 'x'],
  ['VALUES (1)'],
];

/**
 * The changes of the other connection. No table earlier in search_path: PostgreSQL does not resolve names again because
 * of one, unlike for a function, so the rows would show when a plan was made.
 */
const changes = [
  'ALTER TABLE t ALTER id TYPE bigint',
  'ALTER TABLE t ALTER id TYPE int USING least(id::text::bigint, 9)::int',
  'ALTER TABLE t ALTER id TYPE text',
  'ALTER TABLE t ADD COLUMN x int DEFAULT 5',
  'ALTER TABLE t DROP COLUMN IF EXISTS x',
  'ALTER TABLE t RENAME w TO y',
  'ALTER TABLE t RENAME y TO w',
  'DROP TABLE t',
  'DROP TABLE IF EXISTS t; CREATE TABLE t (id int, w text); INSERT INTO t VALUES (1)',
  'CREATE OR REPLACE VIEW v AS SELECT 1 AS one',
  "DROP VIEW v; CREATE VIEW v AS SELECT 'one' AS one",
  "CREATE FUNCTION f(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $$int$$'",
  'DROP FUNCTION f(int)',
  'DROP FUNCTION f(numeric)',
  "DROP TABLE moods; DROP TYPE mood; CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE moods (m mood)",
] as const;

type Step =
  | { readonly change: number }
  | { readonly session: number; readonly does: 'begin' | 'end' }
  | {
      readonly session: number;
      readonly does:
        'parse' | 'parse and run' | 'describe' | 'run' | 'run binary' | 'run twice' | 'close';
      readonly name: number;
      readonly statement: number;
    };

const session = fc.nat(sessions - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ change: fc.nat(changes.length - 1) }) },
  {
    weight: 2,
    arbitrary: fc.record({ session, does: fc.constantFrom('begin' as const, 'end' as const) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      session,
      does: fc.constantFrom(
        'parse' as const,
        'parse and run' as const,
        'describe' as const,
        'run' as const,
        'run' as const,
        'run binary' as const,
        'run twice' as const,
        'close' as const,
      ),
      name: fc.nat(names.length - 1),
      statement: fc.nat(statements.length - 1),
    }),
  },
);

/** The columns or types in a description, without what differs between two schemas. */
function columnsOf({ code, body }: Message): string {
  if (code !== 'T') return '';
  const columns: string[] = [];
  for (let at = 2; at < body.length;) {
    const end = body.indexOf(0, at);
    const type = body.readUInt32BE(end + 7);
    // A user-defined type has another OID in each schema.
    columns.push(`${body.toString('utf8', at, end)} ${type < 16_384 ? type : 'own'}`);
    at = end + 19;
  }
  return ` (${columns.join(', ')})`;
}

function summaryOf(messages: readonly Message[]): string {
  return messages.map((message) => outline(message) + columnsOf(message)).join(' | ');
}

/** One side of the comparison: sessions, and their schemas. */
class World {
  readonly #schema: string;
  readonly #database: Postgres;
  readonly #clients: RawClient[] = [];
  /** The value for the statement of each name, for each session. */
  #values: string[][][] = [];
  #inTransaction: boolean[] = [];

  constructor(schema: string, database: Postgres) {
    this.#schema = schema;
    this.#database = database;
  }

  async begin(address: Address): Promise<void> {
    const schema = this.#schema;
    await this.#database.query(`
      DROP SCHEMA IF EXISTS ${schema} CASCADE;
      CREATE SCHEMA ${schema}; SET search_path = ${schema};
      CREATE TABLE t (id int, w text); INSERT INTO t VALUES (1);
      CREATE VIEW v AS SELECT 1 AS one;
      CREATE FUNCTION f(numeric) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $$numeric$$';
      CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods AS SELECT 'sad'::mood AS m`);
    const parameters = { search_path: schema };
    for (let at = 0; at < sessions; at++)
      this.#clients.push(await RawClient.login(address, { parameters }));
    this.#values = this.#clients.map(() => names.map(() => []));
    this.#inTransaction = this.#clients.map(() => false);
  }

  async end(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.end();
  }

  async take(at: Step): Promise<string> {
    if ('change' in at) {
      // It would wait for the locks of the sessions.
      if (this.#inTransaction.includes(true)) return 'left out';
      const change = changes[at.change] ?? '';
      const setting = `SET search_path = ${this.#schema}`;
      return this.#database.query(`${setting}; ${change}`).then(
        () => 'changed',
        () => 'refused',
      );
    }
    const client = this.#clients[at.session];
    const values = this.#values[at.session];
    assert(client !== undefined && values !== undefined);
    client.send(...this.#requests(at, values));
    const messages = await client.ready(20_000);
    const status = messages.at(-1)?.body.toString('latin1');
    this.#inTransaction[at.session] = status !== 'I';
    return summaryOf(messages);
  }

  #requests(at: Exclude<Step, { change: number }>, values: string[][]): Buffer[] {
    switch (at.does) {
      case 'begin':
        return [query('BEGIN')];
      case 'end':
        return [query('ROLLBACK')];
      default:
    }
    const name = names[at.name] ?? '';
    const [text = '', ...given] = statements[at.statement] ?? [];
    const known = values[at.name] ?? [];
    const run = [bind(name, known), execute()];
    switch (at.does) {
      case 'parse':
        values[at.name] = given;
        return [parse(name, text), describe('S', name), sync];
      case 'parse and run':
        values[at.name] = given;
        return [parse(name, text), bind(name, given), execute(), sync];
      case 'describe':
        return [describe('S', name), sync];
      case 'run':
        return [...run, sync];
      case 'run binary':
        return [bind(name, known, { binary: true }), execute(), sync];
      case 'run twice':
        return [...run, ...run, sync];
      default:
        return [close('S', name), sync];
    }
  }
}

for (const [poolSize, routes] of [
  [1, ['node']],
  [sessions, ['node', 'bun']],
] as const)
  onEachRoute(
    `sessions on changing tables, on ${poolSize} connections`,
    { settings: { PoolSize: poolSize }, routes, sample: onOneRuntime },
    (route) => {
      test('are the same as on direct connections, in any order', async (t) => {
        const { database, address } = route();
        const { host, port } = database;
        const direct = new World(`direct_${route().name}`, database);
        const pooled = new World(`pooled_${route().name}`, database);
        t.after(async () => {
          await direct.end();
          await pooled.end();
        });
        const runs = Number(process.env['SLUICE_TEST_RUNS'] ?? (triesAll ? 40 : 15));
        await fc.assert(
          fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 24 }), async (script) => {
            await Promise.all([direct.begin({ ...address, host, port }), pooled.begin(address)]);
            try {
              let steps = 0;
              const done: string[] = [];
              for (const at of script) {
                // A transaction keeps its connection: no other session may wait for it.
                if ('does' in at && at.does === 'begin' && poolSize < sessions) continue;
                const expected = await direct.take(at);
                const got = await pooled.take(at);
                done.push(`${inspect(at, { breakLength: Infinity })}: ${expected}`);
                // If the rows have changed, that error comes before one about a value.
                if (expected.startsWith('E 22') && got.startsWith('E 0A000')) continue;
                assert.equal(got, expected, `step ${++steps}\n${done.join('\n')}`);
              }
            } finally {
              await direct.end();
              await pooled.end();
            }
          }),
          { numRuns: runs },
        );
      });
    },
  );
