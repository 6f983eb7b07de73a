import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Flag, classify, classifyBytes, loadParser, touchesSession } from '../../src/sql/index.ts';
import type { Effect } from '../../src/sql/index.ts';
import { harmless, plainReads, touching } from './corpus.ts';
import type { Case } from './corpus.ts';

before(loadParser);

/** The names of bits, for readable failures. */
function names(flags: number): string[] {
  return Object.entries(Flag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
}

function check(cases: readonly Case[]): void {
  for (const [text, flags] of cases) {
    assert.deepEqual(names(classify(text).flags), names(flags), text);
  }
}

describe('the effects of a statement', () => {
  test('plain reads', () => check(plainReads));
  test('statements without effects on the session', () => check(harmless));
  test('statements with effects on the session', () => check(touching));

  test('only the last kind has a bit of touchesSession', () => {
    for (const [text, flags] of [...plainReads, ...harmless]) {
      assert.equal(flags & touchesSession, 0, text);
    }
    for (const [text, flags] of touching.filter(([, each]) => each !== Flag.ReadsSession)) {
      assert.notEqual(flags & touchesSession, 0, text);
    }
  });

  test('statements are counted', () => {
    for (const [text, count] of [
      ['', 0],
      [';;', 0],
      ['select 1', 1],
      ['select 1;', 1],
      ['select 1;; select 2', 2],
      ['begin; set a = 1; commit;', 3],
    ] as const) {
      assert.equal(classify(text).statements, count, text);
    }
  });

  test('the same text in different letter case and spacing has the same effects', () => {
    const effects = classify("SELECT  Set_Config ( 'A.b' ,'x',\ttrue)");
    assert.deepEqual(effects.details, [{ kind: 'parameter', names: ['a.b'], local: true }]);
  });
});

describe('details', () => {
  const cases: readonly (readonly [string, readonly Effect[]])[] = [
    ['SET "Foo".Bar = 1', [{ kind: 'parameter', names: ['foo.bar'], local: false }]],
    ['reset all', [{ kind: 'parameter', names: 'all', local: false, reset: true }]],
    [
      'set session characteristics as transaction isolation level serializable, read only',
      [
        {
          kind: 'parameter',
          names: ['default_transaction_isolation', 'default_transaction_read_only'],
          local: false,
        },
      ],
    ],
    [
      'select set_config(a, $1, true)',
      [{ kind: 'parameter', names: 'unknown', local: true, mayReset: true, valueFrom: 1 }],
    ],
    [
      "select set_config('A.É', null::text, false)",
      // Names are bytes, and only ASCII letters are folded.
      [{ kind: 'parameter', names: ['a.\u00c3\u0089'], local: false, reset: true }],
    ],
    [
      "select set_config('a', 'b' || c, false)",
      [{ kind: 'parameter', names: ['a'], local: false, mayReset: true }],
    ],
    [
      'rollback to a and chain',
      // Not SQL: AND CHAIN and TO exclude each other.
      [],
    ],
    ['commit and chain', [{ kind: 'transaction', action: 'commit', name: undefined, chain: true }]],
    ['savepoint "A"', [{ kind: 'transaction', action: 'savepoint', name: 'A', chain: false }]],
    ['execute P(1)', [{ kind: 'execute', name: 'p' }]],
    ['deallocate all', [{ kind: 'deallocate', name: undefined }]],
    ['deallocate "P"', [{ kind: 'deallocate', name: 'P' }]],
    [
      'listen a; unlisten *',
      [
        { kind: 'listen', channel: 'a' },
        { kind: 'unlisten', channel: undefined },
      ],
    ],
    ["notify a, 'b'", [{ kind: 'notify', channel: 'a' }]],
    ["select pg_notify('A', b)", [{ kind: 'notify', channel: 'A' }]],
    ['discard plans', [{ kind: 'discard', what: 'plans' }]],
    ['close all', [{ kind: 'cursor', action: 'close', name: undefined, hold: false }]],
    [
      'declare c cursor with hold for select 1',
      [{ kind: 'cursor', action: 'declare', name: 'c', hold: true }],
    ],
    ["select nextval('a')", [{ kind: 'call', name: 'nextval', flag: Flag.SetsSequence }]],
    ['select a.b(1)', [{ kind: 'unknown call', name: 'a.b' }]],
  ];
  for (const [text, details] of cases) {
    test(text, () => assert.deepEqual(classify(text).details, details));
  }

  test('PREPARE contains the position and the effects of EXECUTE', () => {
    const text = "select 'ä'; prepare p as select nextval('s'); select 1";
    const [detail] = classify(text).details;
    assert.equal(detail?.kind, 'prepare');
    assert.equal(detail.name, 'p');
    assert.equal(detail.body.flags, Flag.SetsSequence);
    const statement = Buffer.from(text).toString('utf8', detail.start, detail.end);
    assert.equal(statement.trim(), "prepare p as select nextval('s')");
  });
});

describe('the cache', () => {
  test('reads a range of a buffer, and nothing around it', () => {
    const buffer = Buffer.from("set x = 1;select 1 -- ';set y = 1");
    assert.equal(classifyBytes(buffer, 10, 18).flags, Flag.PlainRead);
  });

  test('texts with one template share a result, unless their literals matter', () => {
    const call = (argument: string): unknown => classify(`select some_function(${argument})`);
    assert.equal(call('1'), call('2'));
    const setting = (name: string): readonly Effect[] =>
      classify(`select set_config('${name}', 'x', false)`).details;
    for (let round = 0; round < 3; round += 1) {
      for (const name of ['a', 'b']) {
        assert.deepEqual(setting(name), [{ kind: 'parameter', names: [name], local: false }]);
      }
    }
    const block = (body: string): number => classify(`do $$${body}$$`).flags & touchesSession;
    assert.equal(block('begin null; end'), Flag.Do);
    assert.equal(block('begin perform pg_advisory_lock(1); end'), Flag.Do | Flag.AdvisoryLock);
  });

  test('results are frozen', () => {
    const effects = classify('set a = 1');
    assert.ok(Object.isFrozen(effects) && Object.isFrozen(effects.details));
  });
});
