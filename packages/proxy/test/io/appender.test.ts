import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Appender } from '../../src/io/appender.ts';

suite('Appender', () => {
  test('concatenates chunks, whatever was removed from the front, and does not modify that', () => {
    const piece = fc.record({ bytes: fc.uint8Array({ maxLength: 300 }), take: fc.nat(400) });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const appender = new Appender();
        let rest: Buffer = Buffer.alloc(0);
        const taken: Buffer[] = [];
        const all: Buffer[] = [];
        for (const { bytes, take } of pieces) {
          all.push(Buffer.from(bytes));
          rest = appender.append(rest, Buffer.from(bytes));
          taken.push(rest.subarray(0, take));
          rest = rest.subarray(take);
        }
        assert.deepEqual(Buffer.concat([...taken, rest]), Buffer.concat(all));
      }),
    );
  });

  test('bytes of the same memory that are not what came last are not continued in place', () => {
    const appender = new Appender();
    const first = appender.append(Buffer.from('abc'), Buffer.from('def'));
    // The end of what came was given up, and more came.
    assert.equal(appender.append(first.subarray(0, 3), Buffer.from('X')).toString(), 'abcX');
    assert.equal(first.toString(), 'abcdef');
    const again = new Appender();
    const whole = again.append(Buffer.from('abc'), Buffer.from('def'));
    again.append(whole, Buffer.from('ghi'));
    assert.equal(again.append(whole, Buffer.from('X')).toString(), 'abcdefX');
    // Other memory, which lies at the same place of its own.
    const other = Buffer.allocUnsafeSlow(9).fill('z');
    assert.equal(again.append(other, Buffer.from('X')).toString(), 'zzzzzzzzzX');
  });

  test('bytes that arrive one by one are not copied each time', () => {
    const cost = (bytes: number): number => {
      const appender = new Appender();
      const byte = Buffer.from('x');
      let rest: Buffer = Buffer.from('x');
      const began = process.cpuUsage();
      for (let index = 1; index < bytes; index += 1) rest = appender.append(rest, byte);
      assert.equal(rest.length, bytes);
      return process.cpuUsage(began).user / 1000;
    };
    cost(100_000);
    assert(cost(1_000_000) < 2000);
  });
});
