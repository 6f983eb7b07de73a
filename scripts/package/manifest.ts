import path from 'node:path';
import type { Published } from './published.ts';
import { exportsOf } from './entries.ts';
import { readManifest } from './workspace.ts';

/** The package.json of a published package. Its dependencies are those of everything that it contains. */
export function publishedManifest(published: Published): Readonly<Record<string, unknown>> {
  const { name, workspace, holds, command, companions = [] } = published;
  const { version, description, keywords } = readManifest(workspace);
  const { homepage, bugs, repository } = readManifest();
  return {
    name,
    version,
    description,
    keywords,
    license: 'Apache-2.0',
    homepage,
    bugs,
    repository: { ...repository, directory: workspace },
    type: 'module',
    engines: { node: '>=22.12.0' },
    ...(command === undefined ? {} : { bin: { [command.name]: './bin/sluice.js' } }),
    exports: {
      ...Object.fromEntries(
        exportsOf(published).map(({ subpath, target }) => [subpath, conditions(target)]),
      ),
      './package.json': './package.json',
    },
    files: [...(command === undefined ? [] : ['bin']), 'dist'],
    ...dependencies([workspace, ...holds]),
    ...(companions.length === 0
      ? {}
      : {
          peerDependencies: Object.fromEntries(companions.map((each) => [each, version])),
          peerDependenciesMeta: Object.fromEntries(
            companions.map((each) => [each, { optional: true }]),
          ),
        }),
    publishConfig: { access: 'public', provenance: true },
  };
}

function conditions(target: string): { readonly types: string; readonly default: string } {
  const compiled = `./${path.join('dist', path.relative('src', target)).replace(/\.ts$/, '')}`;
  return { types: `${compiled}.d.ts`, default: `${compiled}.js` };
}

function dependencies(workspaces: readonly string[]): Readonly<Record<string, unknown>> {
  const manifests = workspaces.map((workspace) => readManifest(workspace));
  const needed = new Map<string, string>();
  const optional = new Map<string, string>();
  for (const { dependencies = {}, optionalDependencies = {} } of manifests) {
    for (const [name, version] of Object.entries(dependencies)) needed.set(name, version);
    for (const [name, version] of Object.entries(optionalDependencies)) optional.set(name, version);
  }
  const sorted = (entries: Iterable<[string, string]>): Record<string, string> =>
    Object.fromEntries(
      [...entries]
        .filter(([name]) => !name.startsWith('@sluice/'))
        .toSorted(([a], [b]) => a.localeCompare(b, 'en')),
    );
  const others = sorted([...optional].filter(([name]) => !needed.has(name)));
  return {
    dependencies: sorted(needed),
    ...(Object.keys(others).length === 0 ? {} : { optionalDependencies: others }),
  };
}
