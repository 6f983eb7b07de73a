import { access, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Address } from '../../helpers/raw-client.ts';
import type { Part, PreparedSuite, RunPlace, Suite } from '../suite.ts';
import { postgresEnvironment, readRequired, runCommand, versionIn } from './run.ts';

/** For a whole suite. Each test has 60 seconds. */
const patienceMs = 1_800_000;

/** The common part of the suites, which pytest runs. */
interface PythonSuite {
  readonly name: string;
  /** The file that contains the version. */
  readonly versionFile: string;
  readonly args: readonly string[];
  readonly environment: (address: Address) => Record<string, string>;
}

/** The suite of asyncpg on a running server. */
export const asyncpgSuite = pythonSuite({
  name: 'asyncpg',
  versionFile: 'asyncpg/_version.py',
  args: ['-o', 'addopts=--import-mode=importlib --assert=plain'],
  environment: postgresEnvironment,
});

/** The suites of psycopg and psycopg_pool, with libpq through ctypes, without the tests that they mark as slow. */
export const psycopgSuite = pythonSuite({
  name: 'psycopg',
  versionFile: 'psycopg/pyproject.toml',
  args: ['-m', 'not slow and not gevent and not dns'],
  environment: ({ host, port, user, password, database }) => ({
    PSYCOPG_IMPL: 'python',
    PSYCOPG_TEST_DSN: `host=${host} port=${port} user=${user} password='${password}' dbname=${database}`,
  }),
});

function pythonSuite(suite: PythonSuite): Suite {
  return {
    name: suite.name,
    async prepare(source): Promise<PreparedSuite> {
      const root = path.resolve(source);
      const text = await readRequired(
        path.join(root, suite.versionFile),
        `is this a checkout of ${suite.name}?`,
      );
      return {
        version: versionIn(text.replace(/__version__(:.*?)? = ['"](.*)['"]/, 'version = "$2"')),
        run: (place) => runTests(root, suite, place),
      };
    },
  };
}

async function runTests(root: string, suite: PythonSuite, place: RunPlace): Promise<Part[]> {
  const { log, only, progress } = place;
  const results = path.join(place.folder, 'results');
  await writeFile(results, '');
  let file = '';
  const { output } = await runCommand(
    {
      program: await pythonOf(root),
      args: [
        ...['-m', 'pytest', '-v', '--color=no', '--timeout=60', '-p', 'pytest_results'],
        // Not the results of an earlier run.
        ...['-o', `cache_dir=${path.join(place.folder, 'cache')}`],
        ...suite.args,
        ...(only.length > 0 ? ['-k', only.join(' or ')] : []),
        'tests',
      ],
      cwd: root,
      env: {
        ...suite.environment(place.address),
        CONFORMANCE_RESULTS: results,
        PYTHONPATH: import.meta.dirname,
        PYTHONDONTWRITEBYTECODE: '1',
        PYTHONUNBUFFERED: '1',
      },
      log,
      patienceMs,
    },
    (line) => {
      const next = /^(\S+\.py)::/.exec(line)?.[1] ?? file;
      if (next !== file) progress(next);
      file = next;
    },
  );
  const parts = readPhases(await readFile(results, 'utf8'));
  if (parts.length === 0) throw new Error(`pytest ran nothing:\n${output.slice(-2000)}`);
  return parts;
}

/** A virtual environment in the checkout has priority. */
async function pythonOf(root: string): Promise<string> {
  const own = path.join(root, '.venv/bin/python');
  return access(own).then(
    () => own,
    () => 'python3',
  );
}

interface Phase {
  readonly name: string;
  readonly when: 'setup' | 'call' | 'subtest' | 'teardown';
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'xfailed';
  readonly seconds: number;
}

/** The output of `pytest_results.py`: setup, run and teardown of each test. */
export function readPhases(text: string): Part[] {
  const lines = text.split('\n').filter((line) => line !== '');
  const tests = Map.groupBy(
    lines.map((line) => JSON.parse(line) as Phase),
    ({ name }) => name,
  );
  return [...tests].map(([name, phases]) => {
    const failed = phases.find(({ outcome }) => outcome === 'failed');
    const skipped = phases.some(({ outcome }) => outcome === 'skipped');
    let result = 'passed';
    if (failed !== undefined)
      result = failed.when === 'teardown' ? 'failed in its cleaning' : 'failed';
    else if (skipped) result = 'skipped';
    return {
      name,
      result: `${result}\n`,
      passed: result === 'passed',
      seconds: phases.reduce((sum, { seconds }) => sum + seconds, 0),
    };
  });
}
