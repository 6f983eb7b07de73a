import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { createSettings, parseSettings, settings } from '@sluice/proxy/settings';
import { generatedPages } from '../scripts/docs/pages.ts';

const root = path.resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

suite('docs', () => {
  test('the pages made from the code are up to date', async () => {
    for (const { file, text } of await generatedPages()) {
      assert.equal(read(file), text, `${file} is stale: npm run docs`);
    }
  });

  test('links between the pages lead somewhere', () => {
    const pages = globSync(['*.md', 'docs/*.md', 'docs/decisions/*.md'], { cwd: root });
    for (const file of pages) {
      for (const [, target = ''] of read(file).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
        assert.ok(existsSync(path.join(root, path.dirname(file), target)), `${file}: ${target}`);
      }
    }
  });
});

suite('sluice.example.yaml', () => {
  const text = read('sluice.example.yaml');
  /** As if every setting that is commented out (`#Name: value`, `#  - Field: value`) were not. */
  const uncommented = text.replaceAll(/^#(?=[A-Z]| {2,}\S)/gm, '');

  test('can be used as it stands, and has the defaults then', () => {
    const { TargetHost, Users, ...others } = parseSettings(text, 'sluice.example.yaml', {});
    assert(TargetHost !== undefined);
    assert.deepEqual({ TargetHost, Users, ...others }, createSettings({ TargetHost, Users }));
  });

  test('shows every setting, with its default if it has one', () => {
    const shown = parseSettings(uncommented, 'sluice.example.yaml', {});
    for (const [name, row] of settings) {
      assert.match(uncommented, new RegExp(`^${name}:`, 'm'));
      if (row.default !== undefined && row.type !== 'list') {
        assert.equal(shown[name], row.default, name);
      }
    }
  });
});
