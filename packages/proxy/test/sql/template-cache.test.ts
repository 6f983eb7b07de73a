import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Lexer } from '../../src/sql/lexer.ts';
import { TemplateCache } from '../../src/sql/template-cache.ts';
import { harmless, plainReads, touching } from './corpus.ts';

/** One for all pairs of texts: its memory takes longer to allocate than a pair takes to compare. */
const pairs = new TemplateCache<number>();
let pair = 0;

/** Whether the two texts have the same template. */
function isSimilar(first: string, second: string): boolean {
  look(pairs, first);
  pairs.set((pair += 1));
  return look(pairs, second) === pair;
}

function look<T>(cache: TemplateCache<T>, text: string): T | undefined {
  // Bytes around the text must not matter.
  const buffer = Buffer.from(`1'${text}1'`);
  return cache.get(buffer, 2, buffer.length - 2);
}

const lexer = new Lexer(16 * 1024, '1');

/** The complete result of the lexer for a text. */
function verdict(text: string): unknown[] {
  const buffer = Buffer.from(text);
  lexer.scan(buffer, 0, buffer.length);
  const { judge, normalized, reason } = lexer;
  const { isSure, isPlain, writes, statements } = judge;
  const shape = normalized.bytes.toString('latin1', 0, normalized.length);
  return [reason, isSure, isPlain, writes, statements, shape];
}

test('a long text has no template, so that looking it up costs little', () => {
  const cache = new TemplateCache<true>();
  const text = (length: number): string => 'select '.padEnd(length, 'x');
  look(cache, text(1024));
  assert(cache.hasTemplate);
  look(cache, text(1025));
  assert(!cache.hasTemplate);
});

describe('texts with the same template', () => {
  for (const [first, second] of [
    ['select 1', 'select 23456'],
    ['select a1 from t where b = 7', 'select a1 from t where b = 8'],
    ["select 'a'", "select 'it''s --'"],
    ["select 'a', 1.5, -3", "select '', 20.25, -4"],
    ['select "a 1" from t limit 1', 'select "a 1" from t limit 2'],
    ['begin', 'begin'],
    ['select a from t where b = $1 and c = 1', 'select a from t where b = $1 and c = 2'],
  ] as const) {
    test(`${first} and ${second}`, () => assert.ok(isSimilar(first, second)));
  }
});

describe('texts with different templates', () => {
  for (const [first, second] of [
    ['select a1', 'select a2'],
    ['select $1', 'select $2'],
    ['select "a 1"', 'select "a 2"'],
    ['select 1', 'Select 1'],
    ['select 1', 'select  1'],
    ['select 1', "select ''"],
    ['select 1', 'select 1, 2'],
    // Different tokens, although parts are equal.
    ['select 1e5', 'select 1e6'],
    ['select 0x1', 'select 0x2'],
    ["select e'1'", "select e'2'"],
    ["select u&'1'", "select u&'2'"],
    ["select '\\'", "select '\\'"],
    ["select 'a", "select 'a"],
    ['select "a', 'select "a'],
    ['select $a$1$a$', 'select $a$2$a$'],
    ['select 1 --', 'select 1 --'],
    ['select 1 /**/', 'select 1 /**/'],
    ["select 'é'", "select 'è'"],
    ['select é', 'select é'],
    ['', ''],
  ] as const) {
    test(`${first} and ${second}`, () => assert.ok(!isSimilar(first, second)));
  }
});

test('a long text has none, and a template in the slot of another replaces it', () => {
  const long = `select ${'a, '.repeat(400)}1`;
  assert.ok(!isSimilar(long, long));
  const cache = new TemplateCache<number>();
  for (let n = 0; n < 20_000; n++) {
    assert.equal(look(cache, `select a${n}`), undefined);
    cache.set(n);
    assert.equal(look(cache, `select a${n}`), n);
  }
});

const corpus = [...plainReads, ...harmless, ...touching].map(([text]) => text);
const shifting = [
  ...`' " $ $$ $1 -- /* */ \\ E' U&' u&" n' x' b' ; ( ) . , :: + - / * & 0 1 12 1.5 .5 1e5 0x1 1_0 1a a _ é`.split(
    ' ',
  ),
  ..."' '|''|'a'|'1'|\n|--\n|uescape '!'|null|in (1, 2)|values (1), (2)|set_config('a','b',false)".split(
    '|',
  ),
];
const text = fc
  .record({
    base: fc.constantFrom(...corpus),
    changes: fc.array(
      fc.record({
        place: fc.double({ min: 0, max: 1, noNaN: true }),
        piece: fc.constantFrom(...shifting),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ base, changes }) => {
    let changed = base;
    for (const { place, piece } of changes) {
      const at = Math.floor(place * changed.length);
      changed = changed.slice(0, at) + piece + changed.slice(at);
    }
    return changed;
  });
const content = fc
  .array(fc.constantFrom('a', ' ', "''", '"', '--', '/*', '$$', ';', '(', '9', ',', 'select'), {
    maxLength: 4,
  })
  .map((parts) => parts.join(''));

test('the lexer’s result for a text applies to all texts with its template', () => {
  let similar = 0;
  fc.assert(
    fc.property(text, fc.nat(99_999), content, (first, number, string) => {
      const second = first
        .replaceAll(/'(?:[^']|'')*'/g, `'${string}'`)
        .replaceAll(/\d+/g, String(number));
      if (!isSimilar(first, second)) return;
      similar++;
      assert.deepEqual(verdict(second), verdict(first), second);
    }),
    { numRuns: 20_000 },
  );
  assert.ok(similar > 5000, String(similar));
});
