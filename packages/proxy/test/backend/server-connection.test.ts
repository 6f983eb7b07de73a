import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendCode, TransactionStatus, buildMessage, buildParameterStatus } from '@sluice/wire';
import { serverLimits } from '../../src/backend/limits.ts';
import { faults } from '../../src/io/guard.ts';
import { InternalQuery } from '../../src/protocol/internal-query.ts';
import { ScriptedServer, connectTo } from '../scripted-server.ts';
import { ScriptedOwner } from '../session/scripted-owner.ts';

test('a connection that is leased with replies pending is closed before they arrive, and its owner informed', async () => {
  const connection = connectTo(new ScriptedServer());
  const owner = new ScriptedOwner();
  const before = faults.caught;
  let isLost = false;
  connection.run('SELECT 1', new InternalQuery(({ lost }) => (isLost = lost)));
  owner.lease(connection);
  await Promise.resolve();
  assert.ok(connection.closed);
  assert.ok(isLost);
  assert.equal(owner.connection, null);
  assert.deepEqual(owner.log, ['lost 0']);
  assert.equal(faults.caught, before + 1);
});

test('a database that reports an unlimited number of parameters, or a very long one, is closed', () => {
  const server = new ScriptedServer();
  const connection = connectTo(server);
  const before = connection.state.reported.size;
  for (let at = before; at < serverLimits.mostReported; at++)
    server.socket.feed(
      buildParameterStatus(`name ${at}`, 'x'),
      buildParameterStatus(`name ${at}`, 'y'),
    );
  assert(!connection.closed);
  server.socket.feed(buildParameterStatus('one more', 'x'));
  assert(connection.closed);
  const other = new ScriptedServer();
  const second = connectTo(other);
  other.socket.feed(buildParameterStatus('name', 'x'.repeat(60_000)));
  assert(!second.closed);
  other.socket.feed(buildParameterStatus('name', 'x'.repeat(70_000)));
  assert(second.closed);
});

test('an internal query that leaves a transaction open is lost with its connection', () => {
  const server = new ScriptedServer();
  const connection = connectTo(server);
  const answers: boolean[] = [];
  connection.run('BEGIN', new InternalQuery(({ lost }) => answers.push(lost)));
  const ready = buildMessage(
    BackendCode.ReadyForQuery,
    Buffer.from([TransactionStatus.InTransaction]),
  );
  server.socket.feed(buildMessage(BackendCode.CommandComplete, Buffer.from('BEGIN\0')), ready);
  assert(connection.closed);
  assert.deepEqual(answers, [true]);
});
