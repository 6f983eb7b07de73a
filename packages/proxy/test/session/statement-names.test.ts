import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  FrontendCode,
  buildBind,
  buildClosePortal,
  buildCloseStatement,
  buildDescribeStatement,
  buildExecute,
  buildMessage,
  buildParse,
  buildQuery,
  syncMessage,
} from '@sluice/wire';
import { loadParser } from '../../src/sql/index.ts';
import { backendNamePrefix } from '../../src/statements/backend-names.ts';
import { ScriptedServer } from '../scripted-server.ts';
import { ScriptedOwner, moved, parts, renamed } from './scripted-owner.ts';
import type { Parts } from './scripted-owner.ts';

await loadParser();

let texts = 0;
/** A text that is unique to one test. */
function text(): string {
  return `SELECT ${++texts} AS named`;
}

const run = [buildExecute(''), syncMessage];

/** What runs a PREPARE again on a connection. */
function prepared(sql: string): string[] {
  return ['C S#p', `P #p ${sql}`, 'B #p #p', 'E #p', 'C P#p'];
}

/** Requests in words, with short names for those of the proxy. */
function inShort(words: readonly string[]): string[] {
  return renamed(words.map((word) => word.replaceAll(`${backendNamePrefix}prepare`, '#p')));
}

/** A session whose client has prepared these statements by SQL. */
function withSql(...statements: readonly string[]): Parts {
  const all = parts();
  for (const sql of statements) {
    all.owner.send(buildQuery(sql));
    all.server.answer();
  }
  all.server.read();
  all.owner.replies();
  all.owner.log.length = 0;
  return all;
}

suite('a SQL-level statement on a connection without it', () => {
  const prepare = 'PREPARE mine AS SELECT 1';

  test('is prepared before a Query that runs it, in a separate cycle', () => {
    const all = withSql(prepare);
    const server = moved(all);
    all.owner.send(buildQuery('EXECUTE mine'));
    assert.deepEqual(inShort(server.read()), [...prepared(prepare), 'S', 'Q EXECUTE mine']);
    server.answer();
    assert.deepEqual(all.owner.replies(), ['C EXECUTE', 'ZI']);
    all.owner.send(buildQuery('EXECUTE mine'));
    assert.deepEqual(server.read(), ['Q EXECUTE mine'], 'it is there now');
  });

  test('is prepared within an open cycle, whose Query the database runs after it', () => {
    const all = withSql(prepare);
    const server = moved(all);
    all.owner.send(buildParse('', text()), buildQuery('EXECUTE mine'));
    assert.deepEqual(inShort(server.read()).slice(1), [...prepared(prepare), 'Q EXECUTE mine']);
  });

  test('has its own side effects when it runs', () => {
    const all = withSql('PREPARE mine AS DELETE FROM t');
    moved(all);
    all.owner.ran = 0;
    all.owner.send(buildQuery('EXECUTE mine'));
    assert.equal(all.owner.ran, 2, 'the EXECUTE, and what it runs');
  });

  test('has its own side effects when its EXECUTE is bound', () => {
    for (const name of ['', 'caller']) {
      const { owner } = withSql('PREPARE mine AS DELETE FROM t');
      owner.send(buildParse(name, 'EXECUTE mine'));
      owner.ran = 0;
      owner.send(buildBind('', name), ...run);
      assert.equal(owner.ran, 2, 'the EXECUTE, and what it runs');
    }
  });

  test('is bound by the protocol under its own name', () => {
    const all = withSql(prepare);
    const server = moved(all);
    all.owner.ran = 0;
    all.owner.send(buildBind('', 'mine'), ...run);
    assert.deepEqual(inShort(server.read()), [...prepared(prepare), 'B  mine', 'E', 'S']);
    assert.equal(all.owner.ran, 1);
    server.answer();
    assert.deepEqual(all.owner.replies().at(-1), 'ZI');
  });

  test('is described by the protocol under its own name', () => {
    const all = withSql(prepare);
    const server = moved(all);
    all.owner.send(buildDescribeStatement('mine'), syncMessage);
    assert.deepEqual(inShort(server.read()), [...prepared(prepare), 'D Smine', 'S']);
  });

  test('is prepared before a Parse of its EXECUTE, and before the Bind of that', () => {
    for (const name of ['', 'caller']) {
      const all = withSql(prepare);
      const server = moved(all);
      all.owner.send(buildParse(name, 'EXECUTE mine'), buildBind('', name), ...run);
      const sent = inShort(server.read());
      assert.deepEqual(sent.slice(0, 5), prepared(prepare));
      assert.equal(sent.filter((request) => request === 'B #p #p').length, 1);
      // On another connection, the Bind needs both statements.
      server.answer();
      all.owner.replies();
      const other = moved(all);
      all.owner.send(buildBind('', name), ...run);
      assert.deepEqual(inShort(other.read()).slice(0, 5), prepared(prepare));
    }
  });

  test('reserves its name, so that PostgreSQL refuses a second PREPARE', () => {
    const all = withSql(prepare);
    const server = moved(all);
    all.owner.send(buildQuery('PREPARE mine AS SELECT 2'));
    assert.deepEqual(server.read(), ['P mine ', 'S', 'Q PREPARE mine AS SELECT 2']);
  });

  test('reserves its name, so that PostgreSQL refuses a Parse with it', () => {
    const all = withSql(prepare);
    const server = moved(all);
    const sql = text();
    all.owner.send(buildParse('mine', sql), syncMessage);
    assert.deepEqual(server.read(), ['P mine ', `P mine ${sql}`, 'S']);
  });

  test('reserves its name for DEALLOCATE', () => {
    const all = withSql(prepare);
    const server = moved(all);
    all.owner.send(buildQuery('DEALLOCATE mine'));
    assert.deepEqual(server.read(), ['P mine ', 'S', 'Q DEALLOCATE mine']);
  });
});

suite('code may call SQL-level statements by name', () => {
  const prepare = 'PREPARE mine AS SELECT 1';
  const brought = [...prepared(prepare), 'S'];

  for (const sql of [
    'DO $$begin end$$',
    'SELECT f()',
    'CALL p()',
    'INSERT INTO t VALUES (1)',
    'CREATE TABLE t()',
    'BEGIN',
  ])
    test(`they are prepared before ${sql}`, () => {
      const all = withSql(prepare);
      const server = moved(all);
      all.owner.send(buildQuery(sql));
      assert.deepEqual(inShort(server.read()), [...brought, `Q ${sql}`]);
      all.owner.send(buildQuery('SELECT 1'));
    });

  for (const name of ['', 'theirs'])
    test(`they are prepared before Parse and Bind of such code (${name || 'unnamed'})`, () => {
      const all = withSql(prepare);
      const server = moved(all);
      all.owner.send(buildParse(name, `SELECT f(${++texts})`), syncMessage);
      assert.deepEqual(inShort(server.read()).slice(0, 6), brought);
      server.answer();
      const other = moved(all);
      all.owner.send(buildBind('', name), ...run);
      assert.deepEqual(inShort(other.read()).slice(0, 6), brought);
    });

  test('they are not prepared before a plain read', () => {
    const all = withSql(prepare);
    const server = moved(all);
    all.owner.send(buildQuery('SELECT 1'));
    assert.deepEqual(server.read(), ['Q SELECT 1']);
  });

  test('for an EXECUTE, the statement that it runs decides', () => {
    const calls = 'PREPARE calls AS SELECT f()';
    const all = withSql(prepare, calls);
    const server = moved(all);
    all.owner.send(buildQuery('EXECUTE mine'));
    assert.deepEqual(inShort(server.read()), [...prepared(prepare), 'S', 'Q EXECUTE mine']);
    server.answer();
    const other = moved(all);
    all.owner.send(buildQuery('EXECUTE calls'));
    assert.deepEqual(inShort(other.read()), [
      ...brought,
      ...prepared(calls),
      'S',
      'Q EXECUTE calls',
    ]);
  });

  test('within a transaction, BEGIN has prepared them', () => {
    const all = withSql(prepare);
    const server = moved(all);
    all.server.status = 0x49;
    server.status = 0x54;
    all.owner.send(buildQuery('SELECT 1'));
    server.answer();
    server.read();
    all.owner.send(buildQuery('SELECT f()'));
    assert.deepEqual(server.read(), ['Q SELECT f()']);
  });

  test('within an open cycle they cannot be prepared', () => {
    const all = withSql(prepare);
    const server = moved(all);
    all.owner.send(buildParse('', text()));
    server.read();
    all.owner.send(buildQuery('SELECT f()'));
    assert.deepEqual(server.read(), ['Q SELECT f()']);
  });

  test('such code waits for the replies to earlier cycles', () => {
    const all = withSql(prepare);
    const server = moved(all);
    all.owner.send(buildQuery('SELECT 1'), buildQuery('SELECT f()'));
    assert.deepEqual(server.read(), ['Q SELECT 1']);
    assert(all.owner.forwarder.awaitsAnswers);
    server.answer();
    assert.deepEqual(inShort(server.read()), [...brought, 'Q SELECT f()']);
  });

  test('without such statements, code does not wait', () => {
    const { owner, server } = parts();
    owner.send(buildQuery('SELECT 1'), buildQuery('SELECT f()'));
    assert.deepEqual(server.read(), ['Q SELECT 1', 'Q SELECT f()']);
  });

  test('if there are too many, the session keeps its connection', () => {
    for (const [count, keeps] of [
      [32, false],
      [33, true],
    ] as const) {
      const all = withSql(
        ...Array.from({ length: count }, (_, at) => `PREPARE p${at} AS SELECT 1`),
      );
      const server = moved(all);
      all.owner.send(buildQuery('SELECT f()'));
      assert.equal(server.read().length, 6 * count + 1);
      assert.equal(all.owner.log.includes('keepStatements'), keeps);
      assert.equal(all.owner.forwarder.trackedNames().length, keeps ? 0 : count);
    }
  });

  test('if they are too long together, the session keeps its connection', () => {
    const long = `SELECT '${'x'.repeat(15_000)}'`;
    for (const names of [
      ['a', 'b', 'c', 'd'],
      ['a', 'b', 'c', 'd', 'e'],
    ]) {
      const keeps = names.length > 4;
      const all = withSql(...names.map((name) => `PREPARE ${name} AS ${long}`));
      moved(all);
      all.owner.send(buildQuery('SELECT f()'));
      assert.equal(all.owner.log.includes('keepStatements'), keeps);
      assert.deepEqual(all.owner.forwarder.trackedNames(), keeps ? [] : names);
    }
  });
});

suite('names that SQL changes', () => {
  test('a Bind after a pipelined DEALLOCATE waits', () => {
    const { owner, server } = withSql('PREPARE mine AS SELECT 1');
    owner.send(buildQuery('DEALLOCATE mine'), buildBind('', 'mine'), syncMessage);
    assert.deepEqual(server.read(), ['Q DEALLOCATE mine']);
    server.answer();
    assert.deepEqual(server.read(), ['B  mine', 'S']);
  });

  test('Parse, Describe and Close after a pipelined PREPARE wait', () => {
    for (const request of [
      buildParse('mine', text()),
      buildParse('', 'EXECUTE mine'),
      buildParse('other', 'EXECUTE mine'),
      buildDescribeStatement('mine'),
      buildCloseStatement('mine'),
    ]) {
      const { owner, server } = parts();
      owner.send(buildQuery('PREPARE mine AS SELECT 1'), request, syncMessage);
      assert.deepEqual(server.read(), ['Q PREPARE mine AS SELECT 1']);
      server.answer();
      assert.equal(server.read().at(-1), 'S');
    }
  });

  test('a plain read after a pipelined PREPARE does not wait', () => {
    const { owner, server } = parts();
    owner.send(buildQuery('PREPARE mine AS SELECT 1'), buildQuery('SELECT 1'));
    assert.deepEqual(server.read(), ['Q PREPARE mine AS SELECT 1', 'Q SELECT 1']);
  });

  test('within a cycle, a Bind after the Execute of a PREPARE waits for it', () => {
    const { owner, server } = parts();
    owner.send(buildParse('', 'PREPARE mine AS SELECT 1'), buildBind('', ''), buildExecute(''));
    owner.send(buildBind('', 'mine'), ...run);
    assert.deepEqual(server.read(), ['P  PREPARE mine AS SELECT 1', 'B  ', 'E', 'H']);
    server.answer();
    assert.deepEqual(owner.forwarder.trackedNames(), ['mine']);
    assert.deepEqual(server.read(), ['B  mine', 'E', 'S']);
  });

  test('only the portal that is bound to a PREPARE creates a name', () => {
    const { owner, server } = parts();
    owner.send(
      buildParse('', 'PREPARE mine AS SELECT 1'),
      buildBind('one', ''),
      buildParse('', 'SELECT 1'),
      buildBind('two', ''),
      buildExecute('two'),
      syncMessage,
    );
    server.answer();
    assert.deepEqual(owner.forwarder.trackedNames(), []);
  });

  test('a portal that is bound to another statement creates no name', () => {
    for (const name of ['', 'plain']) {
      const { owner, server } = parts();
      owner.send(
        buildParse('', 'PREPARE mine AS SELECT 1'),
        buildBind('', ''),
        buildParse(name, text()),
        buildBind('', name),
        ...run,
      );
      server.answer();
      assert.deepEqual(owner.forwarder.trackedNames(), []);
    }
  });

  test('texts of portals that may create names count while they are bound', () => {
    const { owner, server, connection } = parts();
    const sql = 'PREPARE mine AS SELECT 1';
    owner.send(buildParse('', sql), buildBind('one', ''), buildBind('two', ''), syncMessage);
    assert.equal(owner.forwarder.portals, 2);
    const both = owner.forwarder.bytes;
    assert(both >= 2 * sql.length);
    owner.send(buildParse('', 'SELECT 1'), buildBind('one', ''), syncMessage);
    assert.equal(owner.forwarder.portals, 1);
    assert.equal(owner.forwarder.bytes, both / 2);
    server.answer();
    owner.forwarder.leaseEnded(connection);
    assert.equal(owner.forwarder.portals, 0);
    assert.equal(owner.forwarder.bytes, 0);
  });

  test('a PREPARE that cannot be repeated keeps its connection', () => {
    const { owner, server } = parts();
    const odd = Buffer.concat([
      Buffer.from("PREPARE odd AS SELECT '"),
      Buffer.from([0xff]),
      Buffer.from("'"),
    ]);
    owner.send(buildMessage(FrontendCode.Query, odd, Buffer.alloc(1)));
    server.answer();
    assert(owner.log.includes('keepStatements'));
    assert.deepEqual(owner.forwarder.trackedNames(), []);
    const plain = parts();
    plain.owner.send(buildQuery('PREPARE mine AS SELECT 1'));
    assert(!plain.owner.log.includes('keepStatements'));
  });

  test('if an EXECUTE shows that code has closed its statement, the name is gone', () => {
    const all = withSql('PREPARE mine AS SELECT 1');
    const { owner, server } = all;
    const gone = {
      severity: 'ERROR',
      sqlstate: '26000',
      message: 'prepared statement "mine" does not exist',
    };
    server.errors.set('EXECUTE mine; SELECT 1', gone);
    owner.send(buildQuery('EXECUTE mine; SELECT 1'));
    server.answer();
    assert.deepEqual(
      owner.forwarder.trackedNames(),
      ['mine'],
      'another statement may be the missing one',
    );
    server.errors.set('EXECUTE mine', gone);
    owner.send(buildQuery('EXECUTE mine'));
    server.answer();
    assert(owner.log.includes('corrected name'));
    assert.deepEqual(owner.forwarder.trackedNames(), []);
  });

  test('if a Bind or a Describe shows that, the name is gone', () => {
    for (const request of [buildBind('', 'mine'), buildDescribeStatement('mine')]) {
      const { owner, server } = withSql('PREPARE mine AS SELECT 1');
      // The scripted server has no SQL-level statements.
      owner.send(request, syncMessage);
      server.answer();
      assert.equal(owner.replies()[0], 'E 26000');
      assert(owner.log.includes('corrected name'));
      assert.deepEqual(owner.forwarder.trackedNames(), []);
    }
  });

  test('Close of a SQL-level statement is forwarded', () => {
    const { owner, server } = withSql('PREPARE mine AS SELECT 1');
    owner.send(buildCloseStatement('mine'), syncMessage);
    assert.deepEqual(server.read(), ['C Smine', 'S']);
    server.answer();
    assert.deepEqual(owner.replies(), ['3', 'ZI']);
    assert.deepEqual(owner.forwarder.trackedNames(), []);
    owner.send(buildQuery('EXECUTE mine'));
    assert.deepEqual(server.read(), ['Q EXECUTE mine']);
  });

  test('a skipped Close of a SQL-level statement has no effect', () => {
    const { owner, server } = withSql('PREPARE mine AS SELECT 1');
    owner.send(buildBind('', 'nothing'), buildCloseStatement('mine'), syncMessage);
    server.answer();
    server.read();
    assert.deepEqual(owner.forwarder.trackedNames(), ['mine']);
    owner.send(buildQuery('EXECUTE mine'));
    assert.deepEqual(server.read(), ['Q EXECUTE mine'], 'the connection has it still');
  });

  test('Close of an unknown name is forwarded', () => {
    const { owner, server } = parts();
    owner.send(buildCloseStatement('nothing'), syncMessage);
    assert.deepEqual(server.read(), ['C Snothing', 'S']);
    server.answer();
    assert.deepEqual(owner.replies(), ['3', 'ZI']);
  });

  test('Close of a portal is forwarded', () => {
    const { owner, server } = parts();
    owner.send(buildParse('', text()), buildBind('', ''), buildClosePortal('one'), syncMessage);
    assert.equal(server.read().at(-2), 'C Pone');
    server.answer();
    assert.deepEqual(owner.replies(), ['1', '2', '3', 'ZI']);
  });
});

suite('the name of a statement on server connections', () => {
  const own = `${backendNamePrefix}1`;
  const hidden = own.replace('sluice', 'nobody');

  test('has no meaning if a client uses it', () => {
    for (const sql of [`EXECUTE ${own}`, `DEALLOCATE ${own}`, `PREPARE ${own} AS SELECT 1`]) {
      const { owner, server } = parts();
      owner.send(buildQuery(sql));
      assert.deepEqual(server.read(), [`Q ${sql.replace(own, hidden)}`]);
    }
    const { owner, server } = parts();
    owner.send(buildBind('', own), buildDescribeStatement(own), syncMessage);
    assert.deepEqual(server.read(), [`B  ${hidden}`, `D S${hidden}`, 'S']);
  });

  test('is an ordinary text in a plain read', () => {
    const { owner, server } = parts();
    owner.send(buildQuery(`SELECT '${own}'`));
    assert.deepEqual(server.read(), [`Q SELECT '${own}'`]);
  });

  test('only the first 63 bytes of a name count', () => {
    const { owner, server } = parts();
    const long = 'n'.repeat(63);
    owner.send(buildParse(`${long}a`, text()), syncMessage);
    server.answer();
    server.read();
    owner.send(buildBind('', `${long}b`), syncMessage);
    assert.deepEqual(renamed(server.read()), ['B  #1', 'S']);
    owner.send(buildBind('', long.slice(1)), syncMessage);
    assert.deepEqual(server.read(), [`B  ${long.slice(1)}`, 'S']);
  });

  test('differs for the same text with another name of the session', () => {
    const { owner, server } = parts();
    const sql = text();
    owner.send(
      buildParse('one', sql),
      buildParse('two', sql),
      buildParse('three', sql),
      syncMessage,
    );
    const names = server
      .read()
      .filter((request) => request.startsWith('P'))
      .map((request) => request.split(' ')[1]);
    assert.equal(new Set(names).size, 3, 'errors name statements');
  });

  test('differs between sessions for a text that calls other statements', () => {
    const [one, two] = [parts(), parts()].map(({ owner, server }) => {
      owner.send(buildParse('caller', 'EXECUTE someone'), syncMessage);
      return server.read()[0];
    });
    assert.notEqual(one, two);
  });

  test('differs if parameters give the text another meaning', () => {
    const sql = `SELECT 'a', ${++texts}`;
    const names = ['', 'x', 'x'].map((context) => {
      const { owner, server } = parts();
      owner.contexts = (hasLiterals) => (hasLiterals ? context : '');
      owner.send(buildParse('mine', sql), syncMessage);
      return server.read()[0];
    });
    assert.notEqual(names[0], names[1]);
    assert.equal(names[1], names[2]);
  });

  for (const [sql, expected] of [
    ['SELECT a FROM t', false],
    ['SELECT $1', false],
    ['SELECT $12', false],
    ['SELECT $0, $9', false],
    ["SELECT 'a'", true],
    ['SELECT $$a$$', true],
    ['SELECT $1, $a$b$a$', true],
    ['SELECT $:', true],
    ['SELECT $/', true],
    ['$$a$$', true],
    ['SELECT $', true],
  ] as const)
    test(`${sql} ${expected ? 'has literals' : 'has none'}`, () => {
      const { owner, server } = parts();
      const asked: boolean[] = [];
      owner.contexts = (hasLiterals) => {
        asked.push(hasLiterals);
        return '';
      };
      // The rest of the chunk does not count.
      owner.send(buildParse('mine', sql), buildQuery("SELECT 'b'"));
      server.read();
      assert.equal(asked[0], expected);
    });
});

suite('a statement that its client has prepared', () => {
  test('is not published without subscribers', () => {
    const { owner } = parts();
    owner.send(buildQuery('SELECT 1'), buildParse('a', 'SELECT 2'), buildParse('', 'SELECT 3'));
    assert.deepEqual(owner.published, []);
    assert.equal(owner.parsed, 2);
  });

  test('that is too long to keep has the name of the client on its connection', () => {
    const { owner, server } = parts();
    owner.longestBuffered = 10_000;
    const long = buildParse('long', `SELECT '${'x'.repeat(30_000)}'`);
    owner.send(long.subarray(0, 15_000));
    assert(owner.log.includes('unread long_statement'));
    owner.send(long.subarray(15_000), syncMessage);
    server.answer();
    server.read();
    owner.replies();
    owner.send(buildBind('', 'long'), buildDescribeStatement('long'), syncMessage);
    assert.deepEqual(server.read(), ['B  long', 'D Slong', 'S']);
    server.answer();
    assert.deepEqual(owner.replies(), ['2', 't', 'n', 'ZI']);
  });

  test('with a name in use is refused by the database', () => {
    const { owner, server } = parts();
    owner.send(buildParse('mine', text()), syncMessage);
    server.answer();
    server.read();
    const sql = text();
    owner.send(buildParse('mine', sql), syncMessage);
    assert.deepEqual(server.read(), ['P mine ', `P mine ${sql}`, 'S']);
    // The name stays that of the first.
    server.answer();
    owner.send(buildBind('', 'mine'), syncMessage);
    assert.deepEqual(renamed(server.read()), ['B  #1', 'S']);
  });

  test('counts with its name and text until the session ends', () => {
    const { owner, server } = parts();
    const sql = text();
    owner.send(buildParse('mine', sql), syncMessage);
    assert(owner.forwarder.bytes > sql.length);
    assert.equal(owner.forwarder.names, 1);
    server.answer();
    owner.forwarder.close();
    assert.equal(owner.forwarder.bytes, 0);
    assert.equal(owner.forwarder.names, 0);
  });
});

suite('when a lease begins on a connection with client-named statements', () => {
  test('those of another session are closed', () => {
    const first = withSql('PREPARE mine AS SELECT 1');
    first.owner.forwarder.leaseEnded(first.connection);
    const second = new ScriptedOwner();
    second.lease(first.connection);
    second.forwarder.reconcile(first.connection);
    second.send(buildQuery('SELECT 1'));
    assert.deepEqual(first.server.read(), ['C Smine', 'S', 'Q SELECT 1']);
    first.server.answer();
    assert.deepEqual(second.replies(), ['C SELECT', 'ZI']);
  });

  test('those of the same session stay', () => {
    const all = withSql('PREPARE mine AS SELECT 1');
    moved(all);
    all.owner.lease(all.connection);
    all.owner.forwarder.reconcile(all.connection);
    all.owner.send(buildQuery('EXECUTE mine'));
    assert.deepEqual(all.server.read(), ['Q EXECUTE mine']);
  });
});

suite('code that closes a statement of its session', () => {
  /** Whether the session has closed its statement, after it has run this text. */
  function closedAfter(sql: string | null, again = true): boolean {
    const { owner, server, connection } = parts();
    owner.send(buildParse('mine', text()), buildDescribeStatement('mine'), syncMessage);
    const [, name = ''] = (server.read()[0] ?? '').split(' ');
    server.answer();
    if (sql !== null) owner.send(buildQuery(sql));
    server.answer();
    if (again) owner.send(buildBind('', 'mine'), syncMessage);
    return owner.forwarder.hasClosed(connection, `prepared statement "${name}" does not exist`);
  }

  test('removes its name', () => {
    assert.equal(closedAfter('DO $$begin end$$'), true);
    assert.equal(closedAfter('SELECT f()'), true);
  });

  test('a plain read closes nothing', () => {
    assert.equal(closedAfter('SELECT 1'), false);
    assert.equal(closedAfter(null), false);
  });

  test('an unknown statement was not closed by the session', () => {
    const { owner, connection } = parts();
    owner.send(buildQuery('DO $$begin end$$'));
    assert.equal(owner.forwarder.hasClosed(connection, 'no statement is named'), false);
    assert.equal(owner.forwarder.hasClosed(connection, `"${backendNamePrefix}77777777"`), false);
  });

  test('the name is gone, but pending errors still show it', () => {
    const { owner, server, connection } = parts();
    owner.send(buildParse('mine', text()), buildDescribeStatement('mine'), syncMessage);
    const [, name = ''] = (server.read()[0] ?? '').split(' ');
    server.answer();
    owner.send(buildQuery('DO $$begin end$$'));
    server.answer();
    owner.send(buildBind('', 'mine'), syncMessage);
    assert(owner.forwarder.hasClosed(connection, `"${name}" is missing`));
    assert.equal(owner.forwarder.names, 0);
    assert.equal(owner.forwarder.translate(`"${name}" is missing`), '"mine" is missing');
  });
});

test('errors show the name of a closed statement until the lease ends', () => {
  const { owner, server, connection } = parts();
  owner.send(buildParse('mine', text()), syncMessage);
  const backendName = server.read()[0]?.split(' ')[1] ?? '';
  server.answer();
  owner.send(buildCloseStatement('mine'), syncMessage);
  server.answer();
  assert.equal(owner.translate(`"${backendName}"`), '"mine"');
  owner.forwarder.leaseEnded(connection);
  assert.equal(owner.translate(`"${backendName}"`), `"${backendName}"`);
});

test('a statement whose Parse was not answered is prepared on the next connection', () => {
  const all = parts();
  all.owner.send(buildParse('mine', text()), syncMessage);
  const server = new ScriptedServer();
  assert.equal(moved(all, server), server);
  // The Parse was not answered: it may have failed.
  all.owner.cycles.clear();
  all.owner.send(buildBind('', 'mine'), ...run);
  assert.match(server.read().join(), /^P .*,D .*,B .*,E,S$/);
});

suite('a statement whose name has non-ASCII characters', () => {
  const inUtf8 = (words: readonly string[]): string[] =>
    words.map((word) => Buffer.from(word, 'latin1').toString());

  test('keeps its name and the connection', () => {
    const { owner, server } = parts();
    owner.send(
      buildParse('é', 'SELECT 1'),
      buildDescribeStatement('é'),
      buildBind('', 'é'),
      ...run,
    );
    assert.deepEqual(inUtf8(server.read()), ['P é SELECT 1', 'D Sé', 'B  é', 'E', 'S']);
    server.answer();
    assert.ok(owner.log.includes('keepStatements'));
    assert.equal(owner.forwarder.names, 0);
    owner.send(buildCloseStatement('é'), syncMessage);
    assert.deepEqual(inUtf8(server.read()), ['C Sé', 'S']);
  });

  test('keeps the connection for a PREPARE, and is left to PostgreSQL from then on', () => {
    const { owner, server } = withSql('PREPARE "é" AS SELECT 1');
    for (const sql of ['EXECUTE "é"', 'PREPARE "é" AS SELECT 2', 'DEALLOCATE "é"']) {
      owner.send(buildQuery(sql));
      assert.deepEqual(inUtf8(server.read()), [`Q ${sql}`]);
      server.answer();
    }
    assert.equal(owner.forwarder.names, 0);
    assert.ok(owner.log.includes('keepStatements'));
  });

  test('may run any text that was prepared under such a name, until all are closed', () => {
    const { owner, server } = withSql('PREPARE "é" AS SELECT 1');
    const ranBy = (...requests: readonly Buffer[]): number => {
      owner.ran = 0;
      owner.send(...requests);
      server.answer();
      return owner.ran;
    };
    assert.equal(ranBy(buildQuery('EXECUTE "ü"')), 2, 'the EXECUTE, and what it may run');
    assert.equal(ranBy(buildBind('', 'ü'), ...run), 1);
    assert.equal(ranBy(buildBind('', 'u'), ...run), 0);
    ranBy(buildQuery('DEALLOCATE ALL'));
    assert.equal(ranBy(buildQuery('EXECUTE "ü"')), 1);
  });

  test('that changes other names keeps the connection for good', () => {
    const { owner } = parts();
    owner.send(buildParse('é', 'DEALLOCATE ALL'), syncMessage);
    assert.ok(owner.log.includes('unread other_state'));
  });

  test('counts for the memory of the session, each text once', () => {
    const { owner, server } = parts();
    const sql = `SELECT '${'x'.repeat(40_000)}'`;
    const bytesAfter = (text: string): number => {
      owner.send(buildParse('é', text), buildCloseStatement('é'), syncMessage);
      server.answer();
      return owner.forwarder.bytes;
    };
    const once = bytesAfter(sql);
    assert.ok(once >= sql.length);
    assert.equal(bytesAfter(sql), once);
    assert.ok(bytesAfter(`${sql}, 2`) < 65_536, 'the oldest are dropped');
  });
});
