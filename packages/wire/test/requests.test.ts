import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import * as wire from '../src/index.ts';

const int16 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [at, value] of values.entries()) bytes.writeInt16BE(value, 2 * at);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const value = (bytes: Buffer | null): Buffer =>
  bytes === null ? int32(-1) : Buffer.concat([int32(bytes.length), bytes]);
/** The part of Bind after its names. */
const bound = (formats: readonly number[], values: readonly (Buffer | null)[]): Buffer =>
  Buffer.concat([int16(formats.length, ...formats, values.length), ...values.map(value)]);

suite('messages of a client', () => {
  test('are consecutive, complete or cut', () => {
    const stream = Buffer.concat([wire.buildQuery('SELECT 1'), wire.syncMessage]);
    assert.equal(wire.wholeMessageEnd(stream, 0), 14);
    assert.equal(wire.messageEnd(stream, 14), stream.length);
    assert.equal(wire.lengthAt(stream, 14), 4);
    for (let end = 0; end < 14; end++)
      assert.equal(wire.wholeMessageEnd(stream.subarray(0, end), 0), -1);
  });

  test('a rewritten length is that of the message', () => {
    const longer = Buffer.concat([wire.buildQuery('SELECT 1'), Buffer.from('x')]);
    wire.writeLength(longer);
    assert.equal(wire.messageEnd(longer, 0), longer.length);
  });

  test('Describe and Close name a statement or a portal', () => {
    const statement = wire.buildDescribeStatement('s');
    assert(wire.namesStatement(statement, 0));
    assert(!wire.namesStatement(wire.buildClosePortal('s'), 0));
    assert.equal(wire.stringEnd(statement, wire.namedAt(0)), statement.length - 1);
    assert.equal(wire.firstStringAt(wire.FrontendCode.Describe, 0), 6);
    assert.equal(wire.firstStringAt(wire.FrontendCode.Bind, 0), 5);
  });

  test('a Describe of the statement that a Parse has created differs from others', () => {
    const parse = wire.buildParse('name', 'SELECT 1');
    const sent = (next: Buffer): boolean =>
      wire.describesStatement(Buffer.concat([parse, next]), parse.length, 5, 9);
    assert(sent(wire.buildDescribeStatement('name')));
    assert(!sent(wire.buildDescribeStatement('names')));
    assert(!sent(wire.buildDescribeStatement('eman')));
    assert(!sent(wire.buildClosePortal('name')));
    assert(!sent(wire.buildDescribeStatement('name').subarray(0, 8)));
  });

  test('the Describe of a portal is found up to the Sync', () => {
    const describe = (kind: string): Buffer =>
      wire.buildMessage(wire.FrontendCode.Describe, Buffer.from(`${kind}\0`));
    const run = wire.buildExecute('');
    const asks = Buffer.concat([run, describe('P'), wire.syncMessage]);
    assert(wire.describesPortal(asks, 0));
    assert(!wire.describesPortal(Buffer.concat([run, describe('S'), wire.syncMessage]), 0));
    assert(!wire.describesPortal(Buffer.concat([run, wire.syncMessage, describe('P')]), 0));
    assert(!wire.describesPortal(asks.subarray(0, run.length + 3), 0));
  });

  test('FunctionCall contains the function', () => {
    const call = wire.buildMessage(wire.FrontendCode.FunctionCall, int32(715), int16(0, 0, 0));
    assert.equal(wire.calledFunction(call, 0, call.length), 715);
    assert.equal(wire.calledFunction(call, 0, 8), -1);
  });
});

suite('the values of a Bind', () => {
  const seven = Buffer.from('7');

  test('are counted, and are NULL or not', () => {
    const bind = bound([1, 0], [int32(5), null, seven]);
    assert.equal(wire.countValues(bind, 0, bind.length), 3);
    assert.deepEqual(
      [1, 2, 3, 4].map((number) => wire.isNullValue(bind, 0, bind.length, number)),
      [false, true, false, undefined],
    );
    assert.equal(wire.isNullValue(bind, 0, 7, 1), undefined);
    assert.equal(wire.countValues(bind, 0, 1), -1);
  });

  for (const [name, formats, isBinary] of [
    ['no format: text', [], [false, false]],
    ['one format for all', [1], [true, true]],
    ['one format for each', [0, 1], [false, true]],
  ] as const)
    test(`have formats: ${name}`, () => {
      const bind = bound(formats, [seven, int32(7)]);
      assert.deepEqual(
        [1, 2].map((number) => wire.boundValue(bind, 0, number)?.isBinary),
        isBinary,
      );
    });

  test('contain numbers, which can be replaced', () => {
    const bind = bound([0, 1], [Buffer.from('12345'), int32(12345)]);
    for (const number of [1, 2]) {
      const found = wire.boundValue(bind, 0, number);
      assert(found !== null);
      assert.equal(wire.readInt4(bind, found), 12345);
      wire.writeInt4(bind, found, 42);
      assert.equal(wire.readInt4(bind, found), 42);
    }
    for (const length of [2, 8]) {
      const other = bound([1], [Buffer.alloc(length)]);
      const of = wire.boundValue(other, 0, 1);
      assert(of !== null);
      assert.equal(wire.readInt4(other, of), null);
    }
    const word = bound([], [Buffer.from('x')]);
    const found = wire.boundValue(word, 0, 1);
    assert(found !== null);
    assert.equal(wire.readInt4(word, found), null);
    assert.equal(wire.boundValue(bound([], [null]), 0, 1), null);
  });

  test('that are cut or have wrong lengths are not read, and nothing is read beyond the end', () => {
    const bind = bound([1, 0], [int32(5), null, seven]);
    for (let end = 0; end < bind.length; end++) {
      const cut = bind.subarray(0, end);
      assert.equal(wire.boundValue(cut, 0, 3), null, `cut to ${end}`);
      // A Bind can be the beginning of what was received.
      const known = wire.isNullValue(cut, 0, end, 3);
      assert(known === undefined || end === bind.length - 1, `cut to ${end}`);
    }
    // One value, whose length is far beyond the end.
    const lie = Buffer.concat([int16(0, 2), int32(0x7fffffff), seven]);
    assert.equal(wire.boundValue(lie, 0, 1), null);
    assert.equal(wire.boundValue(lie, 0, 2), null);
    assert.equal(wire.isNullValue(lie, 0, lie.length, 2), undefined);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 1, max: 6 }),
        (raw, number) => {
          const bytes = Buffer.from(raw);
          const found = wire.boundValue(bytes, 0, number);
          assert(found === null || (found.start >= 4 && found.end <= bytes.length));
          wire.isNullValue(bytes, 0, bytes.length, number);
        },
      ),
    );
  });
});

suite('the first packets of a client', () => {
  test('a cancel request', () => {
    const packet = wire.buildCancelRequest(258, Buffer.from('secret'));
    assert.equal(wire.packetLength(packet), packet.length);
    assert.deepEqual(wire.readCancelRequest(packet), {
      processId: 258,
      secret: Buffer.from('secret'),
    });
    assert.equal(wire.readCancelRequest(wire.buildCancelRequest(258, Buffer.alloc(3))), null);
    assert(wire.readCancelRequest(wire.buildCancelRequest(258, Buffer.alloc(256))) !== null);
    assert.equal(wire.readCancelRequest(wire.buildCancelRequest(258, Buffer.alloc(257))), null);
    assert.equal(wire.readCancelRequest(wire.sslRequest), null);
  });

  test('the version of the protocol', () => {
    const packet = wire.buildStartup(wire.StartupCode.Protocol32, []);
    assert.equal(wire.packetCode(packet), wire.versionCode(3, 2));
    assert.deepEqual(wire.protocolVersion(packet), { major: 3, minor: 2 });
  });

  test('SASLInitialResponse', () => {
    const body = wire.buildSaslInitial('SCRAM-SHA-256', 'n,,n=,r=x').subarray(wire.bodyAt(0));
    assert.deepEqual(wire.readSaslInitial(body), { mechanism: 'SCRAM-SHA-256', data: 'n,,n=,r=x' });
    assert.equal(wire.readSaslInitial(body.subarray(0, -1)), null);
    for (const short of ['', 'SCRAM', 'SCRAM\0', 'SCRAM\0\0\0\0'])
      assert.equal(wire.readSaslInitial(Buffer.from(short)), null, JSON.stringify(short));
  });
});

suite('messages of a database', () => {
  test('an error with a shifted position', () => {
    const error = wire.buildErrorResponse({ sqlstate: '42601', message: 'no', position: '12' });
    const moved = wire.withPosition(error, 3);
    assert.deepEqual(wire.readErrorMessage(moved, 0, moved.length), {
      ...wire.readErrorMessage(error, 0, error.length),
      position: '3',
    });
  });

  test('an error without an end is moved as far as it goes', () => {
    const error = wire.buildErrorResponse({ sqlstate: '42601', message: 'no', position: '12' });
    const cut = error.subarray(0, -3);
    assert.equal(
      wire.withPosition(cut, 3).toString('latin1', 5),
      'SERROR\0VERROR\0C42601\0Mno\0\0',
    );
  });

  test('rows that differ in a name, a type or a modifier, and rows that do not', () => {
    const column = (name: string, type: number, modifier: number, format: number): Buffer =>
      Buffer.concat([
        Buffer.from(`${name}\0`),
        int32(1),
        int16(1),
        int32(type),
        int16(4),
        int32(modifier),
        int16(format),
      ]);
    const rows = (...columns: readonly Buffer[]): Buffer =>
      Buffer.concat([int16(columns.length), ...columns]);
    const one = rows(column('a', 23, -1, 0));
    assert(wire.sameColumns(one, rows(column('a', 23, -1, 1))));
    assert(!wire.sameColumns(one, rows(column('b', 23, -1, 0))));
    assert(!wire.sameColumns(one, rows(column('a', 25, -1, 0))));
    assert(!wire.sameColumns(one, rows(column('a', 23, 8, 0))));
    assert(!wire.sameColumns(one, rows(column('a', 23, -1, 0), column('b', 23, -1, 0))));
  });
});
