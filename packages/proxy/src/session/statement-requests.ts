import {
  buildErrorResponse,
  closeComplete,
  closeUnnamedStatement,
  parseComplete,
  syncMessage,
  TransactionStatus,
} from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import { toDatabase } from '../relay/gatherer.ts';
import { Fate, Owed } from '../relay/owed-replies.ts';
import type { OwedNote } from '../relay/owed-replies.ts';
import { Flag, classifyBytes, shapeOf } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { events } from '../telemetry/events.ts';
import type { StatementKeeper } from './lost-conversation.ts';
import { NameChanges, bytesOf, meetNames, textOf, usesNames } from './name-changes.ts';
import type { NamingText } from './name-changes.ts';
import { ensureOwn, reconcileOwnNames } from './own-names.ts';
import { LastGroup } from './last-group.ts';
import { LocalReply, NoteChain, UnnamedChange } from './owed-notes.ts';
import { PinReason } from './pin-reason.ts';
import type { RequestOwner } from './request-owner.ts';
import { SessionNames } from './session-names.ts';
import { SqlStatement } from './sql-statement.ts';
import { backendNamePrefix, describeMissingStatement, statements } from './statement.ts';
import type { Statement } from './statement.ts';
import { UnnamedStatement, noUnnamedStatement } from './unnamed-statement.ts';

/** Flags of statements that may set parameters which they do not name as such. */
const maySetUnseen = Flag.UnknownFunction | Flag.Procedure | Flag.Do | Flag.SetsParameter;

/** The names of statements on database connections, in a text. */
const backendNames = new RegExp(`${backendNamePrefix}\\d+`, 'g');

/** Counts statements that no other session may share. */
let ownStatements = 0;

/**
 * What becomes of the messages that hold a statement or name one: Query, Parse, Bind, Describe and Close. Registers what
 * each will be answered with, and puts other words in the place of those that the database connection must not see.
 *
 * Each method returns true when it has gathered the message itself, false when the message goes on as it came.
 */
export class StatementRequests implements StatementKeeper {
  /** The unnamed statement as all answers so far have left it: to be made again on another database connection. */
  settled: UnnamedStatement = noUnnamedStatement;
  /** The same, if all goes well with what was sent. */
  #unnamed: UnnamedStatement = noUnnamedStatement;
  /** The group that changed the unnamed statement while answers were under way; -1: all is settled. */
  #unnamedGroup = -1;
  /** The message at hand was answered by a substitute: if it streams, its rest is dropped. */
  substituted = false;
  /** The message at hand hangs on answers that are under way: nothing was done, it waits until they are there. */
  waits = false;
  readonly names = new SessionNames();
  readonly lastGroup = new LastGroup();
  readonly #owner: RequestOwner;
  /** The last group that changes how texts are read, while it may not be answered; -1: there is none. */
  #lexisGroup = -1;
  /** Portals whose statements use names, by their own names: what their Execute will do. */
  #bound: Map<string, NamingText> | null = null;

  constructor(owner: RequestOwner) {
    this.#owner = owner;
  }

  /** The session has ended. */
  close(): void {
    this.names.clear();
  }

  /** A loan begins on a connection that has own names of this session or another. */
  reconcile(connection: DatabaseConnection): void {
    reconcileOwnNames(connection, this.names);
  }

  /** The loan has ended: the session keeps only what it needs for the next. */
  loanEnded(connection: DatabaseConnection): void {
    this.names.settled();
    this.#lexisGroup = -1;
    this.#settleUnnamed(connection);
    this.#unnamed.keep();
    this.lastGroup.forget();
    this.#bound = null;
  }

  /**
   * The group at hand is about to change how texts are read. True when some statements of SQL's PREPARE could not be said
   * again then.
   */
  lexisChanges(): boolean {
    this.#lexisGroup = this.names.group;
    return this.names.keepFragile();
  }

  effectsOf(name: string): Effects | null {
    return (name === '' ? this.#unnamed : this.names.get(name))?.effects ?? null;
  }

  keepParsed(chunk: Buffer, at: number, next: number, effects: Effects): void {
    const nameEnd = chunk.indexOf(0, at + 5);
    const name = nameIn(chunk, at + 5, nameEnd);
    if (name === '') {
      const unnamed = new UnnamedStatement(chunk, at, next, effects);
      unnamed.keep();
      this.#unnamed = this.settled = unnamed;
    } else if (this.names.get(name) === undefined) {
      const textEnd = chunk.indexOf(0, nameEnd + 1);
      this.names.put(name, this.#intern(chunk, nameEnd + 1, textEnd, next, effects));
    }
  }

  forget(name: string): void {
    if (name === '') this.#unnamed = this.settled = noUnnamedStatement;
    else this.names.delete(name);
  }

  /** Puts the client's names for its statements in the place of those they bear on database connections. */
  translate(text: string): string {
    return text.replaceAll(backendNames, (name) => this.names.nameOf(name) ?? name);
  }

  /**
   * Query (F): Byte1('Q') Int32 length, String query.
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
    let owed: number = Owed.Query;
    if (next > end) owner.willRunUnread(PinReason.LongStatement, chunk, at + 5);
    else {
      const start = at + 5;
      const textEnd = Math.max(start, next - 1);
      const effects = this.#classify(connection, chunk, start, textEnd);
      if (effects === null) return this.#wait();
      if ((effects.flags & usesNames) !== 0) {
        if (this.names.inDoubt(connection)) return this.#wait();
        note = this.#meetNames(connection, { source: chunk, start, end: textEnd, effects });
        owed = Owed.CountedQuery;
        if (effects.statements === 1 && (effects.flags & Flag.Execute) !== 0)
          this.lastGroup.begins(connection, chunk, at, this.names.group);
      }
      this.#lookForNames(effects, chunk, start, textEnd);
      owner.willRun(effects, chunk, start);
    }
    // "If a simple Query message is received, the unnamed statement is destroyed" (manual, "Extended Query").
    if (
      this.#unnamed !== noUnnamedStatement ||
      this.settled !== noUnnamedStatement ||
      connection.unnamed !== noUnnamedStatement
    ) {
      const change = this.#changeUnnamed(connection, noUnnamedStatement);
      note = note === null ? change : new NoteChain(note, change);
    }
    // A group that was open stays so: only Sync ends its implicit transaction. PostgreSQL 18 refuses everything
    // afterwards (XX000, "unexpected state STARTED"), so the connection is not lent again.
    if (connection.groupOpen) connection.retireReason ??= 'a Query was sent into an open group';
    connection.owed.append(owed, note);
    this.names.group++;
    owner.groupStarted();
    return false;
  }

  /** Puts what the names in a Query stand for in front of it, in a group of its own. */
  #meetNames(connection: DatabaseConnection, text: NamingText): OwedNote {
    const changes = this.#changesOf(connection, text);
    const met = meetNames(
      connection,
      this.names,
      text,
      Fate.Abandon,
      changes.preparation,
      (effects) => this.#owner.willRun(effects, text.source, text.start),
    );
    if (met && !connection.groupOpen) {
      toDatabase.add(syncMessage);
      connection.owed.append(Owed.Sync | Fate.Swallow);
    }
    return changes;
  }

  /** What a text that is about to run does to the session's names. */
  #changesOf(connection: DatabaseConnection, text: NamingText): NameChanges {
    const changes = new NameChanges(connection, this.names, text);
    if (changes.any) this.names.sqlSent();
    if (changes.keepsConnection) this.#owner.keepStatements(text.source, text.start);
    return changes;
  }

  /**
   * What a text does. Null: it waits for the answers to earlier groups, which may change how texts are read, or for a
   * statement of the proxy's own.
   */
  #classify(
    connection: DatabaseConnection,
    chunk: Buffer,
    start: number,
    end: number,
  ): Effects | null {
    const pending = this.#lexisGroup >= 0 && this.#lexisGroup !== this.names.group;
    if (pending && connection.owed.length === 0) {
      // ReadyForQuery has come, and before it what has changed.
      this.#lexisGroup = -1;
      this.#owner.lexisTold();
    }
    const effects = classifyBytes(chunk, start, end, this.#owner.lexis);
    const { reason } = effects;
    const isUnread = reason === 'backslash' || reason === 'encoding';
    if (isUnread && pending && this.#lexisGroup >= 0) return null;
    return this.#owner.mustWait(effects) ? null : effects;
  }

  #wait(): false {
    this.waits = true;
    return false;
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
      connection.owed.append(
        Owed.Parse,
        named ? null : this.#changeUnnamed(connection, new UnnamedStatement(null, 0, 0, null)),
      );
      return false;
    }
    const textEnd = chunk.indexOf(0, nameEnd + 1);
    if (textEnd < 0 || textEnd >= next) {
      // Let PostgreSQL say what is wrong with it.
      connection.owed.append(Owed.Parse);
      return false;
    }
    if (!named) {
      const effects = this.#classify(connection, chunk, nameEnd + 1, textEnd);
      if (effects === null || !this.#readNames(connection, effects)) return this.#wait();
      this.#lookForNames(effects, chunk, nameEnd + 1, textEnd);
      this.#owner.willParse(effects);
      const unnamed = new UnnamedStatement(chunk, at, next, effects);
      connection.owed.append(Owed.Parse, this.#changeUnnamed(connection, unnamed));
      return false;
    }
    const name = nameIn(chunk, at + 5, nameEnd);
    const { names } = this;
    if (names.inDoubt(connection)) return this.#wait();
    if (names.get(name) !== undefined) return this.#parseTaken(connection, name);
    const effects = this.#classify(connection, chunk, nameEnd + 1, textEnd);
    if (effects === null || !this.#readNames(connection, effects)) return this.#wait();
    const statement = this.#intern(chunk, nameEnd + 1, textEnd, next, effects);
    this.#lookForNames(effects, chunk, nameEnd + 1, textEnd);
    this.#owner.willParse(effects);
    const naming = names.parsed(name, statement);
    if (!connection.statements.use(statement)) {
      this.#prepare(connection, statement, Fate.Relay, naming);
    } else if (
      connection.status !== TransactionStatus.Failed &&
      connection.owed.countGroups() === 0 &&
      connection.statements.isReadUnder(statement, this.#owner.searchPath)
    ) {
      connection.owed.append(Owed.Local, new LocalReply(parseComplete, naming));
    } else {
      // In a failed transaction, and one that fails may be under way, and under another search_path, PostgreSQL may refuse
      // the text: it is asked.
      toDatabase.add(statement.closeMessage);
      connection.owed.append(Owed.Close | Fate.Swallow, connection.statements.close(statement));
      this.#prepare(connection, statement, Fate.Relay, naming);
    }
    return true;
  }

  /** A Parse under a name that is taken: PostgreSQL says so itself, if there is nothing worse to say. */
  #parseTaken(connection: DatabaseConnection, name: string): boolean {
    if (name.startsWith(backendNamePrefix)) {
      this.#substitute(connection, '42P05', `prepared statement "${name}" already exists`);
      return true;
    }
    ensureOwn(connection, this.names, name, true, Fate.Swallow, null);
    connection.owed.append(Owed.Parse);
    return false;
  }

  /**
   * The statement of a Parse. One that calls others by their names is the session's own, and so is a second one that the
   * session has the same text for: errors are told by name.
   */
  #intern(chunk: Buffer, start: number, textEnd: number, end: number, effects: Effects): Statement {
    const context = this.#owner.statementContext(hasLiterals(chunk, start, textEnd));
    const statement = statements.intern(chunk, start, end, context, effects);
    if ((effects.flags & Flag.Execute) === 0 && !this.names.has(statement)) return statement;
    statements.release(statement);
    return statements.intern(chunk, start, end, `${++ownStatements}\0${context}`, effects);
  }

  /** A text is prepared: what its EXECUTE calls decides what its rows are. False: that is in doubt. */
  #readNames(connection: DatabaseConnection, effects: Effects): boolean {
    if ((effects.flags & Flag.Execute) === 0) return true;
    if (this.names.inDoubt(connection)) return false;
    for (const effect of effects.details)
      if (effect.kind === 'execute')
        ensureOwn(connection, this.names, bytesOf(effect.name), false, Fate.Swallow, null);
    return true;
  }

  /** Prepares a statement on the connection, making room first. `alsoUndo` is taken back with it. */
  #prepare(
    connection: DatabaseConnection,
    statement: Statement,
    fate: number,
    alsoUndo: OwedNote | null,
  ): void {
    this.names.touched();
    const surplus = connection.statements.surplus;
    if (surplus !== null) {
      toDatabase.add(surplus.closeMessage);
      connection.owed.append(Owed.Close | Fate.Swallow, connection.statements.close(surplus));
    }
    toDatabase.add(statement.parseMessage);
    const added = connection.statements.add(statement, this.#owner.searchPath);
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
    this.#bound?.delete(nameIn(chunk, at + 5, portalEnd));
    if (statementEnd === portalEnd + 1) {
      if (this.#unnamedInDoubt(connection)) return this.#wait();
      const { effects, source, start, end } = this.#unnamed;
      if (effects !== null && this.#owner.mustWait(effects)) return this.#wait();
      if (effects !== null && (effects.flags & usesNames) !== 0 && source !== null) {
        const text = { source, start: start + 6, end: end - 1, effects };
        if (!this.#bindNaming(connection, nameIn(chunk, at + 5, portalEnd), text))
          return this.#wait();
      }
      // The text follows the header and the empty name. What is put in front of it may be a Query, which destroys the
      // unnamed statement.
      if (effects !== null && source !== null) this.#owner.willRun(effects, source, start + 6);
      this.#ensureUnnamed(connection);
    } else {
      const name = nameIn(chunk, portalEnd + 1, statementEnd);
      if (this.names.inDoubt(connection)) return this.#wait();
      const statement = this.names.get(name);
      if (statement instanceof SqlStatement) {
        if (!connection.groupOpen) this.lastGroup.begins(connection, chunk, at, this.names.group);
        this.#owner.willRun(statement.effects, statement.source, statement.start);
        ensureOwn(connection, this.names, name, false, Fate.Swallow, null);
      } else if (statement === undefined) {
        if (name.startsWith(backendNamePrefix)) {
          this.#substitute(connection, '26000', `prepared statement "${name}" does not exist`);
          return true;
        }
      } else {
        const { effects, parseMessage } = statement;
        if (this.#owner.mustWait(effects)) return this.#wait();
        const textStart = 5 + statement.backendName.length;
        if ((effects.flags & usesNames) !== 0) {
          if (!this.#bindNaming(connection, nameIn(chunk, at + 5, portalEnd), textOf(statement)))
            return this.#wait();
        }
        this.#owner.willRun(effects, parseMessage, textStart);
        if (!connection.groupOpen) this.lastGroup.begins(connection, chunk, at, this.names.group);
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

  /** A statement that uses names is bound to a portal. False: what they stand for is in doubt. */
  #bindNaming(connection: DatabaseConnection, portal: string, text: NamingText): boolean {
    if (this.names.inDoubt(connection)) return false;
    meetNames(connection, this.names, text, Fate.Swallow, null, (effects) =>
      this.#owner.willRun(effects, text.source, text.start),
    );
    (this.#bound ??= new Map()).set(portal, text);
    return true;
  }

  /** Execute (F): Byte1('E') Int32 length, String portal, Int32 rows. What is to be done when it has run. */
  executed(connection: DatabaseConnection, chunk: Buffer, at: number): OwedNote | null {
    if (this.#bound === null) return null;
    const text = this.#bound.get(nameIn(chunk, at + 5, chunk.indexOf(0, at + 5)));
    return text === undefined ? null : this.#changesOf(connection, text);
  }

  /** Describe (F): Byte1('D') Int32 length, Byte1('S' statement or 'P' portal), String name. */
  describe(connection: DatabaseConnection, chunk: Buffer, at: number, nameEnd: number): boolean {
    if (chunk[at + 5] !== 0x53) {
      connection.owed.append(Owed.DescribePortal);
      return false;
    }
    if (nameEnd === at + 6) {
      if (this.#unnamedInDoubt(connection)) return this.#wait();
      this.#ensureUnnamed(connection);
      connection.owed.append(Owed.DescribeStatement);
      return false;
    }
    const name = nameIn(chunk, at + 6, nameEnd);
    if (this.names.inDoubt(connection)) return this.#wait();
    const statement = this.names.get(name);
    if (statement instanceof SqlStatement) {
      ensureOwn(connection, this.names, name, false, Fate.Swallow, null);
      connection.owed.append(Owed.DescribeStatement);
      return false;
    }
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
      connection.owed.append(Owed.Close, this.#changeUnnamed(connection, noUnnamedStatement));
      return false;
    }
    const name = nameIn(chunk, at + 6, nameEnd);
    if (this.names.inDoubt(connection)) return this.#wait();
    const closed = this.names.closed(name);
    const own = connection.ownNames?.byName;
    const hadOwn = own?.get(name);
    if (own !== undefined && hadOwn !== undefined) {
      own.delete(name);
      const back: OwedNote = { undo: () => void own.set(name, hadOwn) };
      connection.owed.append(Owed.Close, closed === null ? back : new NoteChain(closed, back));
      return false;
    }
    if (closed === null && !name.startsWith(backendNamePrefix)) {
      connection.owed.append(Owed.Close);
      return false;
    }
    // Others may use the statement: the connection keeps it, until it is the least recently used.
    connection.owed.append(Owed.Local, new LocalReply(closeComplete, closed));
    return true;
  }

  /** The client changes its unnamed statement, and with it the connection's. */
  #changeUnnamed(connection: DatabaseConnection, after: UnnamedStatement): UnnamedChange {
    this.#unnamed = after;
    connection.unnamed = after;
    this.#unnamedGroup = this.names.group;
    return new UnnamedChange(this, connection, after);
  }

  /** Whether another group than this has changed the unnamed statement and is not answered yet. */
  #unnamedInDoubt(connection: DatabaseConnection): boolean {
    if (this.#unnamedGroup < 0 || this.#unnamedGroup === this.names.group) return false;
    if (connection.owed.length > 0) return true;
    this.#settleUnnamed(connection);
    return false;
  }

  /** Nothing is owed: what the client's requests have made of the unnamed statement is known. */
  #settleUnnamed(connection: DatabaseConnection): void {
    connection.unnamed = connection.settledUnnamed;
    this.#unnamed = this.settled;
    this.#unnamedGroup = -1;
  }

  /** Makes this session's unnamed statement the connection's, so that it meets its own and never another's. */
  #ensureUnnamed(connection: DatabaseConnection): void {
    const unnamed = this.#unnamed;
    if (connection.unnamed === unnamed) return;
    const note = new UnnamedChange(null, connection, unnamed);
    connection.unnamed = unnamed;
    this.#unnamedGroup = this.names.group;
    if (unnamed.source === null) {
      toDatabase.add(closeUnnamedStatement);
      connection.owed.append(Owed.Close | Fate.Swallow, note);
    } else {
      toDatabase.addRange(unnamed.source, unnamed.start, unnamed.end);
      connection.owed.append(Owed.Parse | Fate.Swallow, note);
    }
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

/** PostgreSQL cuts the names of statements to 63 bytes (NAMEDATALEN - 1). */
function nameIn(chunk: Buffer, start: number, end: number): string {
  return chunk.toString('latin1', start, Math.min(end, start + 63));
}

/** Whether the text may hold a literal in quotes. */
function hasLiterals(chunk: Buffer, start: number, end: number): boolean {
  const quote = chunk.indexOf(0x27, start);
  if (quote >= 0 && quote < end) return true;
  for (let at = chunk.indexOf(0x24, start); at >= 0 && at < end; at = chunk.indexOf(0x24, at + 1)) {
    // $1 is a parameter; all else may begin a string in dollar quotes.
    const after = chunk[at + 1] ?? 0;
    if (after < 0x30 || after > 0x39) return true;
  }
  return false;
}
