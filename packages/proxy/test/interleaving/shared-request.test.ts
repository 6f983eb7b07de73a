import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FrontendCode,
  buildBind,
  buildExecute,
  buildMessage,
  buildParse,
  buildQuery,
  readParsedCycle,
  syncMessage,
} from '@sluice/wire';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import { ParsedRequest, QueryRequest } from '../../src/interleaving/shared-request.ts';
import type { SharedRequest } from '../../src/interleaving/shared-request.ts';
import type { ReplyNote } from '../../src/protocol/pending-replies.ts';
import { readUnderAny } from '../../src/parameters/read-under.ts';
import { UnnamedStatement } from '../../src/statements/unnamed-statement.ts';
import { ScriptedServer, connectTo } from '../scripted-server.ts';
import { ScriptedOwner } from '../session/scripted-owner.ts';

const describePortal = buildMessage(FrontendCode.Describe, Buffer.from('P\0'));
const note: ReplyNote = { undo: () => undefined };

/** Sends the request: the bytes on the connection, and the reply. */
function send(request: SharedRequest): {
  bytes: Buffer;
  replies: string[];
  connection: ServerConnection;
} {
  const server = new ScriptedServer();
  const connection = connectTo(server);
  const owner = new ScriptedOwner();
  owner.lease(connection);
  const unnamed = new UnnamedStatement(Buffer.alloc(1), 0, 1, null, readUnderAny);
  connection.state.unnamed.expect(unnamed, null);
  connection.pending.owner = owner;
  assert(request.gather(connection, note));
  assert.notEqual(connection.state.unnamed.expected, unnamed, 'each session prepares its own');
  assert.equal(connection.pending.headNote, note);
  connection.flushRequests();
  const bytes = server.socket.written();
  server.socket.write(bytes);
  owner.cycles.end();
  server.answer();
  return { bytes, replies: owner.replies(), connection };
}

/** The bytes within a longer chunk. */
function within(bytes: Buffer): Buffer {
  return Buffer.concat([syncMessage, bytes, syncMessage]);
}

test('a Query is sent unchanged, without the rest of its chunk', () => {
  const query = buildQuery('SELECT 1');
  const at = syncMessage.length;
  const request = new QueryRequest(within(query), at, at + query.length, 7);
  assert.equal(request.key, 7);
  assert(request.isAsExpected);
  const { bytes, replies } = send(request);
  assert.deepEqual(bytes, query);
  assert.deepEqual(replies, ['C SELECT', 'ZI']);
});

for (const isDescribed of [false, true])
  test(`a parsed cycle ${isDescribed ? 'with' : 'without'} Describe is sent unchanged`, () => {
    const cycle = Buffer.concat([
      buildParse('', 'SELECT 1'),
      buildBind('', ''),
      ...(isDescribed ? [describePortal] : []),
      buildExecute(''),
      syncMessage,
    ]);
    const chunk = within(cycle);
    const parsed = readParsedCycle(chunk, syncMessage.length, chunk.length);
    assert(parsed !== null);
    const request = new ParsedRequest(chunk, syncMessage.length, parsed, 8);
    assert.equal(request.key, 8);
    const { bytes, replies, connection } = send(request);
    assert.deepEqual(bytes, cycle);
    assert.deepEqual(replies, ['1', '2', ...(isDescribed ? ['n'] : []), 'C SELECT', 'ZI']);
    assert.equal(connection.pending.length, 0);
    request.planOutdated();
    assert(request.isAsExpected, 'it has no earlier plan');
  });
