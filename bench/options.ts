import { parseArgs } from 'node:util';
import { defaultClients, idleWarmUp } from './cases.ts';
import { targetNames } from './results.ts';
import type { TargetName } from './results.ts';

/** What a run measures. */
export interface Options {
  /** Patterns that select cases; none selects all. */
  readonly cases: readonly string[];
  readonly targets: readonly TargetName[];
  /** The duration of each run of pgbench. */
  readonly seconds: number;
  readonly rounds: number;
  /** The numbers of pgbench's clients. */
  readonly clients: readonly number[];
  /** The numbers of idle clients at the measurements of memory, increasing. */
  readonly idle: readonly number[];
  /** The iterations of SCRAM for the clients' password. */
  readonly scramIterations: number;
}

export const help = `npm run bench -- [options]

Measures Sluice on Node.js and on Bun beside a direct connection and PgBouncer (PGBOUNCER=path, or on the PATH), with
pgbench from the PATH and a PostgreSQL that is started for it. Prints a table; writes JSON into bench/results/.

  --cases a,b      only these: select-simple, select-extended, select-prepared, tpcb, reconnect, rate, slow, unix,
                   delayed, off, parameters, prepared-500, idle, tls, or whole names such as select-simple-c32-tls
  --targets a,b    only these: ${targetNames.join(', ')}
  --seconds N      time of one measurement (5)
  --rounds N       measurements of each case and target, in turn (5)
  --clients a,b    numbers of clients (${defaultClients.join(',')})
  --idle a,b       numbers of idle clients (5000,9000)
  --scram-iterations N  (1) clients share the cores with what is measured, and PostgreSQL's usual 4096 take each of
                   them longer than all the rest of a login
  --quick          --seconds 2 --rounds 2 --clients 32 --idle 1000
  --help
`;

/** Reads the command line. Throws a sentence about the first problem. Undefined: print the help. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cases: { type: 'string' },
      targets: { type: 'string' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      clients: { type: 'string' },
      idle: { type: 'string' },
      'scram-iterations': { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick } = values;
  const idle = numbers('idle', values.idle ?? (quick ? '1000' : '5000,9000'));
  if (idle.some((count) => count <= idleWarmUp)) {
    throw new Error(`--idle has "${idle.join(',')}"; each must be above ${idleWarmUp}`);
  }
  return {
    cases: list(values.cases),
    targets: values.targets === undefined ? targetNames : list(values.targets).map(targetName),
    seconds: oneNumber('seconds', values.seconds ?? (quick ? '2' : '5')),
    rounds: oneNumber('rounds', values.rounds ?? (quick ? '2' : '5')),
    clients: numbers('clients', values.clients ?? (quick ? '32' : defaultClients.join(','))),
    idle: idle.toSorted((a, b) => a - b),
    scramIterations: oneNumber('scram-iterations', values['scram-iterations']),
  };
}

function list(value: string | undefined): string[] {
  return value === undefined ? [] : value.split(',').map((part) => part.trim());
}

function targetName(value: string): TargetName {
  const name = targetNames.find((candidate) => candidate === value);
  if (name === undefined) {
    throw new Error(`--targets has "${value}"; it must be of ${targetNames.join(', ')}`);
  }
  return name;
}

function numbers(option: string, value: string): number[] {
  return list(value).map((part) => oneNumber(option, part));
}

function oneNumber(option: string, value: string): number {
  if (!/^[1-9]\d*$/.test(value)) {
    throw new Error(`--${option} has "${value}"; it must be a whole number from 1`);
  }
  return Number(value);
}
