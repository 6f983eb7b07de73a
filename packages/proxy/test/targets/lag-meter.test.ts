import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LagMeter } from '../../src/targets/lag-meter.ts';

suite('the lag of a standby', () => {
  test('is the time since the writer passed the position of the standby', () => {
    const meter = new LagMeter();
    assert.equal(meter.lagAt(0, 0), 0, 'nothing is known of the writer');
    meter.mark(100, 1000);
    meter.mark(200, 2000);
    meter.mark(300, 3000);
    assert.equal(meter.lagAt(300, 9000), 0, 'an idle writer leaves nobody behind');
    assert.equal(meter.lagAt(250, 9000), 6);
    assert.equal(meter.lagAt(100, 9000), 7);
    assert.equal(meter.lagAt(99, 9000), 8);
  });

  test('forgets the previous writer', () => {
    const meter = new LagMeter();
    meter.mark(100, 1000);
    meter.forget();
    assert.equal(meter.lagAt(0, 9000), 0);
  });

  test('keeps no more than it needs', () => {
    const meter = new LagMeter();
    for (let at = 0; at < 3_000_000; at += 1000) meter.mark(at, at);
    assert.equal(meter.lagAt(2_989_999, 3_000_000), 10);
    // Anything older than all records is as old as the oldest record.
    assert(meter.lagAt(0, 3_000_000) >= 600);
  });
});
