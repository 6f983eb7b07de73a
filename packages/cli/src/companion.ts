import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { version } from '@sluice/proxy/version';
import { UsageError } from './command.ts';

/** Bun's compiler puts modules under a folder that is on no disk. */
const isSingleFile = /\/\$bunfs\/|~BUN/.test(import.meta.url);

/** In a clone of the repository the source runs as it is written, and packages come from its lock file. */
const isClone = !isSingleFile && import.meta.filename.endsWith('.ts');

/** What a person types to run this command again: a package is found by npx, the single file wherever it was put. */
export const ownCommand = isSingleFile ? 'sluice' : 'npx sluice';

/** A large package that some commands need. Installing `sluice` does not install it. */
export interface Companion {
  readonly name: string;
  readonly purpose: string;
  /** An alternative for the user, as a sentence. */
  readonly instead?: string;
}

export const postgresCompanion: Companion = {
  name: '@sluice/postgres',
  purpose: 'the PostgreSQL binaries for this platform',
  instead: 'You do not need it if you use your own database: sluice up --target postgres://…',
};

export const infraCompanion: Companion = {
  name: '@sluice/infra',
  purpose: 'the infrastructure code',
};

export const proveCompanion: Companion = {
  name: '@sluice/prove',
  purpose: 'the code of `sluice prove`',
};

/**
 * Loads a module of a companion: from beside this package, else from the folder in which the command runs, where a
 * `sluice` that npx or a single file brought can be given it.
 *
 * @param specifier - the module, for example `@sluice/infra/shell/plan`.
 * @param load - imports the same module, so that its type is known.
 * @throws UsageError with the one command that installs it, when it is not there or is of another version.
 */
export async function loadCompanion<Module>(
  companion: Companion,
  specifier: string,
  load: () => Promise<Module>,
): Promise<Module> {
  const own = locate(companion, import.meta.filename);
  if (own !== undefined) {
    return load();
  }
  const here = path.join(process.cwd(), 'package.json');
  const found = locate(companion, here);
  if (found === undefined) {
    throw new UsageError(missing(companion));
  }
  return (await import(pathToFileURL(createRequire(here).resolve(specifier)).href)) as Module;
}

/** Where the companion's manifest is, seen from a file; undefined when it is not installed there. */
function locate({ name }: Companion, from: string): string | undefined {
  let manifest: string;
  try {
    manifest = createRequire(from).resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
  const { version: installed } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    readonly version: string;
  };
  if (installed !== version) {
    throw new UsageError(
      `the package ${name} in ${path.dirname(manifest)} is version ${installed}, and this is sluice ${version}; install the same version: ${installCommand(name)}`,
    );
  }
  return manifest;
}

function missing({ name, purpose, instead }: Companion): string {
  const lines = [
    `the package ${name} is not installed. It contains ${purpose}. ${isClone ? 'Install everything in this clone' : 'Install it'} with:`,
    '',
    `  ${installCommand(name)}`,
  ];
  return [...lines, ...(instead === undefined ? [] : ['', instead])].join('\n');
}

function installCommand(name: string): string {
  if (isClone) return 'npm ci';
  // In the single file Bun is inside, and nobody has the command of that name.
  const hasBun = process.versions['bun'] !== undefined && !isSingleFile;
  const add = hasBun ? 'bun add' : 'npm install';
  return `${add} ${name}@${version}`;
}
