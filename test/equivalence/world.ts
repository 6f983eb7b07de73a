import { sessionsPerScript, takesEffectLater } from './script.ts';
import type { Script } from './script.ts';
import { storedCodeSql } from './stored-code.ts';

/*
 * The objects of a script in its database. Everything writable belongs to one session number, so that no statement ever
 * waits for another session, nor sees its changes: all differences come from the session.
 */

const sessions = Array.from({ length: sessionsPerScript }, (_, index) => index + 1);

/*
 * No column has a sequence as its default: an INSERT would change lastval() without showing it in its text, which is a
 * limitation in docs/pinning.md.
 */
const privateObjects = sessions.map(
  (me) => `
  CREATE TABLE note_${me} (id int, body text); CREATE SEQUENCE ticket_${me};
  CREATE TABLE memo_${me} (body text);
  CREATE TRIGGER told AFTER INSERT ON memo_${me} FOR EACH ROW EXECUTE FUNCTION tell_memo();
  CREATE VIEW memos_${me} AS SELECT body FROM memo_${me};`,
);

/**
 * Custom parameters exist from the start. Otherwise they exist on a connection once a session has set them there, and
 * are '' instead of NULL from then on: PostgreSQL cannot remove one, so a pool cannot hide it.
 */
export const customParameters = {
  'app.user_id': '',
  'app.tenant': '',
  'app.n': '',
  'app.h': '',
  'sluice.x': '',
};

/** The database of the sessions; scripts refer to its roles and settings. */
export const worldDatabase = 'shop';

/** The users that can log in, beside the superuser. */
export const logins = ['clerk', 'guest'] as const;

/** Roles belong to the whole server, and are created once. */
const rolesSql = logins.map((name) => `CREATE ROLE ${name} LOGIN;`).join('');

/** The objects that DDL in scripts changes: they are created again after such a script. */
const changingSql = `
  DROP EVENT TRIGGER IF EXISTS told;
  DROP SCHEMA IF EXISTS ann, clerk, crowd CASCADE;
  DROP TABLE IF EXISTS public.thing, north.thing, south.thing CASCADE;
  DROP VIEW IF EXISTS public.things, public.things_before;
  DROP TYPE IF EXISTS public.mood, public.pair CASCADE;
  DROP FUNCTION IF EXISTS best(numeric), best(int), best(text), late(), on_ddl();
  CREATE TABLE thing (id int, v text); INSERT INTO thing VALUES (1, 'one'), (2, 'two');
  CREATE VIEW things AS SELECT id, v FROM thing; GRANT SELECT, UPDATE ON thing, things TO PUBLIC;
  CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TYPE pair AS (a int, b text);
  CREATE FUNCTION best(numeric) RETURNS text LANGUAGE sql AS $$ SELECT 'numeric' $$;
  CREATE FUNCTION late() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('app.h', 'late', false); END $$;
  GRANT SELECT ON pg_catalog.pg_proc TO PUBLIC;`;

/** What PostgreSQL evaluates at login, and reads from the configuration. */
const loginSql = [
  ...logins.map(
    (name) =>
      `DO $$ BEGIN CREATE ROLE ${name}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
       ALTER ROLE ${name} LOGIN CONNECTION LIMIT -1; ALTER ROLE ${name} RESET ALL;
       ALTER ROLE ${name} IN DATABASE ${worldDatabase} RESET ALL`,
  ),
  'ALTER ROLE CURRENT_USER RESET ALL',
  `ALTER DATABASE ${worldDatabase} RESET ALL; GRANT CONNECT ON DATABASE ${worldDatabase} TO PUBLIC`,
  'ALTER SYSTEM RESET ALL',
  'SELECT pg_reload_conf()',
];

/** A database beside the world's, which scripts drop. */
export const spareSql = [
  'DROP DATABASE IF EXISTS spare WITH (FORCE)',
  'DROP DATABASE IF EXISTS gone WITH (FORCE)',
  'CREATE DATABASE spare TEMPLATE template0',
];

/** Restores the world after a script that changed it: texts to send one after another. */
export function renewWorldSql(script: Script): readonly string[] {
  const texts = JSON.stringify(script);
  return [
    changingSql,
    ...(takesEffectLater(texts) ? loginSql : []),
    ...(/database (spare|gone)\b/i.test(texts) ? spareSql : []),
  ];
}

/** Operators, functions and tables that shadow unqualified names. */
const evilSql = `
  CREATE SCHEMA ev; GRANT USAGE ON SCHEMA ev TO PUBLIC;
  CREATE FUNCTION ev.no(oid, oid) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
  CREATE FUNCTION ev.no(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
  CREATE FUNCTION ev.no(name, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
  CREATE FUNCTION ev.no(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
  CREATE OPERATOR ev.= (leftarg = oid, rightarg = oid, function = ev.no);
  CREATE OPERATOR ev.<> (leftarg = oid, rightarg = oid, function = ev.no);
  CREATE OPERATOR ev.= (leftarg = text, rightarg = text, function = ev.no);
  CREATE OPERATOR ev.= (leftarg = name, rightarg = text, function = ev.no);
  CREATE OPERATOR ev.= (leftarg = int, rightarg = int, function = ev.no);
  CREATE TABLE ev.place (name text); INSERT INTO ev.place VALUES ('ev');
  CREATE TABLE ev.pg_class (oid oid); CREATE TABLE ev.pg_settings (name text, setting text);`;

/** Schemas whose names differ in one non-ASCII character. */
const customersSql = ['kundé', 'kundü']
  .map(
    (name) => `CREATE SCHEMA "${name}"; CREATE TABLE "${name}".place (name text);
      INSERT INTO "${name}".place VALUES ('${name}');`,
  )
  .join('');

/** Functions that run their arguments, and state that no catalog shows. */
const hiddenSql = `
  CREATE FUNCTION run(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE $1; RETURN 'ran'; END $$;
  CREATE FUNCTION ask(text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE $1; END $$;
  CREATE FUNCTION sets(name text, value text) RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE format('SET %s = %L', name, value); END $$;
  CREATE FUNCTION seed() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM setseed(0.42); RETURN 1; END $$;
  CREATE FUNCTION closes() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$;
  CREATE FUNCTION counts(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN n + 1; END $$;
  CREATE TABLE seeded (v float8); SELECT setseed(0.42); INSERT INTO seeded SELECT random() FROM generate_series(1, 60);
  GRANT SELECT ON seeded TO PUBLIC;
  CREATE FUNCTION links() RETURNS text LANGUAGE sql AS 'SELECT NULL::text';`;

/** The same in every world: created in the same order on identical servers, it has the same OIDs. */
const lastingSql = `
  CREATE SCHEMA north; CREATE SCHEMA south;
  CREATE TABLE north.place (name text); INSERT INTO north.place VALUES ('north');
  CREATE TABLE south.place (name text); INSERT INTO south.place VALUES ('south');
  CREATE TABLE place (name text); INSERT INTO place VALUES ('public');
  CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(9, 2), made timestamptz);
  INSERT INTO item SELECT n, 'item ' || n, n * 1.5, timestamptz '2026-01-01 00:00Z' + n * interval '1 day'
    FROM generate_series(1, 5) n;
  GRANT USAGE ON SCHEMA north, south TO PUBLIC;
  GRANT SELECT ON item, place, north.place TO PUBLIC;
  CREATE FUNCTION remember(name text, value text, local boolean) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RETURN set_config(name, value, local); END $$;
  CREATE FUNCTION clock_in_tokyo() RETURNS text LANGUAGE sql SET "TimeZone" = 'Asia/Tokyo' AS
    $$ SELECT timestamptz '2026-01-01 00:00Z'::text $$;
  CREATE FUNCTION lock_inside(key int) RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_lock(key); END $$;
  CREATE FUNCTION temp_inside() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN CREATE TEMP TABLE IF NOT EXISTS hidden (v int); END $$;
  CREATE FUNCTION fails() RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN PERFORM set_config('app.user_id', 'failed', false); RETURN 1 / 0; END $$;
  CREATE FUNCTION catches() RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN PERFORM fails(); RETURN 1; EXCEPTION WHEN division_by_zero THEN RETURN 2; END $$;
  CREATE PROCEDURE keep(value text) LANGUAGE plpgsql AS
    $$ BEGIN PERFORM set_config('app.user_id', value, false); COMMIT; PERFORM set_config('app.tenant', value, true); END $$;
  CREATE FUNCTION tell_memo() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM set_config('app.user_id', NEW.body, false); RETURN NULL; END $$;
  CREATE FUNCTION becomes(value text) RETURNS text LANGUAGE sql
    BEGIN ATOMIC SELECT set_config('TimeZone', value, false); END;
  CREATE FUNCTION becomes_by_another(value text) RETURNS text LANGUAGE plpgsql AS
    $$ DECLARE was text := becomes(value); BEGIN EXECUTE 'SET app.tenant = ''becomes'''; RETURN was; END $$;
  CREATE VIEW watched AS SELECT becomes('Asia/Seoul'), 1 AS n;
  ${privateObjects.join('')}`;

/**
 * Code in C and in another language, whose state no reset removes. With it, all code with dynamic SQL may run it, so
 * every session that runs such code keeps its connection. Only this world has it.
 */
export const foreignSql = `
  DO $$ BEGIN CREATE EXTENSION dblink;
    CREATE FUNCTION link() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN RETURN dblink_connect('mine', format(
      'host=127.0.0.1 port=%s dbname=template1 user=%s', current_setting('port'), session_user)); END $f$;
    CREATE OR REPLACE FUNCTION links() RETURNS text LANGUAGE sql AS 'SELECT dblink_get_connections()::text';
  EXCEPTION WHEN undefined_file OR feature_not_supported THEN NULL; END $$;
  DO $$ BEGIN CREATE EXTENSION pltcl;
    EXECUTE $f$ CREATE FUNCTION tcl_sets() RETURNS text LANGUAGE pltcl AS 'spi_exec "set app.h = tcl"; return ran' $f$;
    EXECUTE $f$ CREATE FUNCTION tcl_keeps(text) RETURNS text LANGUAGE pltcl AS 'set ::kept $1; return $1' $f$;
    EXECUTE $f$ CREATE FUNCTION tcl_kept() RETURNS text LANGUAGE pltcl AS 'if {[info exists ::kept]} {return $::kept}; return none' $f$;
  EXCEPTION WHEN undefined_file OR feature_not_supported THEN NULL; END $$;`;

/** Creates the world on a new server, in one database. */
export const worldSql: readonly string[] = [
  rolesSql,
  lastingSql,
  evilSql,
  customersSql,
  hiddenSql,
  storedCodeSql,
  changingSql,
  ...spareSql,
];

/** Restores what scripts have written. */
export const restoreSql = sessions
  .map(
    (me) =>
      `DELETE FROM note_${me}; DELETE FROM memo_${me}; SELECT setval('ticket_${me}', 1, false);`,
  )
  .join('');

/** Whether a text may have written something that `restoreSql` restores. */
export function writes(text: string): boolean {
  return /insert|copy|nextval|setval/i.test(text);
}
