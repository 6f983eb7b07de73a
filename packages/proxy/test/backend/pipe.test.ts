import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  BackendCode as Code,
  bindComplete,
  buildErrorResponse,
  buildMessage,
  buildNoticeResponse,
  buildParameterStatus,
  closeComplete,
  noData,
  parseComplete,
  readyForQueryIdle,
  terminateMessage,
} from '@sluice/wire';
import { toServer } from '../../src/io/write-buffer.ts';
import { InternalQuery } from '../../src/protocol/internal-query.ts';
import type { InternalAnswer } from '../../src/protocol/internal-query.ts';
import { Action, Reply } from '../../src/protocol/pending-replies.ts';
import { Bench, Reader } from './pipe-bench.ts';

const row = (...values: string[]): Buffer =>
  buildMessage(
    Code.DataRow,
    Buffer.concat([
      Buffer.from([0, values.length]),
      ...values.flatMap((value) => {
        const length = Buffer.alloc(4);
        length.writeInt32BE(value.length);
        return [length, Buffer.from(value)];
      }),
    ]),
  );
const fields = buildMessage(Code.RowDescription, Buffer.from([0, 0]));
const done = buildMessage(Code.CommandComplete, Buffer.from('SELECT 1\0'));
const ready = (status: string): Buffer => buildMessage(Code.ReadyForQuery, Buffer.from(status));
const error = buildErrorResponse({ severity: 'ERROR', sqlstate: '42601', message: 'no' });
const notice = buildNoticeResponse({ severity: 'NOTICE', sqlstate: '00000', message: 'hear' });
const parameter = buildParameterStatus('TimeZone', 'UTC');
const notification = buildMessage(Code.NotificationResponse, Buffer.from('\0\0\0\x01c\0p\0'));
const copyIn = buildMessage(Code.CopyInResponse, Buffer.from([0, 0, 0]));
const select = Buffer.concat([fields, row('1'), done, readyForQueryIdle]);

/** A bench on which `owner` has these pending replies. */
function asked(owner: Reader | null, ...replies: readonly Reply[]): Bench {
  const bench = new Bench();
  bench.pipe.pending.owner = owner;
  for (const reply of replies) bench.pipe.pending.append(reply);
  return bench;
}

suite('a cycle fails once', () => {
  const fatal = buildErrorResponse({ severity: 'FATAL', sqlstate: '57P01', message: 'bye' });

  for (const [what, replies] of Object.entries({
    'a simple query': [Reply.Query],
    'an extended query': [Reply.Parse, Reply.Sync],
  }))
    test(`a second error of ${what} means that PostgreSQL cannot end the cycle`, () => {
      const bench = asked(new Reader('a'), ...replies);
      bench.socket.feed(error);
      assert.doesNotMatch(bench.log.join(), /out of sync/);
      bench.socket.feed(error);
      assert.match(bench.log.join(), /out of sync: .*second error/);
    });

  test('the next cycle can fail too, and the server can close the connection after an error', () => {
    const bench = asked(new Reader('a'), Reply.Query, Reply.Query);
    bench.socket.feed(Buffer.concat([error, readyForQueryIdle, error, fatal]));
    assert.doesNotMatch(bench.log.join(), /out of sync/);
  });
});

suite('a pipe delivers', () => {
  const complete: Readonly<Record<string, readonly [replies: readonly Reply[], reply: Buffer]>> = {
    'a simple query': [[Reply.Query], select],
    'a query without rows': [[Reply.Query], Buffer.concat([done, readyForQueryIdle])],
    'an empty query': [
      [Reply.Query],
      Buffer.concat([buildMessage(Code.EmptyQueryResponse), readyForQueryIdle]),
    ],
    'COPY to the client': [
      [Reply.Query],
      Buffer.concat([
        buildMessage(Code.CopyOutResponse, Buffer.from([0, 0, 0])),
        buildMessage(Code.CopyData, Buffer.from('x')),
        buildMessage(Code.CopyDone),
        done,
        readyForQueryIdle,
      ]),
    ],
    'the extended protocol': [
      [Reply.Parse, Reply.Bind, Reply.DescribePortal, Reply.Execute, Reply.Sync],
      Buffer.concat([parseComplete, bindComplete, fields, row('1'), done, readyForQueryIdle]),
    ],
    'a suspended portal': [
      [Reply.Execute, Reply.Sync],
      Buffer.concat([row('1'), buildMessage(Code.PortalSuspended), readyForQueryIdle]),
    ],
    'a described statement': [
      [Reply.DescribeStatement, Reply.Sync],
      Buffer.concat([
        buildMessage(Code.ParameterDescription, Buffer.from([0, 0])),
        noData,
        readyForQueryIdle,
      ]),
    ],
    'a close': [[Reply.Close, Reply.Sync], Buffer.concat([closeComplete, readyForQueryIdle])],
    'a function call': [
      [Reply.FunctionCall],
      Buffer.concat([
        buildMessage(Code.FunctionCallResponse, Buffer.from([0, 0, 0, 0])),
        readyForQueryIdle,
      ]),
    ],
    'two cycles': [[Reply.Query, Reply.Query], Buffer.concat([select, select])],
  };
  for (const [name, [replies, reply]] of Object.entries(complete)) {
    test(`${name}, byte for byte`, () => {
      const owner = new Reader('a');
      const bench = asked(owner, ...replies);
      bench.socket.feed(reply);
      assert.deepEqual(owner.received, reply);
      assert.equal(bench.pipe.pending.length, 0);
    });

    test(`${name}, however it is split`, () => {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 0, max: reply.length })), (cuts) => {
          const owner = new Reader('a');
          const bench = asked(owner, ...replies);
          let from = 0;
          for (const cut of [...cuts.toSorted((a, b) => a - b), reply.length]) {
            if (cut > from) bench.socket.feed(reply.subarray(from, cut));
            from = Math.max(from, cut);
          }
          assert.deepEqual(owner.received, reply);
          assert.equal(bench.pipe.pending.length, 0);
          assert.ok(!bench.pipe.isClosed);
        }),
        { numRuns: 50 },
      );
    });
  }

  test('each reply to the owner of its request, even if another session has the connection by then', () => {
    const [first, second] = [new Reader('a'), new Reader('b')];
    const bench = asked(first, Reply.Query);
    bench.pipe.pending.owner = second;
    bench.pipe.pending.append(Reply.Query);
    const [one, two] = [Buffer.concat([fields, row('one'), done, readyForQueryIdle]), select];
    bench.socket.feed(one, two);
    assert.deepEqual(first.received, one);
    assert.deepEqual(second.received, two);
    assert.deepEqual([first.cycles, second.cycles], [1, 1]);
  });

  test('nothing of a discarded reply', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    bench.pipe.pending.append(Reply.Parse, Action.Discard);
    bench.pipe.pending.append(Reply.Bind);
    bench.pipe.pending.append(Reply.Sync);
    bench.socket.feed(parseComplete, bindComplete, readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([bindComplete, readyForQueryIdle]));
  });

  test('nothing of an orphaned reply', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.socket.feed(fields, row('1').subarray(0, 7));
    bench.pipe.orphan();
    const before = owner.received;
    bench.socket.feed(row('1').subarray(7), done, readyForQueryIdle);
    assert.deepEqual(owner.received, before);
    assert.equal(owner.cycles, 0);
    assert.deepEqual(bench.log.slice(-2), ['ready I', 'nothing pending']);
  });

  test('no remainder of a long message whose owner is gone', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    const long = row('x'.repeat(1000));
    bench.socket.feed(fields, long.subarray(0, 500));
    assert.ok(bench.pipe.isMidReply);
    bench.pipe.orphan();
    assert.ok(!bench.pipe.isMidReply);
    bench.socket.feed(long.subarray(500), done, readyForQueryIdle);
    assert.equal(owner.received.length, fields.length + 500);
    assert.equal(bench.pipe.pending.length, 0);
  });

  test('a synthetic reply in its turn', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Parse);
    const bytes = closeComplete;
    bench.pipe.pending.append(Reply.Local, Action.Forward, { bytes, undo: () => undefined });
    bench.pipe.pending.append(Reply.Sync);
    bench.socket.feed(parseComplete);
    assert.deepEqual(owner.received, Buffer.concat([parseComplete, bytes]));
    bench.socket.feed(readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([parseComplete, bytes, readyForQueryIdle]));
  });

  test('a synthetic reply immediately, if it is first', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    bench.pipe.pending.append(Reply.Local, Action.Forward, {
      bytes: closeComplete,
      undo: () => undefined,
    });
    bench.pipe.flush();
    assert.deepEqual(owner.received, closeComplete);
    assert.deepEqual(owner.log, ['a flush']);
  });

  test('unsolicited messages to the owner of the lease', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    bench.socket.feed(notification);
    bench.socket.feed(parameter);
    assert.deepEqual(owner.received, Buffer.concat([notification, parameter]));
  });

  test('a notification during an internal query', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    bench.pipe.gather('SELECT 1', new InternalQuery(() => undefined));
    toServer.clear();
    bench.socket.feed(fields, row('1'), done, notification, readyForQueryIdle);
    assert.deepEqual(owner.received, notification);
  });

  test('nothing that its owner drops', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.notice = 'dropped';
    bench.forwardsParameters = false;
    bench.socket.feed(fields, notice, row('1'), parameter, done, readyForQueryIdle);
    assert.deepEqual(owner.received, select);
  });

  test('nothing of a cycle that a notice withdraws', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.notice = 'withdrawn';
    bench.socket.feed(fields, row('1'), notice);
    assert.equal(owner.received.length, 0);
  });

  test('the replacement of a notice from a note', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    bench.pipe.pending.append(Reply.Query, Action.Forward, {
      undo: () => undefined,
      noticed: () => parameter,
    });
    bench.socket.feed(notice, done, readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([parameter, done, readyForQueryIdle]));
  });

  test('the replacement of a CommandComplete from a note', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    bench.pipe.pending.append(Reply.CountedQuery, Action.Forward, {
      undo: () => undefined,
      counted: () => parameter,
    });
    bench.socket.feed(fields, row('1'), done, readyForQueryIdle);
    assert.deepEqual(
      owner.received,
      Buffer.concat([fields, row('1'), parameter, readyForQueryIdle]),
    );
  });

  test('only the client’s own statements of a rewritten query', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    const note = { passes: true, undo: () => undefined, counted: () => null };
    bench.pipe.pending.append(Reply.RewrittenQuery, Action.Forward, note);
    bench.socket.feed(fields, row('mine'), done);
    note.passes = false;
    bench.socket.feed(fields, row('other'));
    note.passes = true;
    bench.socket.feed(done, readyForQueryIdle);
    assert.deepEqual(
      owner.received,
      Buffer.concat([fields, row('mine'), done, done, readyForQueryIdle]),
    );
  });

  test('an error instead of a description that does not match, and nothing after it', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    bench.pipe.pending.append(Reply.DescribeStatement, Action.Discard, {
      undo: () => undefined,
      described: (code) => (code === Code.NoData ? error : null),
    });
    bench.pipe.pending.append(Reply.Bind);
    bench.pipe.pending.append(Reply.Sync);
    const parameters = buildMessage(Code.ParameterDescription, Buffer.from([0, 0]));
    bench.socket.feed(parameters, noData, bindComplete, readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([error, readyForQueryIdle]));
  });
});

suite('a pipe informs its owner of', () => {
  for (const status of ['I', 'T', 'E'])
    test(`ReadyForQuery ${status}, before the owner of the cycle acts on it`, () => {
      const log: string[] = [];
      const owner = new Reader('a', log);
      const bench = asked(owner, Reply.Query);
      bench.socket.feed(done, ready(status));
      assert.deepEqual(bench.log, [`ready ${status}`, 'nothing pending']);
      assert.deepEqual(log, ['a cycle', 'a flush']);
    });

  test('an error, after everything before it was delivered', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.socket.feed(fields, error, readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([fields, error, readyForQueryIdle]));
  });

  test('a dropped error', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.failure = (_message, handOver) => {
      handOver();
      bench.pipe.pending.fail();
      return 'dropped';
    };
    bench.socket.feed(fields, error, readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([fields, readyForQueryIdle]));
  });

  test('an error that withdraws its cycle, of which nothing was delivered', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.failure = () => {
      bench.pipe.pending.fail();
      bench.pipe.orphan();
      return 'withdrawn';
    };
    bench.socket.feed(fields, row('1'), error, readyForQueryIdle);
    assert.equal(owner.received.length, 0);
    assert.equal(bench.pipe.pending.length, 0);
  });

  test('an error that closes it: nothing after it is read', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.failure = () => {
      bench.pipe.close();
      return 'closed';
    };
    bench.socket.feed(error, readyForQueryIdle);
    assert.deepEqual(bench.log, [`failed ${Reply.Query}`]);
  });

  test('an error that ends an extended query cycle: discarded requests have no pending replies', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Parse, Reply.Bind, Reply.Execute, Reply.Sync);
    bench.socket.feed(error, readyForQueryIdle);
    assert.deepEqual(owner.received, Buffer.concat([error, readyForQueryIdle]));
    assert.equal(bench.pipe.pending.length, 0);
  });

  test('a complete parameter', () => {
    const bench = asked(new Reader('a'), Reply.Query);
    const half = parameter.subarray(0, 9);
    bench.socket.feed(half);
    assert.deepEqual(bench.log, []);
    bench.socket.feed(parameter.subarray(9));
    assert.deepEqual(bench.log, ['parameter TimeZone UTC ']);
  });

  test('the end of its socket', async () => {
    const bench = asked(null);
    bench.socket.destroy();
    await bench.pipe.ended;
    assert.deepEqual(bench.log, ['gone: the database closed it']);
  });

  test('an error of its socket', async () => {
    const bench = asked(null);
    bench.socket.destroy(new Error('reset'));
    await bench.pipe.ended;
    assert.deepEqual(bench.log, ['gone: reset', 'gone: the database closed it']);
  });

  test('a socket that accepts bytes again', () => {
    const bench = asked(new Reader('a'));
    bench.socket.isFull = true;
    toServer.add(Buffer.alloc(100));
    bench.pipe.pending.append(Reply.Query);
    bench.pipe.flush();
    assert.ok(bench.pipe.isFull);
    bench.socket.drain();
    assert.ok(!bench.pipe.isFull);
    assert.deepEqual(bench.log, ['drained']);
  });
});

suite('a pipe is out of sync after', () => {
  const surprises: Readonly<
    Record<string, readonly [replies: readonly Reply[], surprise: Buffer]>
  > = {
    'a reply without a request': [[], done],
    'a ReadyForQuery without a request': [[], readyForQueryIdle],
    'rows for a Parse': [[Reply.Parse, Reply.Sync], row('1')],
    'ReadyForQuery for a Bind': [[Reply.Bind, Reply.Sync], readyForQueryIdle],
    'ParseComplete for a Query': [[Reply.Query], parseComplete],
    'a message from a login': [[Reply.Query], buildMessage(Code.Authentication, Buffer.alloc(4))],
    'an unknown code': [[Reply.Query], buildMessage(0x7f)],
    'a length below four': [[Reply.Query], Buffer.from([Code.DataRow, 0, 0, 0, 3])],
    'a length beyond PostgreSQL’s limit': [
      [Reply.Query],
      Buffer.from([Code.DataRow, 0x40, 0, 0, 0]),
    ],
    'an error beyond the length limit': [
      [Reply.Query],
      Buffer.from([Code.ErrorResponse, 1, 0, 0, 5]),
    ],
    'a transaction status that is none': [[Reply.Query], ready('X')],
    'a ReadyForQuery without a status': [[Reply.Query], ready('')],
    'a ReadyForQuery with two of them': [[Reply.Query], ready('II')],
    'COPY data asked for among other requests': [[Reply.Query, Reply.Query], copyIn],
  };
  for (const [name, [replies, surprise]] of Object.entries(surprises))
    test(`${name}, and neither it nor anything after it is delivered`, () => {
      const owner = new Reader('a');
      const bench = asked(owner, ...replies);
      bench.socket.feed(surprise, select);
      assert.equal(bench.log.length, 1);
      assert.match(bench.log[0] ?? '', /^out of sync: /);
      assert.ok(bench.pipe.isClosed);
      assert.equal(owner.received.length, 0);
      bench.socket.feed(select);
      assert.equal(bench.log.length, 1);
    });

  test('internal error in the proxy, which ends only this pipe', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    owner.relay = () => {
      throw new Error('planted');
    };
    bench.socket.feed(select);
    assert.deepEqual(bench.log.at(-1), 'out of sync: internal error in the proxy');
  });

  test('an error while it ends', () => {
    const bench = asked(new Reader('a'));
    bench.outOfSync = () => {
      throw new Error('planted');
    };
    bench.parameter = () => {
      throw new Error('planted');
    };
    bench.socket.feed(parameter);
    assert.deepEqual(bench.log, ['failed to end: internal error in the proxy']);
    assert.ok(bench.socket.destroyed);
  });
});

suite('a pipe', () => {
  test('passes the reply to an internal query only to that query', () => {
    const owner = new Reader('a');
    const bench = asked(owner);
    const answers: InternalAnswer[] = [];
    const query = new InternalQuery((answer) => answers.push(answer));
    bench.pipe.gather('SELECT 1', query);
    bench.pipe.flush();
    assert.match(bench.socket.written().toString('latin1'), /^Q....SELECT 1\0$/s);
    bench.socket.feed(fields, row('a', 'b'), row('c', 'd'), done, readyForQueryIdle);
    assert.deepEqual(answers, [
      {
        rows: [
          ['a', 'b'],
          ['c', 'd'],
        ],
        error: null,
        lost: false,
      },
    ]);
    assert.equal(owner.received.length, 0);
    assert.equal(owner.cycles, 0);
  });

  test('no longer waits for COPY data whose sender is gone', () => {
    const bench = asked(new Reader('a'), Reply.Query);
    bench.pipe.orphan();
    bench.socket.feed(copyIn);
    assert.deepEqual(bench.log, ['orphaned COPY']);
  });

  test('starts COPY', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.socket.feed(copyIn);
    assert.ok(bench.pipe.pending.copyIn);
    assert.deepEqual(owner.received, copyIn);
  });

  test('stops reading while its reader is blocked, and continues', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    owner.blocked = true;
    bench.socket.feed(fields);
    assert.ok(bench.socket.isPaused());
    bench.pipe.pauseReading(false);
    assert.ok(!bench.socket.isPaused());
  });

  test('sends Terminate only when the server can read it', () => {
    const idle = asked(null);
    idle.pipe.end();
    assert.deepEqual(idle.socket.written(), terminateMessage);
    assert.ok(idle.socket.writableEnded);
    const pending = asked(new Reader('a'), Reply.Query);
    pending.pipe.end();
    assert.equal(pending.socket.written().length, 0);
    assert.ok(pending.socket.destroyed);
    const open = asked(null);
    open.pipe.cycleOpen = true;
    open.pipe.end();
    assert.ok(open.socket.destroyed);
  });

  test('that is closed delivers nothing, but sends what was written', () => {
    const owner = new Reader('a');
    const bench = asked(owner, Reply.Query);
    bench.pipe.close();
    bench.socket.feed(select);
    assert.equal(owner.received.length, 0);
    const ended = asked(null);
    ended.pipe.end();
    ended.pipe.close();
    assert.ok(!ended.socket.destroyed);
  });

  test('is in the middle of a cycle until Sync', () => {
    const bench = asked(new Reader('a'));
    assert.ok(!bench.pipe.isMidCycle);
    bench.pipe.pending.append(Reply.Parse, Action.Discard);
    assert.ok(bench.pipe.isMidCycle);
    bench.pipe.pending.append(Reply.Sync);
    assert.ok(!bench.pipe.isMidCycle);
    bench.pipe.cycleOpen = true;
    assert.ok(bench.pipe.isMidCycle);
  });

  test('forgets a sent error at the end of its cycle', () => {
    const bench = asked(new Reader('a'), Reply.Query);
    bench.pipe.errorSent = true;
    let completed = 0;
    bench.pipe.pending.append(Reply.Query, Action.Forward, {
      undo: () => undefined,
      completed: () => completed++,
    });
    bench.socket.feed(done, readyForQueryIdle);
    assert.ok(!bench.pipe.errorSent);
    bench.socket.feed(done, readyForQueryIdle);
    assert.equal(completed, 1);
  });

  test('reports no success to a note of a failed cycle', () => {
    const bench = asked(new Reader('a'));
    let completed = 0;
    bench.failure = (_message, handOver) => {
      handOver();
      bench.pipe.pending.fail();
      bench.pipe.errorSent = true;
      return 'forwarded';
    };
    bench.pipe.pending.append(Reply.Query, Action.Forward, {
      undo: () => undefined,
      completed: () => completed++,
    });
    bench.socket.feed(error, readyForQueryIdle);
    assert.equal(completed, 0);
  });
});

/** Each cycle takes it longer than a few may take in one turn. */
class SlowReader extends Reader {
  override cycleEnded(): void {
    super.cycleEnded();
    const until = performance.now() + 0.2;
    while (performance.now() < until);
  }
}

suite('a pipe that has received much at once', () => {
  const cycles = 300;
  const answers = Buffer.concat(Array.from({ length: cycles }, () => readyForQueryIdle));

  function flooded(): { readonly bench: Bench; readonly reader: SlowReader } {
    const reader = new SlowReader('one');
    const bench = asked(reader, ...Array.from({ length: cycles }, () => Reply.Sync));
    bench.socket.feed(answers);
    return { bench, reader };
  }

  test('takes turns with others, and delivers everything in order', async () => {
    const { bench, reader } = flooded();
    assert(reader.cycles < cycles, `${reader.cycles} cycles in one turn`);
    assert(bench.socket.isPaused(), 'it reads on');
    let turns = 0;
    for (; reader.cycles < cycles; turns += 1)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    assert(turns > 3, `${turns} turns`);
    assert.deepEqual(reader.received, answers);
    assert(!bench.socket.isPaused(), 'it does not read on');
  });

  test('delivers everything before it reports that its socket has closed', () => {
    const { bench, reader } = flooded();
    bench.socket.close();
    assert.equal(reader.cycles, cycles);
    assert.equal(bench.log.at(-1), 'gone: the database closed it');
  });

  test('delivers the rest when its reader accepts it again', async () => {
    const { bench, reader } = flooded();
    bench.pipe.pauseReading(true);
    const before = reader.cycles;
    for (let turn = 0; turn < 5; turn += 1)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    assert.equal(reader.cycles, before);
    bench.pipe.pauseReading(false);
    while (reader.cycles < cycles)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    assert(!bench.socket.isPaused(), 'it does not read on');
  });
});
