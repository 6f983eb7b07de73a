import {
  buildBind,
  buildClosePortal,
  buildCloseStatement,
  buildExecute,
  buildParse,
  buildQuery,
} from '@sluice/wire';
import type { StatementSink } from './statement-sink.ts';
import { toServer } from '../io/write-buffer.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import { charactersIn, statementEnds } from '../sql/index.ts';
import { RewrittenText } from './rewritten-text.ts';
import type { Insertion } from './rewritten-text.ts';
import type { Restoration } from '../parameters/start-values.ts';
import { backendNamePrefix } from './backend-names.ts';

/*
 * How start values come behind the statements that may have reset them: within the text of a Query, since all of that is one
 * transaction; within a cycle of the extended protocol behind the Execute; and in a Query of its own where a statement has to
 * stand alone.
 */

/** A text with what was put into it. */
export interface Rewriting {
  readonly text: Buffer;
  readonly insertions: readonly Insertion[];
  /** The tag of the client's only statement, which was replaced. */
  readonly tag: string | null;
}

/** What DISCARD ALL does, in the order in which it does it: itself it must stand alone in its Query. */
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

/** DISCARD ALL and start values behind it, as one text. */
export function discardingText(restorations: readonly Restoration[]): Rewriting {
  const statements = [...discardAll, ...restorations.flatMap(({ statements: behind }) => behind)];
  const insertions = [{ at: 0, text: '', statements: statements.length - 1, position: 0 }];
  return { text: Buffer.from(statements.join(';'), 'latin1'), insertions, tag: 'DISCARD ALL' };
}

/** The text in `source[start, end)` with start values put into it; null when its statements cannot be told apart. */
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
  // Behind the last statement, where most stand, is the end of the text.
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

/** Gathers a rewritten text in the place of the client's, with the note that the client's had. Returns whether it is answered. */
export function gatherRewritten(
  connection: StatementSink,
  rewriting: Rewriting,
  count: number,
  note: ReplyNote | null,
): boolean {
  const { text, insertions, tag } = rewriting;
  toServer.add(buildQuery(text.toString('latin1'), 'latin1'));
  return connection.pending.append(
    Reply.RewrittenQuery,
    new RewrittenText(insertions, count, note, tag),
  );
}

/** The client is told what becomes of its parameters. Errors are those of a transaction that has failed before. */
const told: ReplyNote = { tellsParameters: true, undo: () => undefined };

/** Gathers start values in a Query of their own, behind a Query of the client's. */
export function gatherBehind(connection: StatementSink, statements: readonly string[]): void {
  connection.pending.append(Reply.Query | Action.Orphaned, told);
  connection.state.unnamed.destroyed();
  toServer.add(buildQuery(statements.join(';'), 'latin1'));
}

const name = `${backendNamePrefix}start`;
const closeStatement = buildCloseStatement(name);
const bindMessage = buildBind(name, name);
const executeMessage = buildExecute(name);
const closePortal = buildClosePortal(name);

/** Gathers start values behind an Execute, in its cycle; they leave the unnamed statement and portal alone. */
export function gatherInCycle(connection: StatementSink, statements: readonly string[]): void {
  const { pending } = connection;
  for (const sql of statements) {
    // One may be left of a cycle that has failed.
    toServer.add(closeStatement);
    pending.append(Reply.Close | Action.Discard);
    toServer.add(buildParse(name, sql));
    pending.append(Reply.Parse | Action.Discard);
    toServer.add(bindMessage);
    pending.append(Reply.Bind | Action.Discard);
    toServer.add(executeMessage);
    pending.append(Reply.Execute | Action.Discard);
    toServer.add(closePortal);
    pending.append(Reply.Close | Action.Discard);
  }
  toServer.add(closeStatement);
  pending.append(Reply.Close | Action.Discard);
}

/** Words without which a text that could not be read resets nothing, and the one with which nothing may follow at once. */
const resetting = /reset|discard|default|set_config|pg_settings|authorization/i;
const copies = /copy/i;

/** Whether a text that could not be read may reset parameters, and is answered without more from the client. */
export function mayResetUnread(source: Buffer, start: number, end: number): boolean {
  const text = source.toString('latin1', start, end);
  return resetting.test(text) && !copies.test(text);
}
