import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  Flag,
  NameIndex,
  classify,
  effectsOf,
  loadParser,
  sharedEffects,
} from '../../src/sql/index.ts';
import type { Effects } from '../../src/sql/index.ts';

await loadParser();

/** Whether the text, whose effects these are, may mention one of the names. */
function mayMention({ template }: Effects, names: NameIndex<true>, text: string): boolean {
  assert(template !== null, text);
  const bytes = Buffer.from(`f ${text} f`);
  return template.mayMention(names, bytes, 2, bytes.length - 2);
}

function indexOf(...names: readonly string[]): NameIndex<true> {
  const index = new NameIndex<true>();
  for (const name of names) index.add(name, true);
  return index;
}

suite('the template of a text', () => {
  test('is that of all texts that differ only in numbers', () => {
    const first = classify('UPDATE accounts SET balance = balance + 17 WHERE id = 1');
    const second = classify('UPDATE accounts SET balance = balance + 4 WHERE id = 22222');
    assert.equal(second, first);
    assert(first.template !== null);
  });

  test('has the effects that other templates share', () => {
    const first = classify('UPDATE accounts SET credit = 1');
    const second = classify('UPDATE accounts SET debit = 1');
    assert.notEqual(first.template, second.template);
    assert.equal(sharedEffects(first), sharedEffects(second));
    assert.equal(sharedEffects(first).template, null);
    const none = effectsOf(Flag.Writes, 1);
    assert.equal(sharedEffects(none), none);
  });

  test('does not exist if literals decide about the effects', () => {
    assert.equal(classify("SELECT set_config('work_mem', '1', false)").template, null);
    assert.equal(classify('SELECT $a$ 1 $a$').template, null);
  });

  test('mentions the same names for all numbers', () => {
    const text = 'UPDATE mentioned SET a = 1';
    const names = indexOf('mentioned');
    assert(mayMention(classify(text), names, text));
    assert(mayMention(classify(text), names, 'UPDATE mentioned SET a = 2'));
    assert(!mayMention(classify(text), indexOf('others'), text));
    assert(mayMention(classify(text), names, text), 'other names were looked for in between');
  });

  test('of strings mentions what each string does', () => {
    const names = indexOf('hidden');
    const first = "UPDATE strings SET a = 'harmless'";
    const second = "UPDATE strings SET a = 'hidden'";
    assert.equal(classify(first), classify(second));
    assert(!mayMention(classify(first), names, first));
    assert(mayMention(classify(second), names, second));
    assert(!mayMention(classify(first), names, first));
  });
});

suite('the transaction control of a text', () => {
  for (const [text, expected] of [
    ['SELECT 1', null],
    ['BEGIN', [true, false, false]],
    ['COMMIT', [false, true, true]],
    ['ROLLBACK', [false, true, false]],
    ['COMMIT AND CHAIN', [true, true, true]],
    ['SAVEPOINT a', [null, false, false]],
    ["PREPARE TRANSACTION 'a'", [false, true, true]],
    ["COMMIT PREPARED 'a'", [null, false, true]],
    ["ROLLBACK PREPARED 'a'", [null, false, true]],
    ['BEGIN; SELECT 1; ROLLBACK', [false, true, false]],
    ['COMMIT; BEGIN', [true, true, true]],
  ] as const)
    test(text, () => {
      const { transaction } = classify(text);
      if (expected === null) assert.equal(transaction, null);
      else {
        assert(transaction !== null);
        const { begins, ends, mayCommit } = transaction;
        assert.deepEqual([begins, ends, mayCommit], expected);
      }
    });
});
