import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { eventually } from '../helpers/routes.ts';
import { Outage } from './outage.ts';

suite('pause', () => {
  test('a planned switchover during a pause makes all clients wait, without an error', async (t) => {
    const outage = await Outage.start(t);
    const { cluster } = outage;
    const [former] = cluster.servers;
    const [standby] = cluster.standbys;
    assert(former !== undefined && standby !== undefined);
    const working = await outage.client();
    await working.query('BEGIN');
    await working.query('INSERT INTO kept VALUES (1)');
    const idle = await outage.client();

    assert.deepEqual(await outage.post('/pause'), { paused: true, quiet: false });
    const held = idle.query('INSERT INTO kept VALUES (2)');
    const newcomer = await outage.client();
    const alsoHeld = newcomer.query('INSERT INTO kept VALUES ($1)', [3]);
    await working.query('INSERT INTO kept VALUES (4)');
    await working.query('COMMIT');
    // First the proxy probes the state that the transaction may have left.
    await eventually(async () =>
      assert.deepEqual(await outage.post('/pause'), { paused: true, quiet: true }),
    );

    await former.shutdown('fast');
    await cluster.promote(standby);
    await outage.until(({ writer }) => writer === outage.nameOf(standby));
    assert.deepEqual(await standby.query('SELECT id FROM kept ORDER BY id'), [
      { id: 1 },
      { id: 4 },
    ]);
    assert.deepEqual(await outage.post('/resume'), { paused: false });
    await Promise.all([held, alsoHeld]);
    const { rows } = await working.query('SELECT id FROM kept ORDER BY id');
    assert.deepEqual(
      rows,
      [1, 2, 3, 4].map((id) => ({ id })),
    );

    const metrics = await outage.metrics();
    assert.match(metrics, /^sluice_failovers_total 1$/m);
    assert.match(metrics, /^sluice_failover_promotion_seconds_count 1$/m);
    assert.match(
      metrics,
      new RegExp(
        `^sluice_target_available{target="${outage.nameOf(standby)}",role="READ_WRITE"} 1$`,
        'm',
      ),
    );
  });

  test('a resume waits until the writer has responded', async (t) => {
    const outage = await Outage.start(t);
    const client = await outage.client();
    await outage.post('/pause');
    const held = client.query('SELECT 1');
    assert.equal((await fetch(outage.admin('/pause'))).status, 405);
    assert.equal(
      (await fetch(outage.admin('/pause'), { method: 'POST', headers: { origin: 'http://x' } }))
        .status,
      403,
    );
    await outage.post('/resume');
    await held;
    assert.deepEqual((await outage.view()).failovers, []);
  });
});
