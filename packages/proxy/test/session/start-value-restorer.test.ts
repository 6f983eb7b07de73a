import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  buildBind,
  buildDescribeStatement,
  buildExecute,
  buildParse,
  buildQuery,
  syncMessage,
} from '@sluice/wire';
import { loadParser } from '../../src/sql/index.ts';
import { parts } from './scripted-owner.ts';
import type { Parts } from './scripted-owner.ts';

await loadParser();

/** The statements that the proxy appends, in short: `again(…)` sets values, `if reset(…)` only if they were reset. */
function inShort(request: string): string {
  return request
    .replaceAll(
      /SELECT pg_catalog\.set_config\(s\.name,v\.w,(\w+)\).*?\(VALUES (.*?)\) v\(n,w\).*?'session'/g,
      (_, isLocal: string, rows: string) => {
        const names = [...rows.matchAll(/\(E'(\w+)'/g)].map(([, name]) => name);
        return `${isLocal === 'true' ? 'LOCAL ' : ''}if reset(${names.join()})`;
      },
    )
    .replaceAll(
      /SET (LOCAL )?"(\w+)" TO E'\w+'/g,
      (_, local = '', name) => `${local}again(${name})`,
    )
    .replaceAll('\n', '')
    .replaceAll(/sluice_[0-9a-f]+_start/g, 'start');
}

/** A session whose client has startup parameters. */
function started(): Parts {
  const all = parts();
  all.owner.startValues = new Map([
    ['work_mem', '4MB'],
    ['search_path', 'a_b'],
  ]);
  return all;
}

const discarded =
  'CLOSE ALL;SET SESSION AUTHORIZATION DEFAULT;RESET ALL;DEALLOCATE ALL;UNLISTEN *;' +
  'SELECT pg_catalog.pg_advisory_unlock_all();DISCARD PLANS;DISCARD TEMP;DISCARD SEQUENCES';

suite('start values are restored after a Query that', () => {
  const cases: readonly (readonly [
    what: string,
    text: string,
    sent: readonly string[],
    more?: { readonly inTransaction?: true; readonly resets?: string; readonly unknown?: true },
  ])[] = [
    ['resets one', 'RESET work_mem', ['RESET work_mem;again(work_mem)']],
    ['resets all', 'RESET ALL', ['RESET ALL;again(work_mem);again(search_path)']],
    ['discards all', 'DISCARD ALL', [`${discarded};again(work_mem);again(search_path)`]],
    [
      'resets one with a function call',
      "SELECT set_config('work_mem',NULL,false)",
      ["SELECT set_config('work_mem',NULL,false);again(work_mem)"],
    ],
    [
      'resets one among others',
      'SELECT 1; RESET work_mem; SELECT 2',
      ['SELECT 1; RESET work_mem;again(work_mem); SELECT 2'],
    ],
    [
      'resets one until the end of a transaction',
      'SET LOCAL work_mem TO DEFAULT',
      ['SET LOCAL work_mem TO DEFAULT;LOCAL again(work_mem)'],
      { inTransaction: true },
    ],
    [
      'resets one until the end of its own text',
      'SET LOCAL work_mem TO DEFAULT; SELECT 1',
      ['SET LOCAL work_mem TO DEFAULT;LOCAL again(work_mem); SELECT 1'],
    ],
    [
      'runs a block',
      'DO $$begin reset work_mem; end$$',
      ['DO $$begin reset work_mem; end$$;if reset(work_mem,search_path)'],
    ],
    ['calls a procedure', 'CALL p()', ['CALL p()', 'if reset(work_mem,search_path)']],
    [
      'calls code that resets one',
      'SELECT f()',
      ['SELECT f();if reset(work_mem)'],
      { resets: 'work_mem' },
    ],
    [
      'calls code that contains a reset of one',
      'SELECT f(); SELECT 2',
      ['SELECT f();if reset(work_mem); SELECT 2;if reset(work_mem)'],
      { resets: 'work_mem' },
    ],
    [
      'calls code that resets one, in a cursor whose text PostgreSQL shows',
      'DECLARE c CURSOR WITH HOLD FOR SELECT f()',
      ['DECLARE c CURSOR WITH HOLD FOR SELECT f()', 'if reset(work_mem)'],
      { resets: 'work_mem' },
    ],
    [
      'may call code that resets one',
      'SELECT f()',
      ['SELECT f()', 'if reset(work_mem)'],
      { resets: 'work_mem', unknown: true },
    ],
    [
      'runs a block among others, where it cannot end a transaction',
      'SELECT 1; DO $$begin reset work_mem; end$$',
      ['SELECT 1; DO $$begin reset work_mem; end$$;if reset(work_mem,search_path)'],
    ],
    [
      'may call code that resets one, among others',
      'SELECT f(); SELECT 2',
      ['SELECT f();if reset(work_mem); SELECT 2;if reset(work_mem)'],
      { resets: 'work_mem', unknown: true },
    ],
    [
      'resets one, and may call code that resets one',
      "SELECT set_config('work_mem',NULL,false), f()",
      ["SELECT set_config('work_mem',NULL,false), f();again(work_mem);if reset(work_mem)"],
      { resets: 'work_mem', unknown: true },
    ],
    [
      'writes, with a trigger that resets one',
      'INSERT INTO t VALUES (1)',
      ['INSERT INTO t VALUES (1);if reset(work_mem)'],
      { resets: 'work_mem' },
    ],
    [
      'commits, with a deferred trigger that resets one',
      'COMMIT',
      ['COMMIT;if reset(work_mem)'],
      { resets: 'work_mem' },
    ],
    [
      'has 16 statements, with code that resets one',
      'SELECT f()' + ';SELECT 1'.repeat(15),
      ['SELECT f();if reset(work_mem)' + ';SELECT 1;if reset(work_mem)'.repeat(15)],
      { resets: 'work_mem' },
    ],
    [
      'has 17 statements, with code that resets one',
      'SELECT f()' + ';SELECT 1'.repeat(16),
      ['SELECT f()' + ';SELECT 1'.repeat(16) + ';if reset(work_mem)'],
      { resets: 'work_mem' },
    ],
    [
      'discards all among others, which PostgreSQL refuses',
      'SELECT 1; DISCARD ALL',
      ['SELECT 1; DISCARD ALL;again(work_mem);again(search_path)'],
    ],
    [
      'resets one for the session, and one for a transaction that does not exist',
      "SELECT set_config('work_mem',NULL,true), set_config('search_path',NULL,false)",
      [
        "SELECT set_config('work_mem',NULL,true), set_config('search_path',NULL,false)" +
          ';LOCAL again(work_mem);again(search_path)',
      ],
    ],
    [
      'is opaque, and may reset any',
      'RESET work_mem bogus',
      ['RESET work_mem bogus', 'if reset(work_mem,search_path)'],
    ],
    [
      'runs a statement that resets one',
      'PREPARE r AS SELECT set_config($1,NULL,false); EXECUTE r(1)',
      [
        'PREPARE r AS SELECT set_config($1,NULL,false); EXECUTE r(1);if reset(work_mem,search_path)',
      ],
    ],
  ];
  for (const [what, text, sent, more = {}] of cases)
    test(what, () => {
      const { owner, server } = started();
      owner.mayReset = {
        names: more.resets === undefined ? [] : [more.resets],
        isKnown: more.unknown !== true,
      };
      if (more.inTransaction === true) {
        owner.send(buildQuery('BEGIN'));
        server.answer();
        server.read();
      }
      owner.replies();
      owner.send(buildQuery(text));
      assert.deepEqual(
        server.read().map(inShort),
        sent.map((one) => `Q ${one}`),
      );
    });
});

suite('a Query is forwarded unchanged that', () => {
  for (const [what, text, inTransaction] of [
    ['resets nothing', 'SELECT 1', false],
    ['resets what the client did not ask for', 'RESET timezone', false],
    [
      'resets one until the end of a transaction, without a transaction',
      'SET LOCAL work_mem TO DEFAULT',
      false,
    ],
    ['cannot discard within a transaction', 'DISCARD ALL', true],
    ['discards no parameters', 'DISCARD TEMP', false],
    ['runs a statement that is unknown', 'EXECUTE unknown', false],
    ['is opaque, and has no word that resets', 'SELECT FROM bogus bogus (', false],
    ['is opaque, and may need COPY data', 'COPY bogus RESET', false],
  ] as const)
    test(what, () => {
      const { owner, server } = started();
      if (inTransaction) {
        owner.send(buildQuery('BEGIN'));
        server.answer();
        server.read();
      }
      owner.send(buildQuery(text));
      assert.deepEqual(server.read(), [`Q ${text}`]);
    });

  test('resets one of a client that has none', () => {
    const { owner, server } = parts();
    owner.mayReset = { names: ['work_mem'], isKnown: true };
    owner.send(buildQuery('RESET work_mem'));
    assert.deepEqual(server.read(), ['Q RESET work_mem']);
  });

  test('is in an open cycle', () => {
    const { owner, server } = started();
    owner.send(buildParse('', 'SELECT 1'), buildQuery('RESET work_mem'));
    assert.equal(server.read().at(-1), 'Q RESET work_mem');
  });
});

test('does other things in a transaction: it waits until their effect is known', () => {
  for (const text of ['DISCARD ALL', 'SET LOCAL work_mem TO DEFAULT']) {
    const { owner, server } = started();
    owner.send(buildQuery('BEGIN'));
    owner.send(buildQuery(text));
    assert.deepEqual(server.read(), ['Q BEGIN']);
    server.answer();
    assert.equal(server.read()[0]?.startsWith(`Q ${text}`), true);
  }
  const { owner, server } = started();
  owner.send(buildQuery('BEGIN'), buildQuery('RESET work_mem'));
  assert.deepEqual(server.read().map(inShort), ['Q BEGIN', 'Q RESET work_mem;again(work_mem)']);
});

test('nothing is appended for a reset that PostgreSQL does not show', () => {
  for (const isKnown of [true, false]) {
    const { owner, server } = started();
    owner.mayReset = { names: ['role'], isKnown };
    owner.send(buildQuery('SELECT f()'));
    assert.deepEqual(server.read(), ['Q SELECT f()']);
  }
});

test('an EXECUTE has the resets of its earlier PREPARE', () => {
  const { owner, server } = started();
  owner.send(buildQuery("PREPARE r AS SELECT set_config('work_mem',NULL,false)"));
  server.answer();
  server.read();
  owner.send(buildQuery('EXECUTE r'));
  assert.deepEqual(server.read().map(inShort), ['Q EXECUTE r;again(work_mem)']);
  server.answer();
  owner.send(buildParse('', 'EXECUTE r'), buildBind('', ''), buildExecute(''), syncMessage);
  assert.ok(server.read().map(inShort).includes('P start again(work_mem)'));
});

test('a text with the same effects in a transaction does not wait', () => {
  for (const text of [
    'SELECT 1; SET LOCAL work_mem TO DEFAULT',
    "SET LOCAL work_mem TO '1MB'",
    'RESET work_mem',
    'DISCARD TEMP',
  ]) {
    const { owner, server } = started();
    owner.send(buildQuery('BEGIN'), buildQuery(text));
    assert.equal(server.read().length, 2, text);
  }
});

test('a text that may reset until the end of a transaction waits for the transaction status', () => {
  for (const text of [
    "SELECT set_config('work_mem',a,true) FROM t",
    "SELECT set_config('work_mem',NULL,true), pg_backend_pid()",
  ]) {
    const { owner, server } = started();
    owner.send(buildQuery('BEGIN'), buildQuery(text));
    assert.deepEqual(server.read(), ['Q BEGIN']);
    server.answer();
    assert.equal(server.read().length, 1);
  }
  // Without start values, nothing waits.
  const { owner, server } = parts();
  owner.send(buildQuery('BEGIN'), buildQuery('DISCARD ALL'));
  assert.deepEqual(server.read(), ['Q BEGIN', 'Q DISCARD ALL']);
});

suite('start values are restored after an Execute', () => {
  const again = [
    'C Sstart',
    'P start again(work_mem)',
    'B start start',
    'E start',
    'C Pstart',
    'C Sstart',
  ];

  test('that resets one, invisibly for its client', () => {
    const { owner, server } = started();
    owner.send(buildParse('', 'RESET work_mem'), buildBind('', ''), buildExecute(''), syncMessage);
    assert.deepEqual(server.read().map(inShort), ['P  RESET work_mem', 'B  ', 'E', ...again, 'S']);
    server.answer();
    assert.deepEqual(owner.replies(), ['1', '2', 'C SELECT', 'ZI']);
  });

  test('for each portal according to its own statement', () => {
    const { owner, server } = started();
    owner.send(
      buildParse('', 'RESET work_mem'),
      buildBind('one', ''),
      buildParse('', 'SELECT 1'),
      buildBind('two', ''),
      buildExecute('two'),
      buildExecute('one'),
      syncMessage,
    );
    assert.deepEqual(server.read().map(inShort).slice(4), ['E two', 'E one', ...again, 'S']);
  });

  test('for a rebound portal according to its new statement', () => {
    const { owner, server } = started();
    owner.send(
      buildParse('', 'RESET work_mem'),
      buildBind('', ''),
      buildParse('', 'SELECT 1'),
      buildBind('', ''),
      buildExecute(''),
      syncMessage,
    );
    assert.deepEqual(server.read().map(inShort).slice(4), ['E', 'S']);
  });

  test('that calls a procedure, or code that may', () => {
    for (const [text, resets, sent] of [
      ['CALL p()', [], 'P start if reset(work_mem,search_path)'],
      ['SELECT f()', ['work_mem'], 'P start if reset(work_mem)'],
    ] as const) {
      const { owner, server } = started();
      owner.mayReset = { names: [...resets], isKnown: true };
      owner.send(buildParse('', text), buildBind('', ''), buildExecute(''), syncMessage);
      assert.ok(server.read().map(inShort).includes(sent));
    }
  });

  test('whose value is NULL, but not for other values', () => {
    for (const [length, restores] of [
      [-1, true],
      [0, false],
    ] as const) {
      const { owner, server } = started();
      const bind = Buffer.from('B\0\0\0\x12\0\0\0\0\0\x01\0\0\0\0\0\0\0\0', 'latin1').subarray(
        0,
        17,
      );
      bind.writeInt32BE(16, 1);
      bind.writeInt32BE(length, 11);
      owner.send(
        buildParse('', "SELECT set_config('work_mem',$1,false)"),
        bind,
        buildExecute(''),
        syncMessage,
      );
      assert.equal(server.read().map(inShort).includes('P start again(work_mem)'), restores);
    }
  });

  test('of an opaque text, if it has a word that resets', () => {
    for (const [text, restores] of [
      ['RESET work_mem bogus', true],
      ['SELECT FROM bogus bogus (', false],
    ] as const) {
      const { owner, server } = started();
      owner.send(buildParse('', text), buildBind('', ''), buildExecute(''), syncMessage);
      assert.equal(
        server.read().map(inShort).includes('P start if reset(work_mem,search_path)'),
        restores,
      );
      assert.equal(owner.forwarder.portals, restores ? 1 : 0);
    }
  });

  test('of a named statement', () => {
    const { owner, server } = started();
    owner.send(buildParse('mine', 'RESET work_mem'), buildDescribeStatement('mine'), syncMessage);
    server.answer();
    server.read();
    owner.send(buildBind('', 'mine'), buildExecute(''), syncMessage);
    assert.deepEqual(server.read().map(inShort).slice(1), ['E', ...again, 'S']);
  });

  test('of a SQL-level statement', () => {
    const { owner, server } = started();
    owner.send(buildQuery("PREPARE r AS SELECT set_config('work_mem',NULL,false)"));
    server.answer();
    server.read();
    owner.send(buildBind('', 'r'), buildExecute(''), syncMessage);
    assert.deepEqual(server.read().map(inShort), ['B  r', 'E', ...again, 'S']);
  });

  test('only during the lease', () => {
    const { owner, server, connection } = started();
    owner.send(buildParse('', 'RESET work_mem'), buildBind('', ''), syncMessage);
    assert.equal(owner.forwarder.portals, 1);
    server.answer();
    owner.forwarder.leaseEnded(connection);
    assert.equal(owner.forwarder.portals, 0);
  });

  test('but no portal is tracked for a statement without resets', () => {
    const { owner } = started();
    owner.send(buildParse('', 'SELECT 1'), buildBind('', ''), syncMessage);
    owner.send(buildParse('', 'SET work_mem TO 1'), buildBind('', ''), syncMessage);
    assert.equal(owner.forwarder.portals, 0);
  });
});
