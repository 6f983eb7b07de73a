/** Writes the package.json files of the image: the daemon's workspaces, with only the dependencies that `serve` loads. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

const [source = '.', target = '.'] = process.argv.slice(2);
/** Loaded by commands that the image does not run. */
const left = new Set(['@sluice/infra', '@sluice/lab', '@sluice/dashboard']);

function read(file: string): Manifest {
  // The files are our own.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
}

function write(file: string, manifest: Manifest): void {
  writeFileSync(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

for (const name of ['wire', 'proxy', 'cli']) {
  const file = join(target, 'packages', name, 'package.json');
  const manifest = read(file);
  const dependencies = Object.entries(manifest.dependencies ?? {}).filter(([id]) => !left.has(id));
  write(file, {
    ...manifest,
    dependencies: Object.fromEntries(
      // Bun resolves workspaces by this word; npm by the version.
      dependencies.map(([id, version]) => [
        id,
        id.startsWith('@sluice/') ? 'workspace:*' : version,
      ]),
    ),
    devDependencies: {},
  });
}
const { name, version, license } = read(join(source, 'package.json'));
write(join(target, 'package.json'), {
  name,
  version,
  license,
  private: true,
  type: 'module',
  workspaces: ['packages/*'],
});
