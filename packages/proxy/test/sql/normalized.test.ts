import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { loadParser, normalizedOf } from '../../src/sql/index.ts';

before(loadParser);

function shape(text: string): string {
  const buffer = Buffer.from(text);
  return normalizedOf(buffer, 0, buffer.length);
}

describe('the normalized query', () => {
  for (const [text, expected] of [
    ['SELECT  A\n FROM "T" WHERE b = 42', 'select a from "T" where b = ?'],
    ["select 'it''s', e'\\'', $$x$$, $a$y$a$, 1.5e3, .5, $2", "select '?'"],
    ['select a, 1, b, 2', 'select a, ?, b, ?'],
    ['select * from t where a in (1, 2, 3) and b = 4', 'select * from t where a in (?) and b = ?'],
    ["insert into t values (1, 'a', null), (2, 'b', true)", 'insert into t values (?)'],
    ['select nullif(1, 2)', 'select nullif(?, ?)'],
    ['select 1 /* secret */ -- secret\n, a', 'select ? , a'],
    ["select.5, 'a' as e", 'select ? as e'],
    // Unreadable text.
    ["set password = 'secret", 'set…'],
    ["alter role r password 'x'secret'", 'alter…'],
    ['alter role r password secret', 'alter…'],
    ["'secret", '…'],
    ['secret', '…'],
    // With standard_conforming_strings off, or in an encoding like SJIS, these literals end elsewhere.
    ["alter role r password 'x\\' secret'", 'alter…'],
    ["select a, 'x\\', secret --'", 'select a,…'],
    ["select a, 'b'\n'x\\', secret --'", "select a, '?'…"],
    ["select 'a', e'\\n\\'', b", "select '?', b"],
    // Generated names.
    [
      'declare "_django_curs_140229016_1" cursor for select 1',
      'declare "_django_curs_?_?" cursor for select ?',
    ],
    ['savepoint s140229_x12', 'savepoint s?_x?'],
    ['select * from orders_2024, t1', 'select * from orders_2024, t1'],
    ['drop table t_0b1f2c3d', 'drop table t_?'],
    ["select 'a'\n  'b'", "select '?'"],
  ] as const) {
    test(text, () => assert.equal(shape(text), expected));
  }

  test('is bounded', () => {
    assert.ok(shape(`select ${'a, '.repeat(100_000)}b`).length <= 1025);
    assert.equal(shape(`select a, '${'secret'.repeat(10_000)}' as b`), "select a, '?' as b");
    assert.equal(shape(`select a, '${'secret'.repeat(100_000)}' as b`), 'select a,…');
    assert.equal(shape(`select '${'secret'.repeat(100_000)}`), 'select…');
  });

  test('the quote after an SJIS character is not part of it', () => {
    const text = Buffer.from("select a, e'\x95\\', 'secret', 'b'", 'latin1');
    assert.equal(normalizedOf(text, 0, text.length), 'select…');
  });

  test('contains no literal', () => {
    const secret = 'Zq7';
    const literal = fc.oneof(
      // No backslash: after e'…' and a line break it would escape the closing quote.
      fc.string().map((text) => `'${secret}${text.replace(/['\\]/g, "''")}'`),
      fc.string().map((text) => `e'${secret}${text.replace(/['\\]/g, '\\$&')}'`),
      fc.string().map((text) => `$q$${secret}${text.replaceAll('$', '')}$q$`),
      fc.string().map((text) => `/* ${secret}${text.replace(/[*/]/g, '')} */`),
    );
    fc.assert(
      fc.property(
        fc.array(literal),
        fc.array(fc.constantFrom(' ', ', ', '\n', ';', ' x ', '(', ')')),
        (values, glue) => {
          const text = values.map((value, index) => `${value}${glue[index] ?? ' a '}`).join('');
          assert.ok(
            !shape(text).includes(secret.toLowerCase()) && !shape(text).includes(secret),
            text,
          );
        },
      ),
      { numRuns: 2000 },
    );
  });
});
