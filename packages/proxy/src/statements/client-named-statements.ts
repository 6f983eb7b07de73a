import { buildCloseStatement, buildParse, syncMessage } from '@sluice/wire';
import type { StatementSink, StatementState } from './statement-sink.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { Named, SessionNames } from './session-names.ts';
import { gatherUnder } from './meaning.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import { SqlStatement } from './sql-statement.ts';

/**
 * Marks a name that only has to be in use: its statement has no text, so that it can be created in a failed transaction
 * too.
 */
const standIn = Symbol('stand-in');

/**
 * Statements on a server connection with the names of one session: those of its PREPARE, and those created for its
 * EXECUTE or DEALLOCATE. They are closed before the next session.
 */
export class ClientNamedStatements {
  readonly owner: SessionNames;
  readonly byName = new Map<string, Named | typeof standIn>();
  /** The version of the owner's names that these agree with. */
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
 * A lease begins: closes the client-named statements of another session, or outdated ones of the same session. Before
 * its first request, in the same write.
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
  connection.output.add(syncMessage);
  connection.pending.append(Reply.Sync, Action.Discard);
}

/**
 * Creates the session's statement of this name on the connection, or (`nameOnly`) any statement with this name. Returns
 * true if that took messages; without a Sync, so that they can be within a cycle.
 */
export function ensureClientNamed(
  connection: ClientNamedSink,
  owner: SessionNames,
  name: string,
  nameOnly: boolean,
  action: Action,
  failure: ReplyNote | null,
): boolean {
  const wanted = owner.get(name);
  // A request that the database certainly skips creates nothing.
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
    connection.output.add(
      nameOnly || wanted instanceof SqlStatement
        ? buildParse(Buffer.from(name, 'latin1'), '')
        : wanted.statement.namedParse(name, wanted.analysis.description),
    );
    connection.pending.append(Reply.Parse, action, note);
  });
  return true;
}

/**
 * Creates the session's SQL-level prepared statements on the connection, for code that may call them by name. Each is
 * in a separate cycle, because the text of one may fail. Returns the missing statements.
 */
export function bringSqlStatements(
  connection: ClientNamedSink,
  owner: SessionNames,
): readonly SqlStatement[] {
  const brought: SqlStatement[] = [];
  for (const [name, named] of owner.sqlStatements()) {
    if (!ensureClientNamed(connection, owner, name, false, Action.Orphaned, null)) continue;
    connection.output.add(syncMessage);
    connection.pending.append(Reply.Sync, Action.Discard);
    brought.push(named);
  }
  return brought;
}

/**
 * Closes the session's client-named statements here, before its next request: they are created again. Returns whether
 * that took messages.
 */
export function renewClientNamed(connection: ClientNamedSink, owner: SessionNames): boolean {
  const own = connection.state.clientNamed;
  if (own === null || own.owner !== owner || own.byName.size === 0) return false;
  for (const name of [...own.byName.keys()])
    closeClientNamed(connection, own, name, Action.Discard);
  connection.output.add(syncMessage);
  connection.pending.append(Reply.Sync, Action.Discard);
  return true;
}

function closeClientNamed(
  connection: ClientNamedSink,
  own: ClientNamedStatements,
  name: string,
  action: Action,
): void {
  const named = own.byName.get(name);
  own.byName.delete(name);
  connection.output.add(buildCloseStatement(Buffer.from(name, 'latin1')));
  connection.pending.append(Reply.Close, action, {
    undo: () => {
      if (named !== undefined) own.byName.set(name, named);
    },
  });
}
