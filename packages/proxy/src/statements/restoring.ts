import {
  buildBind,
  buildClosePortal,
  buildCloseStatement,
  buildExecute,
  buildParse,
  buildQuery,
} from '@sluice/wire';
import type { StatementSink } from './statement-sink.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import { charactersIn, statementEnds } from '../sql/index.ts';
import { RewrittenText } from './rewritten-text.ts';
import type { Insertion } from './rewritten-text.ts';
import type { Restoration } from '../parameters/start-values.ts';
import { backendNamePrefix } from './backend-names.ts';

/*
 * How start values are set after the statements that may have reset them: within the text of a Query, which is one
 * transaction; within a cycle of the extended protocol, after the Execute; and in a separate Query if a statement must
 * be alone.
 */

/** A text with inserted statements. */
export interface Rewriting {
  readonly text: Buffer;
  readonly insertions: readonly Insertion[];
  /** The command tag of the client's only statement, which was replaced. */
  readonly tag: string | null;
}

/** The actions of DISCARD ALL, in its order; DISCARD ALL itself must be alone in its Query. */
const discardAll = [
  'CLOSE ALL',
  'SET SESSION AUTHORIZATION DEFAULT',
  'RESET ALL',
  'DEALLOCATE ALL',
  'UNLISTEN *',
  'SELECT pg_catalog.pg_advisory_unlock_all()',
  'DISCARD PLANS',
  'DISCARD TEMP',
  'DISCARD SEQUENCES',
];

/** DISCARD ALL and the start values after it, as one text. */
export function discardingText(restorations: readonly Restoration[]): Rewriting {
  const statements = [...discardAll, ...restorations.flatMap(({ statements: behind }) => behind)];
  const insertions = [{ at: 0, text: '', statements: statements.length - 1, position: 0 }];
  return { text: Buffer.from(statements.join(';'), 'latin1'), insertions, tag: 'DISCARD ALL' };
}

/** The text in `source[start, end)` with start values inserted; null if its statements cannot be separated. */
export function rewrite(
  source: Buffer,
  start: number,
  end: number,
  count: number,
  restorations: readonly Restoration[],
  encodings: { readonly client: string | undefined; readonly server: string | undefined },
): Rewriting | null {
  const byPosition = new Map<number, string[]>();
  for (const { position, statements } of restorations)
    byPosition.set(position, [...(byPosition.get(position) ?? []), ...statements]);
  const positions = [...byPosition.keys()].sort((a, b) => a - b);
  // The position after the last statement, the most frequent one, is the end of the text.
  const ends = positions.every((position) => position === count - 1)
    ? []
    : statementEnds(source, start, end);
  if (ends === null || (ends.length > 0 && ends.length !== count)) return null;
  const text = source.subarray(start, end);
  const parts: Buffer[] = [];
  const insertions: Insertion[] = [];
  let from = 0;
  for (const position of positions) {
    const statements = byPosition.get(position) ?? [];
    const at = position === count - 1 ? text.length : (ends[position] ?? text.length);
    // The line may end in a comment.
    const inserted = `\n;${statements.join(';')}`;
    parts.push(text.subarray(from, at), Buffer.from(inserted, 'latin1'));
    from = at;
    insertions.push({
      at: charactersIn(text, at, encodings.client, encodings.server),
      text: inserted,
      statements: statements.length,
      position,
    });
  }
  parts.push(text.subarray(from));
  return { text: Buffer.concat(parts), insertions, tag: null };
}

/** Collects a rewritten text instead of the client's, with its note. Returns whether it is answered. */
export function gatherRewritten(
  connection: StatementSink,
  rewriting: Rewriting,
  count: number,
  note: ReplyNote | null,
): boolean {
  const { text, insertions, tag } = rewriting;
  connection.output.add(buildQuery(text.toString('latin1'), 'latin1'));
  return connection.pending.append(
    Reply.RewrittenQuery,
    Action.Forward,
    new RewrittenText(insertions, count, note, tag),
  );
}

/** The client gets the ParameterStatus messages. Errors are those of a transaction that has failed before. */
const reportsParameters: ReplyNote = { forwardsParameterStatus: true, undo: () => undefined };

/** Collects start values in a separate Query, after a Query of the client. */
export function gatherBehind(connection: StatementSink, statements: readonly string[]): void {
  connection.pending.append(Reply.Query, Action.Orphaned, reportsParameters);
  connection.state.unnamed.destroyed();
  connection.output.add(buildQuery(statements.join(';'), 'latin1'));
}

const name = `${backendNamePrefix}start`;
const closeStatement = buildCloseStatement(name);
const bindMessage = buildBind(name, name);
const executeMessage = buildExecute(name);
const closePortal = buildClosePortal(name);

/**
 * Collects start values after an Execute, in its cycle; they do not affect the unnamed statement and portal. `note` is
 * for the requests that may fail.
 */
export function gatherInCycle(
  connection: StatementSink,
  statements: readonly string[],
  action: Action = Action.Discard,
  note: ReplyNote | null = null,
): void {
  const { pending } = connection;
  for (const sql of statements) {
    // A failed cycle may have left one.
    connection.output.add(closeStatement);
    pending.append(Reply.Close, action);
    connection.output.add(buildParse(name, sql));
    pending.append(Reply.Parse, action, note);
    connection.output.add(bindMessage);
    pending.append(Reply.Bind, action, note);
    connection.output.add(executeMessage);
    pending.append(Reply.Execute, action, note);
    connection.output.add(closePortal);
    pending.append(Reply.Close, action);
  }
  connection.output.add(closeStatement);
  pending.append(Reply.Close, action);
}

/** Words without which an unparsed text resets nothing, and the one after which nothing can follow immediately. */
const resetting = /reset|discard|default|set_config|pg_settings|authorization/i;
const copies = /copy/i;

/** Whether an unparsed text may reset parameters, and is answered without further messages of the client. */
export function mayResetUnread(source: Buffer, start: number, end: number): boolean {
  const text = source.toString('latin1', start, end);
  return resetting.test(text) && !copies.test(text);
}
