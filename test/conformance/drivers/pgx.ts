import path from 'node:path';
import type { Address } from '../../helpers/raw-client.ts';
import type { Part, PreparedSuite, RunPlace, Suite } from '../suite.ts';
import { execute, postgresEnvironment, readRequired, runCommand } from './run.ts';

const patienceMs = 1_800_000;

const roles = ['pgx_md5', 'pgx_scram', 'pgx_pw'].map((name) => ({
  name,
  password: 'secret',
}));

/** As in `testsetup/postgresql_setup.sql`, without what TLS and OAuth need. */
const setup = [
  'CREATE EXTENSION hstore',
  'CREATE EXTENSION ltree',
  'CREATE DOMAIN uint64 AS numeric(20,0)',
  ...roles.map(({ name, password }) => `CREATE USER ${name} SUPERUSER PASSWORD '${password}'`),
  `CREATE USER " tricky, ' } "" \\ test user " SUPERUSER PASSWORD 'secret'`,
];

/** The suite of pgx, run with `go test`. */
export const pgxSuite: Suite = {
  name: 'pgx',
  async prepare(source): Promise<PreparedSuite> {
    const root = path.resolve(source);
    const log = await readRequired(path.join(root, 'CHANGELOG.md'), 'is this a checkout of pgx?');
    await readRequired(path.join(root, 'pgx_test.go'), 'is this a checkout of pgx?');
    return {
      version: /^# (\d\S*)/m.exec(log)?.[1] ?? 'unknown',
      users: roles,
      run: (place) => runTests(root, place),
    };
  },
};

async function runTests(root: string, place: RunPlace): Promise<Part[]> {
  const { log, only, progress } = place;
  const address = { ...place.address, database: 'pgx_test' };
  await execute(place.address, ['CREATE DATABASE pgx_test']);
  await execute(address, setup);
  const { output } = await runCommand(
    {
      program: 'go',
      args: [
        ...['test', '-json', '-count=1', '-p=1', '-timeout=10m'],
        ...(only.length > 0 ? [`-run=${only.join('|')}`] : []),
        './...',
      ],
      cwd: root,
      env: {
        ...postgresEnvironment(address),
        PGX_TEST_DATABASE: connectionString(address),
        PGX_TEST_TCP_CONN_STRING: connectionString(address),
        // pgx's tests for transaction pooling; they also pass on a direct connection.
        PGX_TEST_PGBOUNCER_CONN_STRING: connectionString(address),
        PGX_TEST_SCRAM_PASSWORD_CONN_STRING: connectionString(address, 'pgx_scram'),
        PGX_TEST_MD5_PASSWORD_CONN_STRING: connectionString(address, 'pgx_md5'),
        PGX_TEST_PLAIN_PASSWORD_CONN_STRING: connectionString(address, 'pgx_pw'),
      },
      log,
      patienceMs,
    },
    (line) => {
      const { Action, Test, Package } = readEvent(line);
      if (Test === undefined && Action === 'start') progress(Package ?? '');
    },
  );
  return parseGoTests(output);
}

function connectionString({ host, port, user, password, database }: Address, role = user): string {
  const secret = role === user ? password : 'secret';
  return `host=${host} port=${port} user=${role} password='${secret}' database=${database} sslmode=disable`;
}

interface GoEvent {
  readonly Action?: string;
  readonly Package?: string;
  readonly Test?: string;
  readonly Elapsed?: number;
}

function readEvent(line: string): GoEvent {
  return line.startsWith('{"') ? (JSON.parse(line) as GoEvent) : {};
}

/** The result of each test in the output of `go test -json`. */
export function parseGoTests(output: string): Part[] {
  return output
    .split('\n')
    .map(readEvent)
    .flatMap(({ Action, Package = '', Test, Elapsed = 0 }) => {
      if (Test === undefined || !/^(pass|fail|skip)$/.test(Action ?? '')) return [];
      const name = `${Package.replace(/^github\.com\/jackc\/pgx\/v\d+\/?/, '') || 'pgx'}: ${Test}`;
      const result = { pass: 'passed\n', fail: 'failed\n', skip: 'skipped\n' }[Action as 'pass'];
      return [{ name, result, passed: Action === 'pass', seconds: Elapsed }];
    });
}
