import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bind, execute, parse, query, summary, sync } from '../helpers/messages.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';

/* A name that something has closed is free again, and only then. */

/** What closes every statement of a session. */
const closing = [
  'DEALLOCATE ALL',
  'DISCARD ALL',
  'SELECT closes()',
  "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
  'CALL closes_too()',
  'INSERT INTO closing VALUES (1)',
];

/** What does not. */
const keeping = ['DISCARD PLANS', 'SELECT keeps()', 'DO $$ BEGIN PERFORM 1; END $$'];

/** How the name was made. */
const made: Readonly<Record<string, readonly Buffer[]>> = {
  Parse: [parse('s', "SELECT 'before'"), bind('s'), execute(), sync],
  PREPARE: [query("PREPARE s AS SELECT 'before'")],
};

/** How it is sent, in front of the Parse. */
const ways: Readonly<Record<string, (text: string) => readonly Buffer[]>> = {
  'a Query': (text) => [query(text)],
  'a cycle of its own': (text) => [parse('', text), bind(''), execute(), sync],
  'the same cycle': (text) => [parse('', text), bind(''), execute()],
};

onEachRoute(
  'a name that was closed',
  { settings: { PoolSize: 1 }, sample: onOneRuntime },
  (route) => {
    test('the objects', async (t) => {
      const client = await route().login(t);
      await client.rows(`CREATE OR REPLACE FUNCTION closes() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$;
        CREATE OR REPLACE FUNCTION keeps() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT 1'; END $$;
        CREATE OR REPLACE PROCEDURE closes_too() LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$;
        CREATE OR REPLACE FUNCTION closes_inside() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN NEW; END $$;
        CREATE TABLE IF NOT EXISTS closing (id int);
        CREATE OR REPLACE TRIGGER t BEFORE INSERT ON closing FOR EACH ROW EXECUTE FUNCTION closes_inside();`);
    });
    for (const [way, messages] of Object.entries(ways))
      for (const [how, making] of Object.entries(made))
        for (const text of [...closing, ...keeping])
          for (const inTransaction of [false, true]) {
            if (inTransaction && text === 'DISCARD ALL') continue;
            test(`${how}, and ${text} in ${way}${inTransaction ? ', in a transaction' : ''}`, async (t) => {
              const client = await route().login(t);
              if (inTransaction) await client.query('BEGIN');
              client.send(...making);
              await client.ready();
              const sent = messages(text);
              client.send(...sent, parse('s', "SELECT 'after'"), bind('s'), execute(), sync);
              let replies = await client.ready();
              if (way !== 'the same cycle') replies = await client.ready();
              const isClosed = closing.includes(text);
              const end = inTransaction ? (isClosed ? 'Z T' : 'Z E') : 'Z I';
              const expected = isClosed
                ? `1 | 2 | D after | C SELECT 1 | ${end}`
                : `E 42P05 | ${end}`;
              assert(summary(replies).endsWith(expected), summary(replies));
              if (inTransaction) await client.query('ROLLBACK');
              client.send(bind('s'), execute(), sync);
              const value = isClosed ? 'after' : 'before';
              const again = `2 | D ${value} | C SELECT 1 | Z I`;
              assert.equal(summary(await client.ready()), again);
              if (isClosed) return;
              client.send(parse('t', 'SELEC'), sync, parse('s', 'SELEC'), sync);
              assert.equal(
                summary([...(await client.ready()), ...(await client.ready())]),
                'E 42601 | Z I | E 42601 | Z I',
              );
            });
          }
  },
);
