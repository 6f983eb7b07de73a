import { parseArgs } from 'node:util';
import type { Runtime } from '../helpers/runtime.ts';

/** The options of a run of a suite. */
export interface ConformanceOptions {
  /** The name of a suite: `postgres`, or one of those in `driver-suites.ts`. */
  readonly suite: string;
  /** The folder with the suite's source, which the user provides. */
  readonly source: string;
  readonly runtime: Runtime;
  /** The maximum number of the proxy's server connections; 0 for its default. */
  readonly poolSize: number;
  /** First runs directly a second time: differences between two direct runs say nothing about the proxy. */
  readonly control: boolean;
  /** The folder for results, differences and the summary. */
  readonly output: string;
  /** Parts of the suite to run; empty for all. */
  readonly only: readonly string[];
}

export const help = `npm run test:conformance -- --postgres-source DIR
npm run test:conformance -- --suite NAME --source DIR

Runs somebody else's test suite twice, on a direct connection and through Sluice, and tells what differs.

  --postgres-source DIR  PostgreSQL's own regression suite, from a source tree of the major version that the tests use;
                         with src/bin/psql/psql and src/test/regress/regress.so when they were built there (./configure,
                         then make -C src/bin/psql and make -C src/test/regress all), otherwise psql from the PATH
  --suite NAME           asyncpg, psycopg, pgx, node-postgres or postgres.js
  --source DIR           a checkout of that suite
  --runtime NAME         node (the default) or bun
  --pool-size N          PoolSize of the proxy; its default otherwise
  --control              also compares two direct runs
  --only NAMES           parts of the suite, separated by commas (PostgreSQL's need test_setup first)
  --output DIR           where results go (.cache/conformance/NAME)
`;

/** Reads the command line; throws a sentence for the user if something is missing. */
export function parseConformanceOptions(args: readonly string[]): ConformanceOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'postgres-source': { type: 'string' },
      suite: { type: 'string' },
      source: { type: 'string' },
      runtime: { type: 'string', default: 'node' },
      'pool-size': { type: 'string', default: '0' },
      control: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      output: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const postgres = values['postgres-source'];
  const suite = postgres === undefined ? values.suite : 'postgres';
  const source = postgres ?? values.source;
  if (suite === undefined || source === undefined) {
    throw new Error('which suite? Give --postgres-source DIR, or --suite NAME and --source DIR');
  }
  const { runtime } = values;
  if (runtime !== 'node' && runtime !== 'bun') {
    throw new Error(`--runtime is "${runtime}"; it takes node or bun`);
  }
  const poolSize = Number(values['pool-size']);
  if (!Number.isInteger(poolSize) || poolSize < 0) {
    throw new Error(
      `--pool-size is "${values['pool-size']}"; it takes a number, 0 for the default`,
    );
  }
  return {
    suite,
    source,
    runtime,
    poolSize,
    control: values.control,
    output: values.output ?? `.cache/conformance/${suite}-${runtime}`,
    only: values.only.split(',').filter((name) => name !== ''),
  };
}
