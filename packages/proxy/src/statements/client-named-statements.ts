import { buildCloseStatement, buildParse, syncMessage } from '@sluice/wire';
import type { StatementSink, StatementState } from './statement-sink.ts';
import { toServer } from '../io/write-buffer.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { Named, SessionNames } from './session-names.ts';
import { gatherUnder } from './meaning.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import { SqlStatement } from './sql-statement.ts';

/** Stands where a name need only be taken: a statement without a text, which can be made in a failed transaction too. */
const standIn = Symbol('stand-in');

/**
 * Statements on a server connection under names as one session gave them: what its PREPARE made there, and what was
 * made for its EXECUTE or DEALLOCATE. They are closed before another session is served.
 */
export class ClientNamedStatements {
  readonly owner: SessionNames;
  readonly byName = new Map<string, Named | typeof standIn>();
  /** The owner's names as of this version agree with these. */
  version = -1;

  constructor(owner: SessionNames) {
    this.owner = owner;
  }
}

/** A server connection that may have such statements. */
export interface ClientNamedSink extends StatementSink {
  readonly state: StatementState & {
    readonly clientNamed: ClientNamedStatements | null;
    clientNamedOf(owner: SessionNames): ClientNamedStatements;
    clientNamedClosed(): void;
  };
}

/**
 * A lease begins: closes what another session has left under its own names, or what the same session's names do not stand
 * for any more. In front of its first request, in the same write.
 */
export function reconcileClientNamed(connection: ClientNamedSink, owner: SessionNames): void {
  const own = connection.state.clientNamed;
  if (own === null) return;
  const isOwner = own.owner === owner;
  if (isOwner && own.version === owner.version) return;
  let closes = false;
  for (const [name, named] of own.byName) {
    if (isOwner && owner.get(name) === named) continue;
    closeClientNamed(connection, own, name, Action.Discard);
    closes = true;
  }
  if (own.byName.size === 0) connection.state.clientNamedClosed();
  else own.version = owner.version;
  if (!closes) return;
  toServer.add(syncMessage);
  connection.pending.append(Reply.Sync | Action.Discard);
}

/**
 * Makes the name on the connection what it is in the session: the statement itself, or (`nameOnly`) anything that has the
 * name. Returns true when that took messages; without a Sync, so that they may stand within a cycle.
 */
export function ensureClientNamed(
  connection: ClientNamedSink,
  owner: SessionNames,
  name: string,
  nameOnly: boolean,
  action: number,
  failure: ReplyNote | null,
): boolean {
  const wanted = owner.get(name);
  // What the database is certain to skip makes nothing.
  if (wanted === undefined || connection.pending.skipping) return false;
  const own = connection.state.clientNamedOf(owner);
  const had = own.byName.get(name);
  if (had === wanted || (nameOnly && had === standIn)) return false;
  owner.touched();
  if (had !== undefined) closeClientNamed(connection, own, name, action);
  own.byName.set(name, nameOnly ? standIn : wanted);
  const note: ReplyNote = {
    undo: () => own.byName.delete(name),
    ...(failure?.failed === undefined
      ? {}
      : { failed: (chunk, at, next) => failure.failed?.(chunk, at, next) ?? null }),
  };
  gatherUnder(connection, nameOnly ? readUnderAny : wanted.readUnder, () => {
    if (!nameOnly && wanted instanceof SqlStatement) {
      wanted.prepareAgain(connection, action, note);
      return;
    }
    toServer.add(
      nameOnly || wanted instanceof SqlStatement
        ? buildParse(Buffer.from(name, 'latin1'), '')
        : wanted.statement.namedParse(name, wanted.analysis.description),
    );
    connection.pending.append(Reply.Parse | action, note);
  });
  return true;
}

/**
 * Makes the session's statements of SQL's PREPARE on the connection, for code that may call them by their names. Each in a
 * cycle of its own: the text of one may be refused by now. Returns the statements that were missing.
 */
export function bringSqlStatements(
  connection: ClientNamedSink,
  owner: SessionNames,
): readonly SqlStatement[] {
  const brought: SqlStatement[] = [];
  for (const [name, named] of owner.sqlStatements()) {
    if (!ensureClientNamed(connection, owner, name, false, Action.Orphaned, null)) continue;
    toServer.add(syncMessage);
    connection.pending.append(Reply.Sync | Action.Discard);
    brought.push(named);
  }
  return brought;
}

/**
 * Closes what is under the session's own names here, in front of its next request: it is made anew. Returns whether that took
 * messages.
 */
export function renewClientNamed(connection: ClientNamedSink, owner: SessionNames): boolean {
  const own = connection.state.clientNamed;
  if (own === null || own.owner !== owner || own.byName.size === 0) return false;
  for (const name of [...own.byName.keys()])
    closeClientNamed(connection, own, name, Action.Discard);
  toServer.add(syncMessage);
  connection.pending.append(Reply.Sync | Action.Discard);
  return true;
}

function closeClientNamed(
  connection: ClientNamedSink,
  own: ClientNamedStatements,
  name: string,
  action: number,
): void {
  const named = own.byName.get(name);
  own.byName.delete(name);
  toServer.add(buildCloseStatement(Buffer.from(name, 'latin1')));
  connection.pending.append(Reply.Close | action, {
    undo: () => {
      if (named !== undefined) own.byName.set(name, named);
    },
  });
}
