import { buildCloseStatement, buildParse, buildQuery, syncMessage } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import { toDatabase } from '../relay/gatherer.ts';
import { Fate, Owed } from '../relay/owed-replies.ts';
import type { OwedNote } from '../relay/owed-replies.ts';
import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { Completion } from './owed-notes.ts';
import { SessionStatements } from './session-statements.ts';
import { backendNamePrefix, buildNamedParse } from './statement.ts';
import type { Statement } from './statement.ts';

/**
 * A statement that does nothing, not even in a failed transaction, and its deallocation: the database answers as it
 * would for the client's own statement.
 */
const deallocateStandIn = buildParse(`${backendNamePrefix}gone`, '');
const deallocateQuery = buildQuery(`DEALLOCATE ${backendNamePrefix}gone`);

/** A statement of the protocol that SQL calls by its name. */
export interface SharedName {
  readonly name: string;
  readonly statement: Statement;
  readonly deallocates: boolean;
}

/**
 * The names of one session for prepared statements: those that its Parse messages gave and those of SQL's PREPARE, which
 * PostgreSQL keeps in one table.
 */
export class SharedNames {
  #statements: SessionStatements | null = null;
  /** Names that SQL's PREPARE has given; the session is pinned while it has any. */
  #sqlNames: Set<string> | null = null;

  /** The statements of the protocol, by the session's names. */
  get statements(): SessionStatements | null {
    return this.#statements;
  }

  /** The same, to put one in. */
  need(): SessionStatements {
    return (this.#statements ??= new SessionStatements());
  }

  /** Whether SQL's PREPARE has given the name. */
  isOfSql(name: string): boolean {
    return this.#sqlNames?.has(name) === true;
  }

  /** A Close of the protocol takes the name away, whoever gave it. */
  closed(name: string): OwedNote | null {
    this.#sqlNames?.delete(name);
    return this.#statements?.close(name) ?? null;
  }

  /** The session has ended. */
  clear(): void {
    this.#statements?.clear();
  }

  /**
   * SQL names one statement that was prepared over the protocol: PostgreSQL keeps both kinds under the same names, but
   * here the database knows those of the protocol by other names.
   */
  find(effects: Effects): SharedName | null {
    const [only] = effects.details;
    if (effects.statements !== 1 || only === undefined || this.#statements === null) return null;
    if (only.kind !== 'deallocate' && only.kind !== 'execute' && only.kind !== 'prepare')
      return null;
    const name = only.name ?? '';
    const statement = this.#statements.get(name);
    if (statement === undefined) return null;
    return { name, statement, deallocates: only.kind === 'deallocate' };
  }

  /** Prepares something for the Query that follows, in a group of its own; what comes of it shows in the Query. */
  #prepare(connection: DatabaseConnection, parse: Buffer): void {
    toDatabase.add(parse);
    toDatabase.add(syncMessage);
    connection.owed.append(Owed.Parse | Fate.Abandon);
    connection.owed.append(Owed.Sync | Fate.Swallow);
  }

  /** Takes away what `prepareFor` made, behind the Query. */
  closeBehind(connection: DatabaseConnection, name: string): void {
    toDatabase.add(buildCloseStatement(name));
    toDatabase.add(syncMessage);
    connection.owed.append(Owed.Close | Fate.Abandon);
    connection.owed.append(Owed.Sync | Fate.Swallow);
  }

  /** What is to be done when a statement with these effects has run; null for nearly all. */
  noteFor(connection: DatabaseConnection, effects: Effects): OwedNote | null {
    if ((effects.flags & (Flag.Prepare | Flag.Deallocate | Flag.Discard)) === 0) return null;
    return new Completion(() => {
      for (const effect of effects.details) {
        if (effect.kind === 'prepare') (this.#sqlNames ??= new Set()).add(effect.name);
        else if (effect.kind === 'deallocate' && effect.name !== undefined) {
          this.#sqlNames?.delete(effect.name);
          this.#statements?.close(effect.name);
        } else if (
          effect.kind === 'deallocate' ||
          (effect.kind === 'discard' && effect.what === 'all')
        ) {
          this.#sqlNames = null;
          this.#statements?.clear();
          connection.statements.clear();
        }
      }
    });
  }

  /** Puts the stand-in for a DEALLOCATE in the place of the client's. */
  deallocate(connection: DatabaseConnection): void {
    this.#prepare(connection, deallocateStandIn);
    toDatabase.add(deallocateQuery);
  }

  /** Prepares the statement under the client's own name, for the Query that follows. */
  prepareFor(connection: DatabaseConnection, shared: SharedName): void {
    this.#prepare(connection, buildNamedParse(shared.name, shared.statement));
  }
}
