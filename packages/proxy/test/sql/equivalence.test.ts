import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { Flag, classify, loadParser, touchesSession } from '../../src/sql/index.ts';
import { parse } from '../../src/sql/parser.ts';
import { readTree } from '../../src/sql/tree.ts';
import { harmless, plainReads, touching } from './corpus.ts';

before(loadParser);

const corpus = [...plainReads, ...harmless, ...touching].map(([text]) => text);

/**
 * Pieces to insert into texts of the corpus: everything that can shift the boundaries of tokens, and everything that
 * matters.
 */
const pieces = [
  ..."' '' \" \"\" $$ $a$ $ $1 -- /* */ \\ e' E' u&' u&\" b' n' x' ; ( ) , . :: : [ ] + - = < > ! @ ~ ?".split(
    ' ',
  ),
  ...'1 0x1 1e5 1_0 1a .5 a é \u00a0 _ select set into insert for update over filter null true'.split(
    ' ',
  ),
  ...'default with values table merge temp from t as union end not uescape limit do do$$ begin'.split(
    ' ',
  ),
  ...'set_config nextval .pg_advisory_lock json_value nullif lateral returning tablesample'.split(
    ' ',
  ),
  ...[' ', '\n', '\r', '\t', '\v', '\f', '', '\n--\n', '/**/', '\n/**/', 'distinct on (a)', "'!'"],
  ...[
    "set_config('a','b',false)",
    "nextval('s')",
    'pg_advisory_lock(1)',
    'f(1)',
    'lower(a)',
    'random()',
  ],
  ...[
    'insert into t',
    'reset all',
    'listen c',
    "(1, 'a'), (2, 'b')",
    ", 'a', 'b'",
    ', 1',
    ', null',
  ],
  ...['operator(pg_catalog.+)', 'case when a then b', 'on conflict do nothing', 'for update'],
] as const;

const tokens = /\s+|[a-z_][\w$]*|'(?:[^']|'')*'|\d+|./gis;
const split = (text: string): string[] => text.match(tokens) ?? [];

/** A change of a text, at a position given as a fraction of its tokens. */
const change = fc.record({
  place: fc.double({ min: 0, max: 1, noNaN: true }),
  removes: fc.nat(1),
  piece: fc.constantFrom(...pieces),
  spaced: fc.boolean(),
});

const mutated = fc
  .record({
    first: fc.constantFrom(...corpus),
    second: fc.option(fc.constantFrom(...corpus), { freq: 4 }),
    joint: fc.constantFrom(';', ' union ', ' ', ''),
    changes: fc.array(change, { maxLength: 2 }),
    upper: fc.boolean(),
  })
  .map(({ first, second, joint, changes, upper }) => {
    const parts = split(second === null ? first : `${first}${joint}${second}`);
    for (const { place, removes, piece, spaced } of changes) {
      parts.splice(Math.floor(place * parts.length), removes, spaced ? ` ${piece} ` : piece);
    }
    const text = parts.join('');
    return upper ? text.toUpperCase() : text;
  });

/** Literals full of text that would matter outside of them. */
const hostile = fc
  .array(fc.constantFrom(...pieces, ...corpus), { maxLength: 4 })
  .map((parts) => parts.join(''));
const literal = fc.oneof(
  hostile.map((text) => `'${text.replaceAll("'", "''")}'`),
  hostile.map((text) => `e'${text.replace(/['\\]/g, '\\$&')}'`),
  hostile.map((text) => `$q$${text.replaceAll('$q', '')}$q$`),
  hostile.map((text) => `"a${text.replaceAll('"', '""')}"`),
  hostile.map((text) => `1 /* ${text.replace(/[*/]/g, '')} */`),
  hostile.map((text) => `1 -- ${text.replace(/[\r\n]/g, '')}\n`),
);

/** Texts whose meaning does not depend on their spacing. */
const spaceable = corpus.filter((text) => !/['"$\\]|--|\/\*/.test(text));
const gap = fc.constantFrom(
  ' ',
  '\n',
  '\t\r\n',
  '/* ; set a = 1; */',
  ' -- "\n',
  '/*/**/*/',
  '\f--*/\r',
);

/** The classifier's result for any text that PostgreSQL can parse must agree with its parse tree. */
function compare(text: string): 'same' | 'opaque' | 'syntax' {
  const parsed = parse(text);
  assert.notEqual(parsed, 'parser');
  if (typeof parsed === 'string') return 'syntax';
  const actual = classify(text);
  if (actual.reason !== undefined) return 'opaque';
  const expected = readTree(parsed, Buffer.byteLength(text), true).effects;
  const bits =
    touchesSession |
    Flag.Notify |
    Flag.Ddl |
    Flag.Writes |
    Flag.UnknownFunction |
    Flag.ReadsSession;
  assert.equal(actual.flags & bits, expected.flags & bits, text);
  assert.equal(actual.statements, expected.statements, text);
  assert.deepEqual(actual.details, expected.details, text);
  // The lexer may miss that a read is plain; it must not call another text a plain read.
  assert.equal(actual.flags & Flag.PlainRead & ~expected.flags, 0, text);
  return 'same';
}

describe('the lexer and the parser', () => {
  test('agree on the corpus', () => {
    for (const text of corpus) assert.equal(compare(text), 'same', text);
  });

  test('agree on 40,000 mutations of it', { timeout: 120_000 }, () => {
    const counts = { same: 0, opaque: 0, syntax: 0 };
    fc.assert(
      fc.property(fc.noBias(mutated), (text) => {
        counts[compare(text)] += 1;
      }),
      { numRuns: 40_000 },
    );
    // The test is only meaningful if many of the texts are SQL.
    assert.ok(counts.same > 5_000, JSON.stringify(counts));
    assert.ok(counts.opaque < 50, JSON.stringify(counts));
  });

  test('agree whatever literals, names and comments contain', () => {
    fc.assert(
      fc.property(literal, fc.constantFrom(...corpus), (value, text) => {
        assert.equal(compare(`select ${value}; ${text}`), 'same');
      }),
      { numRuns: 5_000 },
    );
  });

  test('agree for any spacing', () => {
    fc.assert(
      fc.property(fc.constantFrom(...spaceable), fc.array(gap, { minLength: 1 }), (text, gaps) => {
        let next = 0;
        const spaced = text.replace(/\s+/g, () => gaps[next++ % gaps.length] ?? ' ');
        assert.equal(compare(spaced), 'same', spaced);
        assert.equal(classify(spaced).flags, classify(text).flags, spaced);
      }),
      { numRuns: 5_000 },
    );
  });
});
