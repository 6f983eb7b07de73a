import type { ParameterSet } from './parameter-set.ts';

/*
 * A statement of the proxy's own runs under the parameters of whoever had the connection last. A time-out of theirs must not
 * end it, nor the isolation level make it wait or fail.
 */

/** Time-outs that may end a statement. The last one is known to PostgreSQL from 17 on. */
export const timeouts: readonly string[] = [
  'statement_timeout',
  'lock_timeout',
  'transaction_timeout',
];

/** The first column of the row that `disarmedSql` is answered with in front of the rest. */
const mark = 'sluice timeouts';

type Row = readonly (string | null)[];

/** The time-outs as they were, by name, as PostgreSQL writes them. */
export type TimeoutValues = ReadonlyMap<string, string>;

/**
 * Lets statements run without time-outs: PostgreSQL arms them anew for each statement of a Query, which is one implicit
 * transaction, and forgets the values at its end. The values that they had are told first. `version` is what the database
 * has reported as its server_version.
 */
export function disarmedSql(statements: readonly string[], version: string | undefined): string {
  const names = Number.parseInt(version ?? '', 10) >= 17 ? timeouts : timeouts.slice(0, 2);
  const values = names.map((name) => `pg_catalog.current_setting('${name}')`);
  const calls = names.map((name) => `pg_catalog.set_config('${name}','0',true)`);
  return [
    'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
    `SELECT '${mark}',${[...values, ...calls].join(',')}`,
    ...statements,
  ].join(';');
}

/** Takes the row of the time-outs out of an answer. */
export function readTimeouts(rows: readonly Row[]): {
  timeouts: TimeoutValues;
  rows: readonly Row[];
} {
  const [first, ...rest] = rows;
  if (first?.[0] !== mark) return { timeouts: new Map(), rows };
  const values = new Map<string, string>();
  for (const [at, name] of timeouts.slice(0, (first.length - 1) / 2).entries()) {
    const value = first[1 + at];
    if (typeof value === 'string') values.set(name, value);
  }
  return { timeouts: values, rows: rest };
}

/** Milliseconds within which a server process that has to wait for its turn may not have begun a statement. */
const soon = 1000;

/** Whether these parameters may end a statement before it has done anything. */
export function isHurried(set: ParameterSet | null): boolean {
  const timeout = millisecondsOf(set?.values.get('statement_timeout') ?? '0');
  return timeout > 0 && timeout <= soon;
}

const milliseconds: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** A time-out as PostgreSQL writes it, in milliseconds: `0`, `250ms`, `5s`. */
export function millisecondsOf(value: string): number {
  const [, digits = '', unit = ''] = /^(\d+)([a-z]*)$/.exec(value) ?? [];
  return Number(digits) * (milliseconds.get(unit) ?? 1);
}
