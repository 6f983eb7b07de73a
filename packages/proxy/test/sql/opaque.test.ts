import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Flag, Lexis, classify, lexisOf, loadParser, longestText } from '../../src/sql/index.ts';

before(loadParser);

/** Texts of any depth, each of which the lexer cannot analyze, so that the parser runs. */
const deep: Readonly<Record<string, (n: number) => string>> = {
  parentheses: (n) => `select f(${'('.repeat(n)}1${')'.repeat(n)})`,
  operators: (n) => `select f(a)${'+a'.repeat(n)}`,
  not: (n) => `select f(1), ${'not '.repeat(n)}a`,
  signs: (n) => `select f(1), ${'- '.repeat(n)}a`,
  case: (n) => `select f(1), ${'case when a then b else '.repeat(n)}a${' end'.repeat(n)}`,
  union: (n) => `select f(1)${' union select a'.repeat(n)}`,
  join: (n) => `select f(1) from a${' join a on b'.repeat(n)}`,
  subqueries: (n) => `select f(1) from ${'(select * from '.repeat(n)}a${') a'.repeat(n)}`,
  with: (n) => `${'with a as ('.repeat(n)}select f(1)${') select 1'.repeat(n)}`,
  casts: (n) => `select f(1), a${'::int'.repeat(n)}`,
  arrays: (n) => `select f(1), ${'array['.repeat(n)}1${']'.repeat(n)}`,
  collations: (n) => `select f(1), a${' collate "C"'.repeat(n)}`,
  zones: (n) => `select f(1), a${' at time zone b'.repeat(n)}`,
  literals: (n) => `select set_config('a', ${"'b' || ".repeat(n)}'c', true)`,
  comments: (n) => `do $$ $$ ${'/*'.repeat(n)}${'*/'.repeat(n)}`,
  'comments in a row': (n) => `do $$ $$ ${'/**/'.repeat(n)}`,
  'open comments': (n) => `do $$ $$ ${'/*'.repeat(n)}`,
  'operator characters': (n) => `select f(1) ${'@'.repeat(n)}`,
  'signs in a row': (n) => `select f(1), ${'+'.repeat(n)}a`,
  'signs before parentheses': (n) => {
    const rows = Math.ceil(n / 200);
    return `select f(1), ${`${'+'.repeat(200)}(`.repeat(rows)}a${')'.repeat(rows)}`;
  },
  'signs in a list of constants': (n) => {
    const rows = Math.ceil(n / 200);
    return `select set_config('a', 'b', true), a in (${`${'+'.repeat(200)}1, `.repeat(rows)}1)`;
  },
  'signs behind an operator': (n) => `select f(1), a${` <${'-+'.repeat(50)}a`.repeat(n / 100)}`,
  statements: (n) => 'set a = 1;'.repeat(n),
};

describe('texts that cannot be analyzed', () => {
  test('the reason is given', () => {
    for (const [text, reason] of [
      ['selec 1', 'syntax'],
      ["select 'a", 'syntax'],
      ['select $a$ b', 'syntax'],
      ['select "a', 'syntax'],
      ['select 1 /* /* */', 'syntax'],
      ['set a = 1\0', 'zero byte'],
    ] as const) {
      const effects = classify(text);
      assert.equal(effects.reason, reason, text);
      assert.equal(effects.flags, Flag.Opaque, text);
    }
  });

  test('a long statement can be analyzed as long as the lexer is sufficient', () => {
    const rows = Array.from({ length: 30_000 }, (_, n) => `(${n}, 'name ${n}', null, $1)`);
    assert.equal(classify(`insert into t (a, b) values ${rows.join(', ')}`).flags, Flag.Writes);
    assert.equal(
      classify(`select * from t where a in (${rows.map((_, n) => n).join(',')})`).flags,
      Flag.PlainRead,
    );
    const long = 'x'.repeat(longestText - 100);
    assert.equal(
      classify(`insert into t values (my_function('${long}'))`).flags,
      Flag.Writes | Flag.UnknownFunction,
    );
    assert.equal(classify(`select '${long}'; set a = 1`).flags, Flag.SetsParameter);
    assert.equal(classify(`select '${'x'.repeat(longestText)}'`).reason, 'length');
    assert.equal(classify(`select f(${'a + '.repeat(10_000)}b)`).reason, 'length');
  });

  test('no depth crashes the parser', { timeout: 60_000 }, () => {
    for (const [name, make] of Object.entries(deep)) {
      for (const n of [100, 300, 399, 500, 1000, 3000, 5000, 15_500, 100_000]) {
        assert.notEqual(classify(make(n)).reason, 'parser', `${name} ${n}`);
      }
    }
    assert.equal(classify('select a_function_not_seen_before(1)').flags, Flag.UnknownFunction);
  });

  test('ordinary depth can be analyzed', () => {
    for (const [name, make] of Object.entries(deep)) {
      const reason =
        name === 'open comments' || name === 'operator characters' ? 'syntax' : undefined;
      assert.equal(classify(make(40)).reason, reason, name);
    }
  });
});

describe('the meaning of bytes', () => {
  test('a backslash is trusted only with standard_conforming_strings', () => {
    const text = "select '\\'; set a = 1; --'";
    assert.equal(classify(text, lexisOf('UTF8', 'on')).flags, Flag.SetsParameter);
    assert.equal(classify(text, lexisOf('UTF8', 'off')).reason, 'backslash');
    assert.equal(classify(text, lexisOf('UTF8', undefined)).reason, 'backslash');
    assert.equal(classify('select 1', lexisOf('UTF8', 'off')).flags, Flag.PlainRead);
  });

  test('bytes beyond ASCII are trusted only where none of them can hide a quote', () => {
    for (const encoding of [
      'UTF8',
      'LATIN1',
      'EUC_JP',
      'SQL_ASCII',
      'WIN1252',
      'ISO_8859_5',
      'KOI8R',
    ]) {
      assert.equal(lexisOf(encoding, 'on'), Lexis.Standard, encoding);
    }
    for (const encoding of [
      'SJIS',
      'BIG5',
      'GBK',
      'GB18030',
      'UHC',
      'JOHAB',
      'SHIFT_JIS_2004',
      'new',
      undefined,
    ]) {
      assert.equal(lexisOf(encoding, 'on'), Lexis.UnsafeEncoding, encoding);
      assert.equal(classify("select 'ä'", lexisOf(encoding, 'on')).reason, 'encoding');
      assert.equal(classify("select 'a'", lexisOf(encoding, 'on')).flags, Flag.PlainRead);
    }
  });
});
