import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  FrontendCode,
  buildBind,
  buildCloseStatement,
  buildDescribeStatement,
  buildExecute,
  buildMessage,
  buildParse,
  buildQuery,
  flushMessage,
  noData,
  noParameters,
  syncMessage,
  TransactionStatus,
} from '@sluice/wire';
import { loadParser } from '../../src/sql/index.ts';
import { columnOf, parametersOf, ScriptedServer } from '../scripted-server.ts';
import { moved, parts, renamed } from './scripted-owner.ts';
import type { Parts } from './scripted-owner.ts';

await loadParser();

const describePortal = buildMessage(FrontendCode.Describe, Buffer.from('P\0'));
const int4 = [noParameters, columnOf(23)];
const text = [noParameters, columnOf(25)];
const run = [buildExecute(''), syncMessage];

let texts = 0;
/** A text that is unique to one test. */
function read(): string {
  return `SELECT ${++texts} AS demand`;
}
function write(): string {
  return `INSERT INTO t VALUES (${++texts}) RETURNING a`;
}

function describedBy(describes: ScriptedServer['describes']): ScriptedServer {
  const server = new ScriptedServer();
  server.describes = describes;
  return server;
}

/** A session whose client has prepared a statement and got this description. */
function described(
  sql: string,
  { name = 'mine', as = int4 }: { name?: string; as?: readonly Buffer[] } = {},
): Parts {
  const all = parts(describedBy(() => as));
  all.owner.send(buildParse(name, sql), buildDescribeStatement(name), syncMessage);
  all.server.answer();
  all.server.read();
  assert.deepEqual(all.owner.replies().at(-1), 'ZI');
  return all;
}

/** The same on a connection without the statement, where it has the description `now`. */
function elsewhere(
  sql: string,
  more: { name?: string; as?: readonly Buffer[] },
  now = int4,
): Omit<Parts, 'connection'> {
  const all = described(sql, more);
  return {
    owner: all.owner,
    server: moved(
      all,
      describedBy(() => now),
    ),
  };
}

/** A Bind of the unnamed portal with so many values, all NULL. */
function bindValues(name: string, count: number): Buffer {
  const rest = Buffer.alloc(6 + 4 * count, 0xff);
  rest.writeUInt16BE(0, 0);
  rest.writeUInt16BE(count, 2);
  rest.writeUInt16BE(0, 4 + 4 * count);
  return buildMessage(FrontendCode.Bind, Buffer.from(`\0${name}\0`), rest);
}

for (const name of ['mine', ''])
  suite(`${name === '' ? 'the unnamed' : 'a named'} statement on a connection without it`, () => {
    const backend = name === '' ? '' : '#1';

    test('a read is prepared before its Bind, and runs if its rows are the same', () => {
      const sql = read();
      const { owner, server } = elsewhere(sql, { name });
      owner.send(buildBind('', name), ...run);
      assert.deepEqual(renamed(server.read()), [
        `P ${backend} ${sql}`,
        `D S${backend}`,
        `B  ${backend}`,
        'E',
        'S',
      ]);
      server.answer();
      assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
      owner.send(buildBind('', name), ...run);
      assert.deepEqual(renamed(server.read()), [`B  ${backend}`, 'E', 'S'], 'it is prepared now');
    });

    test('a read with other rows is refused, because the client would misread them', () => {
      const sql = read();
      const { owner, server } = elsewhere(sql, { name }, text);
      owner.send(buildBind('', name), ...run);
      server.answer();
      assert.deepEqual(owner.replies(), ['E 0A000', 'ZI']);
      owner.send(buildBind('', name), ...run);
      server.answer();
      assert.deepEqual(owner.replies(), ['E 0A000', 'ZI'], 'the client still knows the old rows');
    });

    test('a read with other rows runs if the client requests them in the same cycle', () => {
      const sql = read();
      const { owner, server } = elsewhere(sql, { name }, text);
      owner.send(buildBind('', name), describePortal, ...run);
      server.answer();
      assert.deepEqual(owner.replies(), ['2', 'n', 'C SELECT', 'ZI']);
      server.read();
      owner.send(buildBind('', name), ...run);
      assert.deepEqual(renamed(server.read()), [`B  ${backend}`, 'E', 'S']);
      server.answer();
      assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
    });

    test('a write waits until its rows are known to be the same', () => {
      const sql = write();
      const { owner, server } = elsewhere(sql, { name });
      owner.send(buildBind('', name), ...run);
      assert.deepEqual(renamed(server.read()), [`P ${backend} ${sql}`, `D S${backend}`, 'H']);
      assert(owner.forwarder.awaitsAnswers);
      assert.equal(owner.ran, 0);
      assert.equal(owner.cycles.unanswered, 1, 'its cycle has begun');
      server.answer();
      assert.deepEqual(renamed(server.read()), [`B  ${backend}`, 'E', 'S']);
      assert.equal(owner.ran, 1);
      server.answer();
      assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
    });

    test('a write still waits if the session resumes before its rows are known', () => {
      const { owner, server } = elsewhere(write(), { name });
      owner.send(buildBind('', name), ...run);
      server.read();
      owner.forwarder.resume();
      assert.deepEqual(server.read(), ['H']);
      assert(owner.forwarder.awaitsAnswers);
      assert.equal(owner.ran, 0);
    });

    test('a write with other rows does not run', () => {
      const { owner, server } = elsewhere(write(), { name }, text);
      owner.send(buildBind('', name), ...run);
      server.answer();
      const [missing = '', ...rest] = server.read();
      assert.match(missing, /^D Ssluice_\w+_none$/, 'the database fails at the same position');
      assert.deepEqual(rest, ['E', 'S']);
      assert.equal(owner.ran, 0);
      server.answer();
      assert.deepEqual(owner.replies(), ['E 0A000', 'ZI']);
      assert.equal(owner.cycles.unanswered, 0);
      // The next use prepares it again.
      owner.send(buildBind('', name), ...run);
      assert.match(renamed(server.read()).join(), /P .*,D S.*,H$/);
    });

    test('a write with other rows runs if the client requests them in the same cycle', () => {
      const { owner, server } = elsewhere(write(), { name }, text);
      owner.send(buildBind('', name), describePortal, ...run);
      server.answerAll();
      assert.deepEqual(owner.replies(), ['2', 'n', 'C SELECT', 'ZI']);
      assert.equal(owner.ran, 1);
    });

    test('a statement that can never have rows is not described', () => {
      const sql = `INSERT INTO t VALUES (${++texts})`;
      const { owner, server } = elsewhere(sql, { name, as: [noParameters, noData] });
      owner.send(buildBind('', name), ...run);
      assert.deepEqual(renamed(server.read()), [`P ${backend} ${sql}`, `B  ${backend}`, 'E', 'S']);
    });

    test('a CALL may return a row, so it waits for its description', () => {
      const sql = `CALL p(${++texts})`;
      const { owner, server } = elsewhere(sql, { name, as: [noParameters, noData] });
      owner.send(buildBind('', name), ...run);
      assert.deepEqual(renamed(server.read()), [`P ${backend} ${sql}`, `D S${backend}`, 'H']);
      server.answerAll();
      assert.deepEqual(owner.replies(), ['E 0A000', 'ZI']);
    });

    test('parameters keep the types that the client got', () => {
      const sql = `SELECT $1 AS typed, ${++texts}`;
      const types = [parametersOf(20, 25), columnOf(23)];
      const { owner, server } = elsewhere(sql, { name, as: types }, types);
      owner.send(bindValues(name, 2), ...run);
      const sent = server.socket.written();
      const types2 = Buffer.from([0, 2, 0, 0, 0, 20, 0, 0, 0, 25]);
      assert(sent.includes(Buffer.concat([Buffer.from(`${sql}\0`), types2])));
    });

    test('a text that can no longer be parsed is refused with its reason', () => {
      const sql = read();
      const { owner, server } = elsewhere(sql, { name });
      server.errors.set(sql, { severity: 'ERROR', sqlstate: '42P01', message: 'no such table' });
      owner.send(buildBind('', name), ...run);
      server.answer();
      assert.deepEqual(owner.replies(), ['E 42P01', 'ZI']);
    });

    test('a wrong number of values is reported before the error of the text', () => {
      for (const sql of [read(), write()]) {
        const as = [parametersOf(23), columnOf(23)];
        const { owner, server } = elsewhere(sql, { name, as });
        server.errors.set(sql, { severity: 'ERROR', sqlstate: '42P01', message: 'no such table' });
        owner.send(bindValues(name, 2), ...run);
        server.answerAll();
        assert.deepEqual(owner.replies(), ['E 08P01', 'ZI']);
      }
    });

    test('a wrong number of values is reported before other rows', () => {
      const as = [parametersOf(23), columnOf(23)];
      for (const sql of [read(), write()]) {
        const { owner, server } = elsewhere(sql, { name, as }, text);
        owner.send(bindValues(name, 2), ...run);
        server.answerAll();
        assert.deepEqual(owner.replies(), ['E 08P01', 'ZI']);
      }
    });

    test('in a transaction, a read with other rows is refused even if the client requests them', () => {
      const { owner, server } = elsewhere(read(), { name }, text);
      server.status = TransactionStatus.InTransaction;
      owner.send(buildParse('other', read()), syncMessage);
      server.answer();
      owner.replies();
      owner.send(buildBind('', name), describePortal, ...run);
      assert.equal(server.read().at(-1), 'H', 'it waits until its rows are known');
      server.answerAll();
      assert.deepEqual(owner.replies(), ['E 0A000', 'ZE']);
    });

    test('Describe waits until the rows are known to be the same', () => {
      const { owner, server } = elsewhere(read(), { name });
      owner.send(buildDescribeStatement(name), syncMessage);
      assert.match(renamed(server.read()).join(), /^P .*,D S.*,H$/);
      server.answer();
      assert.deepEqual(renamed(server.read()), [`D S${backend}`, 'S']);
      server.answer();
      assert.deepEqual(owner.replies(), ['t', 'T', 'ZI']);
    });

    test('Describe of a statement with other rows: the types, then the error', () => {
      const { owner, server } = elsewhere(read(), { name }, text);
      owner.send(buildDescribeStatement(name), syncMessage);
      server.answerAll();
      assert.deepEqual(owner.replies(), ['t', 'E 0A000', 'ZI']);
    });

    test('Describe of a text that can no longer be parsed: the types, then its error', () => {
      const sql = read();
      const { owner, server } = elsewhere(sql, { name });
      server.errors.set(sql, { severity: 'ERROR', sqlstate: '42P01', message: 'no such table' });
      owner.send(buildDescribeStatement(name), syncMessage);
      server.answerAll();
      assert.deepEqual(owner.replies(), ['t', 'E 42P01', 'ZI']);
    });

    test('Describe of a statement without rows does not wait', () => {
      const sql = `INSERT INTO t VALUES (${++texts})`;
      const { owner, server } = elsewhere(sql, { name, as: [noParameters, noData] }, [
        noParameters,
        noData,
      ]);
      owner.send(buildDescribeStatement(name), syncMessage);
      assert.deepEqual(renamed(server.read()), [`P ${backend} ${sql}`, `D S${backend}`, 'S']);
      server.answer();
      assert.deepEqual(owner.replies(), ['t', 'n', 'ZI']);
    });
  });

suite('after a read whose rows are not known yet, in the same cycle', () => {
  /** The client sends these messages after it has bound the read. */
  function behind(...messages: readonly Buffer[]): {
    sent: string[];
    after: string[];
    replies: string[];
  } {
    const { owner, server } = elsewhere(read(), {});
    owner.send(buildBind('', 'mine'), buildExecute(''), ...messages);
    const sent = renamed(server.read()).slice(4);
    server.answer();
    const after = renamed(server.read());
    server.answer();
    return { sent, after, replies: owner.replies() };
  }

  for (const [what, message] of [
    ['a Parse', buildParse('', 'SELECT 1')],
    ['a named Parse', buildParse('other', 'SELECT 2')],
    ['a Close', buildCloseStatement('mine')],
    ['a Query', buildQuery('SELECT 1')],
    ['a Bind of a statement that does not exist', buildBind('', 'nothing')],
  ] as const)
    test(`${what} waits`, () => {
      const { sent, after } = behind(message);
      assert.deepEqual(sent, ['H']);
      assert.equal(after.length > 0, message[0] !== FrontendCode.Close);
    });

  test('a Describe and a further Execute do not', () => {
    assert.deepEqual(behind(describePortal, buildExecute(''), syncMessage).sent, ['D P', 'E', 'S']);
  });

  test('another read does not', () => {
    const all = described(read());
    const { owner, server } = all;
    const second = read();
    owner.send(buildParse('second', second), buildDescribeStatement('second'), syncMessage);
    server.answer();
    owner.replies();
    const other = moved(
      all,
      describedBy(() => int4),
    );
    owner.send(
      buildBind('', 'mine'),
      buildExecute(''),
      buildBind('', 'second'),
      buildExecute(''),
      syncMessage,
    );
    assert.match(other.read().join(), /^P .*,D .*,B .*,E,P .*,D .*,B .*,E,S$/);
    other.answer();
    assert.deepEqual(owner.replies(), ['2', 'C SELECT', '2', 'C SELECT', 'ZI']);
  });

  test('a write does', () => {
    const all = described(read());
    const { owner, server } = all;
    owner.send(buildParse('write', write()), buildDescribeStatement('write'), syncMessage);
    server.answer();
    owner.replies();
    const other = moved(
      all,
      describedBy(() => int4),
    );
    // It is prepared, and still waits: the read before it may be refused.
    owner.send(buildDescribeStatement('write'), syncMessage);
    other.answer();
    other.answer();
    owner.replies();
    other.read();
    owner.ran = 0;
    owner.send(
      buildBind('', 'mine'),
      buildExecute(''),
      buildBind('', 'write'),
      buildExecute(''),
      syncMessage,
    );
    assert.match(other.read().join(), /^P .*,D .*,B .*,E,H$/);
    assert.equal(owner.ran, 1);
    other.answer();
    assert.match(other.read().join(), /^B .*,E,S$/);
    assert.equal(owner.ran, 2);
  });

  test('if it is refused, the waiting requests are dropped up to Sync', () => {
    const { owner, server } = elsewhere(read(), {}, text);
    owner.send(buildBind('', 'mine'), buildExecute(''), buildCloseStatement('mine'), syncMessage);
    server.answerAll();
    assert.deepEqual(owner.replies(), ['E 0A000', 'ZI']);
    owner.send(buildBind('', 'mine'), ...run);
    server.answer();
    assert.deepEqual(owner.replies(), ['E 0A000', 'ZI'], 'the Close never ran');
  });
});

test('after a write of the same cycle, a read waits until its rows are known', () => {
  const all = described(read());
  const { owner, server } = all;
  owner.send(buildParse('write', `DELETE FROM t WHERE a = ${++texts}`), syncMessage);
  server.answer();
  owner.replies();
  const other = moved(
    all,
    describedBy(() => int4),
  );
  owner.send(buildParse('', `UPDATE t SET a = ${++texts}`), buildBind('', ''), buildExecute(''));
  owner.send(buildBind('', 'mine'), ...run);
  assert.match(other.read().join(), /^P .*,B .*,E,P .*,D .*,H$/);
  other.answer();
  assert.match(other.read().join(), /^B .*,E,S$/);
  other.answer();
  assert.deepEqual(owner.replies(), ['1', '2', 'C SELECT', '2', 'C SELECT', 'ZI']);
  // In the next cycle, no write has run yet.
  const third = moved(
    all,
    describedBy(() => int4),
  );
  owner.send(buildBind('', 'mine'), ...run);
  assert.match(third.read().join(), /^P .*,D .*,B .*,E,S$/);
});

test('in a failed transaction, the proxy itself describes a statement without rows', () => {
  const { owner, server } = elsewhere(`INSERT INTO t VALUES (${++texts})`, {
    as: [noParameters, noData],
  });
  server.errors.set('bad', { severity: 'ERROR', sqlstate: '42601', message: 'bad' });
  owner.send(buildQuery('BEGIN'));
  server.answer();
  owner.send(buildQuery('bad'));
  server.answer();
  assert.deepEqual(owner.replies(), ['C BEGIN', 'ZT', 'E 42601', 'ZE']);
  server.read();
  owner.send(buildDescribeStatement('mine'), syncMessage);
  assert.deepEqual(server.read(), ['S']);
  server.answer();
  assert.deepEqual(owner.replies(), ['t', 'n', 'ZE']);
});

test('a Bind in the next cycle waits until the preparation is known to have succeeded', () => {
  const { owner, server } = elsewhere(read(), {});
  owner.send(buildBind('', 'mine'), ...run, buildBind('', 'mine'), ...run);
  assert.match(server.read().join(), /^P .*,D .*,B .*,E,S$/);
  assert(owner.forwarder.awaitsAnswers);
  server.answer();
  assert.match(server.read().join(), /^B .*,E,S$/);
});

test('a Flush requests the description for which a request waits', () => {
  const { owner, server } = elsewhere(write(), {});
  owner.send(buildBind('', 'mine'), buildExecute(''), flushMessage);
  assert.equal(server.read().at(-1), 'H');
});
