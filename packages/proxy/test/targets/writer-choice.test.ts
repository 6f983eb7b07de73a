import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CheckResult } from '../../src/targets/health-check.ts';
import type { MonitoredTarget } from '../../src/targets/monitored-target.ts';
import { WriterChoice } from '../../src/targets/writer-choice.ts';
import { monitored } from './monitored-target.ts';

const gone: CheckResult = { kind: 'gone', reason: 'UNREACHABLE', message: 'refused' };

function learn(choice: WriterChoice, ...monitoredTargets: readonly MonitoredTarget[]): void {
  for (const { last } of monitoredTargets) if (last?.kind === 'role') choice.learn(last.role);
}

suite('the choice of the writer', () => {
  test('the one that is not in recovery', () => {
    const choice = new WriterChoice();
    const standby = monitored('a', { inRecovery: true });
    const writer = monitored('b', {});
    learn(choice, standby, writer);
    assert.equal(choice.best([standby, writer], true), writer);
  });

  test('none at the start before every target was queried', () => {
    const choice = new WriterChoice();
    assert.equal(choice.best([monitored('a', {}), monitored('b', null)], true), null);
    assert.notEqual(choice.best([monitored('a', {}), monitored('b', gone)], true), null);
  });

  test('a former primary is not chosen, whichever responds first, and never again', () => {
    const choice = new WriterChoice();
    const former = monitored('a', { timeline: 1 });
    const writer = monitored('b', { timeline: 2 });
    learn(choice, former, writer);
    assert.equal(choice.best([former, writer], true), writer);
    choice.took(writer);
    assert(!choice.isWriter(former));
    assert(!choice.outranks(former, writer));
    // The new one is gone: no writer is better than the old one.
    writer.last = gone;
    assert.equal(choice.best([former, writer], true), null);
  });

  test('one that was promoted later replaces the writer', () => {
    const choice = new WriterChoice();
    const writer = monitored('a', { timeline: 4 });
    choice.took(writer);
    const promoted = monitored('b', { timeline: 5 });
    learn(choice, writer, promoted);
    assert(choice.outranks(promoted, writer));
  });

  test('another cluster is ignored until the name points to it', () => {
    const choice = new WriterChoice();
    const writer = monitored('a', {});
    choice.took(writer);
    const stranger = monitored('b', { systemId: 'two', timeline: 9 });
    learn(choice, writer, stranger);
    assert(!choice.isWriter(stranger));
    writer.listed = false;
    assert(choice.isWriter(stranger) && choice.outranks(stranger, writer));
  });

  test('of two that accept writes, one that is not read-only', () => {
    const choice = new WriterChoice();
    const readOnly = monitored('a', { readOnly: true, systemId: null, timeline: null });
    const writer = monitored('b', { systemId: null, timeline: null });
    assert.equal(choice.best([readOnly, writer], true), writer);
  });

  test('a single target serves as it is, if it is a standby from the start or refuses logins', () => {
    const choice = new WriterChoice();
    const standby = monitored('a', { inRecovery: true });
    assert.equal(choice.best([standby], true), standby);
    assert.equal(choice.best([standby], false), null);
    const closed = monitored('a', { kind: 'unclear', reason: 'AUTH_FAILURE', message: 'no' });
    assert.equal(choice.best([closed], false), closed);
  });
});
