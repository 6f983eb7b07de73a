import { quoteText } from './parameter-set.ts';
import { PinReason } from './pin-reason.ts';

/** What a look at the catalogue finds of a session's state on its database connection. */
export interface Found {
  /** By the pin it asks for. */
  readonly pins: ReadonlyMap<PinReason, boolean>;
  /** The connection listens to something. */
  readonly listens: boolean;
}

/** The kinds of state that a look can see, and so the pins that can end. */
const kinds: readonly (readonly [reason: PinReason, expression: string])[] = [
  [
    PinReason.AdvisoryLock,
    "EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid())",
  ],
  [
    PinReason.TemporaryObject,
    // pg_my_temp_schema() is 0 until something temporary is made.
    'pg_catalog.pg_my_temp_schema() <> 0 AND (' +
      'EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema()) OR ' +
      'EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace = pg_catalog.pg_my_temp_schema()) OR ' +
      'EXISTS (SELECT FROM pg_catalog.pg_type WHERE typnamespace = pg_catalog.pg_my_temp_schema()))',
  ],
  [
    PinReason.SqlPrepare,
    'EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql AND name <> ALL ($carried))',
  ],
  [PinReason.HoldableCursor, 'EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)'],
];

/** Not a pin: what is listened to is taken over by the listening connection. */
const listens = 'EXISTS (SELECT FROM pg_catalog.pg_listening_channels())';

/** The pins whose end a look can see. */
export const visible: ReadonlySet<PinReason> = new Set(kinds.map(([reason]) => reason));

/** The first column of the look's row: tells it from the rows of a read-back in the same answer. */
const mark = 'sluice look';

const sql = `SELECT '${mark}', ${[...kinds.map(([, expression]) => expression), listens].map((expression) => `(${expression})`).join(', ')}`;

/**
 * One row of booleans. A millisecond or two, so it is asked only when something may have changed. `carried` are the names
 * of SQL's statements that the session has on any connection.
 */
export function lookSql(carried: readonly string[]): string {
  return sql.replace('$carried', () => `ARRAY[${carried.map(quoteText).join(',')}]::text[]`);
}

/** Takes the look's row out of an answer; null when it is not there. */
export function readLook(rows: readonly (readonly (string | null)[])[]): Found | null {
  const row = rows.find((candidate) => candidate[0] === mark);
  if (row === undefined) return null;
  return {
    pins: new Map(kinds.map(([reason], at) => [reason, row[at + 1] === 't'])),
    listens: row[kinds.length + 1] === 't',
  };
}

/** The rows of the answer that are not the look's. */
export function withoutLook(
  rows: readonly (readonly (string | null)[])[],
): readonly (readonly (string | null)[])[] {
  return rows.filter((row) => row[0] !== mark);
}
