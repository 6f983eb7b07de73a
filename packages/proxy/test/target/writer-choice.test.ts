import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CheckResult } from '../../src/target/health-check.ts';
import type { Member } from '../../src/target/member.ts';
import { WriterChoice } from '../../src/target/writer-choice.ts';
import { member } from './member.ts';

const gone: CheckResult = { kind: 'gone', reason: 'UNREACHABLE', message: 'refused' };

function learn(choice: WriterChoice, ...members: readonly Member[]): void {
  for (const { last } of members) if (last?.kind === 'role') choice.learn(last.role);
}

suite('which target is the writer', () => {
  test('the one that is not in recovery', () => {
    const choice = new WriterChoice();
    const standby = member('a', { inRecovery: true });
    const writer = member('b', {});
    learn(choice, standby, writer);
    assert.equal(choice.best([standby, writer], true), writer);
  });

  test('at the start nobody before everybody was asked', () => {
    const choice = new WriterChoice();
    assert.equal(choice.best([member('a', {}), member('b', null)], true), null);
    assert.notEqual(choice.best([member('a', {}), member('b', gone)], true), null);
  });

  test('a former primary is not, whoever answers first, and never again', () => {
    const choice = new WriterChoice();
    const former = member('a', { timeline: 1 });
    const writer = member('b', { timeline: 2 });
    learn(choice, former, writer);
    assert.equal(choice.best([former, writer], true), writer);
    choice.took(writer);
    assert(!choice.isWriter(former));
    assert(!choice.outranks(former, writer));
    // The new one has gone: rather nobody than the old one.
    writer.last = gone;
    assert.equal(choice.best([former, writer], true), null);
  });

  test('one that was promoted later outranks the writer', () => {
    const choice = new WriterChoice();
    const writer = member('a', { timeline: 4 });
    choice.took(writer);
    const promoted = member('b', { timeline: 5 });
    learn(choice, writer, promoted);
    assert(choice.outranks(promoted, writer));
  });

  test('another cluster is none of ours, until the name points there', () => {
    const choice = new WriterChoice();
    const writer = member('a', {});
    choice.took(writer);
    const stranger = member('b', { systemId: 'two', timeline: 9 });
    learn(choice, writer, stranger);
    assert(!choice.isWriter(stranger));
    writer.listed = false;
    assert(choice.isWriter(stranger) && choice.outranks(stranger, writer));
  });

  test('of two that write, one that is not read-only', () => {
    const choice = new WriterChoice();
    const readOnly = member('a', { readOnly: true, systemId: null, timeline: null });
    const writer = member('b', { systemId: null, timeline: null });
    assert.equal(choice.best([readOnly, writer], true), writer);
  });

  test('a single target serves as it is, when it is a standby from the start or lets nobody in', () => {
    const choice = new WriterChoice();
    const standby = member('a', { inRecovery: true });
    assert.equal(choice.best([standby], true), standby);
    assert.equal(choice.best([standby], false), null);
    const closed = member('a', { kind: 'unclear', reason: 'AUTH_FAILURE', message: 'no' });
    assert.equal(choice.best([closed], false), closed);
  });
});
