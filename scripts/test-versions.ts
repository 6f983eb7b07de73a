import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { platformPackage } from '@sluice/testkit';

/**
 * Runs the scenarios on every supported PostgreSQL version: `npm run test:versions`, or `npm run test:versions 15 16`.
 * The binaries come from npm, by name, into .cache.
 */
const versions: Readonly<Record<string, string>> = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
};

/** The tests that depend on the version of the protocol, of SQL or of the catalog; load and memory do not. */
const files = [
  ...['startup', 'query', 'extended', 'prepared', 'copy', 'cancel', 'drivers', 'replication'].map(
    (name) => `test/scenarios/${name}.test.ts`,
  ),
  ...['start-values', 'called-by-code', 'login-facts'].map(
    (name) => `test/scenarios/${name}.test.ts`,
  ),
  'test/isolation/catalogue.test.ts',
  'test/isolation/code-routes.test.ts',
];

const root = path.resolve(import.meta.dirname, '..');

function install(major: string, version: string): void {
  const folder = path.join(root, '.cache', `postgres-${major}`);
  mkdirSync(folder, { recursive: true });
  // With its own package.json, because otherwise npm would install into the parent folder.
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  const name = `${platformPackage}@${version}`;
  execFileSync('npm', ['install', '--no-save', '--no-package-lock', name], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function runScenarios(major: string): boolean {
  const { status } = spawnSync(
    process.execPath,
    ['--test', '--test-timeout=60000', '--test-reporter=dot', ...files],
    {
      cwd: root,
      stdio: 'inherit',
      env: { SLUICE_TEST_ROUTES: 'direct,node', ...process.env, SLUICE_TEST_POSTGRES: major },
    },
  );
  return status === 0;
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(versions);
const failed: string[] = [];
for (const major of wanted) {
  const version = versions[major];
  if (version === undefined) {
    throw new Error(`no PostgreSQL ${major} here; there are ${Object.keys(versions).join(', ')}`);
  }
  console.log(`PostgreSQL ${version}`);
  install(major, version);
  if (!runScenarios(major)) failed.push(major);
}
console.log(failed.length === 0 ? 'all passed' : `failed on PostgreSQL ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
