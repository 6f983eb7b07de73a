import type { StatementSink } from './statement-sink.ts';
import { setConfig } from '../parameters/replay-sql.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import type { Meaning, ReadUnder } from '../parameters/read-under.ts';
import { gatherInCycle } from './restoring.ts';

/*
 * PostgreSQL reads a text when it is prepared: a date by the DateStyle of that moment, a letter by the client_encoding. On
 * another connection the text is prepared later, and then under these parameters as they were when the client sent it.
 */

/** Under what a text that is prepared on the connection now is read. */
export function meaningOn(connection: StatementSink, hasLiterals: boolean): ReadUnder {
  return connection.leaseOwner?.readsUnder(hasLiterals) ?? readUnderAny;
}

/** A parameter of the proxy's own, for the length of a transaction. */
const kept = 'sluice.kept';

/** Gathers what `prepare` gathers in the open cycle so that PostgreSQL reads it under those parameters. */
export function gatherUnder(
  connection: StatementSink,
  { meaning }: ReadUnder,
  prepare: () => void,
): void {
  const changed = meaning === null ? [] : changedSince(connection, meaning);
  if (changed.length === 0) {
    prepare();
    return;
  }
  // The cycle's end, or its error, undoes it too.
  const { before, behind } = underSql(changed);
  gatherInCycle(connection, [before]);
  prepare();
  gatherInCycle(connection, [behind]);
}

/** SQL that sets these values until the transaction ends, and SQL that takes them back. What they were need not be known. */
export function underSql(values: Meaning['values']): {
  readonly before: string;
  readonly behind: string;
} {
  const before = values.map(
    ([name, value], at) =>
      `pg_catalog.set_config('${kept}${at}',pg_catalog.current_setting('${name}'),true),` +
      setConfig(name, value, true),
  );
  const behind = values.map(
    ([name], at) =>
      `pg_catalog.set_config('${name}',pg_catalog.current_setting('${kept}${at}'),true)`,
  );
  return {
    before: `SELECT ARRAY[${before.join(',')}] IS NULL`,
    behind: `SELECT ARRAY[${behind.join(',')}] IS NULL`,
  };
}

function changedSince(connection: StatementSink, then: Meaning): Meaning['values'] {
  // While a change is under way, what counts is not known.
  if (connection.leaseOwner?.meaningUncertain !== false) return then.values;
  const now = connection.state.parameterSet?.values;
  if (now === undefined) return [];
  return then.values.filter(([name, value]) => (now.get(name) ?? null) !== value);
}
