import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Part, PreparedSuite, RunPlace, Suite } from '../suite.ts';
import { execute, postgresEnvironment, readRequired, runCommand, versionIn } from './run.ts';

/** The whole suite takes about a minute; each test has its own limit. */
const patienceMs = 600_000;

const database = 'postgres_js_test';

/** The first has no password in the suite, which then uses that of the environment. */
const roles: NonNullable<PreparedSuite['users']> = [
  { name: 'postgres_js_test' },
  { name: 'postgres_js_test_md5', password: 'postgres_js_test_md5' },
  { name: 'postgres_js_test_scram', password: 'postgres_js_test_scram' },
];

/** The suite of postgres.js, as ES modules, in a copy: its own runner stops at the first failed test. */
export const postgresJsSuite: Suite = {
  name: 'postgres.js',
  async prepare(source): Promise<PreparedSuite> {
    const root = path.resolve(source);
    await readRequired(path.join(root, 'tests/index.js'), 'is this a checkout of postgres.js?');
    const manifest = await readRequired(
      path.join(root, 'package.json'),
      'is this a checkout of postgres.js?',
    );
    return {
      version: versionIn(manifest),
      users: roles,
      run: (place) => runTests(root, place),
    };
  },
};

async function runTests(root: string, place: RunPlace): Promise<Part[]> {
  const { address, folder, only, log, progress } = place;
  for (const name of ['src', 'tests', 'package.json']) {
    await cp(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  await replace(path.join(folder, 'tests/test.js'), 'postgres-js-harness.ts');
  await replace(path.join(folder, 'tests/bootstrap.js'), 'postgres-js-bootstrap.ts');
  await execute(address, [
    ...roles.map(
      ({ name, password = address.password }) => `CREATE ROLE ${name} LOGIN PASSWORD '${password}'`,
    ),
    `CREATE DATABASE ${database} OWNER postgres_js_test`,
  ]);
  const { output } = await runCommand(
    {
      program: process.execPath,
      args: ['tests/index.js'],
      cwd: folder,
      env: { ...postgresEnvironment(address), CONFORMANCE_ONLY: only.join(',') },
      log,
      patienceMs,
    },
    (line) => {
      const name = readResult(line)?.name;
      if (name !== undefined) progress(name);
    },
  );
  return output.split('\n').flatMap((line) => readResult(line) ?? []);
}

function replace(file: string, harness: string): Promise<void> {
  const { href } = pathToFileURL(path.join(import.meta.dirname, harness));
  return writeFile(file, `export * from '${href}';\n`);
}

function readResult(line: string): Part | undefined {
  const found = /^RESULT (\{.*\})$/.exec(line)?.[1];
  if (found === undefined) return undefined;
  const { name, passed, seconds } = JSON.parse(found) as {
    readonly name: string;
    readonly passed: boolean;
    readonly seconds: number;
  };
  return { name, result: passed ? 'passed\n' : 'failed\n', passed, seconds };
}
