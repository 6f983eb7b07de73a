import assert from 'node:assert/strict';
import { afterEach, suite, test } from 'node:test';
import {
  BackendCode as Code,
  MalformedMessage,
  bindComplete,
  buildErrorResponse,
  buildMessage,
  buildNoticeResponse,
  buildParameterStatus,
  closeComplete,
  noData,
  parseComplete,
  readyForQueryIdle,
} from '@sluice/wire';
import { faults } from '../../src/io/guard.ts';
import { toServer } from '../../src/io/write-buffer.ts';
import { InternalQuery } from '../../src/protocol/internal-query.ts';
import type { InternalAnswer } from '../../src/protocol/internal-query.ts';
import { Action, Reply } from '../../src/protocol/pending-replies.ts';
import { messagesIn } from '../scripted-server.ts';
import { Bench, Reader } from './pipe-bench.ts';

const error = buildErrorResponse({
  severity: 'ERROR',
  sqlstate: '42601',
  message: 'no',
});
const notice = buildNoticeResponse({
  severity: 'NOTICE',
  sqlstate: '00000',
  message: 'hear',
});
const done = buildMessage(Code.CommandComplete, Buffer.from('SELECT 1\0'));
const parameters = buildMessage(Code.ParameterDescription, Buffer.from([0, 0]));

/** DataRow of one value. */
function row(value: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(value.length);
  return buildMessage(Code.DataRow, Buffer.from([0, 1]), length, Buffer.from(value));
}

/** The header of a message without its body. */
function header(code: number, length: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = code;
  bytes.writeInt32BE(length, 1);
  return bytes;
}

/** A bench on which `owner` has these pending replies. */
function asked(owner: Reader | null, ...replies: readonly Reply[]): Bench {
  const bench = new Bench();
  bench.pipe.pending.owner = owner;
  for (const reply of replies) bench.pipe.pending.append(reply);
  return bench;
}

const nothing = (): void => undefined;

afterEach(() => {
  toServer.clear();
});

suite('a message in several chunks', () => {
  test('is incomplete until its last byte has arrived', () => {
    const bench = asked(new Reader('a'), Reply.Query);
    const long = row('x'.repeat(100));
    bench.socket.feed(long.subarray(0, 50));
    assert.ok(bench.pipe.isMidReply);
    bench.socket.feed(long.subarray(50, 80));
    assert.ok(bench.pipe.isMidReply);
    bench.socket.feed(long.subarray(80));
    assert.ok(!bench.pipe.isMidReply);
  });

  test('is collected for an internal query', () => {
    const bench = asked(null);
    const answers: InternalAnswer[] = [];
    bench.pipe.gather('SELECT 1', new InternalQuery((answer) => void answers.push(answer)));
    const [first, second] = [row('one'), row('two')];
    bench.socket.feed(first, second.subarray(0, 9));
    bench.socket.feed(second.subarray(9, 10));
    bench.socket.feed(second.subarray(10), done, readyForQueryIdle);
    assert.deepEqual(answers[0]?.rows, [['one'], ['two']]);
    assert.ok(!bench.pipe.isMidReply);
  });

  test('is skipped to its end if none of it is for the client', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    bench.pipe.pending.append(Reply.Query, Action.Discard);
    bench.pipe.pending.append(Reply.Query);
    const long = row('x'.repeat(100));
    bench.socket.feed(long.subarray(0, 50));
    assert.ok(!bench.pipe.isMidReply);
    bench.socket.feed(long.subarray(50), readyForQueryIdle, done, readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([done, readyForQueryIdle]));
  });

  test('may be as long as the limit, and no longer', () => {
    const longest = 16 * 1024 * 1024;
    const bench = asked(new Reader('a'), Reply.Query);
    bench.socket.feed(header(Code.ErrorResponse, longest));
    assert.deepEqual(bench.log, []);
    const other = asked(new Reader('a'), Reply.Query);
    other.socket.feed(header(Code.ErrorResponse, longest + 1));
    assert.match(other.log.join(), /out of sync/);
  });

  test('must not be shorter than its own length field', () => {
    const bench = asked(new Reader('a'), Reply.Query);
    bench.socket.feed(header(Code.DataRow, 3));
    assert.match(bench.log.join(), /out of sync/);
    const shortest = asked(new Reader('a'), Reply.Query);
    shortest.socket.feed(header(Code.EmptyQueryResponse, 4), readyForQueryIdle);
    assert.deepEqual(shortest.log, ['ready I', 'nothing pending']);
  });
});

suite('in one chunk', () => {
  test('each reply goes to its owner, also in the middle of a cycle', () => {
    const [first, second] = [new Reader('a'), new Reader('b')];
    const bench = asked(first, Reply.Parse);
    bench.pipe.pending.owner = second;
    bench.pipe.pending.append(Reply.Bind);
    bench.pipe.pending.append(Reply.Sync);
    bench.socket.feed(parseComplete, bindComplete, readyForQueryIdle);
    assert.deepEqual(first.received, parseComplete);
    assert.deepEqual(second.received, Buffer.concat([bindComplete, readyForQueryIdle]));
  });

  test('replies without an owner do no harm', () => {
    const bench = asked(null, Reply.Parse, Reply.Sync);
    bench.pipe.pending.append(Reply.Local, Action.Forward, {
      bytes: closeComplete,
      undo: nothing,
    });
    bench.pipe.pending.append(Reply.CountedQuery, Action.Forward, {
      undo: nothing,
      counted: () => notice,
    });
    bench.socket.feed(parseComplete, readyForQueryIdle, done, readyForQueryIdle);
    assert.deepEqual(bench.log, ['ready I', 'ready I', 'nothing pending']);
  });

  test('a synthetic reply follows the end of the previous cycle', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.pipe.pending.append(Reply.Local, Action.Forward, {
      bytes: closeComplete,
      undo: nothing,
    });
    bench.pipe.pending.append(Reply.Sync);
    bench.socket.feed(done, readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([done, readyForQueryIdle, closeComplete]));
    assert.equal(bench.pipe.pending.headReply, Reply.Sync);
  });

  test('messages after a withdrawn error belong to the next cycle', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query, Reply.Query);
    bench.failure = () => 'withdrawn';
    bench.socket.feed(row('gone'), error, readyForQueryIdle, row('here'), done, readyForQueryIdle);
    assert.deepEqual(
      owner.received,
      Buffer.concat([readyForQueryIdle, row('here'), done, readyForQueryIdle]),
    );
  });

  test('nothing is delivered after the pipe is closed', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.pipe.pending.append(Reply.Query, Action.Forward, {
      undo: nothing,
      noticed: () => (bench.pipe.close(), null),
    });
    bench.socket.feed(done, readyForQueryIdle, notice, row('late'));
    assert.deepEqual(owner.received.subarray(0, done.length), done);
    assert.ok(!owner.received.includes(row('late')));
  });
});

suite('a note', () => {
  test('need not implement every callback', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    const { pending } = bench.pipe;
    pending.append(Reply.DescribeStatement, Action.Forward, { undo: nothing });
    pending.append(Reply.Sync);
    pending.append(Reply.CountedQuery, Action.Forward, { undo: nothing });
    pending.append(Reply.CountedQuery);
    const replies = [parameters, noData, readyForQueryIdle, notice, done, readyForQueryIdle];
    bench.socket.feed(...replies, done, readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([...replies, done, readyForQueryIdle]));
  });

  test('that does not implement rows lets none pass', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.RewrittenQuery);
    bench.socket.feed(row('other'), done, readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([done, readyForQueryIdle]));
  });

  test('gets descriptions, and nothing else', () => {
    const bench = asked(new Reader('a'));
    const codes: number[] = [];
    bench.pipe.pending.append(Reply.DescribeStatement, Action.Forward, {
      undo: nothing,
      described: (code, chunk, start, end) => {
        codes.push(code, end - start);
        assert.equal(chunk[start - 5], code);
        return null;
      },
    });
    bench.socket.feed(notice, parameters, noData);
    assert.deepEqual(codes, [Code.ParameterDescription, 2, Code.NoData, 0]);
  });

  test('may replace a message with nothing', () => {
    const relayed: number[] = [];
    const owner = new Reader('a');
    owner.relay = (_, start, end) => void relayed.push(end - start);
    const bench = asked(owner);
    bench.pipe.pending.append(Reply.CountedQuery, Action.Forward, {
      undo: nothing,
      counted: () => Buffer.alloc(0),
    });
    bench.socket.feed(done, readyForQueryIdle);
    assert.deepEqual(relayed, [readyForQueryIdle.length]);
  });

  test('is completed at the end of its reply', () => {
    const bench = asked(new Reader('a'));
    const log: string[] = [];
    for (const [name, kind] of Object.entries({
      parse: Reply.Parse,
      sync: Reply.Sync,
    }))
      bench.pipe.pending.append(kind, Action.Forward, {
        undo: nothing,
        completed: () => void log.push(name),
      });
    bench.socket.feed(parseComplete);
    assert.deepEqual(log, ['parse']);
    bench.socket.feed(readyForQueryIdle);
    assert.deepEqual(log, ['parse', 'sync']);
  });
});

suite('a synthetic reply', () => {
  test('is dropped if its client is gone', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    bench.pipe.pending.append(Reply.Local, Action.Orphaned, {
      bytes: closeComplete,
      undo: nothing,
    });
    bench.pipe.pending.append(Reply.Local, Action.Forward, { undo: nothing });
    bench.pipe.flush();
    assert.equal(owner.received.length, 0);
    assert.deepEqual(bench.log, ['nothing pending']);
  });

  test('needs no owner', () => {
    const bench = asked(null);
    bench.pipe.pending.append(Reply.Local, Action.Forward, {
      bytes: closeComplete,
      undo: nothing,
    });
    bench.pipe.flush();
    assert.deepEqual(bench.log, ['nothing pending']);
    bench.pipe.flush();
    assert.deepEqual(bench.log, ['nothing pending', 'nothing pending']);
  });

  test('keeps the pending replies of others', () => {
    const bench = asked(new Reader('a'), Reply.Query);
    bench.pipe.flush();
    assert.deepEqual(bench.log, []);
    assert.equal(bench.pipe.pending.length, 1);
  });
});

test('a description that does not match also fails an open cycle on the server', () => {
  const owner = new Reader('a');
  const bench = asked(owner);
  bench.pipe.pending.append(Reply.DescribeStatement, Action.Discard, {
    undo: nothing,
    described: (code) => (code === Code.NoData ? error : null),
  });
  bench.pipe.pending.append(Reply.Bind);
  bench.socket.feed(parameters, noData);
  assert.deepEqual(owner.received, error);
  assert.ok(bench.pipe.errorSent);
  const [describe] = messagesIn(bench.socket.written());
  assert.equal(describe?.code, 'D');
  bench.pipe.pending.append(Reply.Sync);
  // The server answers the previous requests, and then fails.
  bench.failure = () => {
    bench.pipe.pending.fail();
    return 'dropped';
  };
  bench.socket.feed(bindComplete, error, readyForQueryIdle);
  assert.deepEqual(owner.received, Buffer.concat([error, readyForQueryIdle]));
  assert.ok(!bench.pipe.errorSent);
});

suite('the end of a pipe', () => {
  test('reports the pending replies and the received message', () => {
    const bench = asked(new Reader('a'), Reply.Parse);
    bench.socket.feed(bindComplete);
    assert.match(bench.log.join(), /out of sync: .*0x32.*Parse/);
    const idle = asked(new Reader('a'));
    idle.socket.feed(bindComplete);
    assert.match(idle.log.join(), /out of sync: .*0x32.*nothing/);
    assert.doesNotMatch(idle.log.join(), /the reply to/);
  });

  test('counts as a fault if the proxy itself caused it', () => {
    const bench = asked(new Reader('a'));
    const { caught } = faults;
    bench.drained = () => {
      throw new Error('a bug');
    };
    bench.socket.drain();
    assert.equal(faults.caught, caught + 1);
    assert.match(bench.log.join(), /out of sync/);
    assert.ok(bench.pipe.isClosed);
    bench.socket.drain();
    assert.equal(faults.caught, caught + 2);
    assert.equal(bench.log.length, 1, 'it ends once');
    assert.ok(bench.socket.destroyed);
  });

  test('is no fault if the server has sent an invalid message', () => {
    const bench = asked(new Reader('a'), Reply.Query);
    const { caught } = faults;
    bench.parameter = () => {
      throw new MalformedMessage('ParameterStatus');
    };
    bench.socket.feed(buildParameterStatus('TimeZone', 'UTC'));
    assert.match(bench.log.join(), /out of sync/);
    assert.equal(faults.caught, caught);
  });

  test('destroys the socket, unless its last message is on its way', () => {
    const bench = asked(null);
    bench.pipe.close();
    assert.ok(bench.socket.destroyed);
    const polite = asked(null);
    polite.socket.isFull = true;
    polite.pipe.end();
    polite.pipe.close();
    assert.ok(!polite.socket.destroyed);
  });
});

test('each chunk is reported to the owner', () => {
  const bench = asked(new Reader('a'), Reply.Query);
  let received = 0;
  bench.received = () => void received++;
  bench.socket.feed(row('one').subarray(0, 3));
  bench.socket.feed(row('one').subarray(3), done, readyForQueryIdle);
  assert.equal(received, 2);
});

test('reading is paused once, however often that is requested', () => {
  const bench = asked(null);
  const calls: string[] = [];
  bench.socket.pause = () => void calls.push('pause');
  bench.socket.resume = () => void calls.push('resume');
  for (const isPaused of [false, true, true, false, false]) bench.pipe.pauseReading(isPaused);
  assert.deepEqual(calls, ['pause', 'resume']);
});
