import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { NameIndex, wordsIn } from '../../src/sql/name-index.ts';

function found(names: readonly string[], text: string): string[] {
  const index = new NameIndex<string>();
  for (const name of names) index.add(Buffer.from(name).toString('latin1'), name);
  const bytes = Buffer.from(text);
  const all = [...new Set(index.find(wordsIn(bytes)))].toSorted();
  // After other bytes, as a text in a message.
  const message = Buffer.concat([Buffer.from('x'), bytes, Buffer.from('y')]);
  assert.equal(index.mayMention(message, 1, 1 + bytes.length), all.length > 0, text);
  return all;
}

suite('names in a text', () => {
  test('plain, in any case, quoted, after a dot, in strings and comments', () => {
    for (const text of [
      'select leak()',
      'SELECT LEAK()',
      'select "leak"()',
      'a.leak',
      "'leak'",
      '--leak',
      '(leak)',
    ])
      assert.deepEqual(found(['leak'], text), ['leak'], text);
    for (const text of ['leaks()', 'sleak', 'leak_1', 'lea k', ''])
      assert.deepEqual(found(['leak'], text), [], text);
  });

  test('next to dollar quotes', () => {
    assert.deepEqual(found(['leak'], 'do $x$leak$x$'), ['leak']);
    assert.deepEqual(found(['leak'], 'do $$leak$$'), ['leak']);
  });

  test('longer than PostgreSQL keeps', () => {
    const name = 'n'.repeat(63);
    assert.deepEqual(found([name], `select ${name}xyz()`), [name]);
  });

  test('that are no words are found too often rather than too rarely', () => {
    assert.deepEqual(found(['my leak'], 'select "my leak"()'), ['my leak']);
    assert.deepEqual(found(['löchrig'], 'select löchrig()'), ['löchrig']);
    assert.deepEqual(found(['a$b'], 'select a$b()'), ['a$b']);
    assert.deepEqual(found(['!!'], 'select "!!"()'), ['!!']);
    assert.deepEqual(found(['leak'], 'select U&"le\\0061k"()'), ['leak']);
  });

  test('a name that is a whole word of the text is always found', () => {
    const word = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,20}$/);
    const gap = fc.constantFrom(
      ' ',
      '(',
      ')',
      '.',
      '"',
      "'",
      ';',
      '\n',
      '--',
      '/*',
      '::',
      '$$',
      '=',
      ',',
    );
    fc.assert(
      fc.property(
        fc.array(word),
        word,
        fc.array(fc.tuple(gap, word)),
        gap,
        (others, name, parts, last) => {
          const text = `${parts.map(([before, other]) => before + other).join('')}${last}${name}${last}`;
          assert.ok(found([...others, name], text).includes(name));
          found(others.slice(1), text);
        },
      ),
    );
  });
});
