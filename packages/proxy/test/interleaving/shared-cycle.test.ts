import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { buildErrorResponse } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { SharedCycle, longestReply } from '../../src/interleaving/shared-cycle.ts';
import type { SharedRequest } from '../../src/interleaving/shared-request.ts';
import { backendNamePrefix } from '../../src/statements/backend-names.ts';
import { Reader } from './shared-reads.ts';

/** A cycle on a lease that records its calls. */
class Bench {
  readonly reader = new Reader();
  readonly calls: string[] = [];
  isAsExpected = true;
  readonly cycle: SharedCycle;

  constructor() {
    const isAsExpected = (): boolean => this.isAsExpected;
    const request: SharedRequest = {
      key: 7,
      gather: () => true,
      get isAsExpected() {
        return isAsExpected();
      },
      planOutdated: () => undefined,
    };
    this.cycle = new SharedCycle(this.reader, request, 0);
    this.cycle.sentOn({
      answered: () => void this.calls.push('answered'),
      tooLarge: () => void this.calls.push('too large'),
    });
  }

  /** The error fails the cycle. Whether it is left to an exclusive lease. */
  fails(fields: ErrorFields): boolean {
    const message = buildErrorResponse({ severity: 'ERROR', ...fields });
    // It stands somewhere in a chunk.
    const chunk = Buffer.concat([Buffer.alloc(3), message, Buffer.from('C57P01\0VFATAL\0')]);
    assert.equal(this.cycle.failed(chunk, 3, 3 + message.length), null);
    return this.cycle.runsAlone;
  }
}

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

suite('the reply of a shared cycle', () => {
  test('is the received bytes themselves if they are in one piece', () => {
    const { cycle, reader } = new Bench();
    const chunk = bytes('..reply..');
    let delivered: Buffer | null = null;
    reader.sharedAnswered = (received, start, end) => {
      delivered = received;
      assert.deepEqual([start, end], [2, 7]);
    };
    cycle.relay(chunk, 2, 4);
    cycle.relay(chunk, 4, 7);
    assert.equal(cycle.replyLength, 5);
    cycle.deliver();
    assert.equal(delivered, chunk);
  });

  test('is joined if it has other bytes in between, or arrives in several chunks', () => {
    const { cycle, reader } = new Bench();
    const chunk = bytes('..re-ply..');
    cycle.relay(chunk, 2, 4);
    cycle.relay(chunk, 5, 8);
    cycle.relay(bytes(' and more'), 0, 4);
    cycle.relay(bytes('more'), 0, 4);
    assert.equal(cycle.replyLength, 13);
    cycle.deliver();
    assert.equal(reader.rows, 'reply andmore');
  });

  test('is delivered once', () => {
    const { cycle, reader } = new Bench();
    let count = 0;
    reader.onReply = () => count++;
    cycle.relay(bytes('reply'), 0, 5);
    cycle.deliver();
    cycle.deliver();
    assert.equal(count, 1);
    assert.equal(cycle.reader, null);
  });

  test('may be as long as a shared lease allows, and no longer', () => {
    const { cycle, calls, reader } = new Bench();
    cycle.relay(Buffer.alloc(longestReply), 0, longestReply);
    assert(!cycle.runsAlone);
    assert.deepEqual(calls, []);
    cycle.relay(bytes('x'), 0, 1);
    assert(cycle.runsAlone);
    assert.deepEqual(calls, ['too large']);
    cycle.relay(bytes('x'), 0, 1);
    assert.deepEqual(calls, ['too large'], 'the rest is not kept');
    cycle.deliver();
    assert.equal(reader.outcome, 'alone');
  });

  test('of a session that has given it up is not kept', () => {
    const { cycle, reader } = new Bench();
    cycle.reader = null;
    cycle.relay(bytes('reply'), 0, 5);
    assert.equal(cycle.replyLength, 0);
    cycle.deliver();
    assert.equal(reader.outcome, null);
  });

  test('that does not exist, or is not what the client expects, is left to an exclusive lease', () => {
    const silent = new Bench();
    silent.cycle.deliver();
    assert.equal(silent.reader.outcome, 'alone');
    const unexpected = new Bench();
    unexpected.cycle.relay(bytes('reply'), 0, 5);
    unexpected.isAsExpected = false;
    unexpected.cycle.deliver();
    assert.equal(unexpected.reader.outcome, 'alone');
  });

  test('is complete with its ReadyForQuery', () => {
    const { cycle, calls } = new Bench();
    cycle.relay(bytes('reply'), 0, 5);
    cycle.flushReplies();
    assert.deepEqual(calls, []);
    cycle.cycleEnded();
    assert.deepEqual(calls, ['answered']);
    assert(!cycle.blocked);
  });

  test('to a read that began COPY is left to an exclusive lease', () => {
    const { cycle } = new Bench();
    cycle.syncsIgnored();
    assert(cycle.runsAlone);
  });
});

suite('an error of a shared cycle', () => {
  test('about the read is its reply', () => {
    assert(!new Bench().fails({ sqlstate: '22012', message: 'division by zero' }));
    assert(!new Bench().fails({ sqlstate: '0A000', message: 'not supported' }));
  });

  for (const [what, fields] of [
    ['that ends the connection', { severity: 'FATAL', sqlstate: '57000', message: 'end' }],
    [
      'about an outdated plan',
      { sqlstate: '0A000', message: 'changed', routine: 'RevalidateCachedQuery' },
    ],
    [
      'that names a statement of the proxy',
      { sqlstate: '26000', message: `"${backendNamePrefix}1" does not exist` },
    ],
    ['about the server', { sqlstate: '57P02', message: 'crash' }],
  ] as const)
    test(`${what} is left to an exclusive lease`, () => {
      assert(new Bench().fails(fields));
    });
});
