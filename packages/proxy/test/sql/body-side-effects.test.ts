import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sideEffectsOf } from '../../src/sql/body-side-effects.ts';

/** Bodies, and their possible effects: parameters, `?` for unnamed ones, `*` for everything else. */
const bodies: readonly (readonly [body: string, leaves: readonly string[]])[] = [
  ["BEGIN PERFORM set_config('app.user', who, false); END", ['app.user']],
  ["BEGIN PERFORM pg_catalog.set_config ( 'App.User', f(a, b)::text, false ); END", ['app.user']],
  ["BEGIN PERFORM set_config('app.user', who, true); END", []],
  ["BEGIN PERFORM set_config('app.user', coalesce(who, 'a,b)'), TRUE); END", []],
  ["BEGIN PERFORM set_config('app.user', who, is_local); END", ['app.user']],
  ["BEGIN PERFORM set_config('app.' || name, who, false); END", ['?']],
  ['BEGIN PERFORM set_config(name, who, true); END', []],
  ["BEGIN EXECUTE 'SELECT set_config(''app.user'', $1, false)' USING who; END", ['app.user']],
  ["SELECT set_config('app.user'::text, $1, false)", ['app.user']],
  ['BEGIN ATOMIC SELECT set_config; END', ['?']],
  ['BEGIN SET app.user = 1; END', ['app.user']],
  ['BEGIN set session "app"."user" to 1; END', ['app.user']],
  ['-- who it is\nSET app.user = 1', ['app.user']],
  ['/* who it is */ SET app.user = 1', ['app.user']],
  ['BEGIN SET LOCAL app.user = 1; END', []],
  ['BEGIN SET TRANSACTION READ ONLY; SET CONSTRAINTS ALL DEFERRED; END', []],
  [
    'BEGIN SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; END',
    [
      'default_transaction_deferrable',
      'default_transaction_isolation',
      'default_transaction_read_only',
    ],
  ],
  ["BEGIN EXECUTE format('SET app.user = %L', who); END", ['app.user']],
  ['BEGIN IF a THEN SET ROLE clerk; ELSE RESET ROLE; END IF; END', ['role']],
  [
    "BEGIN SET TIME ZONE 'UTC'; SET NAMES 'LATIN1'; SET SCHEMA 'a'; END",
    ['client_encoding', 'search_path', 'timezone'],
  ],
  ['BEGIN RESET ALL; END', ['?']],
  ['BEGIN PERFORM set_limit(0.5); END', ['?']],
  ['BEGIN UPDATE account SET balance = 1; UPDATE a\n SET b = 2; END', []],
  ['BEGIN PERFORM pg_advisory_lock(1); END', ['*']],
  ['BEGIN PERFORM pg_advisory_xact_lock(1); END', []],
  ['BEGIN CREATE TEMP TABLE t (v int); END', ['*']],
  ['BEGIN CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1; END', []],
  ['BEGIN CREATE TEMP TABLE t (v int); CREATE TEMP TABLE u (v int) ON COMMIT DROP; END', ['*']],
  ['SELECT 1 AS v INTO TEMPORARY t', ['*']],
  ['BEGIN LISTEN news; END', ['*']],
  ["BEGIN EXECUTE 'PREPARE a AS SELECT 1'; END", ['*']],
  ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', ['*']],
  ['plpy.execute("SET app.user = 1")', ['app.user']],
  ['BEGIN RETURN (SELECT count(*) FROM item WHERE price > least($1, 2)); END', []],
  ['BEGIN INSERT INTO load (temp, set) VALUES (1, 2); RETURN discard; END', []],
];

suite('the effects of stored code', () => {
  for (const [body, leaves] of bodies) {
    test(body, () => {
      const { parameters, unnamed, other } = sideEffectsOf(body);
      assert.deepEqual(
        [...(other ? ['*'] : []), ...(unnamed ? ['?'] : []), ...parameters].toSorted(),
        [...leaves].toSorted(),
      );
    });
  }
});
