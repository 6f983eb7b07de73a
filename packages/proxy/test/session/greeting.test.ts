import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import type { ConnectionLoss } from '../../src/backend/lease-owner.ts';
import { ParameterSets } from '../../src/parameters/parameter-sets.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { ProxyError } from '../../src/errors.ts';
import { Greeting } from '../../src/session/greeting.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A login that waits for the answer of its first connection. */
function begun(): {
  readonly greeting: Greeting;
  readonly lose: (silent?: boolean, error?: ProxyError) => Promise<void>;
  readonly borrowed: () => number;
  readonly outcomes: (string | null)[];
} {
  const sets = new ParameterSets();
  const parameters = sets.acquire([['datestyle', 'ISO']]);
  const outcomes: (string | null)[] = [];
  let borrowed = 0;
  const connection = {
    leaseTo: () => undefined,
    state: { parameterSet: null, reported: new Map(), isUsed: false },
    run: () => undefined,
  };
  const pool = {
    borrow: () => {
      borrowed++;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a login uses no more of a connection
      return connection as unknown as ServerConnection;
    },
    reset: () => false,
    leave: () => undefined,
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a login uses no more of a pool
  const greeting = new Greeting(pool as unknown as Pool, parameters, (error) => {
    outcomes.push(error?.message ?? null);
  });
  greeting.start();
  return {
    greeting,
    lose: (silent = false, error = new ProxyError('TERMINATED')) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a login uses no more of a loss
      greeting.connectionLost({ error, silent, reason: 'reset' } as ConnectionLoss);
      return turn();
    },
    borrowed: () => borrowed,
    outcomes,
  };
}

suite('a login whose server connection is lost', () => {
  test('continues on another one, three times', async () => {
    const { lose, borrowed, outcomes } = begun();
    for (let count = 1; count <= 3; count++) {
      assert.equal(borrowed(), count);
      await lose();
      assert.deepEqual(outcomes, []);
    }
    await lose();
    assert.equal(borrowed(), 4);
    assert.deepEqual(outcomes, [new ProxyError('TERMINATED').message]);
  });

  test('fails if it may have crashed the server process', async () => {
    const { lose, borrowed, outcomes } = begun();
    await lose(true);
    assert.equal(borrowed(), 1);
    assert.deepEqual(outcomes, [new ProxyError('TERMINATED').message]);
  });

  test('fails with an error that names no statement', async () => {
    const { lose, outcomes } = begun();
    await lose(true, new ProxyError('SERVER_CONNECTION_LOST', { reason: 'reset' }));
    assert.deepEqual(outcomes, ['the server connection was lost during the login (reset)']);
  });

  test('borrows none when its client has disconnected', async () => {
    const { greeting, lose, borrowed, outcomes } = begun();
    greeting.cancel();
    await lose();
    assert.equal(borrowed(), 1);
    assert.deepEqual(outcomes, []);
  });
});
