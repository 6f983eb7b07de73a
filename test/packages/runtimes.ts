import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');

/** The versions of Node.js that the packages support: the oldest, the last of each line, and the current one. */
export const nodeVersions = ['22.12.0', '22.23.3', '24.21.0', '26.10.0'] as const;

/** A version that is too old, to check its error message. */
export const tooOldNode = '20.20.2';

/** A program that runs JavaScript. */
export interface Runtime {
  readonly name: string;
  readonly program: string;
  /** Whether it runs TypeScript by stripping types; the example is written in it. */
  readonly runsTypeScript: boolean;
}

/** A version of Node.js from the npm registry; kept in .cache. */
export async function nodeRuntime(version: string): Promise<Runtime> {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = path.join(root, '.cache/node', version);
  const program = path.join(folder, 'node_modules', name, 'bin/node');
  if (!existsSync(program)) {
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'package.json'), '{ "private": true }\n');
    await run('npm', ['install', '--no-audit', '--no-fund', `${name}@${version}`], { cwd: folder });
  }
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const runsTypeScript = major > 22 || (major === 22 && minor >= 18);
  return { name: `Node.js ${version}`, program, runsTypeScript };
}

/** Every version of Node.js to test: those above, or the program in SLUICE_TEST_NODE. */
export async function nodeRuntimes(): Promise<readonly Runtime[]> {
  const program = process.env['SLUICE_TEST_NODE'];
  if (program === undefined || program === '') return Promise.all(nodeVersions.map(nodeRuntime));
  const { stdout } = await run(program, ['--version']);
  return [{ name: `Node.js ${stdout.trim()}`, program, runsTypeScript: true }];
}

/** The Bun of the repository. */
export function bunRuntime(): Runtime {
  const program = createRequire(import.meta.url).resolve('bun/bin/bun.exe');
  return { name: 'Bun', program, runsTypeScript: true };
}
