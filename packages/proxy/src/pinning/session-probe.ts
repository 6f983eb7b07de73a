import { quoteText } from '../parameters/parameter-set.ts';
import { PinReason } from './pin-reason.ts';

/** The session state that a probe finds on a server connection. */
export interface Found {
  /** By the reason for a pin. */
  readonly pins: ReadonlyMap<PinReason, boolean>;
  /** The connection listens to a channel. */
  readonly listens: boolean;
}

/** The kinds of state that a probe can see, and so the pins that can end. */
const kinds: readonly (readonly [reason: PinReason, expression: string])[] = [
  [
    PinReason.AdvisoryLock,
    "EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' " +
      'AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid())',
  ],
  [
    PinReason.TemporaryObject,
    // PostgreSQL finds the objects that DISCARD TEMP drops in the same way, whatever their catalog: they depend on the
    // schema (2615 is pg_namespace). pg_my_temp_schema() is 0 until a temporary object is created.
    "EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refclassid OPERATOR(pg_catalog.=) '2615'::pg_catalog.oid " +
      'AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())',
  ],
  [
    PinReason.SqlPrepare,
    // Those of the protocol with names in ASCII are the proxy's, or of the session on any connection.
    'EXISTS (SELECT FROM pg_catalog.pg_prepared_statements p WHERE p.from_sql AND p.name OPERATOR(pg_catalog.<>) ALL ($carried) ' +
      "OR p.name OPERATOR(pg_catalog.~) '[^ -~]')",
  ],
  [PinReason.HoldableCursor, 'EXISTS (SELECT FROM pg_catalog.pg_cursors c WHERE c.is_holdable)'],
];

/** Listening does not pin: the listening connection takes over the channels. */
const listens = 'EXISTS (SELECT FROM pg_catalog.pg_listening_channels())';

/** The pins whose end a probe can see. */
export const visible: ReadonlySet<PinReason> = new Set(kinds.map(([reason]) => reason));

/** Marks the row of the probe among the rows of a read-back in the same answer. */
const mark = 'sluice look';

const sql = `SELECT '${mark}', ${[...kinds.map(([, expression]) => expression), listens].map((expression) => `(${expression})`).join(', ')}`;

/**
 * One row of booleans. It takes one or two milliseconds, so it runs only when something may have changed. `tracked` are
 * the names of the session's SQL-level prepared statements on any connection.
 */
export function probeSql(tracked: readonly string[]): string {
  return sql.replace(
    '$carried',
    () => `ARRAY[${tracked.map(quoteText).join(',')}]::pg_catalog.text[]`,
  );
}

/** Removes the probe's row from an answer; null if it is missing. */
export function readProbe(rows: readonly (readonly (string | null)[])[]): Found | null {
  const row = rows.find((candidate) => candidate[0] === mark);
  if (row === undefined) return null;
  return {
    pins: new Map(kinds.map(([reason], at) => [reason, row[at + 1] === 't'])),
    listens: row[kinds.length + 1] === 't',
  };
}

/** The rows of the answer without that of the probe. */
export function withoutProbe(
  rows: readonly (readonly (string | null)[])[],
): readonly (readonly (string | null)[])[] {
  return rows.filter((row) => row[0] !== mark);
}
