import { globSync } from 'node:fs';
import path from 'node:path';
import type { Published } from './published.ts';
import { readManifest, root } from './workspace.ts';

/** What users may import, as in `exports`, and its sources: one file, or several that match a pattern. */
export interface Export {
  readonly subpath: string;
  /** As in the workspace's own manifest: `./src/index.ts`, `./src/shell/run-*.ts`. */
  readonly target: string;
}

/** The exports of a package that are modules. */
export function exportsOf({ workspace }: Published): readonly Export[] {
  return Object.entries(readManifest(workspace).exports ?? {})
    .filter(([, target]) => target.endsWith('.ts'))
    .map(([subpath, target]) => ({ subpath, target }));
}

/** Every entry module of a package, relative to the root of the repository. */
export function entriesOf(published: Published): readonly string[] {
  const { command, workspace, programs = [] } = published;
  return [
    ...exportsOf(published).flatMap(({ target }) =>
      globSync(path.join(workspace, target), { cwd: root }).toSorted(),
    ),
    ...(command === undefined ? [] : [command.module]),
    ...programs,
  ];
}
