// Builds the single file: npm run build:binary for this machine; -- --all for every platform, -- linux-arm64 for one.
import { existsSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { run } from '../package/run.ts';
import { root } from '../package/workspace.ts';
import { signAdHoc } from './sign.ts';
import { hostTarget, targets } from './targets.ts';
import type { Target } from './targets.ts';

const { resolve } = createRequire(import.meta.url);
/** Every platform gets the version of Bun that compiles. */
const { version: bunVersion } = (await import('bun/package.json', { with: { type: 'json' } }))
  .default as { readonly version: string };

const wanted = process.argv.slice(2);
const names = wanted.includes('--all') ? targets.map(({ name }) => name) : wanted;
for (const name of names.length === 0 ? [hostTarget] : names) {
  const target = targets.find((each) => each.name === name);
  if (target === undefined) {
    const known = targets.map((each) => each.name).join(', ');
    console.error(`error: there is no single file for "${name}"; there is one for ${known}`);
    process.exit(1);
  }
  const file = await build(target);
  const { size } = await stat(file);
  console.log(`${path.relative(root, file)}  ${Math.round(size / 1e6)} MB`);
}

async function build(target: Target): Promise<string> {
  const file = path.join(root, 'dist/bin', `sluice-${target.name}`);
  await mkdir(path.dirname(file), { recursive: true });
  await run('bun', ['scripts/binary/compile.ts', target.bun, await runtimeOf(target), file]);
  if (target.name === 'darwin-x64') await signAdHoc(file, 'sluice');
  return file;
}

/** The Bun in the file. That of another platform comes from the npm registry, and is kept in .cache. */
async function runtimeOf({ name, runtime }: Target): Promise<string> {
  if (name === hostTarget) return resolve('bun/bin/bun.exe');
  const folder = path.join(root, '.cache/bun', `${name}-${bunVersion}`);
  const program = path.join(folder, 'node_modules', runtime, 'bin/bun');
  if (!existsSync(program)) {
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'package.json'), '{ "private": true }\n');
    // --force, because it is not for this platform.
    await run('npm', ['install', '--force', '--no-audit', `${runtime}@${bunVersion}`], folder);
  }
  return program;
}
