import {
  buildErrorResponse,
  closeComplete,
  closeUnnamedStatement,
  parseComplete,
  TransactionStatus,
} from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import { toDatabase } from '../relay/gatherer.ts';
import { Fate, Owed } from '../relay/owed-replies.ts';
import type { OwedNote } from '../relay/owed-replies.ts';
import { Flag, classifyBytes, shapeOf } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { events } from '../telemetry/events.ts';
import { LocalReply, NoteChain, UnnamedChange } from './owed-notes.ts';
import { PinReason } from './pin-reason.ts';
import type { RequestOwner } from './request-owner.ts';
import type { SessionStatements } from './session-statements.ts';
import { SharedNames } from './shared-names.ts';
import type { SharedName } from './shared-names.ts';
import { backendNamePrefix, describeMissingStatement, statements } from './statement.ts';
import type { Statement } from './statement.ts';
import { UnnamedStatement, noUnnamedStatement } from './unnamed-statement.ts';

/** Flags of statements that may set parameters which they do not name as such. */
const maySetUnseen = Flag.UnknownFunction | Flag.Procedure | Flag.Do | Flag.SetsParameter;

/** The names of statements on database connections, in a text. */
const backendNames = new RegExp(`${backendNamePrefix}\\d+`, 'g');

/**
 * What becomes of the messages that hold a statement or name one: Query, Parse, Bind, Describe and Close. Registers what
 * each will be answered with, and puts other words in the place of those that the database connection must not see.
 *
 * Each method returns true when it has gathered the message itself, false when the message goes on as it came.
 */
export class StatementRequests {
  /** The unnamed statement: what Parse said, to be said again on another database connection. */
  unnamed: UnnamedStatement = noUnnamedStatement;
  /** The message at hand was answered by a substitute: if it streams, its rest is dropped. */
  substituted = false;
  /** Goes with the next Execute of the group: a statement was bound that does more than its rows show. */
  afterBound: OwedNote | null = null;
  readonly #owner: RequestOwner;
  readonly #names = new SharedNames();

  constructor(owner: RequestOwner) {
    this.#owner = owner;
  }

  /** The session has ended. */
  close(): void {
    this.#names.clear();
  }

  /** The statements of the protocol, by the session's names. */
  get named(): SessionStatements {
    return this.#names.need();
  }

  /** Puts the client's names for its statements in the place of those they bear on database connections. */
  translate(text: string): string {
    return text.replaceAll(backendNames, (name) => this.#names.statements?.nameOf(name) ?? name);
  }

  /**
   * Query (F): Byte1('Q') Int32 length, String query. Returns true when it was sent with something around it,
   * or in other words.
   */
  query(
    connection: DatabaseConnection,
    chunk: Buffer,
    at: number,
    next: number,
    end: number,
  ): boolean {
    const owner = this.#owner;
    let note: OwedNote | null = null;
    let shared: SharedName | null = null;
    if (next > end) owner.willRunUnread(PinReason.LongStatement, chunk, at + 5);
    else {
      const effects = classifyBytes(chunk, at + 5, Math.max(at + 5, next - 1), owner.lexis);
      this.#lookForNames(effects, chunk, at + 5, next - 1);
      owner.willRun(effects, chunk, at + 5);
      note = this.#names.noteFor(connection, effects);
      shared = this.#names.find(effects);
    }
    // "If a simple Query message is received, the unnamed statement is destroyed" (manual, "Extended Query").
    if (this.unnamed !== noUnnamedStatement || connection.unnamed !== noUnnamedStatement) {
      const change = new UnnamedChange(this, connection, false);
      note = note === null ? change : new NoteChain(note, change);
      this.unnamed = noUnnamedStatement;
      connection.unnamed = noUnnamedStatement;
    }
    if (shared !== null && shared.deallocates) {
      this.#names.deallocate(connection);
    } else if (shared !== null) {
      this.#names.prepareFor(connection, shared);
    }
    // A group that was open stays so: only Sync ends its implicit transaction. PostgreSQL 18 refuses everything
    // afterwards (XX000, "unexpected state STARTED"), so the connection is not lent again.
    if (connection.groupOpen) connection.retireReason ??= 'a Query was sent into an open group';
    connection.owed.append(Owed.Query, note);
    owner.groupStarted();
    if (shared === null) return false;
    if (shared.deallocates) return true;
    toDatabase.addRange(chunk, at, next);
    this.#names.closeBehind(connection, shared.name);
    return true;
  }

  #lookForNames(effects: Effects, chunk: Buffer, start: number, end: number): void {
    if (events.statement.hasSubscribers) this.#owner.trace(shapeOf(chunk, start, end));
    if ((effects.flags & maySetUnseen) !== 0)
      this.#owner.mayNameParameters(chunk.toString('latin1', start, end));
  }

  /** Parse (F): Byte1('P') Int32 length, String name, String query, Int16 n, Int32[n] types. */
  parse(
    connection: DatabaseConnection,
    chunk: Buffer,
    at: number,
    nameEnd: number,
    next: number,
    end: number,
  ): boolean {
    const named = nameEnd > at + 5;
    if (next > end) {
      // Too long to keep: it lives on this connection under the client's own name, and the session with it.
      this.#owner.willRunUnread(PinReason.LongStatement, chunk, nameEnd + 1);
      if (!named) {
        this.unnamed = new UnnamedStatement(null, 0, 0, null);
        connection.unnamed = this.unnamed;
      }
      connection.owed.append(Owed.Parse);
      return false;
    }
    const textEnd = chunk.indexOf(0, nameEnd + 1);
    if (textEnd < 0 || textEnd >= next) {
      // Let PostgreSQL say what is wrong with it.
      connection.owed.append(Owed.Parse);
      return false;
    }
    if (!named) {
      const effects = classifyBytes(chunk, nameEnd + 1, textEnd, this.#owner.lexis);
      this.#lookForNames(effects, chunk, nameEnd + 1, textEnd);
      this.#owner.willParse(effects);
      const change = new UnnamedChange(this, connection, false);
      this.unnamed = new UnnamedStatement(chunk, at, next, effects);
      connection.unnamed = this.unnamed;
      connection.owed.append(Owed.Parse, change);
      return false;
    }
    const name = chunk.toString('latin1', at + 5, nameEnd);
    const names = this.#names.need();
    if (this.#names.isOfSql(name)) {
      // SQL's PREPARE has taken the name, on this very connection: PostgreSQL says so itself.
      connection.owed.append(Owed.Parse);
      return false;
    }
    if (names.get(name) !== undefined) {
      this.#substitute(connection, '42P05', `prepared statement "${name}" already exists`);
      return true;
    }
    const statement = statements.intern(
      chunk,
      nameEnd + 1,
      textEnd,
      next,
      this.#owner.statementContext,
      this.#owner.lexis,
    );
    this.#lookForNames(statement.effects, chunk, nameEnd + 1, textEnd);
    this.#owner.willParse(statement.effects);
    const naming = names.set(name, statement);
    const known = connection.statements.use(statement);
    if (
      known &&
      connection.status === TransactionStatus.Failed &&
      connection.owed.length === 0 &&
      (statement.effects.flags & Flag.Transaction) === 0
    ) {
      // In a failed transaction PostgreSQL refuses the text before it looks at the name.
      toDatabase.add(statement.parseMessage);
      connection.owed.append(Owed.Parse, naming);
    } else if (known) {
      connection.owed.append(Owed.Local, new LocalReply(parseComplete, naming));
    } else {
      this.#prepare(connection, statement, Fate.Relay, naming);
    }
    return true;
  }

  /** Prepares a statement on the connection, making room first. `alsoUndo` is taken back with it. */
  #prepare(
    connection: DatabaseConnection,
    statement: Statement,
    fate: number,
    alsoUndo: OwedNote | null,
  ): void {
    const surplus = connection.statements.surplus;
    if (surplus !== null) {
      toDatabase.add(surplus.closeMessage);
      connection.owed.append(Owed.Close | Fate.Swallow, connection.statements.close(surplus));
    }
    toDatabase.add(statement.parseMessage);
    const added = connection.statements.add(statement);
    connection.owed.append(
      Owed.Parse | fate,
      alsoUndo === null ? added : new NoteChain(added, alsoUndo),
    );
  }

  /** Bind (F): Byte1('B') Int32 length, String portal, String statement, then formats and values. */
  bind(
    connection: DatabaseConnection,
    chunk: Buffer,
    at: number,
    portalEnd: number,
    statementEnd: number,
    stop: number,
  ): boolean {
    let rewritten = false;
    if (statementEnd === portalEnd + 1) {
      this.#ensureUnnamed(connection);
      const { effects, source, start: parseStart } = this.unnamed;
      // The text follows the header and the empty name.
      if (effects !== null && source !== null)
        this.#willRun(connection, effects, source, parseStart + 6);
    } else {
      const name = chunk.toString('latin1', portalEnd + 1, statementEnd);
      const statement = this.#names.statements?.get(name);
      if (statement === undefined) {
        if (name.startsWith(backendNamePrefix)) {
          this.#substitute(connection, '26000', `prepared statement "${name}" does not exist`);
          return true;
        }
      } else {
        const textStart = 5 + statement.backendName.length;
        this.#willRun(connection, statement.effects, statement.parseMessage, textStart);
        if (!connection.statements.use(statement)) {
          this.#prepare(connection, statement, Fate.Swallow, null);
        }
        const backendName = statement.backendName;
        const headEnd = portalEnd + 1 - at;
        const head = Buffer.allocUnsafe(headEnd + backendName.length);
        chunk.copy(head, 0, at, portalEnd + 1);
        backendName.copy(head, headEnd);
        const length = chunk.readUInt32BE(at + 1) + backendName.length - (statementEnd - portalEnd);
        head.writeUInt32BE(length, 1);
        toDatabase.add(head);
        toDatabase.addRange(chunk, statementEnd + 1, stop);
        rewritten = true;
      }
    }
    connection.owed.append(Owed.Bind);
    return rewritten;
  }

  #willRun(
    connection: DatabaseConnection,
    effects: Effects,
    source: Buffer,
    textStart: number,
  ): void {
    this.#owner.willRun(effects, source, textStart);
    const note = this.#names.noteFor(connection, effects);
    if (note !== null) this.afterBound = note;
  }

  /** Describe (F): Byte1('D') Int32 length, Byte1('S' statement or 'P' portal), String name. */
  describe(connection: DatabaseConnection, chunk: Buffer, at: number, nameEnd: number): boolean {
    if (chunk[at + 5] !== 0x53) {
      connection.owed.append(Owed.DescribePortal);
      return false;
    }
    if (nameEnd === at + 6) {
      this.#ensureUnnamed(connection);
      connection.owed.append(Owed.DescribeStatement);
      return false;
    }
    const name = chunk.toString('latin1', at + 6, nameEnd);
    const statement = this.#names.statements?.get(name);
    if (statement === undefined) {
      if (name.startsWith(backendNamePrefix)) {
        this.#substitute(connection, '26000', `prepared statement "${name}" does not exist`);
        return true;
      }
      connection.owed.append(Owed.DescribeStatement);
      return false;
    }
    if (!connection.statements.use(statement)) {
      this.#prepare(connection, statement, Fate.Swallow, null);
    }
    toDatabase.add(statement.describeMessage);
    connection.owed.append(Owed.DescribeStatement);
    return true;
  }

  /** Close (F): Byte1('C') Int32 length, Byte1('S' statement or 'P' portal), String name. */
  closeStatement(
    connection: DatabaseConnection,
    chunk: Buffer,
    at: number,
    nameEnd: number,
  ): boolean {
    if (chunk[at + 5] !== 0x53) {
      connection.owed.append(Owed.Close);
      return false;
    }
    if (nameEnd === at + 6) {
      const change = new UnnamedChange(this, connection, false);
      this.unnamed = noUnnamedStatement;
      connection.unnamed = noUnnamedStatement;
      connection.owed.append(Owed.Close, change);
      return false;
    }
    const name = chunk.toString('latin1', at + 6, nameEnd);
    const closed = this.#names.closed(name);
    if (closed === null && !name.startsWith(backendNamePrefix)) {
      connection.owed.append(Owed.Close);
      return false;
    }
    // Others may use the statement: the connection keeps it, until it is the least recently used.
    connection.owed.append(Owed.Local, new LocalReply(closeComplete, closed));
    return true;
  }

  /** Makes this session's unnamed statement the connection's, so that it meets its own and never another's. */
  #ensureUnnamed(connection: DatabaseConnection): void {
    const unnamed = this.unnamed;
    if (connection.unnamed === unnamed) return;
    if (unnamed.source === null) {
      toDatabase.add(closeUnnamedStatement);
      connection.owed.append(Owed.Close | Fate.Swallow, new UnnamedChange(this, connection, true));
    } else {
      toDatabase.addRange(unnamed.source, unnamed.start, unnamed.end);
      connection.owed.append(Owed.Parse | Fate.Swallow, new UnnamedChange(this, connection, true));
    }
    connection.unnamed = unnamed;
  }

  /**
   * Refuses a request of the extended protocol in the proxy's own words. The database is made to fail at the same
   * place (it is asked for a statement that does not exist), so that its transaction ends as the client believes.
   */
  #substitute(connection: DatabaseConnection, sqlstate: string, message: string): void {
    toDatabase.add(describeMissingStatement);
    this.substituted = true;
    connection.owed.append(
      Owed.DescribeStatement | Fate.Substitute,
      new LocalReply(buildErrorResponse({ severity: 'ERROR', sqlstate, message }), null),
    );
  }
}
