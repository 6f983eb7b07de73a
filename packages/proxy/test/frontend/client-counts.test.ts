import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientCounts } from '../../src/frontend/client-counts.ts';

const none = { clients: 0, clientsPerUser: 0, clientsPerDatabase: 0 };

test('clients are counted in all, by user and by database', () => {
  const counts = new ClientCounts();
  counts.add('ann', 'shop');
  counts.add('ann', 'shop');
  counts.add('eve', 'shop');
  for (const [limits, user, database, setting] of [
    [none, 'ann', 'shop', undefined],
    [{ ...none, clients: 3 }, 'new', 'new', 'MaxClientConnections'],
    [{ ...none, clients: 4 }, 'new', 'new', undefined],
    [{ ...none, clientsPerUser: 2 }, 'ann', 'new', 'MaxClientConnectionsPerUser'],
    [{ ...none, clientsPerUser: 2 }, 'eve', 'new', undefined],
    [{ ...none, clientsPerUser: 3 }, 'ann', 'new', undefined],
    [{ ...none, clientsPerDatabase: 3 }, 'new', 'shop', 'MaxClientConnectionsPerDatabase'],
    [{ ...none, clientsPerDatabase: 3 }, 'new', 'new', undefined],
    [{ ...none, clientsPerDatabase: 4 }, 'new', 'shop', undefined],
  ] as const) {
    const error = counts.full(user, database, limits);
    assert.equal(error?.sqlstate, setting === undefined ? undefined : '53300');
    if (setting !== undefined) assert.match(error?.message ?? '', new RegExp(`\\b${setting}\\b`));
  }
  assert.equal(counts.all, 3);
  counts.remove('ann', 'shop');
  assert.equal(counts.all, 2);
  assert.equal(
    counts.full('ann', 'shop', { clients: 3, clientsPerUser: 2, clientsPerDatabase: 3 }),
    null,
  );
});
