import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BackendCode as Code } from '@sluice/wire';
import { Action, Reply, PendingReplies, Step, stepOf } from '../../src/protocol/pending-replies.ts';

/** A note that records its outcome. */
function note(log: string[], name: string): { undo(skipped: boolean): void } {
  return { undo: (skipped) => void log.push(`${name} ${skipped ? 'skipped' : 'refused'}`) };
}

suite('stepOf', () => {
  test('is out of sync for every code that is no reply to the request', () => {
    assert.equal(stepOf(Reply.Parse, Code.BindComplete), Step.Surprise);
    assert.equal(stepOf(Reply.Execute, Code.ReadyForQuery), Step.Surprise);
    assert.equal(stepOf(Reply.Nothing, Code.ReadyForQuery), Step.Surprise);
    assert.equal(stepOf(Reply.Nothing, Code.DataRow), Step.Surprise);
    assert.equal(stepOf(Reply.Query, Code.CopyBothResponse), Step.Surprise);
    for (const kind of Object.values(Reply)) {
      for (const code of [0, 1, 0x21, 0x7f, 0xff, Code.Authentication, Code.BackendKeyData]) {
        assert.equal(stepOf(kind, code), Step.Surprise, `${kind} ${code}`);
      }
    }
  });

  test('takes notices, parameters and errors at any time', () => {
    for (const kind of Object.values(Reply)) {
      assert.equal(stepOf(kind, Code.NoticeResponse), Step.Notice);
      assert.equal(stepOf(kind, Code.ParameterStatus), Step.Parameter);
      assert.equal(stepOf(kind, Code.ErrorResponse), Step.Failed);
    }
  });
});

suite('PendingReplies', () => {
  test('is first in, first out, over many times its first size', () => {
    const pending = new PendingReplies();
    const kinds = [Reply.Parse, Reply.Bind, Reply.Execute, Reply.Sync];
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 100; i++) pending.append(kinds[i % 4] ?? Reply.Nothing);
      for (let i = 0; i < 100; i++) {
        assert.equal(pending.headReply, kinds[i % 4]);
        pending.shift();
      }
      assert.equal(pending.length, 0);
      assert.equal(pending.headReply, Reply.Nothing);
    }
  });

  test('skips to the next Sync after an error, and undoes requests newest first', () => {
    const pending = new PendingReplies();
    const log: string[] = [];
    pending.append(Reply.Parse, Action.Forward, note(log, 'a'));
    pending.append(Reply.Local, Action.Forward, note(log, 'b'));
    pending.append(Reply.Bind);
    pending.append(Reply.Execute);
    pending.append(Reply.Sync);
    pending.append(Reply.Parse, Action.Forward, note(log, 'c'));
    pending.fail();
    assert.deepEqual(log, ['b skipped', 'a refused']);
    assert.equal(pending.headReply, Reply.Sync);
    pending.shift();
    assert.equal(pending.headReply, Reply.Parse);
  });

  test('drops what is sent after an error until a Sync', () => {
    const pending = new PendingReplies();
    const log: string[] = [];
    pending.append(Reply.Bind);
    pending.fail();
    assert.equal(pending.length, 0);
    assert.ok(pending.skipping);
    pending.append(Reply.Parse, Action.Forward, note(log, 'a'));
    pending.append(Reply.Query, Action.Forward, note(log, 'q'));
    assert.deepEqual(log, ['a skipped', 'q skipped']);
    assert.equal(pending.length, 0);
    pending.append(Reply.Sync);
    assert.equal(pending.headReply, Reply.Sync);
    assert.ok(!pending.skipping);
  });

  test('keeps the head of a failed simple Query, FunctionCall or Sync: ReadyForQuery follows', () => {
    for (const kind of [Reply.Query, Reply.FunctionCall, Reply.Sync]) {
      const pending = new PendingReplies();
      pending.append(kind);
      pending.append(Reply.Parse);
      pending.fail();
      assert.equal(pending.headReply, kind);
      assert.equal(pending.length, 2);
    }
  });

  test('skips a Sync that was sent into COPY data, and records that', () => {
    const pending = new PendingReplies();
    pending.append(Reply.Execute);
    pending.append(Reply.Sync);
    assert.ok(pending.startCopyIn());
    assert.ok(pending.copyIn);
    assert.equal(pending.length, 1);
    assert.ok(pending.ambiguous);
    pending.append(Reply.CopyEnd);
    assert.ok(!pending.copyIn);
    pending.append(Reply.Sync);
    assert.equal(pending.length, 2);
    pending.shift();
    assert.equal(pending.headReply, Reply.Sync);
  });

  test('follows pipelined COPY data, its end and Sync', () => {
    const pending = new PendingReplies();
    pending.append(Reply.Execute);
    pending.append(Reply.CopyEnd);
    pending.append(Reply.Sync);
    assert.ok(pending.startCopyIn());
    assert.ok(!pending.copyIn);
    assert.ok(!pending.ambiguous);
    assert.equal(pending.length, 2);
    pending.shift();
    assert.equal(pending.headReply, Reply.Sync);
  });

  test('cannot follow other requests sent into COPY data', () => {
    const pending = new PendingReplies();
    pending.append(Reply.Query);
    pending.append(Reply.Query);
    assert.ok(!pending.startCopyIn());
  });

  test('ignores the end of a COPY that has not started', () => {
    const pending = new PendingReplies();
    pending.append(Reply.CopyEnd);
    assert.equal(pending.length, 0);
    pending.append(Reply.Query);
    pending.append(Reply.CopyEnd);
    pending.append(Reply.Query);
    pending.shift();
    assert.equal(pending.headReply, Reply.Query);
    pending.shift();
    assert.equal(pending.length, 0);
  });

  test('orphans the replies for a session, but not internal ones', () => {
    const pending = new PendingReplies();
    pending.append(Reply.Query);
    pending.append(Reply.Query, Action.Internal);
    assert.equal(pending.countCycles(), 1);
    pending.orphan();
    assert.equal(pending.headReply, Reply.Query);
    assert.equal(pending.headAction, Action.Orphaned);
    pending.shift();
    assert.equal(pending.headReply, Reply.Query);
    assert.equal(pending.headAction, Action.Internal);
  });
});
