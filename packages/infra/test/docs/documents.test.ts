import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { format } from 'prettier';
import { reports, withTables } from '../../scripts/documents.ts';

const docs = join(import.meta.dirname, '../../../../docs');
const again = 'npm run docs:infra writes it anew';

suite('what npm run docs:infra writes', () => {
  test('the tables of docs/infrastructure.md are up to date', async () => {
    const text = await readFile(join(docs, 'infrastructure.md'), 'utf8');
    const made = await format(withTables(text), {
      parser: 'markdown',
      printWidth: 100,
      singleQuote: true,
    });
    assert.equal(text, made, again);
  });

  test('the reports in docs/security-checks are up to date', async () => {
    for (const [name, text] of Object.entries(reports())) {
      assert.equal(
        await readFile(join(docs, 'security-checks', name), 'utf8'),
        text,
        `${name}: ${again}`,
      );
    }
  });

  test('the document names every place of a table', async () => {
    const text = await readFile(join(docs, 'infrastructure.md'), 'utf8');
    for (const name of ['inputs', 'resolved', 'checks', 'rules', 'errors']) {
      assert.ok(text.includes(`<!-- ${name} -->`), name);
    }
  });
});
