import fc from 'fast-check';

/*
 * Changes of the world during a script, on a connection outside the proxy; `;;` separates texts that are sent one after
 * another. After the script `renewWorldSql` restores everything.
 */

/** DDL: the next statement of every session sees it. */
const structure = fc.constantFrom(
  'ALTER VIEW things RENAME TO things_before',
  'DROP VIEW things; ALTER TABLE thing ALTER id TYPE bigint',
  'DROP VIEW things; ALTER TABLE thing ALTER id TYPE text',
  'DROP VIEW things; ALTER TABLE thing ALTER id TYPE bigint',
  'ALTER TABLE thing ADD extra int DEFAULT 7',
  'DROP VIEW things; ALTER TABLE thing DROP v',
  'ALTER TABLE thing RENAME v TO w',
  "DROP TABLE thing CASCADE; CREATE TABLE thing (id bigint, v text); INSERT INTO thing VALUES (3, 'three')",
  'DROP TABLE thing CASCADE',
  "CREATE TABLE north.thing AS SELECT 9 AS id, 'north'::text AS v",
  "CREATE TABLE south.thing AS SELECT 8::bigint AS id, 'south'::varchar AS v",
  "CREATE SCHEMA ann; CREATE TABLE ann.thing AS SELECT 7 AS id, 'ann'::text AS v",
  "CREATE FUNCTION best(int) RETURNS text LANGUAGE sql AS $$ SELECT 'int' $$",
  'CREATE FUNCTION best(text) RETURNS int LANGUAGE sql AS $$ SELECT 2 $$',
  'DROP FUNCTION best(numeric)',
  "DROP FUNCTION best(numeric); CREATE FUNCTION best(numeric) RETURNS text LANGUAGE sql AS $$ SELECT 'again' $$",
  "CREATE OR REPLACE FUNCTION best(numeric) RETURNS text LANGUAGE sql AS $$ SELECT 'other' $$",
  "ALTER TYPE mood ADD VALUE 'mad'",
  "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
  "DROP TYPE mood; CREATE TYPE mood AS ENUM ('glad', 'sad')",
  'ALTER TYPE pair ADD ATTRIBUTE c int',
  'DROP TYPE pair',
  'CREATE OR REPLACE VIEW things AS SELECT id, upper(v) AS v FROM thing',
  'DROP VIEW things; CREATE VIEW things AS SELECT v, id FROM thing',
  'REVOKE SELECT ON thing FROM PUBLIC',
  'REVOKE SELECT ON pg_catalog.pg_proc FROM PUBLIC',
  'ALTER TABLE thing ENABLE ROW LEVEL SECURITY',
  'CREATE TRIGGER t BEFORE UPDATE ON thing FOR EACH ROW EXECUTE FUNCTION code.fire_static()',
  'CREATE TRIGGER t BEFORE UPDATE ON thing FOR EACH ROW EXECUTE FUNCTION code.fire_dynamic()',
  `CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS
     $$ BEGIN PERFORM set_config('app.h', 'ddl', false); END $$;
   CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION public.on_ddl()`,
);

/** Very many functions with a name that only few call. */
const crowd = fc.constant(
  `CREATE SCHEMA crowd; DO $$ BEGIN FOR n IN 1..2100 LOOP EXECUTE format('CREATE FUNCTION crowd.f%s() RETURNS void
     LANGUAGE plpgsql AS $f$ BEGIN PERFORM set_config(''app.n'', ''%s'', true); END $f$', n, n); END LOOP; END $$;
   DROP FUNCTION late(); CREATE FUNCTION late() RETURNS void LANGUAGE plpgsql AS
     $$ BEGIN PERFORM set_config('app.h', 'late', false); END $$`,
);

/** Changes that the next statement sees. */
export const worldChange: fc.Arbitrary<string> = fc.oneof(
  { weight: 40, arbitrary: structure },
  { weight: 1, arbitrary: crowd },
);

/** Changes of what PostgreSQL evaluates at login, and of its configuration. */
export const loginChange: fc.Arbitrary<string> = fc.constantFrom(
  "ALTER DATABASE shop SET work_mem = '33MB'",
  'ALTER DATABASE shop SET search_path = south',
  "ALTER ROLE ann SET work_mem = '34MB'",
  "ALTER ROLE ann SET DateStyle = 'German'",
  "ALTER ROLE clerk SET work_mem = '35MB'",
  'ALTER ROLE clerk SET search_path = north',
  'ALTER ROLE clerk IN DATABASE shop SET "app.tenant" = \'theirs\'',
  'ALTER ROLE clerk SET role = guest',
  'ALTER ROLE clerk NOLOGIN',
  'ALTER ROLE clerk CONNECTION LIMIT 0',
  'REVOKE CONNECT ON DATABASE shop FROM PUBLIC',
  'DROP ROLE clerk; CREATE ROLE clerk LOGIN',
  'DROP ROLE guest; CREATE ROLE guest LOGIN',
  "ALTER SYSTEM SET IntervalStyle = 'iso_8601';; SELECT pg_reload_conf()",
  "ALTER SYSTEM SET TimeZone = 'Asia/Tokyo';; SELECT pg_reload_conf()",
  "ALTER SYSTEM SET work_mem = '36MB';; SELECT pg_reload_conf()",
  "ALTER SYSTEM SET DateStyle = 'German';; SELECT pg_reload_conf()",
);
