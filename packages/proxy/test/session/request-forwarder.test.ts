import assert from 'node:assert/strict';
import {
  FrontendCode,
  buildBind,
  buildCloseStatement,
  buildErrorResponse,
  buildExecute,
  buildMessage,
  buildParse,
  buildQuery,
  flushMessage,
  readyForQueryIdle,
  syncMessage,
  terminateMessage,
} from '@sluice/wire';
import { LostTransaction } from '../../src/recovery/lost-transaction.ts';
import { loadParser } from '../../src/sql/index.ts';
import { ScriptedServer, connectTo } from '../scripted-server.ts';
import { test } from 'node:test';
import { parts } from './scripted-owner.ts';

await loadParser();

const select = buildQuery('SELECT 1');
const extended = Buffer.concat([
  buildParse('', 'SELECT 1'),
  buildBind('', ''),
  buildExecute(''),
  syncMessage,
]);
const refusal = buildErrorResponse({ severity: 'ERROR', sqlstate: '57014', message: 'canceled' });

test('a Query borrows a connection and is forwarded unchanged', () => {
  const { owner, server } = parts();
  owner.send(select);
  assert.deepEqual(server.socket.written(), select);
  assert.deepEqual(owner.log, ['borrow', 'began']);
  assert.equal(owner.cycles.complete, 1);
  assert.equal(owner.ran, 1);
});

test('its reply ends the cycle', () => {
  const { owner, server } = parts();
  owner.send(select);
  server.answer();
  assert.deepEqual(owner.replies(), ['C SELECT', 'ZI']);
  assert.equal(owner.cycles.unanswered, 0);
});

test('the second Query uses the existing lease', () => {
  const { owner, server } = parts();
  owner.send(select);
  server.answer();
  owner.send(select);
  assert.equal(owner.log.filter((call) => call === 'borrow').length, 1);
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

test('a message that arrives in pieces is forwarded when it is complete', () => {
  const { owner, server } = parts();
  for (let at = 0; at < select.length; at++) {
    assert.deepEqual(server.read(), []);
    owner.send(select.subarray(at, at + 1));
  }
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

test('an extended query cycle is forwarded in one write', () => {
  const { owner, server } = parts();
  owner.send(extended);
  assert.deepEqual(server.read(), ['P  SELECT 1', 'B  ', 'E', 'S']);
  assert.deepEqual([owner.cycles.complete, owner.cycles.unanswered], [1, 1]);
  server.answer();
  assert.deepEqual(owner.replies(), ['1', '2', 'C SELECT', 'ZI']);
});

test('pipelined cycles are answered in order', () => {
  const { owner, server } = parts();
  owner.send(buildQuery('BEGIN'), select, buildQuery('COMMIT'));
  assert.equal(owner.cycles.complete, 3);
  server.answer(1);
  assert.deepEqual(owner.replies(), ['C BEGIN', 'ZT']);
  assert.equal(owner.cycles.complete, 2);
  server.answer();
  assert.deepEqual(owner.replies(), ['C SELECT', 'ZT', 'C COMMIT', 'ZI']);
  assert.equal(owner.cycles.unanswered, 0);
});

test('a cycle without its Sync is open', () => {
  const { owner, connection } = parts();
  owner.send(buildParse('', 'SELECT 1'), flushMessage);
  assert.deepEqual([owner.cycles.complete, owner.cycles.isOpen], [0, true]);
  assert(connection.cycleOpen);
  owner.send(syncMessage);
  assert.deepEqual([owner.cycles.complete, owner.cycles.isOpen], [1, false]);
  assert(!connection.cycleOpen);
});

test('Execute alone starts a cycle', () => {
  const { owner } = parts();
  owner.send(buildExecute('p'));
  assert(owner.cycles.isOpen);
});

test('Sync and Flush do not need a connection', () => {
  const { owner } = parts();
  owner.send(flushMessage, syncMessage);
  assert.deepEqual(owner.log, []);
  assert.deepEqual(owner.replies(), ['ZI']);
  assert.equal(owner.cycles.unanswered, 0);
});

test('many Syncs without a connection are answered together, before the next request', () => {
  const { owner, server } = parts();
  const replies: number[] = [];
  owner.onReply = (bytes) => void replies.push(bytes.length);
  owner.send(syncMessage, flushMessage, syncMessage, syncMessage, select);
  assert.deepEqual(replies, [3 * readyForQueryIdle.length]);
  server.answer();
  assert.deepEqual(owner.replies(), ['ZI', 'ZI', 'ZI', 'C SELECT', 'ZI']);
  owner.forwarder.discardUntilSync();
  owner.send(syncMessage, syncMessage);
  assert.deepEqual(owner.replies(), ['ZI']);
  server.answer();
  assert.deepEqual(owner.replies(), ['ZI']);
});

test('a Sync on a lease is a cycle', () => {
  const { owner, server } = parts();
  owner.send(buildQuery('BEGIN'));
  server.answer();
  owner.replies();
  owner.send(syncMessage);
  assert.equal(owner.cycles.complete, 1);
  server.answer();
  assert.deepEqual(owner.replies(), ['ZT']);
});

test('a request waits for a lease, and is sent when it is granted', () => {
  const { owner, server, connection } = parts();
  owner.available = null;
  owner.send(select);
  assert.deepEqual(server.read(), []);
  assert(!owner.forwarder.crowded);
  owner.send(select);
  assert(owner.forwarder.crowded);
  owner.lease(connection);
  owner.forwarder.granted();
  assert.deepEqual(server.read(), ['Q SELECT 1', 'Q SELECT 1']);
  assert(!owner.forwarder.crowded);
});

test('a Query that gets no lease is answered with the error and ReadyForQuery', () => {
  const { owner } = parts();
  owner.available = null;
  owner.send(select);
  owner.forwarder.refuse(refusal);
  assert.deepEqual(owner.replies(), ['E 57014', 'ZI']);
});

test('an extended cycle that gets none is dropped up to its Sync', () => {
  const { owner, server, connection } = parts();
  owner.available = null;
  owner.send(extended);
  owner.available = connection;
  owner.forwarder.refuse(refusal);
  assert.deepEqual(owner.replies(), ['E 57014', 'ZI']);
  assert.deepEqual(server.read(), []);
  owner.send(select);
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

test('the request after a refused Query is tried again', () => {
  const { owner, server, connection } = parts();
  owner.available = null;
  owner.send(buildQuery('SELECT 2'), select);
  owner.available = connection;
  owner.forwarder.refuse(refusal);
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

test('a complete cycle that is alone can be retried', () => {
  const { owner, server } = parts();
  owner.send(extended);
  assert(owner.forwarder.canSendAgain);
  server.socket.written();
  const other = new ScriptedServer();
  owner.connection = null;
  owner.available = connectTo(other);
  owner.cycles.again(null);
  owner.forwarder.sendAgain();
  assert.deepEqual(other.read(), ['P  SELECT 1', 'B  ', 'E', 'S']);
});

for (const [what, chunks] of [
  ['two cycles in one chunk', [Buffer.concat([select, select])]],
  ['a cycle that arrived in pieces', [extended.subarray(0, -5), extended.subarray(-5)]],
  ['a cycle followed by more bytes', [select, select.subarray(0, 3)]],
  ['a cycle that names a statement', [Buffer.concat([buildParse('a', 'SELECT 1'), syncMessage])]],
  ['a cycle that closes a statement', [Buffer.concat([buildCloseStatement('a'), syncMessage])]],
] as const)
  test(`${what} cannot be retried`, () => {
    const { owner } = parts();
    for (const chunk of chunks) owner.send(chunk);
    assert(!owner.forwarder.canSendAgain);
  });

test('a cycle of a lease that has ended cannot be retried', () => {
  const { owner, server, connection } = parts();
  owner.send(select);
  server.answer();
  owner.forwarder.leaseEnded(connection);
  assert(!owner.forwarder.canSendAgain);
});

test('nothing starts while a cancel request is on its way', () => {
  const { owner, server, connection } = parts();
  owner.send(select);
  server.answer();
  server.read();
  connection.cancelSent();
  owner.send(select);
  assert.deepEqual(server.read(), []);
  connection.cancelPassed();
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

test('Terminate ends the session after what was sent', () => {
  const { owner, server } = parts();
  owner.send(select, terminateMessage);
  assert(owner.isTerminated);
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

for (const [what, bytes] of [
  ['of an unknown type', Buffer.from([0x7a, 0, 0, 0, 4])],
  ['that is too short', Buffer.from([FrontendCode.Query, 0, 0, 0, 3])],
  ['that is too long for its type', Buffer.from([FrontendCode.Sync, 0, 1, 0, 0])],
  ['without a terminated name', buildMessage(FrontendCode.Parse, Buffer.from('abc'))],
] as const)
  test(`a message ${what} violates the protocol`, () => {
    const { owner } = parts();
    owner.send(bytes);
    assert.equal(owner.ended?.code, 'PROTOCOL_VIOLATION');
  });

test('a statement longer than the buffer streams, and is not parsed', () => {
  const { owner, server } = parts();
  owner.longestBuffered = 10_000;
  const long = buildQuery(`SELECT '${'x'.repeat(30_000)}'`);
  owner.send(long.subarray(0, 15_000));
  assert(owner.log.some((call) => call.startsWith('unread')));
  assert.equal(server.socket.written().length, 15_000);
  assert(owner.forwarder.midMessage);
  owner.send(long.subarray(15_000));
  assert(!owner.forwarder.midMessage);
  assert.equal(server.socket.written().length, long.length - 15_000);
  assert(owner.cycles.last.mayCommit);
});

test('COPY data is forwarded as it arrives, and CopyDone is no cycle', () => {
  const { owner, server } = parts();
  owner.send(buildQuery('COPY a FROM STDIN'));
  server.socket.written();
  server.socket.feed(Buffer.from('G\0\0\0\x07\0\0\0', 'latin1'));
  const data = buildMessage(FrontendCode.CopyData, Buffer.from('1\n'));
  const done = buildMessage(FrontendCode.CopyDone);
  owner.send(data, data, done);
  assert.deepEqual(server.socket.written(), Buffer.concat([data, data, done]));
  assert.equal(owner.cycles.complete, 1);
});

test('a Sync that the database ignores during COPY ends no cycle', () => {
  const { owner, server } = parts();
  owner.send(buildParse('', 'COPY a FROM STDIN'), buildBind('', ''), buildExecute(''), syncMessage);
  assert.equal(owner.cycles.complete, 1);
  server.socket.feed(
    Buffer.concat([
      Buffer.from('1\0\0\0\x042\0\0\0\x04', 'latin1'),
      Buffer.from('G\0\0\0\x07\0\0\0', 'latin1'),
    ]),
  );
  assert.deepEqual([owner.cycles.complete, owner.cycles.isOpen], [0, true]);
  owner.send(syncMessage);
  assert.equal(owner.cycles.complete, 0);
  owner.send(buildMessage(FrontendCode.CopyDone), syncMessage);
  assert.equal(owner.cycles.complete, 1);
  server.socket.feed(Buffer.from('C\0\0\0\x0bCOPY 1\0Z\0\0\0\x05I', 'latin1'));
  assert.equal(owner.cycles.unanswered, 0);
});

test('COPY data that was not requested is dropped', () => {
  const { owner, server } = parts();
  owner.send(buildMessage(FrontendCode.CopyData, Buffer.from('1\n')), select);
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

test('a function call is a separate cycle, and its side effects are not analyzed', () => {
  const { owner } = parts();
  owner.send(buildMessage(FrontendCode.FunctionCall, Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0])));
  assert(owner.log.some((call) => call.startsWith('unread')));
  assert.equal(owner.cycles.complete, 1);
});

test('a function of large objects leaves no state', () => {
  const { owner } = parts();
  const body = Buffer.alloc(10);
  body.writeUInt32BE(952);
  owner.send(buildMessage(FrontendCode.FunctionCall, body));
  assert(!owner.log.some((call) => call.startsWith('unread')));
  assert.equal(owner.cycles.complete, 1);
});

test('in a lost transaction nothing reaches a database until it ends', () => {
  const { owner, server } = parts();
  owner.forwarder.transactionLost(new LostTransaction(refusal, false, false));
  owner.send(select);
  assert.deepEqual(owner.replies(), ['E 57014', 'ZE']);
  owner.send(buildQuery('ROLLBACK'));
  assert.deepEqual(owner.replies(), ['C ROLLBACK', 'ZI']);
  assert.deepEqual(owner.log, []);
  owner.send(select);
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

test('the rest of a cycle is dropped when its connection was lost', () => {
  const { owner, server } = parts();
  owner.forwarder.discardUntilSync();
  owner.send(buildExecute(''), syncMessage, select);
  assert.deepEqual(owner.replies(), ['ZI']);
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

test('requests sent after a replay go to the next lease if the replay is refused', () => {
  const { owner, server, connection } = parts();
  owner.available = null;
  owner.send(select);
  owner.lease(connection);
  connection.replay('SET a = 1');
  owner.forwarder.granted();
  assert.deepEqual(server.read(), ['Q SET a = 1', 'Q SELECT 1']);
  owner.cycles.clear();
  owner.connection = null;
  const other = new ScriptedServer();
  owner.available = connectTo(other);
  assert(owner.forwarder.sendUnsettled());
  owner.forwarder.resume();
  assert.deepEqual(other.read(), ['Q SELECT 1']);
});

test('once the replay is answered, no bytes are kept for another lease', () => {
  const { owner, server, connection } = parts();
  owner.available = null;
  owner.send(select);
  owner.lease(connection);
  connection.replay('SET a = 1');
  owner.forwarder.granted();
  server.answer();
  assert(owner.forwarder.sendUnsettled());
  owner.connection = null;
  owner.log.length = 0;
  owner.forwarder.resume();
  assert.deepEqual(owner.log, []);
});

test('a request that waits for replies although none is pending ends the session', () => {
  for (const requests of [[select], [extended], [syncMessage, select], [select, select]]) {
    const { owner, server, connection } = parts();
    owner.send(select);
    server.answer();
    owner.waitsForSequences = true;
    owner.send(...requests);
    server.answer();
    assert.match(String(owner.error), /a request waits for replies, and none is pending/);
    assert(connection.closed);
    assert(!server.read().includes('Q SELECT 1'));
  }
});

test('a request that waits for nothing may continue at once', () => {
  const { owner, server } = parts();
  owner.send(select);
  server.answer();
  server.read();
  owner.waitsForSequences = true;
  let tries = 0;
  const mustWait = (): boolean => ++tries === 1;
  owner.mustWait = mustWait;
  owner.send(select);
  assert.equal(tries, 2);
  assert.equal(owner.error, null);
  assert.deepEqual(server.read(), ['Q SELECT 1']);
  // The next request has a try of its own.
  tries = 0;
  server.answer();
  owner.send(select);
  assert.equal(tries, 2);
  assert.equal(owner.error, null);
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

test('a request that waits until the connection accepts requests is no error', () => {
  const { owner, server, connection } = parts();
  owner.send(select);
  server.answer();
  server.read();
  owner.makesWayNow = false;
  for (let i = 0; i < 3; i++) {
    connection.lease.admitRequests();
    if (i === 0) owner.send(select);
    else owner.forwarder.resume();
    assert.equal(owner.error, null);
    assert.deepEqual(server.read(), []);
  }
  owner.makesWayNow = true;
  connection.lease.admitRequests();
  owner.forwarder.resume();
  assert.deepEqual(server.read(), ['Q SELECT 1']);
});

for (const [what, code, body] of [
  ['a Parse', FrontendCode.Parse, 'mine'],
  ['a Bind without the name of a portal', FrontendCode.Bind, 'mine'],
  ['a Bind without the name of a statement', FrontendCode.Bind, 'portal\0mine'],
  ['a Describe', FrontendCode.Describe, 'Smine'],
  ['a Close', FrontendCode.Close, 'Smine'],
] as const)
  test(`${what}, whose name does not end within it, violates the protocol`, () => {
    const { owner, server } = parts();
    owner.send(select, buildMessage(code, Buffer.from(body)), syncMessage);
    assert.match(owner.ended?.message ?? '', /has no terminated name/);
    assert.deepEqual(server.read(), ['Q SELECT 1'], 'what precedes it is sent');
  });

test('reading from the client pauses while the server connection takes no more', () => {
  const { owner, server } = parts();
  owner.send(select);
  server.answer();
  assert.equal(owner.flows, 0);
  server.socket.isFull = true;
  owner.send(select);
  assert.equal(owner.flows, 1);
});

test('a function call that the database skips ends no cycle', () => {
  const { owner, server } = parts();
  owner.send(buildBind('', 'nothing'), flushMessage);
  server.answer();
  owner.send(buildMessage(FrontendCode.FunctionCall, Buffer.alloc(8)));
  assert.deepEqual([owner.cycles.complete, owner.cycles.unanswered], [0, 1]);
});

test('a Flush with a body begins a cycle, like every request that PostgreSQL refuses', () => {
  const { owner, server, connection } = parts();
  owner.send(buildMessage(FrontendCode.Flush, Buffer.from('x')));
  assert.equal(connection.cycleOpen, true);
  assert.equal(owner.cycles.isOpen, true);
  assert.deepEqual(server.read(), ['H']);
});

test('a session that has ended releases its statements', () => {
  const { owner } = parts();
  owner.send(buildParse('mine', 'SELECT 1'), syncMessage);
  assert.equal(owner.forwarder.names, 1);
  assert(owner.forwarder.bytes > 0);
  owner.forwarder.close();
  assert.equal(owner.forwarder.names, 0);
});
