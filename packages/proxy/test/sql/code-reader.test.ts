import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readCode } from '../../src/sql/code-reader.ts';
import type { Shown } from '../../src/sql/code-reader.ts';

const blocks: readonly (readonly [body: string, shown: Shown])[] = [
  ['BEGIN NULL; END', 'everything'],
  ["DECLARE x int := 1; y text; BEGIN x := x + 1; y = 'a'; RETURN x; END", 'everything'],
  ['DECLARE c CURSOR FOR SELECT 1; BEGIN OPEN c; FETCH c INTO x; CLOSE c; END', 'everything'],
  [
    'BEGIN IF a = 1 THEN SELECT 1 INTO b; ELSIF c THEN PERFORM f(); ELSE RAISE; END IF; END',
    'everything',
  ],
  ["BEGIN RAISE NOTICE 'set % execute', x; RAISE EXCEPTION 'no'; END", 'everything'],
  ['BEGIN NEW.a := 1; NEW.b = CASE WHEN x THEN y ELSE z END; RETURN NEW; END', 'everything'],
  ['BEGIN RETURN CASE a WHEN 1 THEN set ELSE reset END; END', 'everything'],
  ['BEGIN CASE x WHEN 1 THEN PERFORM a(); ELSE PERFORM b(); END CASE; END', 'everything'],
  ['BEGIN CASE x WHEN 1 THEN PERFORM a(); ELSE SET app.x = 1; END CASE; END', 'unclear'],
  ['BEGIN IF EXISTS (SELECT CASE WHEN a THEN b END) THEN RESET ALL; END IF; END', 'unclear'],
  [
    'BEGIN FOR r IN SELECT * FROM t LOOP INSERT INTO u VALUES (r.a, NULL, true); END LOOP; END',
    'everything',
  ],
  ["BEGIN FOR r IN EXECUTE 'SELECT 1' LOOP NULL; END LOOP; END", 'unclear'],
  ["BEGIN RETURN QUERY EXECUTE 'SELECT 1'; END", 'unclear'],
  ["BEGIN OPEN c FOR EXECUTE 'SELECT 1'; END", 'unclear'],
  [
    '<<a>> BEGIN <<b>> LOOP EXIT b WHEN true; END LOOP; EXCEPTION WHEN others THEN RAISE; END',
    'everything',
  ],
  ['BEGIN BEGIN y := 1; END; $1 := 2; "Foo" := 1; arr[1] := 2; END', 'everything'],
  [
    'BEGIN SET LOCAL search_path = a; SET TRANSACTION READ ONLY; SET CONSTRAINTS ALL DEFERRED; END',
    'everything',
  ],
  ['BEGIN SET search_path = a; END', 'unclear'],
  ['BEGIN PERFORM 1; -- SET app.x = 1;\n /* EXECUTE */ END', 'everything'],
  ['BEGIN CREATE TEMP TABLE t (a int); END', 'unclear'],
  ['BEGIN DISCARD ALL; END', 'unclear'],
  ['BEGIN LISTEN news; END', 'unclear'],
  ['BEGIN DECLARE c CURSOR WITH HOLD FOR SELECT 1; END', 'unclear'],
  ["BEGIN LOAD 'auto_explain'; END", 'loads'],
  ['#variable_conflict use_column\nBEGIN RETURN x; END', 'everything'],
  ["BEGIN x := 'it\\'s'; END", 'unclear'],
  ['BEGIN PERFORM U&"set\\005fconfig"(1, 2, 3); END', 'unclear'],
  ["BEGIN x := 'no end", 'unclear'],
];

const statements: readonly (readonly [body: string, shown: Shown])[] = [
  ['SELECT 1; INSERT INTO t VALUES (1)', 'everything'],
  ['(SELECT 1) UNION (SELECT 2)', 'everything'],
  ["BEGIN ATOMIC\n SELECT set_config('a'::text, b, false);\n SELECT 2;\nEND", 'everything'],
  ['SET x = 1; SELECT 1', 'unclear'],
  ["SELECT 1; LOAD 'auto_explain'", 'loads'],
  ['CREATE TABLE t (a int)', 'unclear'],
  ['', 'everything'],
];

suite('the effects of a function body', () => {
  for (const [body, shown] of blocks)
    test(body, () => assert.equal(readCode('plpgsql', Buffer.from(body)), shown));
  for (const [body, shown] of statements)
    test(`SQL: ${body}`, () => assert.equal(readCode('sql', Buffer.from(body)), shown));

  test('in linear time, for all bytes', () => {
    for (const piece of [
      'set_config(',
      'begin ',
      '<<',
      'case when ',
      '$',
      '"',
      '--',
      '/*',
      'create temp ',
    ]) {
      const time = (size: number): number => {
        const body = Buffer.from(piece.repeat(Math.ceil(size / piece.length)).slice(0, size));
        const start = process.cpuUsage();
        for (let run = 0; run < 3; run++) readCode('plpgsql', body);
        const used = process.cpuUsage(start);
        return used.user + used.system;
      };
      time(50_000);
      const [small, large] = [time(50_000), time(200_000)];
      assert.ok(large < 12 * small + 20_000, `${piece}: ${small} and ${large} microseconds`);
    }
  });

  test('a body that is too long to be scanned at once is not looked at', () => {
    const body = (spaces: number): Buffer => Buffer.from(`BEGIN NULL;${' '.repeat(spaces)}END`);
    assert.equal(readCode('plpgsql', body(250_000)), 'everything');
    assert.equal(readCode('plpgsql', body(270_000)), 'unclear');
  });
});
