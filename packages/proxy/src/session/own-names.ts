import { buildCloseStatement, buildParse, syncMessage } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import { toDatabase } from '../relay/gatherer.ts';
import { Fate, Owed } from '../relay/owed-replies.ts';
import type { OwedNote } from '../relay/owed-replies.ts';
import type { Named, SessionNames } from './session-names.ts';
import { SqlStatement } from './sql-statement.ts';
import { buildNamedParse } from './statement.ts';

/** Stands where a name need only be taken: a statement without a text, which can be made in a failed transaction too. */
const standIn = Symbol('stand-in');

/**
 * Statements on a database connection under names as one session gave them: what its PREPARE made there, and what was
 * made for its EXECUTE or DEALLOCATE. They are closed before another session is served.
 */
export class OwnNames {
  readonly owner: SessionNames;
  readonly byName = new Map<string, Named | typeof standIn>();
  /** The owner's names as of this version agree with these. */
  version = -1;

  constructor(owner: SessionNames) {
    this.owner = owner;
  }
}

/** The own names of this session on a connection that it has on loan. */
export function ownNamesOf(connection: DatabaseConnection, owner: SessionNames): OwnNames {
  if (connection.ownNames === null || connection.ownNames.owner !== owner)
    connection.ownNames = new OwnNames(owner);
  return connection.ownNames;
}

/**
 * A loan begins: closes what another session has left under its own names, or what the same session's names do not stand
 * for any more. In front of its first request, in the same write.
 */
export function reconcileOwnNames(connection: DatabaseConnection, owner: SessionNames): void {
  const own = connection.ownNames;
  if (own === null) return;
  const isOwner = own.owner === owner;
  if (isOwner && own.version === owner.version) return;
  let closes = false;
  for (const [name, named] of own.byName) {
    if (isOwner && owner.get(name) === named) continue;
    closeOwn(connection, own, name, Fate.Swallow);
    closes = true;
  }
  if (own.byName.size === 0) connection.ownNames = null;
  else own.version = owner.version;
  if (!closes) return;
  toDatabase.add(syncMessage);
  connection.owed.append(Owed.Sync | Fate.Swallow);
}

/**
 * Makes the name on the connection what it is in the session: the statement itself, or (`nameOnly`) anything that has the
 * name. Returns true when that took messages; without a Sync, so that they may stand within a group.
 */
export function ensureOwn(
  connection: DatabaseConnection,
  owner: SessionNames,
  name: string,
  nameOnly: boolean,
  fate: number,
  failure: OwedNote | null,
): boolean {
  const wanted = owner.get(name);
  // What the database is certain to skip makes nothing.
  if (wanted === undefined || connection.owed.skipping) return false;
  const own = ownNamesOf(connection, owner);
  const had = own.byName.get(name);
  if (had === wanted || (nameOnly && had === standIn)) return false;
  owner.touched();
  if (had !== undefined) closeOwn(connection, own, name, fate);
  own.byName.set(name, nameOnly ? standIn : wanted);
  const note: OwedNote = {
    undo: () => own.byName.delete(name),
    ...(failure?.failed === undefined
      ? {}
      : { failed: (chunk, at, next) => failure.failed?.(chunk, at, next) ?? null }),
  };
  if (!nameOnly && wanted instanceof SqlStatement) {
    wanted.prepareAgain(connection, fate, note);
    return true;
  }
  toDatabase.add(
    nameOnly || wanted instanceof SqlStatement
      ? buildParse(Buffer.from(name, 'latin1'), '')
      : buildNamedParse(name, wanted),
  );
  connection.owed.append(Owed.Parse | fate, note);
  return true;
}

function closeOwn(connection: DatabaseConnection, own: OwnNames, name: string, fate: number): void {
  const named = own.byName.get(name);
  own.byName.delete(name);
  toDatabase.add(buildCloseStatement(Buffer.from(name, 'latin1')));
  connection.owed.append(Owed.Close | fate, {
    undo: () => {
      if (named !== undefined) own.byName.set(name, named);
    },
  });
}
