import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import path from 'node:path';
import { before, suite, test } from 'node:test';
import { version } from '@sluice/proxy/version';
import { publint } from 'publint';
import { checkApiReport, reports } from '../../scripts/package/api-report.ts';
import { assemble, compile } from '../../scripts/package/assemble.ts';
import { published } from '../../scripts/package/published.ts';
import { readManifest, root } from '../../scripts/package/workspace.ts';

suite('published packages', () => {
  const folders = new Map<string, string>();
  const folderOf = (name: string): string => folders.get(name) ?? '';

  before(async () => {
    await compile();
    for (const each of published) folders.set(each.name, await assemble(each));
  });

  for (const each of published) {
    const { name } = each;

    test(`${name} contains compiled files and no test, fixture or source`, () => {
      const files = filesOf(folderOf(name));
      const allowed =
        /^(LICENSE|README\.md|package\.json|bin\/sluice\.js|dist\/.+\.(js|js\.map|d\.ts)|dist\/workload\/ready\/\w+\.yaml)$/;
      const unwanted = /(^|\/)(tests?|fixtures?)\/|\.(test|spec)\.|\.pack-test\./;
      assert.deepEqual(
        files.filter((file) => !allowed.test(file) || unwanted.test(file)),
        [],
      );
      for (const file of files.filter((one) => one.endsWith('.js') && one.startsWith('dist/'))) {
        assert.ok(files.includes(`${file}.map`), `${file} has no source map`);
        assert.ok(files.includes(file.replace(/js$/, 'd.ts')), `${file} has no declarations`);
      }
    });

    test(`${name} contains no path and no name of this machine, and no workspace`, () => {
      const folder = folderOf(name);
      const secrets = [root, homedir(), ...(hostname().length > 4 ? [hostname()] : [])];
      for (const file of filesOf(folder)) {
        const text = readFileSync(path.join(folder, file), 'utf8');
        for (const secret of secrets) assert.ok(!text.includes(secret), `${file} holds ${secret}`);
        if (!/\.(js|d\.ts)$/.test(file)) continue;
        assert.doesNotMatch(
          text,
          /(from|import\()\s*['"](@sluice\/(proxy|wire|cli|testkit)\b|\.[^'"]*\.ts['"])/,
          file,
        );
      }
    });

    test(`${name} passes publint`, async () => {
      const { messages } = await publint({ pkgDir: folderOf(name), strict: true });
      assert.deepEqual(messages, []);
    });

    test(`${name} has the license, the engines and the common version, and its repository`, () => {
      const manifest = JSON.parse(
        readFileSync(path.join(folderOf(name), 'package.json'), 'utf8'),
      ) as Readonly<Record<string, unknown>>;
      assert.equal(manifest['version'], version);
      assert.equal(manifest['private'], undefined);
      assert.deepEqual(manifest['engines'], { node: '>=22.12.0' });
      for (const field of ['description', 'keywords', 'license', 'repository', 'homepage', 'bugs'])
        assert.ok(manifest[field], `${field} is missing`);
      const dependencies = Object.entries({
        ...(manifest['dependencies'] as Record<string, string>),
        ...(manifest['optionalDependencies'] as Record<string, string> | undefined),
      });
      for (const [dependency, range] of dependencies) {
        assert.doesNotMatch(dependency, /^@sluice\//);
        assert.match(range, /^\d+\.\d+\.\d+/, `${dependency} is not exact`);
      }
    });

    test(`the report of the exports of ${name} is up to date`, async () => {
      assert.ok(
        await checkApiReport(each, false),
        `what ${name} exports differs from ${reports}: npm run api, and say in the commit why`,
      );
    });
  }

  test('every workspace has the same version', () => {
    for (const folder of readdirSync(path.join(root, 'packages')))
      assert.equal(readManifest(path.join('packages', folder)).version, version, folder);
    assert.equal(readManifest().version, version);
  });
});

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}
