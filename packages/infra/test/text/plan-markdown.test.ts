import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { failureSection, planMarkdown } from '../../src/text/plan-markdown.ts';

/** A comment on GitHub has at most this many characters. */
const most = 65_536;

suite('the plan as Markdown', () => {
  test('each proxy has its headline and its text', () => {
    const text = planMarkdown([
      { headline: 'orders (rds-proxy): No changes.', text: 'the checks\n' },
      failureSection('billing', ['vpc_id is empty', 'there is no input x']),
    ]);
    assert.equal(
      text,
      [
        '<details><summary>orders (rds-proxy): No changes.</summary>',
        '',
        '```text',
        'the checks',
        '```',
        '',
        '</details>',
        '',
        '<details><summary>billing: Failed: no plan could be made.</summary>',
        '',
        '```text',
        'error: vpc_id is empty',
        'error: there is no input x',
        '```',
        '',
        '</details>',
        '',
      ].join('\n'),
    );
  });

  test('code fences in a value do not end the block, and HTML tags do not start one', () => {
    const text = planMarkdown([{ headline: 'a <b> & c', text: 'Tag: ````\n</details>\n' }]);
    assert.match(text, /^`{5}text\nTag: `{4}\n<\/details>\n`{5}$/m);
    assert.match(text, /<summary>a &lt;b&gt; &amp; c<\/summary>/);
  });

  test('plans too long for a comment are cut, and say so', () => {
    const section = { headline: 'a long one', text: `${'0123456789'.repeat(9000)}\n` };
    for (const count of [1, 3]) {
      const text = planMarkdown(Array.from({ length: count }, () => section));
      assert.ok(text.length > most / 2 && text.length < most, String(text.length));
      assert.equal(text.match(/more characters: see the JSON\n```\n/g)?.length, count);
    }
  });
});
