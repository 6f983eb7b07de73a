import { FrontendCode as Code, flushMessage, readyForQueryIdle } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import { ProxyError } from '../errors.ts';
import { toDatabase } from '../relay/gatherer.ts';
import { Owed } from '../relay/owed-replies.ts';
import { KeptGroup } from './kept-group.ts';
import { LostConversation } from './lost-conversation.ts';
import type { LostTransaction } from './lost-transaction.ts';
import {
  Kind,
  kinds,
  largeObjectFunctions,
  longestMessage,
  longestSmallMessage,
} from './message-kinds.ts';
import { PinReason } from './pin-reason.ts';
import type { RequestOwner } from './request-owner.ts';
import { StatementRequests } from './statement-requests.ts';

/** What there is to read of a call without a text. */
const emptyText = Buffer.alloc(1);

/**
 * The way of a client's messages to the database: walks what the client sends, header by header, registers what
 * each message will be answered with, and rewrites what names a prepared statement.
 *
 * Whole messages go on as ranges of the chunk they came in; only a message that is cut by the end of a chunk is
 * gathered, and one longer than `longestBuffered` streams.
 */
export class RequestRelay {
  readonly #owner: RequestOwner;
  readonly #requests: StatementRequests;
  /** Bytes received and not gone on yet: the start of a message, or all that waits for a loan. */
  #rest: Buffer | null = null;
  /** Bytes still to come of a message that streams; dropped when `#bodyDropped`. */
  #bodyLeft = 0;
  #bodyDropped = false;
  /** A request of the extended protocol was refused by the proxy itself: everything up to Sync is dropped. */
  #discarding = false;
  #waiting = false;
  #crowded = false;
  #awaitsAnswers = false;
  readonly #group = new KeptGroup();
  /** Stands in for the database connection on which a transaction was lost. */
  #lost: LostConversation | null = null;

  constructor(owner: RequestOwner) {
    this.#owner = owner;
    this.#requests = new StatementRequests(owner);
  }

  /** True when part of a message has gone to the database and the rest has not come. */
  get midMessage(): boolean {
    return this.#bodyLeft > 0 && !this.#bodyDropped;
  }

  /**
   * True when requests wait for a loan and the client has sent on meanwhile, so that no more is to be read. Most send one
   * group and wait: to pause and resume their sockets each time would cost more than the chunk that may come.
   */
  get crowded(): boolean {
    return this.#crowded;
  }

  /** True when requests wait until nothing is owed. */
  get awaitsAnswers(): boolean {
    return this.#awaitsAnswers;
  }

  /** A loan begins on a connection that has names of a session's own. */
  reconcile(connection: DatabaseConnection): void {
    this.#requests.reconcile(connection);
  }

  /** Names of SQL's PREPARE that need not keep the connection. */
  carriedNames(): readonly string[] {
    return this.#requests.names.carried();
  }

  /** A statement is about to run that changes how texts are read. True: some of SQL's PREPARE could not be said again. */
  lexisChanges(): boolean {
    return this.#requests.lexisChanges();
  }

  /** The group at hand, if its first request failed and all of it can be made again; or null. */
  requestToRepeat(connection: DatabaseConnection): Buffer | null {
    return this.#requests.lastGroup.repeatable(connection, this.#requests.names.group);
  }

  /** Makes a group again, before all that the client has sent since; it may have to wait with what waits already. */
  repeat(group: Buffer): void {
    this.#rest = this.#rest === null ? group : Buffer.concat([group, this.#rest]);
    if (!this.#waiting) this.#processRest();
    else this.#flush(this.#owner.connection);
  }

  /** Takes what the client has sent. */
  onData(chunk: Buffer): void {
    if (this.#rest !== null) {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      if (!this.#waiting) this.#processRest();
      else this.#crowd();
    } else if (this.#waiting) this.#rest = chunk;
    else this.#process(chunk);
  }

  /** The database connection takes requests again. */
  resume(): void {
    this.#waiting = false;
    this.#crowded = false;
    this.#awaitsAnswers = false;
    this.#processRest();
  }

  /** A loan was granted: what waits is the first that is sent on it. */
  granted(): void {
    this.#waiting = false;
    this.#crowded = false;
    this.#awaitsAnswers = false;
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
    this.#crowded = false;
    this.#awaitsAnswers = false;
    this.#processRest();
  }

  /** The database connection has ended with a transaction open. */
  transactionLost(transaction: LostTransaction): void {
    this.#group.drop();
    this.#lost = new LostConversation(transaction, this.#requests, this.#owner);
  }

  /** The loan has ended; the session keeps only what it needs for the next. */
  loanEnded(connection: DatabaseConnection): void {
    this.loanLost(connection);
    this.#group.drop();
  }

  /** The loan has ended with a group under way, which may be sent again. */
  loanLost(connection: DatabaseConnection): void {
    this.#requests.loanEnded(connection);
  }

  /**
   * Refuses the request that waits for a loan, as PostgreSQL would: a simple Query is answered by the error and
   * ReadyForQuery, an extended one by the error, and then everything is dropped until Sync.
   */
  refuse(error: Buffer): void {
    this.#waiting = false;
    this.#crowded = false;
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
    this.#requests.close();
    this.#rest = null;
  }

  /** Puts the client's names for its statements in the place of those they bear on database connections. */
  translate(text: string): string {
    return this.#requests.translate(text);
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
    const requests = this.#requests;
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
      } else if (connection.closedToRequests) {
        // A cancel, say, is meant for what runs now, never for what comes next.
        toDatabase.addRange(chunk, from, at);
        this.#flush(connection);
        this.#park(chunk, at);
        return;
      }
      const stop = Math.min(next, end);
      let rewritten = false;
      requests.substituted = false;
      switch (code) {
        case Code.Query:
          groups++;
          toDatabase.addRange(chunk, from, at);
          from = at;
          rewritten = requests.query(connection, chunk, at, next, end);
          break;
        case Code.Sync:
          groups++;
          requests.names.group++;
          connection.owed.append(Owed.Sync);
          connection.groupOpen = false;
          break;
        case Code.Flush:
          break;
        case Code.Execute:
          connection.owed.append(Owed.Execute, requests.executed(connection, chunk, at));
          connection.groupOpen = true;
          break;
        case Code.FunctionCall:
          // FunctionCall (F): Byte1('F') Int32 length, Int32 object id of the function, ...
          if (stop < at + 9 || !largeObjectFunctions.has(chunk.readUInt32BE(at + 5)))
            owner.willRunUnread(PinReason.FunctionCall, emptyText, 0);
          connection.owed.append(Owed.FunctionCall);
          owner.groupStarted();
          break;
        default: {
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
            rewritten = requests.parse(connection, chunk, at, nameEnd, next, end);
          else if (code === Code.Bind) {
            const statementEnd = chunk.indexOf(0, nameEnd + 1);
            if (statementEnd < 0 || statementEnd >= stop) {
              this.#malformed(connection, code);
              return;
            }
            rewritten = requests.bind(connection, chunk, at, nameEnd, statementEnd, stop);
          } else if (code === Code.Describe) {
            rewritten = requests.describe(connection, chunk, at, nameEnd);
          } else rewritten = requests.closeStatement(connection, chunk, at, nameEnd);
          if (requests.waits) break;
          if (!connection.groupOpen) owner.groupStarted();
          connection.groupOpen = true;
        }
      }
      if (requests.waits) {
        this.#awaitAnswers(connection, chunk, at);
        return;
      }
      if (rewritten) from = stop;
      if (next > end) {
        this.#bodyLeft = next - end;
        this.#bodyDropped = requests.substituted;
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
  }

  #crowd(): void {
    if (this.#crowded) return;
    this.#crowded = true;
    this.#owner.pause();
  }

  /** What comes next hangs on answers that are under way. A group that is open is asked for its own. */
  #awaitAnswers(connection: DatabaseConnection, chunk: Buffer, at: number): void {
    this.#requests.waits = false;
    this.#park(chunk, at);
    this.#awaitsAnswers = true;
    if (connection.groupOpen) toDatabase.add(flushMessage);
    this.#flush(connection);
  }

  #malformed(connection: DatabaseConnection, code: number): void {
    this.#flush(connection);
    this.#owner.violated(
      new ProxyError('PROTOCOL_VIOLATION', {
        what: `message ${String.fromCharCode(code)} has no terminated name`,
      }),
    );
  }
}
