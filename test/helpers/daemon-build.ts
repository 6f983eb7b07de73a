import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Runtime } from './runtime.ts';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
const builds = path.join(root, '.cache/daemons');
/** The sources of the daemon, and of its build. */
const parts = [
  'package-lock.json',
  'packages/cli/src',
  'packages/proxy/src',
  'packages/wire/src',
  'test/helpers/daemon-build.ts',
];
/** A build that has not been used for this long is removed by the next one, in milliseconds. */
const keptFor = 86_400_000;

/** As in scripts/binary/entry.ts; CommonJS has no top-level await. */
const entry = `import process from 'node:process';
import { main } from '@sluice/cli';

void main(process.argv.slice(2), process).then((code) => {
  process.exitCode = code;
});
`;

/** Packages that the daemon loads if they are installed next to it. */
const companions = ['@sluice/prove', '@sluice/postgres', '@sluice/infra', '@sluice/infra/*'];
const bun = createRequire(import.meta.url).resolve('bun/bin/bun.exe');
const found = new Map<Runtime, Promise<string>>();

/**
 * The `sluice` command in one file, as in the published package and the single file. To start the daemon from its 650
 * source files, Node.js needs 0.8 seconds of CPU time, and Bun 0.55; from one file, 0.4 and 0.3. Tests start well over
 * a hundred daemons. The file is rebuilt when the source has changed.
 */
export function builtCommand(runtime: Runtime): Promise<string> {
  const known = found.get(runtime) ?? findOrBuild(runtime);
  found.set(runtime, known);
  return known;
}

async function findOrBuild(runtime: Runtime): Promise<string> {
  const folder = path.join(builds, `${runtime}-${await stateOfSource()}`);
  const file = path.join(folder, 'sluice.cjs');
  if (await isThere(folder)) return file;
  await mkdir(builds, { recursive: true });
  await removeUnused();
  const draft = await mkdtemp(path.join(builds, 'draft-'));
  try {
    await build(runtime, draft);
    await rename(path.join(draft, 'built'), folder);
  } catch (error) {
    // If several processes build the same, one wins.
    if (!(await isThere(folder))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return file;
}

async function build(runtime: Runtime, draft: string): Promise<void> {
  await writeFile(path.join(draft, 'sluice.ts'), entry);
  await run(bun, [
    'build',
    path.join(draft, 'sluice.ts'),
    `--target=${runtime}`,
    // Not ESM: an ESM import of node:http makes Node.js load all its exports, including fetch.
    '--format=cjs',
    ...(runtime === 'bun' ? ['--bytecode'] : []),
    '--entry-naming=[name].cjs',
    `--outdir=${path.join(draft, 'built')}`,
    '--define=import.meta.filename=__filename',
    ...companions.map((name) => `--external=${name}`),
  ]);
  if (runtime === 'bun') return;
  // V8 stores a text in half the bytes, and reads it twice as fast, if it is pure Latin-1.
  const file = path.join(draft, 'built/sluice.cjs');
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    text.replaceAll(
      /[\u0080-\uffff]/g,
      (unit) => String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  );
}

/** A hash of the names, sizes and modification times of all source files. */
async function stateOfSource(): Promise<string> {
  const hash = createHash('sha256');
  for (const part of parts) {
    const place = path.join(root, part);
    const files = (await stat(place)).isFile() ? [''] : await readdir(place, { recursive: true });
    const states = files.toSorted().map(async (name) => {
      const { size, mtimeMs } = await stat(path.join(place, name));
      return `${part} ${name} ${size} ${mtimeMs}\n`;
    });
    hash.update((await Promise.all(states)).join(''));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Whether this build exists; if so, it counts as used from now on. */
async function isThere(folder: string): Promise<boolean> {
  const now = new Date();
  return utimes(folder, now, now).then(
    () => true,
    () => false,
  );
}

async function removeUnused(): Promise<void> {
  const oldest = Date.now() - keptFor;
  for (const name of await readdir(builds)) {
    const folder = path.join(builds, name);
    const used = await stat(folder).catch(() => null);
    if (used !== null && used.mtimeMs < oldest) await rm(folder, { recursive: true, force: true });
  }
}
