import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CheckResult } from '../../src/targets/health-check.ts';
import { distinct, principalOf } from '../../src/targets/same-server.ts';
import { WriterChoice } from '../../src/targets/writer-choice.ts';
import { monitored } from './monitored-target.ts';

const gone: CheckResult = { kind: 'gone', reason: 'UNREACHABLE', message: 'refused' };

suite('several addresses of one server', () => {
  const startedAt = '2026-11-25 04:00:00.123456+00';

  test('are one target, by the first of them', () => {
    const [v4, v6] = [monitored('v4', { startedAt }), monitored('v6', { startedAt })];
    assert.deepEqual(distinct([v4, v6], null), [v4]);
    assert.equal(principalOf(v6, [v4, v6], null), v4);
  });

  test('or by the one that is already the writer', () => {
    const [v4, v6] = [monitored('v4', { startedAt }), monitored('v6', { startedAt })];
    assert.deepEqual(distinct([v4, v6], v6), [v6]);
  });

  test('the other one counts as soon as the first fails, or is no longer listed', () => {
    const [v4, v6] = [monitored('v4', { startedAt }), monitored('v6', { startedAt })];
    v4.last = gone;
    assert.deepEqual(distinct([v4, v6], null), [v4, v6]);
    const former = monitored('former', { startedAt });
    former.listed = false;
    assert.deepEqual(distinct([former, v6], null), [former, v6]);
  });

  const one = { startedAt };
  const unknown = { startedAt, systemId: null };
  for (const [what, first, second] of [
    ['of another cluster', one, { startedAt, systemId: 'two' }],
    ['started at another time', one, { startedAt: '2026-11-25 04:00:00.123457+00' }],
    ['with another role', one, { startedAt, inRecovery: true }],
    ['that do not report their cluster', unknown, unknown],
  ] as const)
    test(`servers ${what} are different`, () => {
      const monitoredTargets = [monitored('a', first), monitored('b', second)];
      assert.deepEqual(distinct(monitoredTargets, null), monitoredTargets);
    });

  test('a single standby is served as it is, whatever the number of its addresses', () => {
    const standby = { startedAt, inRecovery: true };
    const monitoredTargets = [monitored('v4', standby), monitored('v6', standby)];
    assert.equal(
      new WriterChoice().best(distinct(monitoredTargets, null), true),
      monitoredTargets[0],
    );
  });
});
