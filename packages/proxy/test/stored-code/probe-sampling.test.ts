import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Flag, effectsOf } from '../../src/sql/index.ts';
import type { Effects } from '../../src/sql/index.ts';
import {
  deservesProbe,
  isKnownToLeave,
  leavesSomething,
  wasProbed,
} from '../../src/stored-code/probe-sampling.ts';

const calling = (): Effects => effectsOf(Flag.UnknownFunction, 1);
/** How many of so many runs deserve a probe. */
const deserving = (effects: Effects, runs: number): number =>
  Array.from({ length: runs }, () => deservesProbe(effects)).filter(Boolean).length;

suite('a statement that runs unknown code', () => {
  test('deserves a probe until three have followed it, however often it ran', () => {
    const effects = calling();
    assert.equal(deserving(effects, 10), 10);
    wasProbed(effects);
    wasProbed(effects);
    assert.equal(deserving(effects, 10), 10);
    wasProbed(effects);
    assert.equal(deserving(effects, 79), 0);
    assert.equal(deserving(effects, 1000), 10);
  });

  test('deserves one each time when one has found something', () => {
    const effects = calling();
    for (let probes = 0; probes < 3; probes++) wasProbed(effects);
    assert(!isKnownToLeave(effects));
    assert(leavesSomething(effects));
    assert(!leavesSomething(effects));
    assert(isKnownToLeave(effects));
    assert.equal(deserving(effects, 200), 200);
  });

  test('deserves none if its text shows all that it does', () => {
    const effects = effectsOf(Flag.SetsParameter, 1);
    assert.equal(deserving(effects, 200), 0);
    wasProbed(effects);
  });
});
