import assert from 'node:assert/strict';
import { afterEach, suite, test } from 'node:test';
import { clock } from '../../src/io/clock.ts';
import { BackOff } from '../../src/pool/back-off.ts';

const limits = { retryMin: 100, retryMax: 1000 };
const failure = { fields: { severity: 'FATAL', sqlstate: '08006', message: 'no' }, final: false };

const { now: start } = clock;

afterEach(() => {
  clock.now = start;
});

/** The pause after the last failure, in milliseconds. */
function pauseOf(backOff: BackOff): number {
  for (let pause = 0; ; pause++) {
    clock.now = start + pause;
    if (!backOff.pauses(true)) {
      clock.now = start;
      return pause;
    }
  }
}

suite('attempts to connect', () => {
  test('start without a pause', () => {
    const backOff = new BackOff();
    assert.ok(!backOff.pauses(false));
    assert.ok(!backOff.isFailing);
    assert.equal(backOff.failure, null);
  });

  test('pause twice as long after each failure, up to a limit that they never exceed, with jitter', () => {
    const backOff = new BackOff();
    for (const [count, pause] of [100, 200, 400, 800, 1000, 1000].entries()) {
      backOff.failed(failure, limits);
      assert.equal(backOff.failure, failure);
      const taken = pauseOf(backOff);
      assert.ok(taken >= pause * 0.75 && taken <= pause + 1, `${count}: ${taken}`);
    }
  });

  test('do not all pause for the same time', () => {
    const pauses = Array.from({ length: 20 }, () => {
      const backOff = new BackOff();
      backOff.failed(failure, limits);
      return pauseOf(backOff);
    });
    assert.ok(Math.max(...pauses) > Math.min(...pauses));
  });

  test('continue immediately after a success', () => {
    const backOff = new BackOff();
    backOff.failed(failure, limits);
    assert.ok(backOff.isFailing);
    backOff.succeeded();
    assert.ok(!backOff.isFailing);
    assert.equal(backOff.failure, null);
    assert.ok(!backOff.pauses(false));
    backOff.failed(failure, limits);
    assert.ok(pauseOf(backOff) <= 126, 'the first failure again');
  });

  test('continue immediately for a new session when none is waiting', () => {
    const backOff = new BackOff();
    backOff.failed(failure, limits);
    assert.ok(backOff.pauses(true));
    backOff.skipPause();
    assert.ok(!backOff.pauses(true));
    assert.ok(backOff.pauses(false));
    backOff.failed(failure, limits);
    assert.ok(backOff.pauses(true));
  });
});
