import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { bind, execute, parse, summary, sync } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import type { Owner, Route } from '../helpers/routes.ts';
import { Sluice } from '../helpers/sluice.ts';

/*
 * Code in the database sets parameters whose names no client sends. Each test has its own names, because the proxy
 * searches all code for a name in any text.
 */

/**
 * Two sessions that share one server connection. The first creates what `sql` contains, and a function that reads a
 * parameter without its name in the text.
 */
async function sessions(
  route: Route,
  owner: Owner,
  name: string,
  sql: string,
): Promise<[RawClient, RawClient]> {
  const clients: [RawClient, RawClient] = [await route.login(owner), await route.login(owner)];
  await clients[0].query(`
    CREATE FUNCTION read_${name}() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('shop.${name}', true) $$;
    ${sql}`);
  return clients;
}

onEachRoute(
  'code in the database that sets parameters',
  {
    settings: { PoolSize: 1, ConnectionBorrowTimeout: 30 },
    routes: ['node', 'bun'],
    sample: onOneRuntime,
  },
  (route) => {
    /** The session keeps what `set` sets, every time, in both protocols. */
    async function carries(owner: Owner, name: string, sql: string, set: string): Promise<void> {
      const [own, other] = await sessions(route(), owner, `${name}_${route().name}`, sql);
      const read = `SELECT coalesce(read_${name}_${route().name}(), '')`;
      for (let round = 0; round < 6; round++) {
        const value = `v${round}`;
        const text = set.replaceAll('$value', value);
        if (round % 2 === 0) await own.query(text);
        else {
          own.send(parse('', text), bind(''), execute(), sync);
          assert.match(summary(await own.ready()), /C [^|]* \| Z I$/);
        }
        assert.equal(await other.value(read), '', `round ${round}: another session sees it`);
        assert.equal(await own.value(read), value, `round ${round}: it is lost`);
      }
      assert.equal(await route().sluice.metric('sluice_sessions_pinned'), 0);
    }

    test('a function, called directly', async (t) => {
      const name = `direct_${route().name}`;
      await carries(
        t,
        'direct',
        `CREATE FUNCTION set_${name}(v text) RETURNS void LANGUAGE plpgsql AS
           $$ BEGIN PERFORM set_config('shop.${name}', v, false); END $$;`,
        `SELECT set_${name}('$value')`,
      );
    });

    test('a function that others call, with SQL in a string', async (t) => {
      const name = `inner_${route().name}`;
      await carries(
        t,
        'inner',
        `CREATE FUNCTION set_${name}(v text) RETURNS void LANGUAGE plpgsql AS
           $$ BEGIN EXECUTE format('SET shop.${name} = %L', v); END $$;
         CREATE FUNCTION outer_${name}(v text) RETURNS void LANGUAGE plpgsql AS
           $$ BEGIN PERFORM set_${name}(v); END $$;
         CREATE FUNCTION outermost_${name}(v text) RETURNS void LANGUAGE sql
           BEGIN ATOMIC SELECT outer_${name}(v); END;`,
        `SELECT "outermost_${name}"('$value')`,
      );
    });

    test('a procedure that commits', async (t) => {
      const name = `called_${route().name}`;
      await carries(
        t,
        'called',
        `CREATE PROCEDURE set_${name}(v text) LANGUAGE plpgsql AS
           $$ BEGIN PERFORM set_config('shop.${name}', v, false); COMMIT; END $$;`,
        `CALL set_${name}('$value')`,
      );
    });

    test('a trigger, on the table of a view and of a foreign key', async (t) => {
      const name = `fired_${route().name}`;
      await carries(
        t,
        'fired',
        `CREATE FUNCTION on_${name}() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM set_config('shop.${name}', NEW.v, false); RETURN NEW; END $$;
         CREATE TABLE table_${name} (id serial PRIMARY KEY, v text);
         CREATE VIEW view_${name} AS SELECT v FROM table_${name};
         CREATE TRIGGER remember BEFORE INSERT ON table_${name} FOR EACH ROW EXECUTE FUNCTION on_${name}();`,
        `INSERT INTO view_${name} VALUES ('$value')`,
      );
    });

    test('a view', async (t) => {
      const name = `viewed_${route().name}`;
      await carries(
        t,
        'viewed',
        `CREATE FUNCTION set_${name}(v text) RETURNS text LANGUAGE sql AS
           $$ SELECT set_config('shop.${name}', v, false) $$;
         CREATE TABLE wanted_${name} AS SELECT 'v' || n AS v FROM generate_series(0, 5) n;
         CREATE VIEW view_${name} AS SELECT v, set_${name}(v) FROM wanted_${name};`,
        `SELECT * FROM view_${name} WHERE v = '$value'`,
      );
    });

    test('a function that a client has created and changed with DDL', async (t) => {
      const name = `changed_${route().name}`;
      const [own, other] = await sessions(route(), t, name, '');
      const read = `SELECT coalesce(read_${name}(), '')`;
      const define = (body: string): Promise<unknown> =>
        own.query(
          `CREATE OR REPLACE FUNCTION set_${name}(v text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN ${body} END $$`,
        );
      await define('NULL;');
      for (let run = 0; run < 6; run++) await own.query(`SELECT set_${name}('nothing')`);
      await define(`PERFORM set_config(concat('shop.', '${name}'), v, false);`);
      for (let run = 0; run < 6; run++) {
        await own.query(`SELECT set_${name}('hidden')`);
        assert.equal(await other.value(read), '', `run ${run}`);
      }
      await define(`PERFORM set_config('shop.${name}', v, false);`);
      await own.query(`SELECT set_${name}('named')`);
      assert.equal(await other.value(read), '');
      assert.equal(await own.value(read), 'named');
    });

    test('a temporary table of a function pins, unless it is dropped with the transaction', async (t) => {
      const name = `temp_${route().name}`;
      const [own, other] = await sessions(
        route(),
        t,
        name,
        `CREATE FUNCTION keeps_${name}() RETURNS void LANGUAGE plpgsql AS
           $$ BEGIN CREATE TEMP TABLE IF NOT EXISTS kept AS SELECT 1 AS v; END $$;
         CREATE FUNCTION drops_${name}() RETURNS void LANGUAGE plpgsql AS
           $$ BEGIN CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT 1 AS v; END $$;`,
      );
      for (let run = 0; run < 6; run++) {
        await own.query(`SELECT drops_${name}()`);
        assert.equal(await other.value('SELECT 1'), '1');
        await own.query(`SELECT keeps_${name}()`);
        assert.equal(await own.value('TABLE kept'), '1');
        assert.equal(await route().sluice.metric('sluice_sessions_pinned'), 1, `run ${run}`);
        await own.query('DROP TABLE kept');
        assert.equal(await other.value('SELECT 1'), '1');
      }
    });

    for (const [title, ...texts] of [
      ['fail', 'SELECT sets_NAME()'],
      ['fail in an extended cycle'],
      ['fail in a transaction', 'BEGIN', 'SELECT sets_NAME()', 'COMMIT'],
      [
        'are rolled back',
        'BEGIN',
        "SELECT set_config('shop.does', 'SET work_mem = 7000', true)",
        'SELECT sets_NAME()',
        'ROLLBACK',
      ],
      [
        'are rolled back to a savepoint',
        'BEGIN; SAVEPOINT s',
        "SELECT set_config('shop.does', 'SET work_mem = 7000', true)",
        'SELECT sets_NAME()',
        'ROLLBACK TO s; COMMIT',
      ],
    ] as const)
      test(`the state of a function whose first runs ${title} is found`, async (t) => {
        const name = `${title.replaceAll(' ', '_')}_${route().name}`;
        // What it sets, no text shows.
        const [own, other] = await sessions(
          route(),
          t,
          name,
          `CREATE FUNCTION sets_${name}() RETURNS int LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE current_setting('shop.does'); RETURN 1; END $$`,
        );
        const run = `SELECT sets_${name}()`;
        await own.rows("SET shop.does = 'SET work_mem = 1'");
        for (let round = 0; round < 6; round++) {
          if (texts.length === 0) {
            own.send(parse('', run), bind(''), execute(), sync);
            await own.ready();
          } else for (const text of texts) await own.query(text.replaceAll('NAME', name));
          assert.equal(await other.value('SHOW work_mem'), '4MB');
        }
        await own.rows("SET shop.does = 'SET work_mem = 7000'");
        for (let round = 0; round < 3; round++) {
          await own.rows(run);
          assert.equal(await other.value('SHOW work_mem'), '4MB');
          assert.equal(await own.value('SHOW work_mem'), '7000kB');
          await own.rows('RESET work_mem');
        }
      });

    test('SET LOCAL in a function needs no probe', async (t) => {
      const name = `local_${route().name}`;
      const [own, other] = await sessions(
        route(),
        t,
        name,
        `CREATE FUNCTION set_${name}(v text) RETURNS void LANGUAGE plpgsql AS
           $$ BEGIN PERFORM set_config('shop.${name}', v, true); END $$;`,
      );
      // The proxy probes after the first runs of any function.
      for (let run = 0; run < 4; run++) {
        await own.query(`SELECT set_${name}('a')`);
        await other.query('SELECT 1');
      }
      await own.query(`SELECT set_${name}('a')`);
      await route().quiet();
      const [row] = await route().database.query<{ query: string }>(
        `SELECT query FROM pg_stat_activity WHERE backend_type = 'client backend'
           AND pid <> pg_backend_pid() AND application_name <> 'sluice health check'`,
      );
      assert.equal(row?.query, `SELECT set_${name}('a')`);
    });
  },
);

suite('a database that hides its code', () => {
  let database: Postgres;
  before(async () => {
    database = await startDatabase();
  });
  after(() => database.stop('immediate'));

  test('serves its clients all the same, and the log says so', async (t) => {
    await database.query(`
      CREATE ROLE clerk LOGIN PASSWORD 'secret';
      REVOKE SELECT ON pg_catalog.pg_language FROM PUBLIC;
      CREATE FUNCTION remember(v text) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN PERFORM set_config('shop.unseen', v, false); END $$`);
    const user = { UserName: 'clerk', Password: 'secret' };
    const sluice = await Sluice.start(database, { PoolSize: 1, Users: [user] });
    t.after(() => sluice.kill());
    const { host, port } = sluice;
    const address = { host, port, user: 'clerk', password: 'secret', database: database.database };
    const client = await RawClient.login(address);
    t.after(() => client.end());
    const other = await RawClient.login(address);
    t.after(() => other.end());
    await client.query("SELECT remember('mine')");
    // Nobody knows which language the function is in, so the connection is closed: a reset would leave an empty value.
    assert.equal(await other.value("SELECT current_setting('shop.un' || 'seen', true)"), null);
    const line = await sluice.logged(({ msg }) => msg.includes('could not read the functions'));
    assert.match(String(line['error']), /permission denied/);
  });
});
