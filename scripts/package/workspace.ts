import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The root of the repository. */
export const root = path.resolve(import.meta.dirname, '../..');

/** The used part of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords?: readonly string[];
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly repository?: Readonly<Record<string, string>>;
  readonly homepage?: string;
  readonly bugs?: unknown;
}

/** Reads the package.json of a workspace, by default that of the root. */
export function readManifest(workspace = '.'): Manifest {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- npm checks these files
  return JSON.parse(readFileSync(path.join(root, workspace, 'package.json'), 'utf8')) as Manifest;
}
