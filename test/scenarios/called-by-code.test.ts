import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawClient } from '../helpers/raw-client.ts';
import { bind, execute, parse, query, summary, sync } from '../helpers/messages.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';

async function replyTo(client: RawClient, ...requests: readonly Buffer[]): Promise<string> {
  client.send(...requests);
  return summary(await client.ready());
}

/** Ways in which database code calls the statement `p`, whose name no text shows. */
const calls: readonly (readonly [string, readonly Buffer[], string])[] = [
  ['a function', [query("SELECT runs('execute p')")], 'T | D 42 | C SELECT 1 | Z I'],
  [
    'a function over the protocol',
    [parse('', 'SELECT runs($1)'), bind('', ['execute p']), execute(), sync],
    '1 | 2 | D 42 | C SELECT 1 | Z I',
  ],
  [
    'a block',
    [query("DO $$ DECLARE v text; BEGIN EXECUTE 'execute p' INTO v; ASSERT v = '42'; END $$")],
    'C DO | Z I',
  ],
  ['a trigger', [query('INSERT INTO called VALUES (1)')], 'C INSERT 0 1 | Z I'],
];

const options = { settings: { PoolSize: 2 }, sample: onOneRuntime };

onEachRoute('code that calls a statement by its name', options, (route) => {
  /** Occupies a connection, so that others get another one. */
  async function taken(other: RawClient, run: () => Promise<void>): Promise<void> {
    await replyTo(other, query('BEGIN'));
    await run();
    await replyTo(other, query('ROLLBACK'));
  }

  test('finds a statement of the protocol after an EXECUTE in a text of the client', async (t) => {
    const client = await route().login(t);
    const block = query(
      "DO $$ DECLARE v text; BEGIN EXECUTE 'execute q' INTO v; ASSERT v = '42'; END $$",
    );
    assert.equal(await replyTo(client, parse('q', "SELECT '42'::text"), sync), '1 | Z I');
    // See docs/pinning.md, "Differences from a direct connection".
    assert.equal(await replyTo(client, block), route().isDirect ? 'C DO | Z I' : 'E 26000 | Z I');
    const closing = query("DO $$ BEGIN EXECUTE 'deallocate q'; END $$");
    const closed = await replyTo(client, closing);
    assert.equal(closed, route().isDirect ? 'C DO | Z I' : 'E 26000 | Z I');
    if (route().isDirect) await replyTo(client, parse('q', "SELECT '42'::text"), sync);
    assert.equal(await replyTo(client, query('EXECUTE q')), 'T | D 42 | C SELECT 1 | Z I');
    assert.equal(await replyTo(client, block), 'C DO | Z I');
    assert.equal(await replyTo(client, closing), 'C DO | Z I');
    assert.equal(
      await replyTo(client, bind('q'), execute(), sync),
      route().isDirect ? 'E 26000 | Z I' : '2 | D 42 | C SELECT 1 | Z I',
    );
  });

  test('finds a SQL-level prepared statement on any connection', async (t) => {
    await route().database.query(`
      CREATE OR REPLACE FUNCTION runs(t text) RETURNS SETOF text LANGUAGE plpgsql
        AS $$ BEGIN RETURN QUERY EXECUTE t; END $$;
      CREATE TABLE IF NOT EXISTS called (v int);
      CREATE OR REPLACE FUNCTION on_called() RETURNS trigger LANGUAGE plpgsql
        AS $$ DECLARE v text; BEGIN EXECUTE 'execute p' INTO v; ASSERT v = '42'; RETURN NEW; END $$;
      CREATE OR REPLACE TRIGGER t BEFORE INSERT ON called FOR EACH ROW EXECUTE FUNCTION on_called()`);
    const [client, ...others] = await Promise.all([1, 2, 3].map(() => route().login(t)));
    const [other] = others;
    assert(client !== undefined && other !== undefined);
    assert.equal(await replyTo(client, query("PREPARE p AS SELECT '42'::text")), 'C PREPARE | Z I');
    // Another statement that can no longer be created does not matter.
    await replyTo(client, query('CREATE TABLE lost (v int)'));
    await replyTo(client, query('PREPARE lost AS SELECT * FROM lost'));
    await replyTo(client, query('DROP TABLE lost'));
    for (const [how, requests, expected] of calls) {
      for (let turn = 0; turn < 3; turn++) {
        assert.equal(await replyTo(client, ...requests), expected, how);
        await replyTo(other, query('DEALLOCATE ALL'));
        await taken(other, async () => {
          assert.equal(await replyTo(client, ...requests), expected, how);
        });
      }
      // In a transaction, which starts without mentioning it.
      await taken(other, async () => {
        await replyTo(client, query('BEGIN'));
        assert.equal(await replyTo(client, ...requests), expected.replace('Z I', 'Z T'), how);
        await replyTo(client, query('COMMIT'));
      });
    }
    assert.equal(await replyTo(other, query("SELECT runs('execute p')")), 'T | E 42601 | Z I');
    assert.equal(await replyTo(client, query('DEALLOCATE p')), 'C DEALLOCATE | Z I');
    assert.equal(await replyTo(client, query("SELECT runs('execute p')")), 'T | E 42601 | Z I');
  });

  test('finds every one of many statements', async (t) => {
    await route().database.query(`
      CREATE OR REPLACE FUNCTION runs(t text) RETURNS SETOF text LANGUAGE plpgsql
        AS $$ BEGIN RETURN QUERY EXECUTE t; END $$`);
    const [client, other] = await Promise.all([route().login(t), route().login(t)]);
    for (let at = 0; at < 50; at++)
      await replyTo(client, query(`PREPARE m${at} AS SELECT '${at}'::text`));
    await replyTo(other, query('DEALLOCATE ALL'));
    await taken(other, async () => {
      for (const at of [0, 31, 49])
        assert.equal(
          await replyTo(client, query(`SELECT runs('execute m${at}')`)),
          `T | D ${at} | C SELECT 1 | Z I`,
        );
    });
    for (let at = 0; at < 50; at++)
      assert.equal(await replyTo(client, query(`DEALLOCATE m${at}`)), 'C DEALLOCATE | Z I');
  });
});

onEachRoute('lastval() after DISCARD SEQUENCES', options, (route) => {
  for (const discard of ['DISCARD SEQUENCES', 'DISCARD ALL'])
    for (const draw of ["SELECT nextval('drawn')", "SELECT setval('drawn', 7)"])
      test(`is the last value drawn since then: ${discard}; ${draw}`, async (t) => {
        await route().database.query('CREATE SEQUENCE IF NOT EXISTS drawn');
        const client = await route().login(t, { parameters: { application_name: 'draws' } });
        await replyTo(client, query("SELECT nextval('drawn')"));
        await replyTo(client, query('SELECT lastval()'));
        for (let turn = 0; turn < 20; turn++) {
          assert.equal(await replyTo(client, query(discard)), `C ${discard} | Z I`);
          if (draw.includes('setval')) {
            // lastval() does not return this value.
            assert.match(await replyTo(client, query(draw)), /^T \| D 7/);
            assert.equal(
              await replyTo(client, query("SELECT currval('drawn')")),
              'T | D 7 | C SELECT 1 | Z I',
            );
            continue;
          }
          const drawn = await replyTo(client, query(draw));
          assert.equal(await replyTo(client, query('SELECT lastval()')), drawn);
          assert.equal(await replyTo(client, query("SELECT currval('drawn')")), drawn);
        }
      });
});
