import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMocha } from './node-postgres.ts';
import { parseGoTests } from './pgx.ts';
import { readPhases } from './python.ts';

test('mocha: a line of JSON for each test, between output of the tests', () => {
  const parts = parseMocha(
    'pg-pool',
    [
      '["start",{"total":2}]',
      '["pass",{"title":"works","fullTitle":"pool works","duration":12}]',
      'printed by a test',
      '["fail",{"title":"hangs","fullTitle":"pool hangs","err":"Error","stack":null}]',
      '["end",{"passes":1}]',
    ].join('\n'),
  );
  assert.deepEqual(parts, [
    { name: 'pg-pool: pool works', result: 'passed\n', passed: true, seconds: 0.012 },
    { name: 'pg-pool: pool hangs', result: 'failed\n', passed: false, seconds: 0 },
  ]);
});

test('go test: the result of each test, not that of its package', () => {
  const event = (fields: object): string => JSON.stringify(fields);
  const Package = 'github.com/jackc/pgx/v5/pgconn';
  const parts = parseGoTests(
    [
      event({ Action: 'run', Package, Test: 'TestA' }),
      event({ Action: 'output', Package, Test: 'TestA', Output: '--- PASS\n' }),
      event({ Action: 'pass', Package, Test: 'TestA', Elapsed: 0.5 }),
      event({ Action: 'skip', Package: 'github.com/jackc/pgx/v5', Test: 'TestB/c' }),
      event({ Action: 'fail', Package, Elapsed: 1 }),
      'exit status 1',
    ].join('\n'),
  );
  assert.deepEqual(parts, [
    { name: 'pgconn: TestA', result: 'passed\n', passed: true, seconds: 0.5 },
    { name: 'pgx: TestB/c', result: 'skipped\n', passed: false, seconds: 0 },
  ]);
});

test('pytest: phases are combined into a test', () => {
  const phase = (name: string, when: string, outcome: string): string =>
    JSON.stringify({ name, when, outcome, seconds: 0.5 });
  const parts = readPhases(
    [
      phase('test_a.py::one', 'setup', 'passed'),
      phase('test_a.py::one', 'call', 'passed'),
      phase('test_a.py::one', 'teardown', 'failed'),
      phase('test_a.py::two[a b]', 'setup', 'skipped'),
      phase('test_a.py::two[a b]', 'teardown', 'passed'),
      phase('test_a.py::three', 'subtest', 'failed'),
      phase('test_a.py::three', 'call', 'passed'),
      phase('test_a.py::four', 'call', 'xfailed'),
      '',
    ].join('\n'),
  );
  assert.deepEqual(
    parts.map(({ name, result, passed, seconds }) => [name, result, passed, seconds]),
    [
      ['test_a.py::one', 'failed in its cleaning\n', false, 1.5],
      ['test_a.py::two[a b]', 'skipped\n', false, 1],
      ['test_a.py::three', 'failed\n', false, 1],
      ['test_a.py::four', 'passed\n', true, 0.5],
    ],
  );
});
