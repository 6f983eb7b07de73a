import { bodyAt, buildCloseStatement } from '@sluice/wire';
import { mask } from '../distinct.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import { Flag } from '../sql/index.ts';
import { ClientStatement } from './client-statement.ts';
import type { ClientNamedSink } from './client-named-statements.ts';
import { NameTaken } from './name-taken.ts';
import type { Named, SessionNames } from './session-names.ts';

/*
 * Code of the database can close statements with DEALLOCATE, and the proxy does not see it. A Parse with the name of
 * such a statement succeeds on a direct connection; only PostgreSQL knows.
 */

/** Flags of statements that run code, such as triggers, which may close statements without showing it. */
export const mayRunCode: Flag = mask(
  Flag.Do,
  Flag.UnknownFunction,
  Flag.Procedure,
  Flag.Opaque,
  Flag.Writes,
);

/** Whether code that the session has run may have closed the statement with this name. */
export function mayBeClosedByCode({ state }: ClientNamedSink, name: string, named: Named): boolean {
  const { statements: here, clientNamed } = state;
  if (named instanceof ClientStatement) return here.mayBeClosedByCode(named.statement);
  // A statement belongs to one session; on the connection, its name may be that of another statement.
  return here.hasRunCode && clientNamed?.byName.get(name) === named;
}

/**
 * Before the Parse in `chunk[at, next)`, with the name of a statement that code may have closed: a Parse of the same
 * text under the name that the statement has on the connection. Its error is that of the client. If it succeeds, the
 * statement was closed.
 */
export function parseToTry(
  connection: ClientNamedSink,
  names: SessionNames,
  name: string,
  named: Named,
  chunk: Buffer,
  at: number,
  nameEnd: number,
  next: number,
): void {
  const { statements: here, clientNamed } = connection.state;
  let gone: ReplyNote;
  let closeMessage: Buffer;
  if (named instanceof ClientStatement) {
    const { statement } = named;
    gone = here.close(statement);
    connection.output.add(statement.parseOther(chunk, nameEnd + 1, next));
    ({ closeMessage } = statement);
  } else {
    clientNamed?.byName.delete(name);
    gone = { undo: () => void clientNamed?.byName.set(name, named) };
    connection.output.addRange(chunk, at, next);
    closeMessage = buildCloseStatement(chunk.subarray(bodyAt(at), nameEnd));
  }
  const taken = new NameTaken(name, gone, names.closed(name));
  connection.pending.append(Reply.Parse, Action.Discard, taken);
  connection.output.add(closeMessage);
  connection.pending.append(Reply.Close, Action.Discard);
}
