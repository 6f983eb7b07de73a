import assert from 'node:assert/strict';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { clock } from '../../src/io/clock.ts';
import { StoredCode } from '../../src/stored-code/stored-code.ts';
import { TurnRate } from '../../src/stored-code/turn-rate.ts';

const { now } = clock;

function count(rate: TurnRate, turns: number): void {
  for (let turn = 0; turn < turns; turn++) rate.count();
}

beforeEach(() => {
  clock.now = now + 10_000;
});
afterEach(() => {
  clock.now = now;
});

suite('the rate of turns', () => {
  test('is high after more than 300 turns at once', () => {
    const rate = new TurnRate();
    count(rate, 300);
    assert.ok(!rate.isHigh);
    count(rate, 1);
    assert.ok(rate.isHigh);
  });

  test('is low with up to 300 turns a second', () => {
    const rate = new TurnRate();
    count(rate, 270);
    for (let tick = 0; tick < 50; tick++) {
      clock.now += 100;
      count(rate, 30);
    }
    assert.ok(!rate.isHigh);
    clock.now += 60_000;
    count(rate, 300);
    assert.ok(!rate.isHigh, 'a long pause does not raise the limit');
    count(rate, 1);
    assert.ok(rate.isHigh);
  });

  test('stays high while as many turns are taken, and for a second after that', () => {
    const rate = new TurnRate();
    count(rate, 301);
    for (let tick = 0; tick < 50; tick++) {
      clock.now += 100;
      count(rate, 31);
      assert.ok(rate.isHigh);
    }
    clock.now += 999;
    count(rate, 1);
    assert.ok(rate.isHigh);
    clock.now += 1;
    assert.ok(!rate.isHigh);
  });
});

suite('a lease after that of another session', () => {
  function knownCode(): StoredCode {
    const code = new StoredCode();
    code.verifiedFrom = clock.now;
    return code;
  }

  test('is not trusted before sessions take turns often', () => {
    const code = knownCode();
    for (let turn = 0; turn < 300; turn++) assert.ok(!code.isTrusted(clock.now));
    assert.ok(code.isTrusted(clock.now));
    assert.ok(code.trustsTurns);
  });

  test('is trusted while sessions take turns on shared leases as often', () => {
    const code = knownCode();
    for (let turn = 0; turn < 301; turn++) code.isTrusted(clock.now);
    for (let tick = 0; tick < 20; tick++) {
      clock.now += 100;
      for (let turn = 0; turn < 31; turn++) code.turnTaken();
    }
    assert.ok(code.trustsTurns);
    assert.ok(code.isTrusted(clock.now));
    clock.now += 1000;
    assert.ok(!code.trustsTurns, 'no session has taken a turn for a second');
    assert.ok(!code.isTrusted(clock.now));
  });

  test('is not trusted if the catalog was not queried for three seconds', () => {
    const code = knownCode();
    for (let turn = 0; turn < 301; turn++) code.turnTaken();
    assert.ok(code.trustsTurns);
    code.verifiedFrom -= 3000;
    assert.ok(!code.trustsTurns);
    assert.ok(!code.isTrusted(clock.now));
  });

  test('is no turn if the catalog was queried after that one', () => {
    const code = knownCode();
    for (let turn = 0; turn < 1000; turn++) assert.ok(code.isTrusted(clock.now - 1));
    assert.ok(!code.isTrusted(clock.now));
  });
});
