import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { isString, objectOf, parseJson } from '@sluice/proxy/json';
import { version } from '@sluice/proxy/version';
import { UsageError } from './command.ts';

/** Bun's compiler puts modules into a virtual folder. */
const isSingleFile = /\/\$bunfs\/|~BUN/.test(import.meta.url);

/** In a clone of the repository, TypeScript runs directly, and packages come from its lock file. */
const isClone = !isSingleFile && import.meta.filename.endsWith('.ts');

/** The command to run `sluice` again: with npx for a package, or the path of the single file. */
export const ownCommand = isSingleFile ? 'sluice' : 'npx sluice';

/** A large package that some commands need, and that is installed separately. */
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
 * Loads a module of a companion: the one installed beside this package, otherwise the one in the current folder, where
 * a user of npx or of the single file can install it.
 *
 * @param specifier - the module, for example `@sluice/infra/shell/plan`.
 * @param load - imports the same module, so that its type is known.
 * @throws UsageError with the command that installs it, if it is missing or has another version.
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
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same module of the same version as in `load`
  return (await import(pathToFileURL(createRequire(here).resolve(specifier)).href)) as Module;
}

const isManifest = objectOf<{ readonly version: string }>({ version: isString });

/** The path of the companion's manifest, resolved from a file; undefined if it is not installed there. */
function locate({ name }: Companion, from: string): string | undefined {
  let manifest: string;
  try {
    manifest = createRequire(from).resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
  const installed = parseJson(readFileSync(manifest, 'utf8'), isManifest)?.version ?? 'unknown';
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
  // The single file contains Bun, but its users do not have the `bun` command.
  const hasBun = process.versions['bun'] !== undefined && !isSingleFile;
  const add = hasBun ? 'bun add' : 'npm install';
  return `${add} ${name}@${version}`;
}
