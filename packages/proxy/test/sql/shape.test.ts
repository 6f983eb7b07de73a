import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { shapeOf } from '../../src/sql/index.ts';

function shape(text: string): string {
  const buffer = Buffer.from(text);
  return shapeOf(buffer, 0, buffer.length);
}

describe('the shape of a statement', () => {
  for (const [text, expected] of [
    ['SELECT  A\n FROM "T" WHERE b = 42', 'select a from "T" where b = ?'],
    ["select 'it''s', e'\\'', $$x$$, $a$y$a$, 1.5e3, .5, $2", "select '?'"],
    ['select a, 1, b, 2', 'select a, ?, b, ?'],
    ['select * from t where a in (1, 2, 3) and b = 4', 'select * from t where a in (?) and b = ?'],
    ["insert into t values (1, 'a', null), (2, 'b', true)", 'insert into t values (?)'],
    ['select nullif(1, 2)', 'select nullif(?, ?)'],
    ['select 1 /* secret */ -- secret\n, a', 'select ? , a'],
    ["select.5, 'a'e'b'x", "select ? '?' x"],
    ["set password = 'secret", 'set password =…'],
    ["select 'a'\n  'b'", "select '?'"],
  ] as const) {
    test(text, () => assert.equal(shape(text), expected));
  }

  test('is bounded', () => {
    assert.ok(shape(`select ${'a, '.repeat(100_000)}b`).length <= 1025);
    assert.equal(shape(`select '${'secret'.repeat(100_000)}`), 'select…');
  });

  test('shows no literal', () => {
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
