import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sampleOf } from '../helpers/extent.ts';
import { bind, execute, parse, sync } from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';

/*
 * Code in the database that no text shows, by every route on which PostgreSQL comes to run it. A connection outside the
 * proxy creates it just before; a session runs it; the next session on the same server connection must see no effect of
 * it.
 */

/**
 * `$leak` is a function without arguments that leaves state and returns true; `$leak_int(int)` is one that returns its
 * argument.
 */
interface Way {
  readonly name: string;
  /** What the connection outside creates, in a separate schema. */
  readonly setup: string;
  /** What the session sends. */
  readonly statement: string | ((client: RawClient) => Promise<unknown>);
}

const ways: readonly Way[] = [
  { name: 'a call', setup: '', statement: 'SELECT leak()' },
  {
    name: 'functional notation',
    setup:
      'CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE FUNCTION f(t) RETURNS boolean LANGUAGE sql AS $$ SELECT leak() $$',
    statement: 'SELECT t.f FROM t',
  },
  { name: 'a block', setup: '', statement: 'DO $$ BEGIN PERFORM leak(); END $$' },
  {
    name: 'a procedure',
    setup: 'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); END $$',
    statement: 'CALL p()',
  },
  {
    name: 'SQL in a function',
    setup: 'CREATE FUNCTION f() RETURNS boolean LANGUAGE sql AS $$ SELECT leak() $$',
    statement: 'SELECT f()',
  },
  {
    name: 'BEGIN ATOMIC',
    setup: 'CREATE FUNCTION f() RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT leak(); END',
    statement: 'SELECT f()',
  },
  {
    name: 'the default of an argument',
    setup:
      'CREATE FUNCTION f(a boolean DEFAULT leak()) RETURNS boolean LANGUAGE sql AS $$ SELECT a $$',
    statement: 'SELECT f()',
  },
  {
    name: 'dynamic SQL',
    setup: 'CREATE FUNCTION f(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE t; END $$',
    statement: "SELECT f('SELECT le' || 'ak()')",
  },
  { name: 'a view', setup: 'CREATE VIEW v AS SELECT leak() AS a', statement: 'SELECT * FROM v' },
  {
    name: 'a view of a view',
    setup: 'CREATE VIEW u AS SELECT leak() AS a; CREATE VIEW v AS SELECT * FROM u',
    statement: 'TABLE v',
  },
  {
    name: 'a built-in function in a view',
    setup: "CREATE VIEW v AS SELECT set_config('app.' || 'hidden', 'secret', false) AS a",
    statement: 'TABLE v',
  },
  {
    name: 'a default',
    setup: 'CREATE TABLE t (a int, b boolean DEFAULT leak())',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a built-in function in a default',
    setup: "CREATE TABLE t (a int, b text DEFAULT set_config('app.' || 'hidden', 'secret', false))",
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a generated column',
    setup: 'CREATE TABLE t (a int, b boolean GENERATED ALWAYS AS (leak()) STORED)',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a check',
    setup: 'CREATE TABLE t (a int CHECK (leak()))',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'COPY',
    setup: 'CREATE TABLE t (a int CHECK (leak()))',
    statement: "COPY t FROM PROGRAM 'echo 1'",
  },
  {
    name: 'MERGE',
    setup: 'CREATE TABLE t (a int CHECK (leak()))',
    statement:
      'MERGE INTO t USING (SELECT 1 AS n) s ON t.a = s.n WHEN NOT MATCHED THEN INSERT VALUES (n)',
  },
  {
    name: 'WITH',
    setup: 'CREATE TABLE t (a int CHECK (leak()))',
    statement: 'WITH n AS (INSERT INTO t VALUES (1) RETURNING a) SELECT * FROM n',
  },
  {
    name: 'a trigger',
    setup:
      'CREATE TABLE t (a int); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN NEW; END $$; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a trigger with a condition',
    setup:
      'CREATE TABLE t (a int); CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW WHEN (leak()) EXECUTE FUNCTION suppress_redundant_updates_trigger(); INSERT INTO t VALUES (1)',
    statement: 'UPDATE t SET a = 2',
  },
  {
    name: 'a deferred trigger',
    setup:
      'CREATE TABLE t (a int); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION g()',
    statement: 'BEGIN; INSERT INTO t VALUES (1); COMMIT',
  },
  {
    name: 'TRUNCATE',
    setup:
      'CREATE TABLE t (a int); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN NULL; END $$; CREATE TRIGGER g BEFORE TRUNCATE ON t EXECUTE FUNCTION g()',
    statement: 'TRUNCATE t',
  },
  {
    name: 'a foreign key',
    setup:
      'CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int REFERENCES t ON DELETE CASCADE); INSERT INTO t VALUES (1); INSERT INTO u VALUES (1); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN OLD; END $$; CREATE TRIGGER g BEFORE DELETE ON u FOR EACH ROW EXECUTE FUNCTION g()',
    statement: 'DELETE FROM t',
  },
  {
    name: 'a partition',
    setup:
      'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t (CHECK (leak())) FOR VALUES IN (1)',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a child',
    setup:
      'CREATE TABLE t (a int); CREATE TABLE u (CHECK (leak())) INHERITS (t); INSERT INTO u VALUES (1)',
    statement: 'UPDATE t SET a = 2',
  },
  {
    name: 'a partition key',
    setup:
      'CREATE TABLE t (a int) PARTITION BY LIST ((leak_int(a))); CREATE TABLE t1 PARTITION OF t DEFAULT',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a rule',
    setup: 'CREATE TABLE t (a int); CREATE RULE r AS ON INSERT TO t DO ALSO SELECT leak()',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a policy',
    setup:
      'CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; INSERT INTO t VALUES (1); CREATE POLICY p ON t USING (leak()); CREATE ROLE reader_of_rows; GRANT USAGE ON SCHEMA way TO reader_of_rows; GRANT SELECT ON t TO reader_of_rows',
    statement: 'BEGIN; SET LOCAL ROLE reader_of_rows; SELECT * FROM way.t; COMMIT',
  },
  {
    name: 'an index',
    setup: 'CREATE TABLE t (a int); CREATE INDEX ON t (leak_int(a))',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'the predicate of an index',
    setup: 'CREATE TABLE t (a int); CREATE INDEX ON t (a) WHERE leak()',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'an exclusion constraint',
    setup: 'CREATE TABLE t (a int, EXCLUDE (leak_int(a) WITH =))',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'statistics',
    setup:
      'CREATE TABLE t (a int); CREATE STATISTICS s ON leak_int(a) FROM t; INSERT INTO t VALUES (1), (2)',
    statement: 'ANALYZE t',
  },
  { name: 'a domain', setup: 'CREATE DOMAIN d AS text CHECK (leak())', statement: "SELECT 'x'::d" },
  {
    name: 'the default of a domain',
    setup: 'CREATE DOMAIN d AS boolean DEFAULT leak(); CREATE TABLE t (a int, b d)',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a column of a domain',
    setup: 'CREATE DOMAIN d AS text CHECK (leak()); CREATE TABLE t (a d)',
    statement: "INSERT INTO t VALUES ('x')",
  },
  {
    name: 'an array of a domain',
    setup: 'CREATE DOMAIN d AS text CHECK (leak()); CREATE TABLE t (a d[])',
    statement: "INSERT INTO t VALUES ('{x}')",
  },
  {
    name: 'a domain in a composite type',
    setup: 'CREATE DOMAIN d AS text CHECK (leak()); CREATE TYPE c AS (x d); CREATE TABLE t (a c)',
    statement: "INSERT INTO t VALUES ('(x)')",
  },
  {
    name: 'a domain over a domain',
    setup: 'CREATE DOMAIN d AS text CHECK (leak()); CREATE DOMAIN e AS d; CREATE TABLE t (a e)',
    statement: "INSERT INTO t VALUES ('x')",
  },
  {
    name: 'a range of a domain',
    setup: 'CREATE DOMAIN d AS int CHECK (leak()); CREATE TYPE r AS RANGE (subtype = d)',
    statement: "SELECT '[1,2)'::r",
  },
  {
    name: 'a domain as a parameter',
    setup: 'CREATE DOMAIN d AS text CHECK (leak())',
    statement: async (client) => {
      const oid = Number(await client.value("SELECT 'way.d'::regtype::oid"));
      client.send(parse('', 'SELECT $1', [oid]), bind('', ['x']), execute(), sync);
      await client.ready();
    },
  },
  {
    name: 'a domain named in a string',
    setup: 'CREATE DOMAIN d AS text CHECK (leak())',
    statement: "SELECT pg_input_is_valid('x', 'd')",
  },
  {
    name: 'a cast',
    setup:
      'CREATE TYPE c AS (x int); CREATE FUNCTION f(int) RETURNS c LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN ROW($1); END $$; CREATE CAST (int AS c) WITH FUNCTION f(int) AS IMPLICIT; CREATE TABLE t (a c)',
    statement: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'an operator',
    setup:
      'CREATE FUNCTION f(int, int) RETURNS boolean LANGUAGE sql AS $$ SELECT leak() $$; CREATE OPERATOR <#> (leftarg = int, rightarg = int, function = f)',
    statement: 'SELECT 1 <#> 2',
  },
  {
    name: 'an operator with a name of PostgreSQL’s',
    setup:
      'CREATE TYPE c AS (x int); CREATE FUNCTION f(c, c) RETURNS boolean LANGUAGE sql AS $$ SELECT leak() $$; CREATE OPERATOR @> (leftarg = c, rightarg = c, function = f); CREATE TABLE t (a c); INSERT INTO t VALUES (ROW(1))',
    statement: 'SELECT a @> a FROM t',
  },
  {
    name: 'a function with a name of PostgreSQL’s',
    setup: 'CREATE FUNCTION lower(int) RETURNS boolean LANGUAGE sql AS $$ SELECT leak() $$',
    statement: 'SELECT lower(1)',
  },
  {
    name: 'a better overload',
    setup:
      'CREATE FUNCTION abs(numeric) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN 1; END $$',
    statement: 'SELECT abs(1.5)',
  },
  {
    name: 'an aggregate',
    setup:
      'CREATE FUNCTION f(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN 1; END $$; CREATE AGGREGATE total(int) (sfunc = f, stype = int, initcond = 0)',
    statement: 'SELECT total(1)',
  },
  {
    name: 'a window function',
    setup:
      'CREATE FUNCTION f(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN 1; END $$; CREATE AGGREGATE total(int) (sfunc = f, stype = int, initcond = 0)',
    statement: 'SELECT total(1) OVER ()',
  },
  {
    name: 'the order of a type',
    setup: `CREATE TYPE c AS (x int);
     CREATE FUNCTION lt(c, c) RETURNS boolean LANGUAGE sql AS 'SELECT ($1).x < ($2).x'; CREATE FUNCTION le(c, c) RETURNS boolean LANGUAGE sql AS 'SELECT ($1).x <= ($2).x';
     CREATE FUNCTION eq(c, c) RETURNS boolean LANGUAGE sql AS 'SELECT ($1).x = ($2).x'; CREATE FUNCTION ge(c, c) RETURNS boolean LANGUAGE sql AS 'SELECT ($1).x >= ($2).x';
     CREATE FUNCTION gt(c, c) RETURNS boolean LANGUAGE sql AS 'SELECT ($1).x > ($2).x';
     CREATE OPERATOR < (leftarg = c, rightarg = c, function = lt); CREATE OPERATOR <= (leftarg = c, rightarg = c, function = le);
     CREATE OPERATOR = (leftarg = c, rightarg = c, function = eq); CREATE OPERATOR >= (leftarg = c, rightarg = c, function = ge);
     CREATE OPERATOR > (leftarg = c, rightarg = c, function = gt);
     CREATE FUNCTION cmp(c, c) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN 0; END $$;
     CREATE OPERATOR CLASS c_ops DEFAULT FOR TYPE c USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 cmp(c, c);
     CREATE TABLE t (a c); INSERT INTO t VALUES (ROW(1)), (ROW(2))`,
    statement: 'SELECT a FROM t ORDER BY a',
  },
  {
    name: 'an event trigger',
    setup:
      'CREATE FUNCTION g() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); END $$; CREATE EVENT TRIGGER way_g ON ddl_command_end EXECUTE FUNCTION g()',
    statement: 'CREATE TABLE n (a int)',
  },
  {
    name: 'a statement that a text hides',
    setup: '',
    statement: "SELECT query_to_xml('SELECT le' || 'ak()', true, true, '')",
  },
  { name: 'a name in escapes', setup: '', statement: `SELECT U&"le\\0061k"()` },
  {
    name: 'SQL’s PREPARE',
    setup: '',
    statement: 'PREPARE a AS SELECT leak(); EXECUTE a; DEALLOCATE a',
  },
];

/** Creates what the route needs, in the place where `run` runs it. */
async function make({ setup }: Way, run: (text: string) => Promise<unknown>): Promise<void> {
  await run(`
    DROP SCHEMA IF EXISTS way CASCADE; DROP ROLE IF EXISTS reader_of_rows; CREATE SCHEMA way;
    CREATE FUNCTION way.leak() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_catalog.set_config(pg_catalog.concat('app', '.', 'hidden'), 'secret', false); RETURN true; END $$;
    CREATE FUNCTION way.leak_int(a int) RETURNS int IMMUTABLE LANGUAGE sql AS $$ SELECT CASE WHEN way.leak() THEN a END $$;
    SET search_path = way; ${setup.replaceAll(/\bleak(_int)?\(/g, 'way.leak$1(')}`);
}

const seen = "SELECT coalesce(current_setting('app.hidden', true), '')";

onEachRoute(
  'code in the database that no text shows',
  {
    settings: { PoolSize: 1, ConnectionBorrowTimeout: 30 },
    routes: ['node', 'bun'],
    sample: onOneRuntime,
  },
  (route) => {
    for (const way of sampleOf(ways, 2)) {
      const { name, statement } = way;
      test(name, async (t) => {
        const outside = route().database;
        await make(way, (text) => outside.query(text));
        const [own, other] = [await route().login(t), await route().login(t)];
        await own.query('SET search_path = way, public');
        assert.equal(await other.value(seen), '');
        if (typeof statement === 'string') await own.query(statement);
        else await statement(own);
        assert.equal(await other.value(seen), '', 'another session sees it');
        await outside.query('DROP EVENT TRIGGER IF EXISTS way_g');
      });
    }
  },
);

/*
 * The same after the proxy has read the catalog, and so often that no connection is reset only because the catalog may
 * have changed: then only the proxy's knowledge of the code decides.
 */
onEachRoute(
  'code in the database that no text shows, after the proxy has read it',
  { settings: { PoolSize: 1, ConnectionBorrowTimeout: 30 }, routes: ['node'] },
  (route) => {
    for (const way of sampleOf(ways, 4)) {
      test(way.name, async (t) => {
        const [own, other] = [await route().login(t), await route().login(t)];
        await make(way, (text) => own.rows(text));
        await own.query('SET search_path = way, public');
        // The catalog is read 250 ms after a client's DDL, while the pool is in use.
        for (const until = performance.now() + 400; performance.now() < until; await delay(20))
          await other.query('SELECT 1');
        for (let turns = 0; turns < 200; turns++)
          for (const client of [own, other]) await client.query('SELECT 1');
        if (typeof way.statement === 'string') await own.query(way.statement);
        else await way.statement(own);
        assert.equal(await other.value(seen), '', 'another session sees it');
        await route().database.query('DROP EVENT TRIGGER IF EXISTS way_g');
      });
    }
  },
);
