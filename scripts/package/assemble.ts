import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { collectFiles } from './collect.ts';
import { publishedManifest } from './manifest.ts';
import type { Published } from './published.ts';
import { run } from './run.ts';
import { root } from './workspace.ts';

/** The folder of assembled packages, relative to the root of the repository. */
export const assembled = 'dist/npm';

/** Compiles every workspace to JavaScript and declarations. */
export async function compile(): Promise<void> {
  await run('tsc', ['-b', 'tsconfig.build.json']);
}

/** Assembles a package from the compiled files; resolves to its folder. */
export async function assemble(published: Published): Promise<string> {
  const folder = path.join(root, assembled, published.name);
  await rm(folder, { recursive: true, force: true });
  for (const [file, text] of collectFiles(published)) {
    const target = path.join(folder, 'dist', file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  const manifest = JSON.stringify(publishedManifest(published), undefined, 2);
  await writeFile(path.join(folder, 'package.json'), `${manifest}\n`);
  await copyFile(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
  await copyFile(path.join(root, published.workspace, 'README.md'), path.join(folder, 'README.md'));
  if (published.command !== undefined) {
    await mkdir(path.join(folder, 'bin'));
    // npm makes it executable.
    await copyFile(path.join(root, published.command.file), path.join(folder, 'bin/sluice.js'));
  }
  return folder;
}

/** Packs an assembled package with npm; resolves to the tarball. */
export async function pack(folder: string, target: string): Promise<string> {
  await mkdir(target, { recursive: true });
  const output = await run('npm', ['pack', folder, '--json', `--pack-destination=${target}`]);
  const packed: unknown = JSON.parse(output);
  return path.join(target, filenameIn(packed));
}

/** The name of the tarball in the output of `npm pack --json`: a list, or an object by package since npm 12. */
function filenameIn(packed: unknown): string {
  const entries = typeof packed === 'object' && packed !== null ? Object.values(packed) : [];
  for (const entry of entries) {
    if (typeof entry !== 'object' || entry === null || !('filename' in entry)) continue;
    return String(entry.filename);
  }
  throw new Error(`npm pack has not told the name of the tarball: ${JSON.stringify(packed)}`);
}
