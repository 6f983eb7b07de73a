import { sessionsPerScript } from './script.ts';

/*
 * What a script finds in its database. Everything that can be written is private to one session number, so that no
 * statement ever waits for another session, nor sees what it does: whatever differs came through the session.
 */

const sessions = Array.from({ length: sessionsPerScript }, (_, index) => index + 1);

/*
 * No column has a sequence for its default: an INSERT would change what lastval() answers without a word in its text,
 * which is a limit that docs/pinning.md names.
 */
const privateObjects = sessions.map(
  (me) => `
  CREATE TABLE note_${me} (id int, body text); CREATE SEQUENCE ticket_${me};
  CREATE TABLE memo_${me} (body text);
  CREATE TRIGGER told AFTER INSERT ON memo_${me} FOR EACH ROW EXECUTE FUNCTION tell_memo();
  CREATE VIEW memos_${me} AS SELECT body FROM memo_${me};`,
);

/**
 * Custom parameters exist from the start. Otherwise they exist on a connection once anyone has set them there, and
 * read as '' instead of NULL from then on: PostgreSQL has no way to take one away again, so a pool cannot hide it.
 */
export const customParameters = { 'app.user_id': '', 'app.tenant': '', 'app.n': '' };

/** Roles belong to the whole server, and are made once. */
export const rolesSql = 'CREATE ROLE clerk; CREATE ROLE guest;';

/** Makes the schema in the database that all others are copied from; copies have the same OIDs. */
export const schemaSql = `
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

/** Puts back what scripts have written. */
export const restoreSql = sessions
  .map(
    (me) =>
      `DELETE FROM note_${me}; DELETE FROM memo_${me}; SELECT setval('ticket_${me}', 1, false);`,
  )
  .join('');

/** Whether a text may have written something that `restoreSql` puts back. */
export function writes(text: string): boolean {
  return /insert|copy|nextval|setval/i.test(text);
}
