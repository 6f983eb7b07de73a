// Sets the next version in every package: npm run release:version -- 1.2.3
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { readManifest, root } from '../package/workspace.ts';

const [next = ''] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+$/.test(next)) {
  console.error(`error: "${next}" is no version; give one such as 1.2.3`);
  process.exit(1);
}
const { version: current } = readManifest();

function replaceIn(file: string, pattern: RegExp, text: string): void {
  const full = path.join(root, file);
  const before = readFileSync(full, 'utf8');
  const after = before.replaceAll(pattern, text);
  if (after === before) throw new Error(`${file} does not hold the version ${current}`);
  writeFileSync(full, after);
}

const escaped = current.replaceAll('.', String.raw`\.`);
replaceIn('package.json', new RegExp(`"version": "${escaped}"`, 'g'), `"version": "${next}"`);
for (const folder of readdirSync(path.join(root, 'packages'))) {
  // The package's own version, and those of the workspaces that it depends on.
  replaceIn(
    path.join('packages', folder, 'package.json'),
    new RegExp(`("version"|"@sluice/[a-z]+"): "${escaped}"`, 'g'),
    `$1: "${next}"`,
  );
}
replaceIn('packages/proxy/src/version.ts', new RegExp(`'${escaped}'`, 'g'), `'${next}'`);
replaceIn('CHANGELOG.md', new RegExp(`^## ${escaped} \\(not yet released\\)$`, 'gm'), `## ${next}`);
execFileSync('npm', ['install', '--package-lock-only'], { cwd: root, stdio: 'inherit' });
console.log(`every package is ${next} now; look at the difference, commit it, and tag it v${next}`);
