import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Part, PreparedSuite, RunPlace, Suite } from '../suite.ts';
import { execute, postgresEnvironment, readRequired, runCommand, versionIn } from './run.ts';

/** The longest file takes some seconds; a hanging one is killed. */
const patienceMs = 120_000;

/** Packages whose tests mocha runs, with the modules that it has to load. */
const mochaPackages = [
  { name: 'pg-pool', args: ['test/*.js'] },
  { name: 'pg-cursor', args: ['test/*.js'] },
  { name: 'pg-query-stream', args: ['-r', 'ts-node/register/transpile-only', 'test/**/*.ts'] },
] as const;

/** The suite's own roles, as its continuous integration creates them. */
const roles = [
  { name: 'scram_test', password: 'test4scram' },
  { name: 'scram_unicode_test', password: 'IX-\u2168' },
];

/** The suites of pg (its integration tests), pg-pool, pg-cursor and pg-query-stream. */
export const nodePostgresSuite: Suite = {
  name: 'node-postgres',
  async prepare(source): Promise<PreparedSuite> {
    const root = path.resolve(source);
    const manifest = await readRequired(
      path.join(root, 'packages/pg/package.json'),
      'is this a checkout of node-postgres?',
    );
    await readRequired(
      path.join(root, 'packages/pg-protocol/dist/index.js'),
      'install the dependencies of the checkout and build it (npm install, npx tsc --build)',
    );
    const files = await readdir(path.join(root, 'packages/pg/test/integration'), {
      recursive: true,
    });
    return {
      version: versionIn(manifest),
      users: roles,
      run: (place) =>
        runAll(root, files.filter((file) => file.endsWith('-tests.js')).toSorted(), place),
    };
  },
};

async function runAll(root: string, files: readonly string[], place: RunPlace): Promise<Part[]> {
  await execute(
    place.address,
    roles.map(({ name, password }) => `CREATE ROLE ${name} LOGIN PASSWORD '${password}'`),
  );
  const parts: Part[] = [];
  for (const file of files) {
    const name = `pg: ${file}`;
    if (!isWanted(name, place.only)) continue;
    place.progress(name);
    parts.push(await runFile(root, file, name, place));
  }
  for (const { name, args } of mochaPackages) {
    if (!isWanted(name, place.only)) continue;
    place.progress(name);
    parts.push(...(await runMocha(root, name, args, place)));
  }
  return parts;
}

function isWanted(name: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((part) => name.includes(part));
}

function environmentOf({ address }: RunPlace): Record<string, string> {
  const [ascii, unicode] = roles;
  return {
    ...postgresEnvironment(address),
    PGTESTNOSSL: 'true',
    SCRAM_TEST_PGUSER: ascii?.name ?? '',
    SCRAM_TEST_PGPASSWORD: ascii?.password ?? '',
    SCRAM_TEST_PGUSER_UNICODE: unicode?.name ?? '',
    SCRAM_TEST_PGPASSWORD_UNICODE: unicode?.password ?? '',
  };
}

/** A file ends at its first failed test. */
async function runFile(root: string, file: string, name: string, place: RunPlace): Promise<Part> {
  const { code, output, seconds } = await runCommand({
    program: process.execPath,
    args: [path.join('test/integration', file)],
    cwd: path.join(root, 'packages/pg'),
    env: environmentOf(place),
    log: place.log,
    patienceMs,
  });
  const failed = /^ {2}(.+?) FAILED!$/m.exec(output)?.[1];
  const where = failed === undefined ? '' : ` in "${failed}"`;
  return {
    name,
    result: code === 0 ? 'passed\n' : `failed${where}\n`,
    passed: code === 0,
    seconds,
  };
}

async function runMocha(
  root: string,
  name: string,
  args: readonly string[],
  place: RunPlace,
): Promise<Part[]> {
  const { output } = await runCommand({
    program: process.execPath,
    args: [
      path.join(root, 'node_modules/mocha/bin/mocha.js'),
      '--exit',
      '--reporter',
      'json-stream',
      ...args,
    ],
    cwd: path.join(root, 'packages', name),
    env: environmentOf(place),
    log: place.log,
    patienceMs,
  });
  return parseMocha(name, output);
}

/** A line for each test: `["pass", {"fullTitle": …}]`. */
export function parseMocha(name: string, output: string): Part[] {
  const lines = [...output.matchAll(/^\["(pass|fail)",(\{.*\})\]$/gm)];
  return lines.map(([, kind, json = '{}']) => {
    const { fullTitle, duration } = JSON.parse(json) as {
      readonly fullTitle: string;
      readonly duration?: number;
    };
    return {
      name: `${name}: ${fullTitle}`,
      result: `${kind}ed\n`,
      passed: kind === 'pass',
      seconds: (duration ?? 0) / 1000,
    };
  });
}
