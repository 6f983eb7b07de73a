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
      /SELECT pg_catalog\.set_config\(s\.name.*?\(VALUES (.*?)\) v\(n,w\).*?'session'/g,
      (_, rows: string) => {
        const names = [...rows.matchAll(/\(E'(\w+)'/g)].map(([, name]) => name);
        return `if reset(${names.join()})`;
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
      owner.told();
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
    assert.deepEqual(owner.told(), ['1', '2', 'C SELECT', 'ZI']);
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
});

suite('a signal to a client is redirected to its server process', () => {
  test('with the ID in a Query', () => {
    const { owner, server } = parts();
    owner.send(buildQuery('SELECT pg_terminate_backend(5000000), pg_cancel_backend(5000001)'));
    assert.deepEqual(server.read(), [
      'Q SELECT pg_terminate_backend(0000077), pg_cancel_backend(0000077)',
    ]);
    assert.deepEqual(
      owner.log.filter((line) => line.startsWith('aims')),
      ['aims at 5000000 to end it', 'aims at 5000001'],
    );
  });

  test('with the ID in a prepared statement: it is prepared again for this one run', () => {
    for (const name of ['', 's']) {
      const { owner, server } = parts();
      const text = `SELECT pg_terminate_backend(5000000), ${name.length}`;
      owner.send(buildParse(name, text), buildDescribeStatement(name), syncMessage);
      server.answer();
      server.read();
      owner.told();
      owner.send(buildBind('', name), buildExecute(''), syncMessage);
      assert.deepEqual(server.read(), [
        `P  SELECT pg_terminate_backend(0000077), ${name.length}`,
        'B  ',
        'E',
        'S',
      ]);
      server.answer();
      assert.deepEqual(owner.told(), ['2', 'C SELECT', 'ZI']);
      assert.equal(owner.ran, 1);
      // The temporary text is not the one that the client knows.
      owner.send(buildDescribeStatement(name), syncMessage);
      if (name === '') assert.deepEqual(server.read(), [`P  ${text}`, 'D S', 'S']);
    }
  });

  test('with the ID in a value', () => {
    const { owner, server } = parts();
    owner.send(buildParse('', 'SELECT pg_terminate_backend($1)'));
    const bind = Buffer.concat([
      Buffer.from('B\0\0\0\0\0\0\0\0\0\x01\0\0\0\x075000000\0\0', 'latin1'),
    ]);
    bind.writeInt32BE(bind.length - 1, 1);
    owner.send(bind, buildExecute(''), syncMessage);
    const bytes = server.socket.written().toString('latin1');
    assert.ok(!bytes.includes('5000000'));
    assert.match(bytes, /0000077/);
  });

  test('once the server process is known', () => {
    const requests: readonly (readonly [Buffer, string])[] = [
      [buildQuery('SELECT pg_cancel_backend(5000000)'), 'Q SELECT pg_cancel_backend(0000077)'],
      [
        Buffer.concat([
          buildParse('', 'SELECT pg_cancel_backend(5000000)'),
          buildBind('', ''),
          syncMessage,
        ]),
        'B  ',
      ],
    ];
    for (const [bytes, sent] of requests) {
      const { owner, server, connection } = parts();
      owner.isAimed = false;
      owner.send(bytes);
      assert.ok(!server.read().includes(sent));
      owner.isAimed = true;
      connection.lease.admitRequests();
      owner.forwarder.resume();
      assert.ok(server.read().includes(sent));
    }
  });

  test('unless the ID is no client’s', () => {
    const { owner, server } = parts();
    owner.processFor = () => null;
    owner.send(
      buildQuery('SELECT pg_cancel_backend(123)'),
      buildParse('', 'SELECT pg_cancel_backend(123)'),
      buildBind('', ''),
      syncMessage,
    );
    assert.deepEqual(server.read(), [
      'Q SELECT pg_cancel_backend(123)',
      'P  SELECT pg_cancel_backend(123)',
      'B  ',
      'S',
    ]);
  });
});
