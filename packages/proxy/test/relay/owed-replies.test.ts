import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BackendCode as Code } from '@sluice/wire';
import { Fate, Owed, OwedReplies, Step, stepOf } from '../../src/relay/owed-replies.ts';

/** A note that remembers what became of it. */
function note(log: string[], name: string): { undo(skipped: boolean): void } {
  return { undo: (skipped) => void log.push(`${name} ${skipped ? 'skipped' : 'refused'}`) };
}

describe('stepOf', () => {
  it('is a surprise for every code that the kind is not answered with', () => {
    assert.equal(stepOf(Owed.Parse, Code.BindComplete), Step.Surprise);
    assert.equal(stepOf(Owed.Execute, Code.ReadyForQuery), Step.Surprise);
    assert.equal(stepOf(Owed.Nothing, Code.ReadyForQuery), Step.Surprise);
    assert.equal(stepOf(Owed.Nothing, Code.DataRow), Step.Surprise);
    assert.equal(stepOf(Owed.Query, Code.CopyBothResponse), Step.Surprise);
    for (let kind = 0; kind < 16; kind++) {
      for (const code of [0, 1, 0x21, 0x7f, 0xff, Code.Authentication, Code.BackendKeyData]) {
        assert.equal(stepOf(kind, code), Step.Surprise, `${kind} ${code}`);
      }
    }
  });

  it('takes notices, parameters and errors at any time', () => {
    for (let kind = 0; kind < 16; kind++) {
      assert.equal(stepOf(kind, Code.NoticeResponse), Step.Notice);
      assert.equal(stepOf(kind, Code.ParameterStatus), Step.Parameter);
      assert.equal(stepOf(kind, Code.ErrorResponse), Step.Failed);
    }
  });

  it('does not mind the fate', () => {
    assert.equal(stepOf(Owed.Parse | Fate.Swallow, Code.ParseComplete), Step.Done);
    assert.equal(stepOf(Owed.Query | Fate.Watch, Code.ReadyForQuery), Step.Ready);
  });
});

describe('OwedReplies', () => {
  it('is first in, first out, over many times its first size', () => {
    const owed = new OwedReplies();
    const kinds = [Owed.Parse, Owed.Bind, Owed.Execute, Owed.Sync];
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 100; i++) owed.append(kinds[i % 4] ?? 0);
      for (let i = 0; i < 100; i++) {
        assert.equal(owed.head, kinds[i % 4]);
        owed.shift();
      }
      assert.equal(owed.length, 0);
      assert.equal(owed.head, Owed.Nothing);
    }
  });

  it('skips to the next Sync after an error, taking back the newest first', () => {
    const owed = new OwedReplies();
    const log: string[] = [];
    owed.append(Owed.Parse, note(log, 'a'));
    owed.append(Owed.Local, note(log, 'b'));
    owed.append(Owed.Bind);
    owed.append(Owed.Execute);
    owed.append(Owed.Sync);
    owed.append(Owed.Parse, note(log, 'c'));
    owed.fail();
    assert.deepEqual(log, ['b skipped', 'a refused']);
    assert.equal(owed.head, Owed.Sync);
    owed.shift();
    assert.equal(owed.head, Owed.Parse);
  });

  it('drops what is sent after an error until a Sync is sent', () => {
    const owed = new OwedReplies();
    const log: string[] = [];
    owed.append(Owed.Bind);
    owed.fail();
    assert.equal(owed.length, 0);
    assert.ok(owed.skipping);
    owed.append(Owed.Parse, note(log, 'a'));
    owed.append(Owed.Query, note(log, 'q'));
    assert.deepEqual(log, ['a skipped', 'q skipped']);
    assert.equal(owed.length, 0);
    owed.append(Owed.Sync);
    assert.equal(owed.head, Owed.Sync);
    assert.ok(!owed.skipping);
  });

  it('keeps the head of a failed simple Query, FunctionCall or Sync: ReadyForQuery follows', () => {
    for (const kind of [Owed.Query, Owed.FunctionCall, Owed.Sync]) {
      const owed = new OwedReplies();
      owed.append(kind);
      owed.append(Owed.Parse);
      owed.fail();
      assert.equal(owed.head, kind);
      assert.equal(owed.length, 2);
    }
  });

  it('leaves out a Sync that was sent into COPY data, and knows that it did', () => {
    const owed = new OwedReplies();
    owed.append(Owed.Execute);
    owed.append(Owed.Sync);
    assert.ok(owed.startCopyIn());
    assert.ok(owed.copyIn);
    assert.equal(owed.length, 1);
    assert.ok(owed.ambiguous);
    owed.append(Owed.CopyEnd);
    assert.ok(!owed.copyIn);
    owed.append(Owed.Sync);
    assert.equal(owed.length, 2);
    owed.shift();
    assert.equal(owed.head, Owed.Sync);
  });

  it('follows COPY data, its end and Sync that were all sent ahead', () => {
    const owed = new OwedReplies();
    owed.append(Owed.Execute);
    owed.append(Owed.CopyEnd);
    owed.append(Owed.Sync);
    assert.ok(owed.startCopyIn());
    assert.ok(!owed.copyIn);
    assert.ok(!owed.ambiguous);
    assert.equal(owed.length, 2);
    owed.shift();
    assert.equal(owed.head, Owed.Sync);
  });

  it('cannot follow other requests sent into COPY data', () => {
    const owed = new OwedReplies();
    owed.append(Owed.Query);
    owed.append(Owed.Query);
    assert.ok(!owed.startCopyIn());
  });

  it('ignores the end of a COPY that never was', () => {
    const owed = new OwedReplies();
    owed.append(Owed.CopyEnd);
    assert.equal(owed.length, 0);
    owed.append(Owed.Query);
    owed.append(Owed.CopyEnd);
    owed.append(Owed.Query);
    owed.shift();
    assert.equal(owed.head, Owed.Query);
    owed.shift();
    assert.equal(owed.length, 0);
  });

  it('abandons what a session was owed, and not what the proxy itself is', () => {
    const owed = new OwedReplies();
    owed.append(Owed.Query);
    owed.append(Owed.Query | Fate.Watch);
    assert.equal(owed.countGroups(), 1);
    owed.abandon();
    assert.equal(owed.head, Owed.Query | Fate.Abandon);
    owed.shift();
    assert.equal(owed.head, Owed.Query | Fate.Watch);
  });
});
