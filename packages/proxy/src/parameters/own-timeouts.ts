import type { ParameterSet } from './parameter-set.ts';

/*
 * An internal query runs with the parameters of the last session. A timeout of that session must not cancel it, and the
 * isolation level must not make it wait or fail.
 */

/** Timeouts that may cancel a statement. The last one exists since PostgreSQL 17. */
export const timeouts: readonly string[] = [
  'statement_timeout',
  'lock_timeout',
  'transaction_timeout',
];

/** Marks the row of the timeouts, which `disarmedSql` returns first. */
const mark = 'sluice timeouts';

type Row = readonly (string | null)[];

/** The original timeouts, by name, in PostgreSQL's notation. */
export type TimeoutValues = ReadonlyMap<string, string>;

/**
 * Runs statements without timeouts. PostgreSQL arms timeouts for each statement of a Query, which is one implicit
 * transaction, and reverts SET LOCAL at its end. The query returns the original values first. `version` is the reported
 * server_version.
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

/** Removes the row of the timeouts from an answer. */
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

/** Within this time, a server process on a busy machine may not have begun a statement, in milliseconds. */
const soon = 1000;

/** Whether these parameters may cancel a statement before it has done anything. */
export function mayTimeOutSoon(set: ParameterSet | null): boolean {
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

/** A timeout in PostgreSQL's notation, in milliseconds: `0`, `250ms`, `5s`. */
export function millisecondsOf(value: string): number {
  const [, digits = '', unit = ''] = /^(\d+)([a-z]*)$/.exec(value) ?? [];
  return Number(digits) * (milliseconds.get(unit) ?? 1);
}
