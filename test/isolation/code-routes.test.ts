import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  readonly made: string;
  /** What the session sends. */
  readonly said: string | ((client: RawClient) => Promise<unknown>);
}

const ways: readonly Way[] = [
  { name: 'a call', made: '', said: 'SELECT leak()' },
  {
    name: 'functional notation',
    made: 'CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE FUNCTION f(t) RETURNS boolean LANGUAGE sql AS $$ SELECT leak() $$',
    said: 'SELECT t.f FROM t',
  },
  { name: 'a block', made: '', said: 'DO $$ BEGIN PERFORM leak(); END $$' },
  {
    name: 'a procedure',
    made: 'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); END $$',
    said: 'CALL p()',
  },
  {
    name: 'SQL in a function',
    made: 'CREATE FUNCTION f() RETURNS boolean LANGUAGE sql AS $$ SELECT leak() $$',
    said: 'SELECT f()',
  },
  {
    name: 'BEGIN ATOMIC',
    made: 'CREATE FUNCTION f() RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT leak(); END',
    said: 'SELECT f()',
  },
  {
    name: 'the default of an argument',
    made: 'CREATE FUNCTION f(a boolean DEFAULT leak()) RETURNS boolean LANGUAGE sql AS $$ SELECT a $$',
    said: 'SELECT f()',
  },
  {
    name: 'dynamic SQL',
    made: 'CREATE FUNCTION f(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE t; END $$',
    said: "SELECT f('SELECT le' || 'ak()')",
  },
  { name: 'a view', made: 'CREATE VIEW v AS SELECT leak() AS a', said: 'SELECT * FROM v' },
  {
    name: 'a view of a view',
    made: 'CREATE VIEW u AS SELECT leak() AS a; CREATE VIEW v AS SELECT * FROM u',
    said: 'TABLE v',
  },
  {
    name: 'a built-in function in a view',
    made: "CREATE VIEW v AS SELECT set_config('app.' || 'hidden', 'secret', false) AS a",
    said: 'TABLE v',
  },
  {
    name: 'a default',
    made: 'CREATE TABLE t (a int, b boolean DEFAULT leak())',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a built-in function in a default',
    made: "CREATE TABLE t (a int, b text DEFAULT set_config('app.' || 'hidden', 'secret', false))",
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a generated column',
    made: 'CREATE TABLE t (a int, b boolean GENERATED ALWAYS AS (leak()) STORED)',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a check',
    made: 'CREATE TABLE t (a int CHECK (leak()))',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'COPY',
    made: 'CREATE TABLE t (a int CHECK (leak()))',
    said: "COPY t FROM PROGRAM 'echo 1'",
  },
  {
    name: 'MERGE',
    made: 'CREATE TABLE t (a int CHECK (leak()))',
    said: 'MERGE INTO t USING (SELECT 1 AS n) s ON t.a = s.n WHEN NOT MATCHED THEN INSERT VALUES (n)',
  },
  {
    name: 'WITH',
    made: 'CREATE TABLE t (a int CHECK (leak()))',
    said: 'WITH n AS (INSERT INTO t VALUES (1) RETURNING a) SELECT * FROM n',
  },
  {
    name: 'a trigger',
    made: 'CREATE TABLE t (a int); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN NEW; END $$; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a trigger with a condition',
    made: 'CREATE TABLE t (a int); CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW WHEN (leak()) EXECUTE FUNCTION suppress_redundant_updates_trigger(); INSERT INTO t VALUES (1)',
    said: 'UPDATE t SET a = 2',
  },
  {
    name: 'a deferred trigger',
    made: 'CREATE TABLE t (a int); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION g()',
    said: 'BEGIN; INSERT INTO t VALUES (1); COMMIT',
  },
  {
    name: 'TRUNCATE',
    made: 'CREATE TABLE t (a int); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN NULL; END $$; CREATE TRIGGER g BEFORE TRUNCATE ON t EXECUTE FUNCTION g()',
    said: 'TRUNCATE t',
  },
  {
    name: 'a foreign key',
    made: 'CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int REFERENCES t ON DELETE CASCADE); INSERT INTO t VALUES (1); INSERT INTO u VALUES (1); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN OLD; END $$; CREATE TRIGGER g BEFORE DELETE ON u FOR EACH ROW EXECUTE FUNCTION g()',
    said: 'DELETE FROM t',
  },
  {
    name: 'a partition',
    made: 'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t (CHECK (leak())) FOR VALUES IN (1)',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a child',
    made: 'CREATE TABLE t (a int); CREATE TABLE u (CHECK (leak())) INHERITS (t); INSERT INTO u VALUES (1)',
    said: 'UPDATE t SET a = 2',
  },
  {
    name: 'a partition key',
    made: 'CREATE TABLE t (a int) PARTITION BY LIST ((leak_int(a))); CREATE TABLE t1 PARTITION OF t DEFAULT',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a rule',
    made: 'CREATE TABLE t (a int); CREATE RULE r AS ON INSERT TO t DO ALSO SELECT leak()',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a policy',
    made: 'CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; INSERT INTO t VALUES (1); CREATE POLICY p ON t USING (leak()); CREATE ROLE reader_of_rows; GRANT USAGE ON SCHEMA way TO reader_of_rows; GRANT SELECT ON t TO reader_of_rows',
    said: 'BEGIN; SET LOCAL ROLE reader_of_rows; SELECT * FROM way.t; COMMIT',
  },
  {
    name: 'an index',
    made: 'CREATE TABLE t (a int); CREATE INDEX ON t (leak_int(a))',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'the predicate of an index',
    made: 'CREATE TABLE t (a int); CREATE INDEX ON t (a) WHERE leak()',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'an exclusion constraint',
    made: 'CREATE TABLE t (a int, EXCLUDE (leak_int(a) WITH =))',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'statistics',
    made: 'CREATE TABLE t (a int); CREATE STATISTICS s ON leak_int(a) FROM t; INSERT INTO t VALUES (1), (2)',
    said: 'ANALYZE t',
  },
  { name: 'a domain', made: 'CREATE DOMAIN d AS text CHECK (leak())', said: "SELECT 'x'::d" },
  {
    name: 'the default of a domain',
    made: 'CREATE DOMAIN d AS boolean DEFAULT leak(); CREATE TABLE t (a int, b d)',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'a column of a domain',
    made: 'CREATE DOMAIN d AS text CHECK (leak()); CREATE TABLE t (a d)',
    said: "INSERT INTO t VALUES ('x')",
  },
  {
    name: 'an array of a domain',
    made: 'CREATE DOMAIN d AS text CHECK (leak()); CREATE TABLE t (a d[])',
    said: "INSERT INTO t VALUES ('{x}')",
  },
  {
    name: 'a domain in a composite type',
    made: 'CREATE DOMAIN d AS text CHECK (leak()); CREATE TYPE c AS (x d); CREATE TABLE t (a c)',
    said: "INSERT INTO t VALUES ('(x)')",
  },
  {
    name: 'a domain over a domain',
    made: 'CREATE DOMAIN d AS text CHECK (leak()); CREATE DOMAIN e AS d; CREATE TABLE t (a e)',
    said: "INSERT INTO t VALUES ('x')",
  },
  {
    name: 'a range of a domain',
    made: 'CREATE DOMAIN d AS int CHECK (leak()); CREATE TYPE r AS RANGE (subtype = d)',
    said: "SELECT '[1,2)'::r",
  },
  {
    name: 'a domain as a parameter',
    made: 'CREATE DOMAIN d AS text CHECK (leak())',
    said: async (client) => {
      const oid = Number(await client.value("SELECT 'way.d'::regtype::oid"));
      client.send(parse('', 'SELECT $1', [oid]), bind('', ['x']), execute(), sync);
      await client.ready();
    },
  },
  {
    name: 'a domain named in a string',
    made: 'CREATE DOMAIN d AS text CHECK (leak())',
    said: "SELECT pg_input_is_valid('x', 'd')",
  },
  {
    name: 'a cast',
    made: 'CREATE TYPE c AS (x int); CREATE FUNCTION f(int) RETURNS c LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN ROW($1); END $$; CREATE CAST (int AS c) WITH FUNCTION f(int) AS IMPLICIT; CREATE TABLE t (a c)',
    said: 'INSERT INTO t VALUES (1)',
  },
  {
    name: 'an operator',
    made: 'CREATE FUNCTION f(int, int) RETURNS boolean LANGUAGE sql AS $$ SELECT leak() $$; CREATE OPERATOR <#> (leftarg = int, rightarg = int, function = f)',
    said: 'SELECT 1 <#> 2',
  },
  {
    name: 'an operator with a name of PostgreSQL’s',
    made: 'CREATE TYPE c AS (x int); CREATE FUNCTION f(c, c) RETURNS boolean LANGUAGE sql AS $$ SELECT leak() $$; CREATE OPERATOR @> (leftarg = c, rightarg = c, function = f); CREATE TABLE t (a c); INSERT INTO t VALUES (ROW(1))',
    said: 'SELECT a @> a FROM t',
  },
  {
    name: 'a function with a name of PostgreSQL’s',
    made: 'CREATE FUNCTION lower(int) RETURNS boolean LANGUAGE sql AS $$ SELECT leak() $$',
    said: 'SELECT lower(1)',
  },
  {
    name: 'a better overload',
    made: 'CREATE FUNCTION abs(numeric) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN 1; END $$',
    said: 'SELECT abs(1.5)',
  },
  {
    name: 'an aggregate',
    made: 'CREATE FUNCTION f(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN 1; END $$; CREATE AGGREGATE total(int) (sfunc = f, stype = int, initcond = 0)',
    said: 'SELECT total(1)',
  },
  {
    name: 'a window function',
    made: 'CREATE FUNCTION f(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN 1; END $$; CREATE AGGREGATE total(int) (sfunc = f, stype = int, initcond = 0)',
    said: 'SELECT total(1) OVER ()',
  },
  {
    name: 'the order of a type',
    made: `CREATE TYPE c AS (x int);
     CREATE FUNCTION lt(c, c) RETURNS boolean LANGUAGE sql AS 'SELECT ($1).x < ($2).x'; CREATE FUNCTION le(c, c) RETURNS boolean LANGUAGE sql AS 'SELECT ($1).x <= ($2).x';
     CREATE FUNCTION eq(c, c) RETURNS boolean LANGUAGE sql AS 'SELECT ($1).x = ($2).x'; CREATE FUNCTION ge(c, c) RETURNS boolean LANGUAGE sql AS 'SELECT ($1).x >= ($2).x';
     CREATE FUNCTION gt(c, c) RETURNS boolean LANGUAGE sql AS 'SELECT ($1).x > ($2).x';
     CREATE OPERATOR < (leftarg = c, rightarg = c, function = lt); CREATE OPERATOR <= (leftarg = c, rightarg = c, function = le);
     CREATE OPERATOR = (leftarg = c, rightarg = c, function = eq); CREATE OPERATOR >= (leftarg = c, rightarg = c, function = ge);
     CREATE OPERATOR > (leftarg = c, rightarg = c, function = gt);
     CREATE FUNCTION cmp(c, c) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); RETURN 0; END $$;
     CREATE OPERATOR CLASS c_ops DEFAULT FOR TYPE c USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 cmp(c, c);
     CREATE TABLE t (a c); INSERT INTO t VALUES (ROW(1)), (ROW(2))`,
    said: 'SELECT a FROM t ORDER BY a',
  },
  {
    name: 'an event trigger',
    made: 'CREATE FUNCTION g() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leak(); END $$; CREATE EVENT TRIGGER way_g ON ddl_command_end EXECUTE FUNCTION g()',
    said: 'CREATE TABLE n (a int)',
  },
  {
    name: 'a statement that a text hides',
    made: '',
    said: "SELECT query_to_xml('SELECT le' || 'ak()', true, true, '')",
  },
  { name: 'a name in escapes', made: '', said: `SELECT U&"le\\0061k"()` },
  { name: 'SQL’s PREPARE', made: '', said: 'PREPARE a AS SELECT leak(); EXECUTE a; DEALLOCATE a' },
];

/** Creates what the route needs, in the place where `run` runs it. */
async function make({ made }: Way, run: (text: string) => Promise<unknown>): Promise<void> {
  await run(`
    DROP SCHEMA IF EXISTS way CASCADE; DROP ROLE IF EXISTS reader_of_rows; CREATE SCHEMA way;
    CREATE FUNCTION way.leak() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_catalog.set_config(pg_catalog.concat('app', '.', 'hidden'), 'secret', false); RETURN true; END $$;
    CREATE FUNCTION way.leak_int(a int) RETURNS int IMMUTABLE LANGUAGE sql AS $$ SELECT CASE WHEN way.leak() THEN a END $$;
    SET search_path = way; ${made.replaceAll(/\bleak(_int)?\(/g, 'way.leak$1(')}`);
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
      const { name, said } = way;
      test(name, async (t) => {
        const outside = route().database;
        await make(way, (text) => outside.query(text));
        const [own, other] = [await route().login(t), await route().login(t)];
        await own.query('SET search_path = way, public');
        assert.equal(await other.value(seen), '');
        if (typeof said === 'string') await own.query(said);
        else await said(own);
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
        // The catalog is read 250 ms after a client's DDL.
        const until = performance.now() + 400;
        for (let turns = 0; turns < 120 || performance.now() < until; turns++)
          for (const client of [own, other]) await client.query('SELECT 1');
        if (typeof way.said === 'string') await own.query(way.said);
        else await way.said(own);
        assert.equal(await other.value(seen), '', 'another session sees it');
        await route().database.query('DROP EVENT TRIGGER IF EXISTS way_g');
      });
    }
  },
);
