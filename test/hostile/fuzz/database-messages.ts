import { cstring, int16, int32, message } from '../../helpers/messages.ts';
import type { Case, Moment } from './case.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

const field = (name: string, type: number, size: number): Buffer =>
  Buffer.concat([cstring(name), int32(0), int16(0), int32(type), int16(size), int32(-1), int16(0)]);

const value = (text: string | null): Buffer =>
  text === null ? int32(-1) : Buffer.concat([int32(Buffer.byteLength(text)), Buffer.from(text)]);

const row = (...values: readonly (string | null)[]): Buffer =>
  message('D', int16(values.length), ...values.map(value));

const rowDescription = message('T', int16(2), field('a', 23, 4), field('b', 25, -1));
const complete = (tag: string): Buffer => message('C', cstring(tag));
const ready = (status: string): Buffer => message('Z', Buffer.from(status));

function fields(severity: string, code: string): Buffer {
  const text = [`S${severity}`, `V${severity}`, `C${code}`, 'Mlies', 'Fx.c', 'L1', 'Rlie'];
  return Buffer.concat([...text.map((one) => cstring(one)), Buffer.from([0])]);
}

const codes = [
  '00000',
  '08P01',
  '22P02',
  '25001',
  '25006',
  '25P02',
  '26000',
  '0A000',
  '28P01',
  '3D000',
  '40001',
  '42P01',
  '42P05',
  '53300',
  '57014',
  '57P01',
  '57P03',
  'XX000',
  '',
  'toolong',
];

const parameter = (name: string, text: string): Buffer =>
  message('S', cstring(name), cstring(text));

const asyncKinds: readonly ((random: Random) => Buffer)[] = [
  (random) =>
    parameter(
      random.pick(['application_name', 'TimeZone', 'client_encoding', 'in_hot_standby', 'x.y', '']),
      random.pick(['', 'UTF8', 'on', 'off', 'Mars', 'é', 'x'.repeat(3000)]),
    ),
  (random) => message('N', fields('WARNING', random.pick(codes))),
  (random) => message('A', int32(random.below(1000)), cstring('gossip'), cstring('news')),
];

const kinds: readonly ((random: Random) => Buffer)[] = [
  ...asyncKinds,
  () => rowDescription,
  (random) =>
    row(...Array.from({ length: random.below(4) }, () => random.pick(['1', 'text', null]))),
  () => row('1', 'x'.repeat(70_000)),
  (random) => complete(random.pick(['SELECT 1', 'BEGIN', 'SET', 'DISCARD ALL', 'COPY 1', ''])),
  (random) => ready(random.pick(['I', 'I', 'T', 'E', '?', ''])),
  (random) =>
    message('E', fields(random.pick(['ERROR', 'FATAL', 'PANIC', '']), random.pick(codes))),
  () => message('1'),
  () => message('2'),
  () => message('3'),
  () => message('n'),
  () => message('s'),
  () => message('I'),
  (random) => message('t', int16(1), int32(random.pick([23, 25, 0]))),
  () => message('G', Buffer.of(0), int16(1), int16(0)),
  () => message('H', Buffer.of(0), int16(1), int16(0)),
  () => message('W', Buffer.of(0), int16(0)),
  () => message('d', Buffer.from('1\n')),
  () => message('c'),
  () => message('V', value('1')),
  () => message('v', int32(0x30000), int32(1), cstring('_pq_.x')),
  (random) => message('K', int32(random.below(1000)), random.bytes(random.pick([0, 4, 32]))),
  (random) =>
    message(
      'R',
      int32(random.pick([0, 2, 3, 5, 7, 9, 10, 11, 12, 99])),
      random.bytes(random.below(9)),
    ),
  () => message('R', int32(10), cstring('SCRAM-SHA-256'), Buffer.from([0])),
  () => message('R', int32(11), Buffer.from('r=nonce,s=c2FsdA==,i=4096')),
  () => message('R', int32(12), Buffer.from('v=AAAA')),
];

const answers: readonly (readonly Buffer[])[] = [
  [rowDescription, row('1', 'one'), row('2', null), complete('SELECT 2'), ready('I')],
  [message('1'), message('2'), rowDescription, row('1', 'one'), complete('SELECT 1'), ready('I')],
  [message('1'), message('t', int16(0)), rowDescription, ready('I')],
  [message('2'), row('1', 'one'), message('s'), ready('T')],
  [message('E', fields('ERROR', '22012')), ready('I')],
  [message('E', fields('FATAL', '57P01'))],
  [complete('BEGIN'), ready('T')],
  [complete('SET'), parameter('application_name', 'liar'), ready('I')],
  [message('I'), ready('I')],
  [message('G', Buffer.of(0), int16(1), int16(0))],
  [
    message('H', Buffer.of(0), int16(1), int16(0)),
    message('d', Buffer.from('1\n')),
    message('c'),
    complete('COPY 1'),
    ready('I'),
  ],
  [
    rowDescription,
    ...Array.from({ length: 300 }, () => row('7', 'seven')),
    complete('SELECT 300'),
    ready('I'),
  ],
  [],
];

const greeting: readonly Buffer[] = [
  message('R', int32(0)),
  parameter('server_version', '18.4'),
  parameter('client_encoding', 'UTF8'),
  parameter('standard_conforming_strings', 'on'),
  parameter('TimeZone', 'UTC'),
  message('K', int32(4711), Buffer.from([1, 2, 3, 4])),
  ready('I'),
];

const logins: readonly (readonly Buffer[])[] = [
  greeting,
  greeting,
  [message('E', fields('FATAL', '53300'))],
  [message('E', fields('FATAL', '28P01'))],
  [message('R', int32(5), Buffer.from('salt'))],
  [message('R', int32(3))],
  [message('R', int32(10), cstring('SCRAM-SHA-256'), Buffer.from([0]))],
  [
    message('R', int32(10), cstring('SCRAM-SHA-256'), Buffer.from([0])),
    message('R', int32(11), Buffer.from('r=nonce,s=c2FsdA==,i=4096')),
    message('R', int32(12), Buffer.from('v=AAAA')),
    ...greeting,
  ],
];

const checkRow = message('T', int16(1), field('pg_is_in_recovery', 16, 1));
const checks: readonly (readonly Buffer[])[] = [
  [checkRow, row('f'), complete('SELECT 1'), ready('I')],
  [checkRow, row('t'), complete('SELECT 1'), ready('I')],
  ...answers,
];

/** What a hostile database answers. */
export function databaseAnswer(random: Random, seed: number, moment: Moment): Case {
  const usual = { 'database login': logins, 'database check': checks }[moment as string] ?? answers;
  const wellFormed = [...random.pick(usual)];
  if (random.chance(0.3))
    wellFormed.splice(random.below(wellFormed.length + 1), 0, random.pick(asyncKinds)(random));
  if (random.chance(0.2))
    wellFormed.push(
      ...Array.from({ length: random.between(1, 4) }, () => random.pick(kinds)(random)),
    );
  const parts = mutate(random, wellFormed, () => random.pick(kinds)(random));
  return { moment, seed, parts, ending: random.pick(['wait', 'wait', 'close', 'reset'] as const) };
}
