import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dottedNamesIn } from '../../src/parameters/dotted-names.ts';

const cases: readonly (readonly [text: string, ...names: string[]])[] = [
  ['SELECT 1'],
  ["SET App.Tenant = 'x'", 'App.Tenant'],
  ['SET "app.k\xe9" = 1', 'app.k\xe9'],
  ['SET "app" . "k\xe9" = 1', 'app.k\xe9'],
  // The second byte of 表 in SJIS is a backslash; that of ア is not ASCII.
  ['SET "app.\x95\x5c" = \'\x95\x5c\'', 'app.\x95\x5c'],
  ["SELECT set_config('a.b.c', '1', false), t.c FROM s.t", 'a.b.c', 't.c', 's.t'],
  ["SELECT '1. first'", '1.first'],
];

for (const [text, ...names] of cases)
  test(`names in ${JSON.stringify(text)}`, () => assert.deepEqual(dottedNamesIn(text), names));

test('a name is found wherever it is', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z_]{1,20}\.[a-z_\x80-\xff]{1,20}$/),
      fc.stringMatching(/^[^\w$\x80-\xff.]{0,20}$/),
      (name, around) =>
        // Between two quotes or blanks, at most a dot connects two parts to one name.
        dottedNamesIn(`${around}(${name})${around}`).includes(name),
    ),
  );
});

test('the result has no more names than the text', () => {
  const many = Array.from({ length: 200 }, (_, at) => `a${at}.b`).join(' ');
  assert.equal(dottedNamesIn(many).length, 50);
  assert.deepEqual(dottedNamesIn(`${' '.repeat(70_000)}a.b`), []);
});
