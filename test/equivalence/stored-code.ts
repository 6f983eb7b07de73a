/*
 * Code in the database, by every route on which PostgreSQL comes to run it. Its bodies name their effects, construct
 * them at run time, or leave state that only the connection can keep.
 */

interface Action {
  readonly name: string;
  /** In PL/pgSQL. */
  readonly body: string;
}

const actions: readonly Action[] = [
  { name: 'static', body: "PERFORM set_config('app.h', 'static', false);" },
  { name: 'dynamic', body: "EXECUTE format('SET %s = %L', 'app.h', 'dynamic');" },
  // Shared, so that no session ever waits for another.
  { name: 'lock', body: "EXECUTE 'SELECT pg_advisory_lock_' || 'shared(77)';" },
];

/** One route to code: what creates it, and what runs it. `~` is replaced by the action. */
interface Route {
  readonly made: string;
  readonly runs: readonly string[];
}

/** The operators of the actions: operator names have no letters. */
const operators: Readonly<Record<string, string>> = {
  static: '<~>',
  dynamic: '<~~>',
  lock: '<~~~>',
};

const routes: readonly Route[] = [
  { made: '', runs: ["SELECT code.act_~('x')", "DO $$ BEGIN PERFORM code.act_~('x'); END $$"] },
  {
    made: '',
    runs: [
      "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT code.act_~('x')",
    ],
  },
  {
    made: '',
    runs: [
      "SELECT run('SELECT code.act_~(''x'')')",
      "SELECT length(query_to_xml('SELECT code.act_~(''x'')', false, false, '')::text)",
    ],
  },
  {
    made: `CREATE PROCEDURE code.proc_~() LANGUAGE plpgsql AS $p$ BEGIN PERFORM code.act_~('x'); COMMIT; END $p$;`,
    runs: ['CALL code.proc_~()'],
  },
  {
    made: `CREATE FUNCTION code.text_~(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $p$ BEGIN PERFORM code.act_~($1); RETURN $1; END $p$;
      CREATE FUNCTION code.sql_~() RETURNS boolean LANGUAGE sql AS $p$ SELECT code.act_~('x') $p$;
      CREATE FUNCTION code.atomic_~() RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT code.act_~('x'); END;
      CREATE FUNCTION code.argument_~(v text DEFAULT code.text_~('d')) RETURNS text LANGUAGE sql AS $p$ SELECT v $p$;`,
    runs: ['SELECT code.sql_~()', 'SELECT code.atomic_~()', 'SELECT code.argument_~()'],
  },
  {
    made: `CREATE TABLE code.trigger_~ (v text); CREATE TABLE code.when_~ (v text); CREATE TABLE code.late_~ (v text);
      CREATE FUNCTION code.fire_~() RETURNS trigger LANGUAGE plpgsql AS $p$ BEGIN PERFORM code.act_~('x'); RETURN NEW; END $p$;
      CREATE TRIGGER t BEFORE INSERT ON code.trigger_~ FOR EACH ROW EXECUTE FUNCTION code.fire_~();
      CREATE TRIGGER t AFTER INSERT ON code.when_~ FOR EACH ROW WHEN (code.act_~(NEW.v)) EXECUTE FUNCTION code.quiet();
      CREATE CONSTRAINT TRIGGER t AFTER INSERT ON code.late_~ DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION code.fire_~();`,
    runs: [
      "INSERT INTO code.trigger_~ VALUES ('x')",
      "INSERT INTO code.when_~ VALUES ('x')",
      "INSERT INTO code.late_~ VALUES ('x')",
      "WITH w AS (INSERT INTO code.trigger_~ VALUES ('x') RETURNING v) SELECT v FROM w",
    ],
  },
  {
    made: `CREATE TABLE code.default_~ (n int, v text DEFAULT code.text_~('d'));
      CREATE TABLE code.generated_~ (v text, g text GENERATED ALWAYS AS (code.text_~(v)) STORED);
      CREATE TABLE code.check_~ (v text CHECK (code.act_~(v)));`,
    runs: [
      'INSERT INTO code.default_~ (n) VALUES (1)',
      "INSERT INTO code.generated_~ (v) VALUES ('x')",
      "INSERT INTO code.check_~ VALUES ('x')",
    ],
  },
  {
    made: `CREATE DOMAIN code.domain_~ AS text CHECK (code.act_~(VALUE)); CREATE DOMAIN code.over_~ AS code.domain_~;
      CREATE TABLE code.typed_~ (v code.domain_~); CREATE TYPE code.pair_~ AS (n int, v code.domain_~);
      CREATE FUNCTION code.takes_~(v code.domain_~) RETURNS text LANGUAGE sql AS $p$ SELECT v::text $p$;
      CREATE FUNCTION code.declares_~() RETURNS text LANGUAGE plpgsql AS $p$ DECLARE v code.domain_~ := 'x'; BEGIN RETURN v; END $p$;`,
    runs: [
      "INSERT INTO code.typed_~ VALUES ('x')",
      "SELECT 'x'::code.domain_~",
      "SELECT 'x'::text::code.over_~",
      "SELECT ARRAY['x']::code.domain_~[]",
      `SELECT '(1,x)'::code.pair_~`,
      `SELECT '{"n":1,"v":"x"}'::jsonb ->> 'n', (jsonb_populate_record(NULL::code.pair_~, '{"n":1,"v":"x"}')).v`,
      "SELECT code.takes_~('x')",
      'SELECT code.declares_~()',
    ],
  },
  {
    made: `CREATE TABLE code.rule_~ (v text); CREATE RULE r AS ON INSERT TO code.rule_~ DO ALSO SELECT code.act_~(NEW.v);
      CREATE VIEW code.view_~ AS SELECT code.act_~('v') AS v; CREATE VIEW code.upon_~ AS SELECT v FROM code.view_~;
      CREATE TABLE code.secret_~ (v text); INSERT INTO code.secret_~ VALUES ('x'); ALTER TABLE code.secret_~ ENABLE ROW LEVEL SECURITY;
      CREATE POLICY p ON code.secret_~ USING (code.act_~(v)); GRANT SELECT ON code.secret_~ TO PUBLIC;`,
    runs: [
      "INSERT INTO code.rule_~ VALUES ('x')",
      'TABLE code.view_~',
      'SELECT count(v) FROM code.upon_~',
      'SET ROLE clerk; TABLE code.secret_~; RESET ROLE',
    ],
  },
  {
    made: `CREATE TYPE code.box_~ AS (v text);
      CREATE FUNCTION code.cast_~(code.box_~) RETURNS int LANGUAGE plpgsql AS $p$ BEGIN PERFORM code.act_~('x'); RETURN 1; END $p$;
      CREATE CAST (code.box_~ AS int) WITH FUNCTION code.cast_~(code.box_~) AS ASSIGNMENT;
      CREATE TABLE code.casts_~ (n int);
      CREATE FUNCTION code.both_~(text, text) RETURNS boolean LANGUAGE plpgsql AS $p$ BEGIN RETURN code.act_~($1); END $p$;
      CREATE OPERATOR code.$operator (leftarg = text, rightarg = text, function = code.both_~);
      CREATE FUNCTION code.step_~(boolean, text) RETURNS boolean LANGUAGE plpgsql AS $p$ BEGIN RETURN code.act_~($2); END $p$;
      CREATE AGGREGATE code.all_~(text) (sfunc = code.step_~, stype = boolean);
      CREATE AGGREGATE code.last_~(text) (sfunc = textcat, stype = text, initcond = '', finalfunc = code.text_~);`,
    runs: [
      "SELECT ROW('x')::code.box_~::int",
      "INSERT INTO code.casts_~ SELECT ROW('x')::code.box_~",
      "SELECT 'x' OPERATOR(code.$operator) 'y'",
      "SELECT code.all_~(v) FROM (VALUES ('x')) t(v)",
      "SELECT code.last_~(v) FROM (VALUES ('x')) t(v)",
    ],
  },
  {
    made: `CREATE TABLE code.index_~ (v text); CREATE INDEX ON code.index_~ (code.act_~(v));
      CREATE TABLE code.some_~ (v text); CREATE INDEX ON code.some_~ (v) WHERE code.act_~(v);
      CREATE TABLE code.split_~ (v text) PARTITION BY LIST (code.act_~(v));
      CREATE TABLE code.split_1_~ PARTITION OF code.split_~ FOR VALUES IN (true);
      CREATE TABLE code.parts_~ (v text) PARTITION BY LIST (v);
      CREATE TABLE code.parts_1_~ PARTITION OF code.parts_~ DEFAULT;
      CREATE TRIGGER t BEFORE INSERT ON code.parts_1_~ FOR EACH ROW EXECUTE FUNCTION code.fire_~();`,
    runs: [
      "INSERT INTO code.index_~ VALUES ('x')",
      "INSERT INTO code.some_~ VALUES ('x')",
      "INSERT INTO code.split_~ VALUES ('x')",
      "INSERT INTO code.parts_~ VALUES ('x')",
    ],
  },
  {
    made: `CREATE FUNCTION code.compare_~(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
        $p$ BEGIN PERFORM code.act_~('x'); RETURN btint4cmp($1, $2); END $p$;
      CREATE OPERATOR CLASS code.order_~ FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
        OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 code.compare_~(int, int);
      CREATE TYPE code.range_~ AS RANGE (subtype = int, subtype_opclass = code.order_~);`,
    runs: ["SELECT '[1,3)'::code.range_~", 'SELECT code.range_~(1, 3)'],
  },
  {
    made: [1, 2, 3, 4]
      .map(
        (
          me,
        ) => `CREATE TABLE code.counted_${me}_~ (v text); INSERT INTO code.counted_${me}_~ VALUES ('x'), ('y');
          CREATE STATISTICS code.numbers_${me}_~ ON code.act_~(v), v FROM code.counted_${me}_~;
          CREATE MATERIALIZED VIEW code.kept_${me}_~ AS SELECT 1 AS n, code.act_~('x') AS v WITH NO DATA;`,
      )
      .join(''),
    runs: ['ANALYZE code.counted_@_~', 'REFRESH MATERIALIZED VIEW code.kept_@_~'],
  },
  {
    made: '',
    runs: [
      "BEGIN; DECLARE near CURSOR FOR SELECT code.act_~('x'); FETCH 1 FROM near; COMMIT",
      "BEGIN; INSERT INTO code.late_~ VALUES ('x'); COMMIT",
      "BEGIN; SELECT code.act_~('x'); ROLLBACK",
      "SELECT code.act_~('x'); SELECT 1/0",
    ],
  },
];

function filled(text: string, { name }: Action): string {
  return text.replaceAll('~', name).replaceAll('$operator', operators[name] ?? '');
}

/** Creates all of it. */
export const storedCodeSql = [
  `CREATE SCHEMA code; GRANT USAGE ON SCHEMA code TO PUBLIC;
   CREATE FUNCTION code.quiet() RETURNS trigger LANGUAGE plpgsql AS $p$ BEGIN RETURN NULL; END $p$;`,
  ...actions.map(
    ({ name, body }) =>
      `CREATE FUNCTION code.act_${name}(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $p$ BEGIN ${body} RETURN true; END $p$;`,
  ),
  ...actions.flatMap((action) => routes.map(({ made }) => filled(made, action))),
].join('\n');

/** Statements that run it; `@` is the number of the session. */
export const storedCodeRuns: readonly string[] = actions.flatMap((action) =>
  routes.flatMap(({ runs }) => runs.map((text) => filled(text, action))),
);

/** What the CHECK of a domain runs when a value is bound to a parameter of its type. */
export const storedCodeBinds: readonly string[] = actions.flatMap(({ name }) => [
  `SELECT $1::code.domain_${name}`,
  `INSERT INTO code.typed_${name} VALUES ($1)`,
  `SELECT code.act_${name}($1)`,
]);
