import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import {
  createSettings,
  parseSettings,
  settingGroups,
  settings,
  settingsTable,
} from '@sluice/proxy/settings';
import { generatedPages } from '../scripts/docs/pages.ts';

const root = path.resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** The anchors of a page's headings, as GitHub makes them. */
function headingsOf(page: string): readonly string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );
}

suite('docs', () => {
  test('the generated pages are up to date', async () => {
    for (const { file, text } of await generatedPages()) {
      assert.equal(read(file), text, `${file} is stale: npm run docs`);
    }
  });

  const pages = globSync(
    ['*.md', 'docs/*.md', 'docs/decisions/*.md', 'deploy/*/README.md', 'packages/*/README.md'],
    { cwd: root },
  );

  test('links between the pages are valid, also those to a heading', () => {
    for (const page of pages) {
      for (const [, file = '', heading] of read(page).matchAll(
        /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g,
      )) {
        const target = path.join(path.dirname(page), file === '' ? path.basename(page) : file);
        assert.ok(existsSync(path.join(root, target)), `${page}: ${file}`);
        if (heading !== undefined)
          assert.ok(headingsOf(target).includes(heading), `${page}: ${file}#${heading}`);
      }
    }
  });

  test('docs/settings.md has every setting, in one group', () => {
    const grouped = Object.values(settingGroups).flatMap((rows) => Object.keys(rows));
    assert.deepEqual(
      grouped,
      settings.map(([name]) => name),
    );
  });

  test('docs/README.md lists every page', () => {
    const index = read('docs/README.md');
    for (const page of globSync('docs/*.md', { cwd: root }))
      if (page !== 'docs/README.md')
        assert.ok(index.includes(`](${path.basename(page)})`), `${page} is missing`);
  });
});

suite('docs/security.md', () => {
  const page = read('docs/security.md');
  const threats = page
    .slice(page.indexOf('## Which test shows each guarantee'))
    .split('\n')
    .filter((line) => /^\|(?! *threat |[ -]*\|)/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));

  test('names an existing test for each threat', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    assert.ok(threats.length > 40);
    for (const [, threat = '', , shown = ''] of threats) {
      const files = [...shown.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, file = '']) => file);
      for (const file of files) assert.match(read(file), /\btest\(/, `${threat}: ${file}`);
      const script = /`npm run ([\w:]+)`/.exec(shown)?.[1];
      assert.ok(files.length > 0 || (script !== undefined && script in scripts), threat);
    }
  });

  test('has a row for each authentication method of clients', () => {
    for (const method of settingsTable.ClientAuth.fields.Method.values)
      assert.match(page, new RegExp(`^\\| \`${method}\` +\\|`, 'm'));
  });
});

test('docs/interleaving.md names existing tests', () => {
  const files = [
    ...globSync('packages/proxy/test/interleaving/*.test.ts', { cwd: root }),
    'test/scenarios/interleaving.test.ts',
  ];
  const tests = files.map(read).join('');
  const page = read('docs/interleaving.md');
  const rows = page.split('\n').filter((line) => /^\| [a-z].*"/.test(line));
  assert.ok(rows.length > 15);
  for (const row of rows)
    for (const [, title = ''] of row.matchAll(/"([^"]+)"/g))
      assert.ok(tests.includes(`'${title}'`) || tests.includes(`"${title}"`), title);
});

suite('sluice.example.yaml', () => {
  const text = read('sluice.example.yaml');
  /** Uncomments every setting (`#Name: value`, `#  - Field: value`). */
  const uncommented = text.replaceAll(/^#(?=[A-Z]| {2,}\S)/gm, '');

  test('is valid as it is, and has the default values', () => {
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
