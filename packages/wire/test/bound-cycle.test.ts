import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  FrontendCode as Code,
  buildMessage,
  readBoundCycle,
  readParsedCycle,
} from '../src/index.ts';

const bind = (portal: string, name: string): Buffer =>
  buildMessage(Code.Bind, Buffer.from(`${portal}\0${name}\0`), Buffer.alloc(6));
const describe = (kind: string, name: string): Buffer =>
  buildMessage(Code.Describe, Buffer.from(`${kind}${name}\0`));
const execute = (portal: string, rows: number): Buffer =>
  buildMessage(Code.Execute, Buffer.from(`${portal}\0`), Buffer.from([0, 0, 0, rows]));
const sync = buildMessage(Code.Sync, Buffer.alloc(0));
const flush = buildMessage(Code.Flush, Buffer.alloc(0));

/** With more than belongs there, which looks like the next messages of a cycle. */
const longer = (message: Buffer, ...more: readonly Buffer[]): Buffer =>
  buildMessage(message[0] ?? 0, message.subarray(5), ...more);
/** With another code. */
const other = (message: Buffer): Buffer => buildMessage(Code.Close, message.subarray(5));

function read(...messages: readonly Buffer[]): ReturnType<typeof readBoundCycle> {
  // Bytes before and after the cycle do not matter.
  const cycle = Buffer.concat(messages);
  const buffer = Buffer.concat([flush, cycle, flush]);
  return readBoundCycle(buffer, flush.length, flush.length + cycle.length);
}

test('Bind, Execute, Sync, with Describe or without', () => {
  for (const messages of [
    [bind('', 'name'), execute('', 0), sync],
    [bind('', 'name'), describe('P', ''), execute('', 0), sync],
  ]) {
    const cycle = read(...messages);
    assert(cycle !== null);
    const buffer = Buffer.concat([flush, ...messages]);
    assert.equal(buffer.toString('latin1', cycle.nameStart, cycle.nameEnd), 'name');
    assert.equal(cycle.bindEnd, flush.length + bind('', 'name').length);
    assert.equal(cycle.isDescribed, messages.length === 4);
    assert.equal(cycle.end, buffer.length);
  }
});

for (const [what, messages] of [
  ['a portal with a name', [bind('p', 'name'), execute('p', 0), sync]],
  ['a row limit', [bind('', 'name'), execute('', 1), sync]],
  ['another portal', [bind('', 'name'), execute('p', 0), sync]],
  ['a portal that is not run', [bind('p', 'name'), execute('', 0), sync]],
  [
    'more in Describe',
    [bind('', 'n'), longer(describe('P', ''), execute('', 0), sync), execute('', 0), sync],
  ],
  ['more in Execute', [bind('', 'n'), longer(execute('', 0), sync), sync]],
  ['a message as long as Execute', [bind('', 'n'), other(execute('', 0)), sync]],
  ['Describe of another portal', [bind('', 'name'), describe('P', 'p'), execute('', 0), sync]],
  ['Describe of a statement', [bind('', 'name'), describe('S', ''), execute('', 0), sync]],
  ['two Describes', [bind('', 'n'), describe('P', ''), describe('P', ''), execute('', 0), sync]],
  ['two Executes', [bind('', 'name'), execute('', 0), execute('', 0), sync]],
  ['Flush before Sync', [bind('', 'name'), execute('', 0), flush, sync]],
  ['no Execute', [bind('', 'name'), sync]],
  ['no Sync', [bind('', 'name'), execute('', 0)]],
  ['a Sync with a body', [bind('', 'n'), execute('', 0), buildMessage(Code.Sync, Buffer.alloc(1))]],
  ['no end of the name', [buildMessage(Code.Bind, Buffer.from('\0name')), execute('', 0), sync]],
  ['another message', [execute('', 0), execute('', 0), sync]],
] as const)
  test(`no: ${what}`, () => assert.equal(read(...messages), null));

const parse = (name: string, text: string): Buffer =>
  buildMessage(Code.Parse, Buffer.from(`${name}\0${text}\0`), Buffer.from([0, 1, 0, 0, 0, 23]));

test('a preceding Parse of the unnamed statement', () => {
  for (const messages of [
    [parse('', 'SELECT 1'), bind('', ''), execute('', 0), sync],
    [parse('', 'SELECT 1'), bind('', ''), describe('P', ''), execute('', 0), sync],
  ]) {
    const buffer = Buffer.concat([flush, ...messages, flush]);
    const cycle = readParsedCycle(buffer, flush.length, buffer.length - flush.length);
    assert(cycle !== null);
    assert.equal(buffer.toString('latin1', cycle.textStart, cycle.textEnd), 'SELECT 1');
    assert.equal(cycle.isDescribed, messages.length === 5);
    assert.equal(cycle.end, buffer.length - flush.length);
  }
});

for (const [what, messages] of [
  ['a named statement', [parse('n', 'SELECT 1'), bind('', 'n'), execute('', 0), sync]],
  ['Bind of another statement', [parse('', 'SELECT 1'), bind('', 'n'), execute('', 0), sync]],
  [
    'two Parses',
    [parse('', 'SELECT 1'), parse('', 'SELECT 2'), bind('', ''), execute('', 0), sync],
  ],
  ['no Bind', [parse('', 'SELECT 1'), execute('', 0), sync]],
  [
    'no end of the text',
    [buildMessage(Code.Parse, Buffer.from('\0S')), bind('', ''), execute('', 0), sync],
  ],
] as const)
  test(`no: ${what}, parsed`, () => {
    const buffer = Buffer.concat(messages);
    assert.equal(readParsedCycle(buffer, 0, buffer.length), null);
  });

test('a part of a cycle does not count, and nothing is read beyond the end', () => {
  const cycle = Buffer.concat([bind('', 'name'), describe('P', ''), execute('', 0), sync]);
  for (let end = 5; end < cycle.length; end++) {
    assert.equal(readBoundCycle(cycle, 0, end), null, String(end));
    assert.equal(readBoundCycle(cycle.subarray(0, end), 0, end), null, String(end));
  }
  const parsed = Buffer.concat([parse('', 'SELECT 1'), bind('', ''), execute('', 0), sync]);
  for (let end = 5; end < parsed.length; end++) {
    assert.equal(readParsedCycle(parsed, 0, end), null, String(end));
    assert.equal(readParsedCycle(parsed.subarray(0, end), 0, end), null, String(end));
  }
});

test('no input makes it throw', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 5, maxLength: 60 }),
      fc.nat(40),
      fc.nat(255),
      (bytes, at, value) => {
        const random = Buffer.concat([Buffer.from('B'), bytes]);
        readBoundCycle(random, 0, random.length);
        random[0] = Code.Parse;
        readParsedCycle(random, 0, random.length);
        const cycle = Buffer.concat([bind('', 'name'), describe('P', ''), execute('', 0), sync]);
        cycle[at % cycle.length] = value;
        const read = readBoundCycle(cycle, 0, cycle.length);
        assert(read === null || read.end === cycle.length);
      },
    ),
  );
});
