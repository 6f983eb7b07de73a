import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  FrontendCode,
  buildBind,
  buildDescribeStatement,
  buildErrorResponse,
  buildExecute,
  buildMessage,
  buildParse,
  buildQuery,
  flushMessage,
  syncMessage,
} from '@sluice/wire';
import { loadParser } from '../../src/sql/index.ts';
import { ScriptedServer, connectTo } from '../scripted-server.ts';
import { moved, parts, renamed } from './scripted-owner.ts';
import type { Parts } from './scripted-owner.ts';

await loadParser();

const select = buildQuery('SELECT 1');
const parsed = Buffer.concat([
  buildParse('', 'SELECT 2'),
  buildBind('', ''),
  buildExecute(''),
  syncMessage,
]);
const bound = Buffer.concat([buildBind('', 'mine'), buildExecute(''), syncMessage]);
const refusal = buildErrorResponse({ severity: 'ERROR', sqlstate: '57014', message: 'canceled' });

/** A session that has prepared a statement, and may run reads on shared leases. */
function sharing(): Parts {
  const all = parts();
  const { owner, server } = all;
  owner.send(buildParse('mine', 'SELECT 3'), buildDescribeStatement('mine'), syncMessage);
  server.answer();
  owner.send(buildParse('', 'SELECT 4'), buildDescribeStatement(''), syncMessage);
  server.answer();
  owner.replies();
  moved(all);
  owner.shares = true;
  owner.log.length = 0;
  return all;
}

suite('a cycle on a shared lease', () => {
  test('is a complete Query, parsed cycle or bound cycle, and the next ones wait', () => {
    for (const [cycle, what] of [
      [select, 'query'],
      [parsed, 'parsed'],
      [bound, 'bound SELECT 3'],
    ] as const) {
      const { owner } = sharing();
      // What precedes it in the chunk is not part of it.
      owner.send(syncMessage, cycle, select);
      assert.deepEqual(owner.replies(), ['ZI']);
      assert.deepEqual(owner.log, [`share ${what}`]);
      assert.deepEqual(owner.shared, [cycle]);
      owner.forwarder.answered(false);
      assert.deepEqual(owner.shared, [cycle, select]);
    }
  });

  test('leaves nothing when it is answered', () => {
    const { owner } = sharing();
    owner.send(select);
    owner.forwarder.answered(false);
    assert.deepEqual(owner.shared, [select]);
    owner.send(select);
    assert.deepEqual(owner.shared, [select, select]);
  });

  test('destroys the unnamed statement if it is a Query, or a Parse that was refused', () => {
    for (const cycle of [select, parsed]) {
      const { owner } = sharing();
      owner.send(cycle);
      owner.forwarder.answered(false);
      owner.shares = false;
      const server = new ScriptedServer();
      owner.available = connectTo(server);
      owner.send(buildBind('', ''), syncMessage);
      assert.deepEqual(server.read(), ['B  ', 'S']);
    }
  });

  test('leaves the unnamed statement if it binds a named one', () => {
    const { owner } = sharing();
    owner.send(bound);
    owner.forwarder.answered(false);
    owner.shares = false;
    const server = new ScriptedServer();
    owner.available = connectTo(server);
    owner.send(buildBind('', ''), syncMessage);
    assert.deepEqual(server.read(), ['P  SELECT 4', 'B  ', 'S']);
  });

  test('replaces the unnamed statement by that of its Parse', () => {
    const { owner } = sharing();
    owner.send(parsed, select);
    owner.forwarder.answered(true);
    owner.forwarder.answered(false);
    owner.send(parsed);
    owner.forwarder.answered(true);
    owner.shares = false;
    const server = new ScriptedServer();
    owner.available = connectTo(server);
    owner.send(buildBind('', ''), buildExecute(''), syncMessage);
    assert.deepEqual(server.read(), ['P  SELECT 2', 'D S', 'B  ', 'E', 'S']);
    assert.equal(owner.ran, 1);
  });

  test('runs alone if its session resumes instead', () => {
    const { owner } = sharing();
    owner.send(bound);
    owner.shares = false;
    const server = new ScriptedServer();
    owner.available = connectTo(server);
    owner.forwarder.resume();
    assert.match(server.read().join(), /^P .*,B .*,E,S$/);
  });

  test('cannot have another form', () => {
    for (const cycle of [
      Buffer.concat([buildParse('', 'SELECT 2'), syncMessage]),
      Buffer.concat([buildParse('named', 'SELECT 2'), syncMessage]),
      Buffer.concat([buildBind('', 'nothing'), buildExecute(''), syncMessage]),
      Buffer.concat([buildBind('', ''), buildExecute(''), syncMessage]),
      Buffer.concat([bound.subarray(0, -syncMessage.length), flushMessage]),
      Buffer.concat([buildDescribeStatement('mine'), syncMessage]),
    ]) {
      const { owner } = sharing();
      owner.send(cycle);
      assert.deepEqual(owner.log.slice(0, 2), ['other form', 'borrow']);
      assert.deepEqual(owner.shared, []);
    }
  });

  test('is not possible on a lease that the session has', () => {
    const { owner } = sharing();
    owner.shares = false;
    owner.send(select);
    owner.shares = true;
    owner.send(select);
    assert.deepEqual(owner.shared, []);
  });
});

suite('a cycle that the session refuses on its lease', () => {
  test('is answered with the error, and is not sent', () => {
    const { owner, server } = parts();
    owner.send(select);
    server.answer();
    owner.replies();
    server.read();
    owner.refuses = refusal;
    owner.send(select);
    assert.deepEqual(owner.replies(), ['E 57014', 'ZI']);
    owner.send(buildParse('', 'SELECT 1'), buildBind('', ''), buildExecute(''), syncMessage);
    assert.deepEqual(owner.replies(), ['E 57014', 'ZI']);
    assert.deepEqual(server.read(), []);
    owner.refuses = null;
    owner.send(select);
    assert.deepEqual(server.read(), ['Q SELECT 1']);
  });

  test('is dropped to its end if it is long', () => {
    const { owner, server } = parts();
    owner.longestBuffered = 10_000;
    owner.send(select);
    server.answer();
    server.read();
    owner.replies();
    owner.refuses = refusal;
    const long = buildQuery(`SELECT '${'x'.repeat(30_000)}'`);
    owner.send(long.subarray(0, 15_000));
    assert.deepEqual(owner.replies(), ['E 57014', 'ZI']);
    assert(!owner.forwarder.midMessage);
    owner.refuses = null;
    owner.send(long.subarray(15_000), select);
    assert.deepEqual(server.read(), ['Q SELECT 1']);
  });

  test('is not one that follows unanswered cycles, nor the rest of an open one, nor a Sync', () => {
    const { owner, server } = parts();
    owner.send(select);
    owner.refuses = refusal;
    owner.send(select);
    server.answer();
    owner.send(syncMessage);
    server.answer();
    assert.deepEqual(owner.replies(), ['C SELECT', 'ZI', 'C SELECT', 'ZI', 'ZI']);
    owner.refuses = null;
    owner.send(buildParse('', 'SELECT 1'));
    owner.refuses = refusal;
    owner.send(buildBind('', ''), syncMessage);
    server.answer();
    assert.deepEqual(owner.replies(), ['1', '2', 'ZI']);
  });
});

suite('a client that pipelines', () => {
  test('waits with its next cycle if the session allows one unanswered cycle', () => {
    const { owner, server, connection } = parts();
    owner.maySendAhead = false;
    owner.send(select, select);
    assert.deepEqual(server.read(), ['Q SELECT 1']);
    assert(owner.forwarder.crowded, 'it is not read in the meantime');
    assert(!owner.forwarder.mayContinue(connection));
    server.answer();
    assert(owner.forwarder.mayContinue(connection));
    owner.forwarder.resume();
    assert.deepEqual(server.read(), ['Q SELECT 1']);
    assert(!owner.forwarder.crowded);
  });

  test('waits for half of its pending replies if it has too many in one cycle', () => {
    const { owner, server, connection } = parts();
    owner.mostPending = 10;
    const execute = buildExecute('');
    owner.send(buildParse('', 'SELECT 1'), buildBind('', ''), ...Array<Buffer>(12).fill(execute));
    assert.equal(connection.pending.length, 10);
    assert.equal(server.read().at(-1), 'H', 'the database buffers replies otherwise');
    assert(owner.forwarder.crowded);
    assert(!owner.forwarder.awaitsAnswers);
    assert(!owner.forwarder.mayContinue(connection));
    server.answer(5);
    assert(owner.forwarder.mayContinue(connection));
    owner.forwarder.resume();
    assert.deepEqual(server.read(), ['E', 'E', 'E', 'E']);
    assert(!owner.forwarder.mayContinue(connection), 'it no longer waits');
  });

  test('lets other clients have their turn', async () => {
    const { owner, server } = parts();
    owner.send(...Array<Buffer>(5000).fill(select));
    const before = server.read().length;
    assert(before < 5000, `${before}`);
    assert(owner.forwarder.crowded);
    let sent = before;
    while (owner.forwarder.crowded) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      sent += server.read().length;
    }
    assert.equal(sent, 5000);
  });
});

suite('a message that arrives in parts', () => {
  test('COPY data outside COPY is dropped to its end', () => {
    const { owner, server } = parts();
    const data = buildMessage(FrontendCode.CopyData, Buffer.alloc(100));
    owner.send(data.subarray(0, 50));
    assert.deepEqual(owner.log, []);
    owner.send(data.subarray(50), select);
    assert.deepEqual(server.read(), ['Q SELECT 1']);
  });

  test('a long message of a cycle that is dropped is dropped to its end', () => {
    const { owner, server } = parts();
    owner.longestBuffered = 10_000;
    owner.forwarder.discardUntilSync();
    const long = buildParse('', `SELECT '${'x'.repeat(30_000)}'`);
    owner.send(long.subarray(0, 15_000));
    assert(!owner.forwarder.midMessage);
    owner.send(long.subarray(15_000), syncMessage, select);
    assert.deepEqual(owner.replies(), ['ZI']);
    assert.deepEqual(server.read(), ['Q SELECT 1']);
  });

  test('a long message whose connection is lost is dropped to its end', () => {
    const { owner } = parts();
    owner.longestBuffered = 10_000;
    const long = buildQuery(`SELECT '${'x'.repeat(30_000)}'`);
    owner.send(long.subarray(0, 15_000));
    assert(owner.forwarder.midMessage);
    owner.forwarder.dropBody();
    assert(!owner.forwarder.midMessage);
    owner.cycles.clear();
    owner.connection = null;
    const server = new ScriptedServer();
    owner.available = connectTo(server);
    owner.send(long.subarray(15_000), select);
    assert.deepEqual(server.read(), ['Q SELECT 1']);
  });

  test('a refused Query of which only a part has come is dropped to its end', () => {
    const { owner, server, connection } = parts();
    owner.longestBuffered = 10_000;
    owner.available = null;
    const long = buildQuery(`SELECT '${'x'.repeat(30_000)}'`);
    owner.send(long.subarray(0, 15_000));
    owner.forwarder.refuse(refusal);
    assert.deepEqual(owner.replies(), ['E 57014', 'ZI']);
    owner.available = connection;
    owner.send(long.subarray(15_000), select);
    assert.deepEqual(server.read(), ['Q SELECT 1']);
  });

  test('a refused function call is answered like a Query', () => {
    const { owner } = parts();
    owner.available = null;
    owner.send(buildMessage(FrontendCode.FunctionCall, Buffer.alloc(10)));
    owner.forwarder.refuse(refusal);
    assert.deepEqual(owner.replies(), ['E 57014', 'ZI']);
  });

  test('a message of COPY that is longer than the buffer streams', () => {
    const { owner, server } = parts();
    owner.send(buildQuery('COPY a FROM STDIN'));
    server.socket.written();
    server.socket.feed(Buffer.from('G\0\0\0\x07\0\0\0', 'latin1'));
    const data = buildMessage(FrontendCode.CopyData, Buffer.alloc(1000));
    owner.send(data.subarray(0, 600));
    assert.equal(server.socket.written().length, 600);
    assert(owner.forwarder.midMessage);
    owner.send(data.subarray(600));
    assert.equal(server.socket.written().length, data.length - 600);
    assert(!owner.forwarder.midMessage);
  });
});

suite('a Flush', () => {
  test('with a body is refused by the database, within a cycle', () => {
    const { owner, server, connection } = parts();
    const flush = buildMessage(FrontendCode.Flush, Buffer.from('x'));
    owner.send(flush);
    assert(connection.cycleOpen);
    assert.equal(connection.pending.length, 1);
    assert.deepEqual(server.socket.written(), flush);
    server.fail({ severity: 'ERROR', sqlstate: '08P01', message: 'invalid message format' });
    owner.send(syncMessage);
    server.answer();
    assert.deepEqual(owner.replies(), ['E 08P01', 'ZI']);
  });

  test('has no reply', () => {
    const { owner, server, connection } = parts();
    owner.send(buildParse('', 'SELECT 1'), flushMessage);
    assert.equal(connection.pending.length, 1);
    assert.equal(server.read().at(-1), 'H');
  });
});

suite('a cycle that is repeated', () => {
  test('is followed by what the client has sent since', () => {
    const { owner, server } = parts();
    owner.send(buildParse('mine', 'SELECT 5'), buildDescribeStatement('mine'), syncMessage);
    const [, name = ''] = (server.read()[0] ?? '').split(' ');
    server.answer();
    server.forget(name);
    owner.replies();
    owner.send(bound, select.subarray(0, 3));
    server.read();
    server.answer();
    assert.deepEqual(renamed(server.read()).at(-1), 'S');
    owner.send(select.subarray(3));
    server.answerAll();
    assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI', 'C SELECT', 'ZI']);
  });
});

test('bytes of more than 1 MiB after a replay are not kept for another lease', () => {
  const { owner, connection } = parts();
  owner.available = null;
  owner.send(select);
  owner.lease(connection);
  connection.replay('SET a = 1');
  owner.forwarder.granted();
  owner.send(buildQuery(`SELECT '${'x'.repeat(1024 * 1024 - 20)}'`));
  assert(!owner.forwarder.sendUnsettled());
});
