import assert from 'node:assert/strict';
import {
  buildBind,
  buildCloseStatement,
  buildDescribeStatement,
  buildExecute,
  buildParse,
  buildQuery,
  flushMessage,
  syncMessage,
} from '@sluice/wire';
import { loadParser } from '../../src/sql/index.ts';
import { ScriptedServer, connectTo } from '../scripted-server.ts';
import { test } from 'node:test';
import { ScriptedOwner, moved, parts, renamed } from './scripted-owner.ts';

await loadParser();

let texts = 0;
/** A text that no other test has. */
function text(): string {
  return `SELECT ${++texts} AS rewriter`;
}

test('a named statement is prepared with a name for the connection', () => {
  const { owner, server } = parts();
  const sql = text();
  owner.send(buildParse('mine', sql), buildDescribeStatement('mine'), syncMessage);
  assert.deepEqual(renamed(server.read()), [`P #1 ${sql}`, 'D S#1', 'S']);
  server.answer();
  assert.deepEqual(owner.replies(), ['1', 't', 'n', 'ZI']);
});

test('a statement that its client does not describe is described by the proxy', () => {
  const { owner, server } = parts();
  const sql = text();
  owner.send(buildParse('mine', sql), syncMessage);
  assert.deepEqual(renamed(server.read()), [`P #1 ${sql}`, 'D S#1', 'S']);
  server.answer();
  assert.deepEqual(owner.replies(), ['1', 'ZI']);
});

test('Bind is rewritten to the name on the connection', () => {
  const { owner, server } = parts();
  owner.send(buildParse('mine', text()), syncMessage);
  server.answer();
  server.received.length = 0;
  owner.send(buildBind('portal', 'mine'), buildExecute('portal'), syncMessage);
  assert.deepEqual(renamed(server.read()), ['B portal #1', 'E portal', 'S']);
  assert.equal(owner.ran, 1);
});

test('two sessions share a statement with one text', () => {
  const first = parts();
  const sql = text();
  first.owner.send(buildParse('mine', sql), syncMessage);
  const [parse] = first.server.read();
  const second = new ScriptedOwner();
  second.available = connectTo(new ScriptedServer());
  const server = new ScriptedServer();
  second.available = connectTo(server);
  second.send(buildParse('other', sql), syncMessage);
  assert.equal(server.read()[0], parse);
});

test('on another connection a statement is prepared before its Bind', () => {
  const all = parts();
  const sql = text();
  all.owner.send(buildParse('mine', sql), buildDescribeStatement('mine'), syncMessage);
  all.server.answer();
  all.owner.replies();
  const server = moved(all);
  all.owner.send(buildBind('', 'mine'), buildExecute(''), syncMessage);
  assert.deepEqual(renamed(server.read()), [`P #1 ${sql}`, 'B  #1', 'E', 'S']);
  server.answer();
  assert.deepEqual(all.owner.replies(), ['2', 'C SELECT', 'ZI']);
});

test('an existing statement is not prepared again', () => {
  const { owner, server } = parts();
  owner.send(buildParse('mine', text()), buildDescribeStatement('mine'), syncMessage);
  server.answer();
  for (let round = 0; round < 2; round++) {
    server.received.length = 0;
    owner.send(buildBind('', 'mine'), buildExecute(''), syncMessage);
    assert.deepEqual(renamed(server.read()), ['B  #1', 'E', 'S']);
    server.answer();
  }
});

test('Close is answered in its turn, and the connection keeps the statement', () => {
  const { owner, server } = parts();
  owner.send(buildParse('mine', text()), buildDescribeStatement('mine'), syncMessage);
  server.answer();
  owner.replies();
  server.read();
  owner.send(buildCloseStatement('mine'), syncMessage);
  assert.deepEqual(server.read(), ['S']);
  server.answer();
  assert.deepEqual(owner.replies(), ['3', 'ZI']);
  owner.send(buildBind('', 'mine'), syncMessage);
  server.answer();
  assert.deepEqual(owner.replies(), ['E 26000', 'ZI']);
});

test('a refused Parse leaves no name', () => {
  const { owner, server } = parts();
  const sql = text();
  server.errors.set(sql, { severity: 'ERROR', sqlstate: '42703', message: 'no such column' });
  owner.send(buildParse('mine', sql), syncMessage);
  server.answer();
  assert.deepEqual(owner.replies(), ['E 42703', 'ZI']);
  server.errors.clear();
  server.read();
  owner.send(buildParse('mine', sql), buildDescribeStatement('mine'), syncMessage);
  assert.deepEqual(renamed(server.read()), [`P #1 ${sql}`, 'D S#1', 'S']);
});

test('a name can be bound in the same cycle as its Parse', () => {
  const { owner, server } = parts();
  const sql = text();
  owner.send(buildParse('mine', sql), buildBind('', 'mine'), buildExecute(''), syncMessage);
  assert.deepEqual(renamed(server.read()), [`P #1 ${sql}`, 'D S#1', 'B  #1', 'E', 'S']);
});

test('in the next cycle it waits until the reply to Parse has arrived', () => {
  const { owner, server } = parts();
  owner.send(buildParse('mine', text()), syncMessage, buildBind('', 'mine'), syncMessage);
  assert.deepEqual(renamed(server.read()).slice(1), ['D S#1', 'S']);
  assert(owner.forwarder.awaitsAnswers);
  server.answer();
  assert(!owner.forwarder.awaitsAnswers);
  assert.deepEqual(renamed(server.read()), ['B  #1', 'S']);
});

test('a cycle without names does not make a later one wait', () => {
  const { owner, server } = parts();
  owner.send(buildParse('mine', text()), syncMessage);
  server.answer();
  owner.send(buildBind('', 'mine'), buildExecute(''), syncMessage);
  server.answer();
  server.read();
  owner.send(buildQuery('SELECT 1'), buildBind('', 'mine'), buildExecute(''), syncMessage);
  assert.deepEqual(renamed(server.read()), ['Q SELECT 1', 'B  #1', 'E', 'S']);
});

test('the unnamed statement is forwarded without a name', () => {
  const { owner, server } = parts();
  const sql = text();
  owner.send(buildParse('', sql), buildBind('', ''), buildExecute(''), syncMessage);
  assert.deepEqual(server.read(), [`P  ${sql}`, 'B  ', 'E', 'S']);
});

test('the unnamed statement is prepared again on another connection', () => {
  const all = parts();
  const sql = text();
  all.owner.send(buildParse('', sql), buildDescribeStatement(''), syncMessage);
  all.server.answer();
  all.owner.replies();
  const server = moved(all);
  all.owner.send(buildBind('', ''), buildExecute(''), syncMessage);
  assert.deepEqual(server.read(), [`P  ${sql}`, 'B  ', 'E', 'S']);
});

test('a Query destroys it', () => {
  const { owner, server, connection } = parts();
  owner.send(buildParse('', text()), syncMessage);
  server.answer();
  owner.send(buildQuery('SELECT 1'));
  server.answer();
  owner.replies();
  server.read();
  const other = moved({ owner, connection });
  owner.send(buildBind('', ''), syncMessage);
  assert.deepEqual(other.read(), ['B  ', 'S']);
  other.answer();
  assert.deepEqual(owner.replies(), ['E 26000', 'ZI']);
});

test('a Bind of the unnamed statement waits for the Parse of an earlier cycle', () => {
  const { owner, server } = parts();
  owner.send(buildParse('', text()), syncMessage, buildBind('', ''), syncMessage);
  assert.equal(server.read().at(-1), 'S');
  assert(owner.forwarder.awaitsAnswers);
  server.answer();
  assert.deepEqual(server.read(), ['B  ', 'S']);
});

test('a skipped Parse leaves the previous unnamed statement', () => {
  const { owner, server, connection } = parts();
  const kept = text();
  owner.send(buildParse('', kept), buildDescribeStatement(''), syncMessage);
  server.answer();
  owner.send(buildBind('', 'nothing'), buildParse('', text()), syncMessage);
  server.answer();
  owner.replies();
  const other = moved({ owner, connection });
  owner.send(buildBind('', ''), syncMessage);
  assert.deepEqual(other.read(), [`P  ${kept}`, 'B  ', 'S']);
});

test('PREPARE creates a name when it is complete', () => {
  const { owner, server } = parts();
  owner.send(buildQuery('PREPARE mine AS SELECT 1'), buildQuery('EXECUTE mine'));
  assert.deepEqual(server.read(), ['Q PREPARE mine AS SELECT 1']);
  assert(owner.forwarder.awaitsAnswers);
  server.answer();
  assert.deepEqual(server.read(), ['Q EXECUTE mine']);
});

test('EXECUTE on another connection is preceded by its PREPARE in a separate cycle', () => {
  const all = parts();
  all.owner.send(buildQuery('PREPARE mine AS SELECT 1'));
  all.server.answer();
  all.owner.replies();
  const server = moved(all);
  all.owner.send(buildQuery('EXECUTE mine'));
  const requests = server.read();
  assert.equal(requests.at(-1), 'Q EXECUTE mine');
  assert(
    requests.some((request) => request.includes('SELECT 1')),
    requests.join(),
  );
  server.answer();
  assert.deepEqual(all.owner.replies(), ['C EXECUTE', 'ZI']);
  assert.equal(all.owner.cycles.unanswered, 0);
});

test('DEALLOCATE removes the name', () => {
  const all = parts();
  all.owner.send(buildQuery('PREPARE mine AS SELECT 1'));
  all.server.answer();
  assert.deepEqual(all.owner.forwarder.trackedNames(), ['mine']);
  all.owner.send(buildQuery('DEALLOCATE mine'));
  assert.deepEqual(all.owner.forwarder.trackedNames(), ['mine']);
  all.server.answer();
  assert.deepEqual(all.owner.forwarder.trackedNames(), []);
});

test('a statement that must wait for the session is not sent', () => {
  const { owner, server } = parts();
  owner.makesWayNow = false;
  owner.send(buildQuery('DROP DATABASE a'));
  assert.deepEqual(server.read(), []);
  assert.equal(owner.ran, 0);
  owner.makesWayNow = true;
  if (owner.connection !== null) owner.connection.lease.admitRequests();
  owner.forwarder.resume();
  assert.deepEqual(server.read(), ['Q DROP DATABASE a']);
  assert.equal(owner.ran, 1);
});

test('a statement that needs a new connection is not sent on this one', () => {
  const { owner, server } = parts();
  owner.wantsNew = true;
  owner.send(buildQuery('SET temp_buffers = 100'));
  assert.deepEqual(server.read(), []);
  owner.wantsNew = false;
  const other = new ScriptedServer();
  owner.available = connectTo(other);
  owner.forwarder.resume();
  assert.deepEqual(other.read(), ['Q SET temp_buffers = 100']);
});

test('a text that sets parameters with custom names is searched', () => {
  const { owner } = parts();
  owner.send(buildQuery("SELECT own('app.a')"));
  assert.deepEqual(
    owner.log.filter((call) => call.startsWith('names')),
    ["names SELECT own('app.a')"],
  );
});

test('a client’s process ID is replaced with that of its server process', () => {
  const { owner, server } = parts();
  owner.send(buildQuery('SELECT pg_cancel_backend(5000000)'));
  assert.deepEqual(server.read(), ['Q SELECT pg_cancel_backend(0000077)']);
});

test('a Query in an open cycle keeps the connection for this session', () => {
  const { owner, connection } = parts();
  owner.send(buildParse('', text()), buildQuery('SELECT 1'));
  assert.notEqual(connection.retireReason, null);
});

test('a Query that the database skips ends no cycle', () => {
  const { owner, server } = parts();
  owner.send(buildBind('', 'nothing'), flushMessage);
  server.answer();
  assert.deepEqual(owner.replies(), ['E 26000']);
  owner.send(buildQuery('SELECT 1'));
  assert.equal(owner.cycles.complete, 0);
  owner.send(syncMessage);
  assert.equal(owner.cycles.complete, 1);
  server.answer();
  assert.deepEqual(owner.replies(), ['ZI']);
  assert.equal(owner.cycles.unanswered, 0);
});

test('a cycle that lacks a statement, contrary to an assumption, is repeated once', () => {
  const { owner, server } = parts();
  const sql = text();
  owner.send(buildParse('mine', sql), buildDescribeStatement('mine'), syncMessage);
  server.answer();
  owner.replies();
  server.read();
  const bind = [buildBind('', 'mine'), buildExecute(''), syncMessage];
  owner.send(...bind);
  const [sent = ''] = server.read();
  const name = sent.slice('B  '.length);
  server.forget(name);
  server.answer();
  assert.deepEqual(owner.replies(), []);
  assert(
    owner.log.some((call) => call === 'corrected statement'),
    owner.log.join(),
  );
  assert.deepEqual(renamed(server.read()), ['C S#1', `P #1 ${sql}`, 'B  #1', 'E', 'S']);
  assert.deepEqual([owner.cycles.complete, owner.cycles.unanswered], [1, 1]);
  server.answer();
  assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
  assert.equal(owner.cycles.unanswered, 0);
});

test('it is not repeated while another cycle is unanswered', () => {
  const { owner, server } = parts();
  owner.send(buildParse('mine', text()), buildDescribeStatement('mine'), syncMessage);
  server.answer();
  owner.replies();
  server.read();
  owner.send(buildBind('', 'mine'), buildExecute(''), syncMessage, buildQuery('SELECT 1'));
  const [sent = ''] = server.read();
  server.forget(sent.slice('B  '.length));
  server.answer();
  assert.deepEqual(owner.replies(), ['E 26000', 'ZI', 'C SELECT', 'ZI']);
});

test('errors contain the names that the client has given', () => {
  const { owner, server } = parts();
  owner.send(buildParse('mine', text()), syncMessage);
  const [parse = ''] = server.read();
  const [, name = ''] = parse.split(' ');
  assert.match(name, /^sluice_[0-9a-f]+_\d+$/);
  assert.equal(owner.forwarder.translate(`statement "${name}" is odd`), 'statement "mine" is odd');
});
