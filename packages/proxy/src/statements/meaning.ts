import type { StatementSink } from './statement-sink.ts';
import { Action } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import { setConfig } from '../parameters/replay-sql.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import type { Meaning, ReadUnder } from '../parameters/read-under.ts';
import { gatherInCycle } from './restoring.ts';

/*
 * PostgreSQL parses a text when it is prepared, with the DateStyle and client_encoding of that moment. On another
 * connection the text is prepared later, so these parameters are first set to their values when the client sent it.
 */

/** The parameters for parsing a text that is prepared on the connection now. */
export function meaningOn(connection: StatementSink, hasLiterals: boolean): ReadUnder {
  return connection.leaseOwner?.readsUnder(hasLiterals) ?? readUnderAny;
}

/** Whether the text may contain a quoted literal, whose meaning depends on more parameters. */
export function hasLiterals(chunk: Buffer, start: number, end: number): boolean {
  // Only within the text: a chunk may contain many more.
  const text = chunk.subarray(start, end);
  if (text.includes(0x27)) return true;
  for (let at = text.indexOf(0x24); at >= 0; at = text.indexOf(0x24, at + 1)) {
    // $1 is a parameter; anything else may begin a dollar-quoted string.
    const after = text[at + 1] ?? 0;
    if (after < 0x30 || after > 0x39) return true;
  }
  return false;
}

/** A parameter of the proxy, for the duration of a transaction. */
const kept = 'sluice.kept';

/** Whether `gatherUnder` sets parameters. */
export function mustSetParameters(connection: StatementSink, { meaning }: ReadUnder): boolean {
  return meaning !== null && changedSince(connection, meaning).length > 0;
}

/**
 * Collects what `prepare` collects in the open cycle so that PostgreSQL parses it with those parameters. `note` is for
 * the requests that set them.
 */
export function gatherUnder(
  connection: StatementSink,
  { meaning }: ReadUnder,
  prepare: () => void,
  action: Action = Action.Discard,
  note: ReplyNote | null = null,
): void {
  const changed = meaning === null ? [] : changedSince(connection, meaning);
  if (changed.length === 0) {
    prepare();
    return;
  }
  // The end of the cycle, or an error in it, also reverts them.
  const { before, behind } = underSql(changed);
  gatherInCycle(connection, [before], action, note);
  prepare();
  gatherInCycle(connection, [behind], action, note);
}

/** SQL that sets these values until the transaction ends, and SQL that reverts them, whatever they were. */
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
  // While a change is pending, the current values are unknown.
  if (connection.leaseOwner?.meaningUncertain !== false) return then.values;
  const now = connection.state.parameterSet?.values;
  if (now === undefined) return [];
  return then.values.filter(([name, value]) => (now.get(name) ?? null) !== value);
}
