import {
  FrontendCode as Code,
  TransactionStatus,
  buildCloseStatement,
  buildErrorResponse,
  buildParse,
  buildQuery,
  closeComplete,
  closeUnnamedStatement,
  parseComplete,
  readyForQueryIdle,
  syncMessage,
} from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import { ProxyError } from '../errors.ts';
import { toDatabase } from '../relay/gatherer.ts';
import { Fate, Owed } from '../relay/owed-replies.ts';
import type { OwedNote } from '../relay/owed-replies.ts';
import { Flag, classifyBytes, shapeOf } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { events } from '../telemetry/events.ts';
import { KeptGroup } from './kept-group.ts';
import { LostConversation } from './lost-conversation.ts';
import type { LostTransaction } from './lost-transaction.ts';
import { Completion, LocalReply, NoteChain, UnnamedChange } from './owed-notes.ts';
import { SessionStatements } from './session-statements.ts';
import {
  backendNamePrefix,
  buildNamedParse,
  describeMissingStatement,
  statements,
} from './statement.ts';
import type { Statement } from './statement.ts';
import { UnnamedStatement, noUnnamedStatement } from './unnamed-statement.ts';

/** Flags of statements that may set parameters which they do not name as such. */
const maySetUnseen = Flag.UnknownFunction | Flag.Procedure | Flag.Do | Flag.SetsParameter;

/** The names of statements on database connections, in a text. */
const backendNames = new RegExp(`${backendNamePrefix}\\d+`, 'g');

/** No message of the protocol is longer: PostgreSQL's own limit (PQ_LARGE_MESSAGE_LIMIT, 1 GiB - 1). */
const longestMessage = 0x3fffffff;
/** PostgreSQL's limit for messages that carry no user data (PQ_SMALL_MESSAGE_LIMIT). */
const longestSmallMessage = 10_000;

/**
 * A statement that does nothing, not even in a failed transaction, and its deallocation: the database answers as it
 * would for the client's own statement.
 */
const deallocateStandIn = buildParse(`${backendNamePrefix}gone`, '');
const deallocateQuery = buildQuery(`DEALLOCATE ${backendNamePrefix}gone`);

/** A statement of the protocol that SQL calls by its name. */
interface SharedName {
  readonly name: string;
  readonly statement: Statement;
  readonly deallocates: boolean;
}

/** The large-object functions, by object id (pg_proc.dat): what they leave behind ends with the transaction. */
const largeObjectFunctions = new Set([
  715, 764, 765, 767, 952, 953, 954, 955, 956, 957, 958, 964, 1004, 3170, 3171, 3172, 3457, 3458,
  3459, 3460,
]);

/** What kind of message a code is, for the checks before anything is done with it. */
const Kind = { Unknown: 0, Small: 1, Large: 2, Streamed: 3 } as const;
const kinds = new Uint8Array(256);
for (const code of [
  Code.Sync,
  Code.Flush,
  Code.Terminate,
  Code.CopyDone,
  Code.Close,
  Code.Describe,
])
  kinds[code] = Kind.Small;
kinds[Code.Execute] = Kind.Small;
kinds[Code.CopyFail] = Kind.Small;
for (const code of [Code.Query, Code.Parse, Code.Bind, Code.FunctionCall]) kinds[code] = Kind.Large;
kinds[Code.CopyData] = Kind.Streamed;

/** The session, as its requests see it. */
export interface RequestOwner {
  /** The database connection on loan, or null. */
  readonly connection: DatabaseConnection | null;
  /** The longest message that is gathered whole; longer ones stream, in bytes. */
  readonly longestBuffered: number;
  /** Under which lexis the database reads the session's statements; see `lexisOf`. */
  readonly lexis: number;
  /** Tells apart what the same statement text means under the session's settings. */
  readonly statementContext: string;
  /** Asks for a loan. True: `connection` is set. False: `resume` will be called, or the request refused. */
  borrow(): boolean;
  /** Looks at what a statement about to run does to the session, and pins where that is needed. */
  willRun(effects: Effects): void;
  /** Tells of a statement, its literals replaced; called only while somebody listens. */
  trace(shape: string): void;
  /** The text of a statement that may set parameters in ways that only their names in it betray. */
  mayNameParameters(text: string): void;
  /** A statement is about to be prepared: puts in front of the group what it must not meet. */
  willParse(effects: Effects): void;
  /** A statement too long to look at is about to run. */
  willRunUnread(): void;
  /** Stops reading from the client until `resume`. */
  pause(): void;
  /** Sends bytes to the client that no database was asked for. */
  reply(bytes: Buffer): void;
  /** The client said Terminate. */
  terminated(): void;
  /** The client broke the protocol. */
  violated(error: ProxyError): void;
  /** A group begins to run. */
  groupStarted(): void;
}

/**
 * The way of a client's messages to the database: walks what the client sends, header by header, registers what
 * each message will be answered with, and rewrites what names a prepared statement.
 *
 * Whole messages go on as ranges of the chunk they came in; only a message that is cut by the end of a chunk is
 * gathered, and one longer than `longestBuffered` streams.
 */
export class RequestRelay {
  readonly #owner: RequestOwner;
  /** The unnamed statement: what Parse said, to be said again on another database connection. */
  unnamed: UnnamedStatement = noUnnamedStatement;
  /** Bytes received and not gone on yet: the start of a message, or all that waits for a loan. */
  #rest: Buffer | null = null;
  /** Bytes still to come of a message that streams; dropped when `#bodyDropped`. */
  #bodyLeft = 0;
  #bodyDropped = false;
  /** A request of the extended protocol was refused by the proxy itself: everything up to Sync is dropped. */
  #discarding = false;
  #waiting = false;
  /** The message at hand was answered by a substitute: if it streams, its rest is dropped. */
  #substituted = false;
  #statements: SessionStatements | null = null;
  readonly #group = new KeptGroup();
  /** Stands in for the database connection on which a transaction was lost. */
  #lost: LostConversation | null = null;
  /** Names that SQL's PREPARE has given; the session is pinned while it has any. */
  #sqlNames: Set<string> | null = null;
  /** Goes with the next Execute of the group: a statement was bound that does more than its rows show. */
  #afterBound: OwedNote | null = null;

  constructor(owner: RequestOwner) {
    this.#owner = owner;
  }

  /** True when part of a message has gone to the database and the rest has not come. */
  get midMessage(): boolean {
    return this.#bodyLeft > 0 && !this.#bodyDropped;
  }

  /** True when requests wait for a loan. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Takes what the client has sent. */
  onData(chunk: Buffer): void {
    if (this.#rest !== null) {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      if (!this.#waiting) this.#processRest();
    } else if (this.#waiting) this.#rest = chunk;
    else this.#process(chunk);
  }

  /** The database connection takes requests again. */
  resume(): void {
    this.#waiting = false;
    this.#processRest();
  }

  /** A loan was granted: what waits is the first that is sent on it. */
  granted(): void {
    this.#waiting = false;
    const rest = this.#rest;
    this.#rest = null;
    if (rest !== null) this.#process(rest, 0);
  }

  /** True when the group under way can be sent again. */
  get canSendAgain(): boolean {
    return this.#group.isKept;
  }

  /** Sends the group under way again, on another loan. */
  sendAgain(): void {
    this.#rest = this.#group.takeBefore(this.#rest);
    this.#waiting = false;
    this.#processRest();
  }

  /** The database connection has ended with a transaction open. */
  transactionLost(transaction: LostTransaction): void {
    this.#group.drop();
    this.#lost = new LostConversation(transaction, this, this.#owner);
  }

  /** The names of the session for prepared statements. */
  get named(): SessionStatements {
    this.#statements ??= new SessionStatements();
    return this.#statements;
  }

  /** The loan has ended; the session keeps only what it needs for the next. */
  loanEnded(): void {
    this.unnamed.keep();
    this.#group.drop();
  }

  /**
   * Refuses the request that waits for a loan, as PostgreSQL would: a simple Query is answered by the error and
   * ReadyForQuery, an extended one by the error, and then everything is dropped until Sync.
   */
  refuse(error: Buffer): void {
    this.#waiting = false;
    const rest = this.#rest;
    const code = rest?.[0] ?? 0;
    this.#owner.reply(error);
    if (code === Code.Query || code === Code.FunctionCall) {
      this.#owner.reply(readyForQueryIdle);
      if (rest !== null) this.#rest = this.#dropFirst(rest);
    } else this.#discarding = true;
    this.#processRest();
  }

  /** The database connection has ended while a group had not reached its Sync: the rest of it is dropped. */
  discardUntilSync(): void {
    this.#discarding = true;
  }

  /** The rest of a message whose beginning went to a database connection that has ended is dropped. */
  dropBody(): void {
    if (this.#bodyLeft > 0) this.#bodyDropped = true;
  }

  /** The session has ended. */
  close(): void {
    this.#statements?.clear();
    this.#rest = null;
  }

  /** Puts the client's names for its statements in the place of those they bear on database connections. */
  translate(text: string): string {
    return text.replaceAll(backendNames, (name) => this.#statements?.nameOf(name) ?? name);
  }

  #dropFirst(rest: Buffer): Buffer | null {
    const next = 1 + rest.readUInt32BE(1);
    if (next < rest.length) return rest.subarray(next);
    this.#bodyLeft = next - rest.length;
    this.#bodyDropped = true;
    return null;
  }

  #processRest(): void {
    const rest = this.#rest;
    this.#rest = null;
    if (rest !== null) this.#process(rest);
  }

  /** `begun`: where in the chunk the first group of a loan begins, or -1. */
  #process(chunk: Buffer, begun = -1): void {
    const owner = this.#owner;
    const end = chunk.length;
    // chunk[from, at) goes to the database as it is and was not gathered yet.
    let from = 0;
    let at = 0;
    let connection = owner.connection;
    // Where a group begins that can be kept to be sent again; it must be the only one.
    let kept = begun;
    let groups = 0;
    this.#group.drop();
    if (this.#bodyLeft > 0) {
      at = Math.min(this.#bodyLeft, end);
      this.#bodyLeft -= at;
      if (this.#bodyDropped || connection === null) from = at;
    }
    while (end - at >= 5) {
      const code = chunk[at] ?? 0;
      const length = chunk.readUInt32BE(at + 1);
      const kind = kinds[code] ?? Kind.Unknown;
      if (
        kind === Kind.Unknown ||
        length < 4 ||
        length > (kind === Kind.Small ? longestSmallMessage : longestMessage)
      ) {
        toDatabase.addRange(chunk, from, at);
        this.#flush(connection);
        owner.violated(
          new ProxyError('PROTOCOL_VIOLATION', {
            what: `message 0x${code.toString(16).padStart(2, '0')} with length ${length}`,
          }),
        );
        return;
      }
      const next = at + 1 + length;
      if (next > end && kind !== Kind.Streamed) {
        if (kind === Kind.Small || length <= owner.longestBuffered) break;
        if (end - at < owner.longestBuffered && end - at < longestSmallMessage) break;
      }
      // COPY data is of use only to a database that was asked for it; elsewhere PostgreSQL ignores it too.
      if (code === Code.CopyData || code === Code.CopyDone || code === Code.CopyFail) {
        if (connection === null || this.#discarding) {
          toDatabase.addRange(chunk, from, at);
          from = Math.min(next, end);
        } else if (code !== Code.CopyData) connection.owed.append(Owed.CopyEnd);
        if (next > end) {
          this.#bodyLeft = next - end;
          this.#bodyDropped = connection === null || this.#discarding;
          at = end;
          break;
        }
        at = next;
        continue;
      }
      if (code === Code.Terminate) {
        toDatabase.addRange(chunk, from, at);
        this.#flush(connection);
        owner.terminated();
        return;
      }
      if (this.#lost !== null) {
        const answer = this.#lost.answer(chunk, at, next);
        if (answer.length > 0) owner.reply(answer);
        if (this.#lost.over) this.#lost = null;
        from = at = Math.min(next, end);
        if (next > end) {
          this.#bodyLeft = next - end;
          this.#bodyDropped = true;
          break;
        }
        continue;
      }
      // A Sync or Flush with something in it is for PostgreSQL to refuse.
      const idle = connection === null && length === 4;
      if (this.#discarding || (idle && (code === Code.Sync || code === Code.Flush))) {
        toDatabase.addRange(chunk, from, at);
        from = Math.min(next, end);
        if (code === Code.Sync) {
          this.#discarding = false;
          owner.reply(readyForQueryIdle);
        }
        if (next > end) {
          this.#bodyLeft = next - end;
          this.#bodyDropped = true;
          at = end;
          break;
        }
        at = next;
        continue;
      }
      if (connection === null) {
        if (!owner.borrow()) {
          // Nothing of this group has gone out: it all waits.
          this.#park(chunk, at);
          return;
        }
        connection = owner.connection;
        if (connection === null) return;
        kept = at;
      } else if (connection.cancelling) {
        // A cancel is meant for what runs now, never for what comes next.
        toDatabase.addRange(chunk, from, at);
        this.#flush(connection);
        this.#park(chunk, at);
        return;
      }
      const stop = Math.min(next, end);
      let rewritten = false;
      this.#substituted = false;
      switch (code) {
        case Code.Query:
          groups++;
          toDatabase.addRange(chunk, from, at);
          from = at;
          rewritten = this.#query(connection, chunk, at, next, end);
          break;
        case Code.Sync:
          groups++;
          this.#afterBound = null;
          connection.owed.append(Owed.Sync);
          connection.groupOpen = false;
          break;
        case Code.Flush:
          break;
        case Code.Execute:
          connection.owed.append(Owed.Execute, this.#afterBound);
          connection.groupOpen = true;
          break;
        case Code.FunctionCall:
          // FunctionCall (F): Byte1('F') Int32 length, Int32 object id of the function, ...
          if (stop < at + 9 || !largeObjectFunctions.has(chunk.readUInt32BE(at + 5)))
            owner.willRunUnread();
          connection.owed.append(Owed.FunctionCall);
          owner.groupStarted();
          break;
        default: {
          if (!connection.groupOpen) owner.groupStarted();
          // Each of these names a statement or portal first; everything before it keeps its place.
          toDatabase.addRange(chunk, from, at);
          from = at;
          const nameEnd = chunk.indexOf(
            0,
            at + (code === Code.Parse || code === Code.Bind ? 5 : 6),
          );
          if (nameEnd < 0 || nameEnd >= stop) {
            this.#malformed(connection, code);
            return;
          }
          // These change the session's names, which the second time would be changed already.
          if (code === Code.Close || (code === Code.Parse && nameEnd > at + 5)) kept = -1;
          if (code === Code.Parse)
            rewritten = this.#parse(connection, chunk, at, nameEnd, next, end);
          else if (code === Code.Bind) {
            const statementEnd = chunk.indexOf(0, nameEnd + 1);
            if (statementEnd < 0 || statementEnd >= stop) {
              this.#malformed(connection, code);
              return;
            }
            rewritten = this.#bind(connection, chunk, at, nameEnd, statementEnd, stop);
          } else if (code === Code.Describe) {
            rewritten = this.#describe(connection, chunk, at, nameEnd);
          } else rewritten = this.#close(connection, chunk, at, nameEnd);
          connection.groupOpen = true;
        }
      }
      if (rewritten) from = stop;
      if (next > end) {
        this.#bodyLeft = next - end;
        this.#bodyDropped = this.#substituted;
        at = end;
        break;
      }
      at = next;
    }
    toDatabase.addRange(chunk, from, at);
    if (at < end) this.#rest = at === 0 ? chunk : chunk.subarray(at);
    else if (kept >= 0 && groups === 1 && this.#bodyLeft === 0 && connection?.groupOpen === false)
      this.#group.keep(chunk, kept, end);
    this.#flush(connection);
  }

  #flush(connection: DatabaseConnection | null): void {
    if (connection === null) return;
    connection.flushRequests();
    if (connection.held) this.#owner.pause();
  }

  #park(chunk: Buffer, at: number): void {
    this.#rest = at === 0 ? chunk : chunk.subarray(at);
    this.#waiting = true;
    this.#owner.pause();
  }

  #malformed(connection: DatabaseConnection, code: number): void {
    this.#flush(connection);
    this.#owner.violated(
      new ProxyError('PROTOCOL_VIOLATION', {
        what: `message ${String.fromCharCode(code)} has no terminated name`,
      }),
    );
  }

  /**
   * Query (F): Byte1('Q') Int32 length, String query. Returns true when it was sent with something around it,
   * or in other words.
   */
  #query(
    connection: DatabaseConnection,
    chunk: Buffer,
    at: number,
    next: number,
    end: number,
  ): boolean {
    const owner = this.#owner;
    let note: OwedNote | null = null;
    let shared: SharedName | null = null;
    if (next > end) owner.willRunUnread();
    else {
      const effects = classifyBytes(chunk, at + 5, Math.max(at + 5, next - 1), owner.lexis);
      this.#lookForNames(effects, chunk, at + 5, next - 1);
      owner.willRun(effects);
      note = this.#noteFor(connection, effects);
      shared = this.#sharedName(effects);
    }
    // "If a simple Query message is received, the unnamed statement is destroyed" (manual, "Extended Query").
    if (this.unnamed !== noUnnamedStatement || connection.unnamed !== noUnnamedStatement) {
      const change = new UnnamedChange(this, connection, false);
      note = note === null ? change : new NoteChain(note, change);
      this.unnamed = noUnnamedStatement;
      connection.unnamed = noUnnamedStatement;
    }
    if (shared !== null && shared.deallocates) {
      this.#prepareAside(connection, deallocateStandIn);
      toDatabase.add(deallocateQuery);
    } else if (shared !== null) {
      this.#prepareAside(connection, buildNamedParse(shared.name, shared.statement));
    }
    // A group that was open stays so: only Sync ends its implicit transaction. PostgreSQL 18 refuses everything
    // afterwards (XX000, "unexpected state STARTED"), so the connection is not lent again.
    if (connection.groupOpen) connection.retireReason ??= 'a Query was sent into an open group';
    connection.owed.append(Owed.Query, note);
    owner.groupStarted();
    if (shared === null) return false;
    if (shared.deallocates) return true;
    toDatabase.addRange(chunk, at, next);
    this.#closeAside(connection, shared.name);
    return true;
  }

  #lookForNames(effects: Effects, chunk: Buffer, start: number, end: number): void {
    if (events.statement.hasSubscribers) this.#owner.trace(shapeOf(chunk, start, end));
    if ((effects.flags & maySetUnseen) !== 0)
      this.#owner.mayNameParameters(chunk.toString('latin1', start, end));
  }

  /**
   * SQL names one statement that was prepared over the protocol: PostgreSQL keeps both kinds under the same names, but
   * here the database knows those of the protocol by other names.
   */
  #sharedName(effects: Effects): SharedName | null {
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
  #prepareAside(connection: DatabaseConnection, parse: Buffer): void {
    toDatabase.add(parse);
    toDatabase.add(syncMessage);
    connection.owed.append(Owed.Parse | Fate.Abandon);
    connection.owed.append(Owed.Sync | Fate.Swallow);
  }

  /** Takes away what `prepareAside` made, behind the Query. */
  #closeAside(connection: DatabaseConnection, name: string): void {
    toDatabase.add(buildCloseStatement(name));
    toDatabase.add(syncMessage);
    connection.owed.append(Owed.Close | Fate.Abandon);
    connection.owed.append(Owed.Sync | Fate.Swallow);
  }

  /** What is to be done when a statement with these effects has run; null for nearly all. */
  #noteFor(connection: DatabaseConnection, effects: Effects): OwedNote | null {
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

  /** Parse (F): Byte1('P') Int32 length, String name, String query, Int16 n, Int32[n] types. */
  #parse(
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
      this.#owner.willRunUnread();
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
    this.#statements ??= new SessionStatements();
    if (this.#sqlNames?.has(name) === true) {
      // SQL's PREPARE has taken the name, on this very connection: PostgreSQL says so itself.
      connection.owed.append(Owed.Parse);
      return false;
    }
    if (this.#statements.get(name) !== undefined) {
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
    const naming = this.#statements.set(name, statement);
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
  #bind(
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
      if (this.unnamed.effects !== null) this.#willRun(connection, this.unnamed.effects);
    } else {
      const name = chunk.toString('latin1', portalEnd + 1, statementEnd);
      const statement = this.#statements?.get(name);
      if (statement === undefined) {
        if (name.startsWith(backendNamePrefix)) {
          this.#substitute(connection, '26000', `prepared statement "${name}" does not exist`);
          return true;
        }
      } else {
        this.#willRun(connection, statement.effects);
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

  #willRun(connection: DatabaseConnection, effects: Effects): void {
    this.#owner.willRun(effects);
    const note = this.#noteFor(connection, effects);
    if (note !== null) this.#afterBound = note;
  }

  /** Describe (F): Byte1('D') Int32 length, Byte1('S' statement or 'P' portal), String name. */
  #describe(connection: DatabaseConnection, chunk: Buffer, at: number, nameEnd: number): boolean {
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
    const statement = this.#statements?.get(name);
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
  #close(connection: DatabaseConnection, chunk: Buffer, at: number, nameEnd: number): boolean {
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
    this.#sqlNames?.delete(name);
    const closed = this.#statements?.close(name) ?? null;
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
    this.#substituted = true;
    connection.owed.append(
      Owed.DescribeStatement | Fate.Substitute,
      new LocalReply(buildErrorResponse({ severity: 'ERROR', sqlstate, message }), null),
    );
  }
}
