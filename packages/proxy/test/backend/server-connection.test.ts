import assert from 'node:assert/strict';
import { test } from 'node:test';
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
