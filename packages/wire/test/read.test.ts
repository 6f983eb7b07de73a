import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  MalformedMessage,
  buildParameterStatus,
  countParameters,
  readAuthentication,
  readBackendKeyData,
  readDataRow,
  readNotificationResponse,
  readParameterStatus,
  sameColumns,
} from '../src/index.ts';

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

const status = buildParameterStatus('TimeZone', 'UTC').subarray(5);
const notification = Buffer.concat([int32(7), Buffer.from('channel\0payload\0')]);
const row = Buffer.concat([int16(3), int32(2), Buffer.from('ab'), int32(-1), int32(0)]);

const readers: Readonly<
  Record<string, readonly [body: Buffer, read: (...range: [Buffer, number, number]) => unknown]>
> = {
  ParameterStatus: [status, readParameterStatus],
  NotificationResponse: [notification, readNotificationResponse],
  DataRow: [row, readDataRow],
};

suite('messages of a database', () => {
  test('are read, wherever they lie', () => {
    const around = (body: Buffer): [Buffer, number, number] => [
      Buffer.concat([Buffer.from('be\0fore'), body, Buffer.from('be\0hind')]),
      7,
      7 + body.length,
    ];
    assert.deepEqual(readParameterStatus(...around(status)), ['TimeZone', 'UTC']);
    assert.deepEqual(readNotificationResponse(...around(notification)), {
      processId: 7,
      channel: 'channel',
      payload: 'payload',
    });
    assert.deepEqual(readDataRow(...around(row)), ['ab', null, '']);
  });

  for (const [name, [body, read]] of Object.entries(readers)) {
    test(`a ${name} that is cut is malformed, whatever follows it`, () => {
      for (let end = 0; end < body.length; end++) {
        const cut = body.subarray(0, end);
        // The bytes behind it would complete it.
        for (const buffer of [cut, body, Buffer.concat([cut, Buffer.alloc(20)])])
          assert.throws(() => read(buffer, 0, end), MalformedMessage, `cut to ${end}`);
      }
    });

    test(`a ${name} of any bytes is read or malformed`, () => {
      const property = fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          read(Buffer.from(bytes), 0, bytes.length);
        } catch (error) {
          assert(error instanceof MalformedMessage);
        }
      });
      fc.assert(property);
    });
  }

  test('a DataRow whose lengths lie is malformed', () => {
    for (const length of [3, 0x7fffffff])
      assert.throws(
        () => readDataRow(Buffer.concat([int16(1), int32(length), Buffer.from('ab')]), 0, 8),
        MalformedMessage,
      );
    assert.throws(
      () => readDataRow(Buffer.concat([int16(0xffff), int32(-1)]), 0, 6),
      MalformedMessage,
    );
  });

  test('an authentication request, a key and a description that are too short are none', () => {
    assert.deepEqual(readAuthentication(Buffer.from('\0\0\0\x05salt')), {
      kind: 5,
      data: Buffer.from('salt'),
    });
    assert.equal(readAuthentication(Buffer.alloc(3)), null);
    assert.deepEqual(readBackendKeyData(Buffer.from('\0\0\x01\x02key!')), {
      processId: 258,
      secretKey: Buffer.from('key!'),
    });
    assert.equal(readBackendKeyData(Buffer.alloc(7)), null);
    assert.equal(countParameters(Buffer.concat([int16(1), int32(23)])), 1);
    assert.equal(countParameters(Buffer.alloc(1)), 0);
  });

  test('row descriptions that are cut, or lie about their columns, are not the same', () => {
    const column = Buffer.concat([Buffer.from('a\0'), Buffer.alloc(18)]);
    const whole = Buffer.concat([int16(1), column]);
    /** Equal but for the format, so that all columns are compared. */
    const other = (body: Buffer): Buffer => {
      const copy = Buffer.from(body);
      copy[copy.length - 1] = 1;
      return copy;
    };
    assert(sameColumns(whole, other(whole)));
    assert(!sameColumns(Buffer.alloc(1), Buffer.alloc(1, 1)));
    for (let end = 2; end < whole.length; end++) {
      const cut = whole.subarray(0, end);
      if (end > 2) assert(!sameColumns(cut, other(cut)), `cut to ${end}`);
    }
    const more = Buffer.concat([int16(2), column]);
    assert(!sameColumns(more, other(more)));
  });
});
