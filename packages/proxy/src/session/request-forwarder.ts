import {
  bodyAt,
  calledFunction,
  describesPortal,
  endAfter,
  firstStringAt,
  flushMessage,
  FrontendCode as Code,
  headerLength,
  lengthAt,
  longestMessage,
  longestSmallMessage,
  messageEnd,
  readyForQueryIdle,
  shortestLength,
  stringEnd,
} from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import { ProxyError } from '../errors.ts';
import { Appender } from '../io/appender.ts';
import { toServer } from '../io/write-buffer.ts';
import { Reply } from '../protocol/pending-replies.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { renewClientNamed } from '../statements/client-named-statements.ts';
import { LostConversation } from '../recovery/lost-conversation.ts';
import type { LostTransaction } from '../recovery/lost-transaction.ts';
import { Kind, kinds, largeObjectFunctions } from '../protocol/message-kinds.ts';
import { PinReason } from '../pinning/pin-reason.ts';
import type { RequestOwner, StatementOwner } from './request-owner.ts';
import { Statement } from '../statements/statement.ts';
import { StatementRewriter } from './statement-rewriter.ts';
import { UnsettledRequests } from '../protocol/unsettled-requests.ts';

/** What there is to read of a call without a text. */
const emptyText = Buffer.alloc(1);

/**
 * The way of a client's messages to the database: walks what the client sends, header by header, registers what
 * each message will be answered with, and rewrites what names a prepared statement.
 *
 * Whole messages go on as ranges of the chunk they came in; only a message that is cut by the end of a chunk is
 * gathered, and one longer than `longestBuffered` streams.
 */
export class RequestForwarder {
  readonly #owner: RequestOwner;
  readonly #statements: StatementOwner;
  readonly #requests: StatementRewriter;
  /** Bytes received and not gone on yet: the start of a message, or all that waits for a lease. */
  #rest: Buffer | null = null;
  /** Puts together what waits and what comes; null while there is no such thing. */
  #appender: Appender | null = null;
  /** Bytes still to come of a message that streams; dropped when `#bodyDropped`. */
  #bodyLeft = 0;
  #bodyDropped = false;
  /** A request of the extended protocol was refused by the proxy itself: everything up to Sync is dropped. */
  #discarding = false;
  #waiting = false;
  #crowded = false;
  #awaitsAnswers = false;
  readonly #cycles: QueryCycles;
  /** What was sent on the lease while its parameters were not set for certain. */
  readonly #unsettled = new UnsettledRequests();
  /** From where on the chunk at hand belongs to the lease; -1: there is none. */
  #leasedAt = -1;
  /** Stands in for the server connection on which a transaction was lost. */
  #lost: LostConversation | null = null;

  constructor(owner: RequestOwner, statements: StatementOwner) {
    this.#owner = owner;
    this.#statements = statements;
    this.#cycles = owner.cycles;
    this.#requests = new StatementRewriter(statements, { cycles: owner.cycles, leases: owner });
  }

  /** True when part of a message has gone to the database and the rest has not come. */
  get midMessage(): boolean {
    return this.#bodyLeft > 0 && !this.#bodyDropped;
  }

  /**
   * True when requests wait for a lease and the client has sent on meanwhile, so that no more is to be read. Most send one
   * cycle and wait: to pause and resume their sockets each time would cost more than the chunk that may come.
   */
  get crowded(): boolean {
    return this.#crowded;
  }

  /** True when requests wait until nothing is owed. */
  get awaitsAnswers(): boolean {
    return this.#awaitsAnswers;
  }

  /** How many names the session has for prepared statements. */
  get names(): number {
    return this.#requests.names.size;
  }

  /** A lease begins on a connection that has names of a session's own. */
  reconcile(connection: ServerConnection): void {
    this.#requests.reconcile(connection);
  }

  /** Names of SQL's PREPARE that need not keep the connection. */
  trackedNames(): readonly string[] {
    return this.#requests.names.tracked();
  }

  /** A statement is about to run that changes how texts are read. True: some of SQL's PREPARE could not be said again. */
  lexisChanges(): boolean {
    return this.#requests.lexisChanges();
  }

  /**
   * The cycle at hand, whose first request was refused for an outdated plan, if all of it can be made again with a new one; or
   * null. The plan is forgotten then.
   */
  requestToRenew(connection: ServerConnection): Buffer | null {
    const { sole } = this.#cycles;
    const statement = sole?.statement;
    const cycle = this.requestToRepeat(connection);
    // A client that knows the rows from before would misread new ones: it must ask within the cycle.
    if (cycle === null || (cycle[0] !== Code.Query && !describesPortal(cycle, 0))) return null;
    if (statement instanceof Statement) connection.state.statements.outdate(statement);
    else renewClientNamed(connection, this.#requests.names);
    return cycle;
  }

  /** The cycle at hand, if its first request failed and all of it can be made again; or null. */
  requestToRepeat(connection: ServerConnection): Buffer | null {
    return connection.cycleOpen ? null : (this.#cycles.sole?.takeFromBeginning() ?? null);
  }

  /** The database does not have the statement that an error tells of: true when the session itself has closed it. */
  hasClosed(connection: ServerConnection, error: string): boolean {
    return this.#requests.hasClosed(connection, error);
  }

  /** Makes the sole cycle again, before all that the client has sent since; it may have to wait with what waits already. */
  repeat(cycle: Buffer): void {
    this.#cycles.restart();
    this.#rest = this.#rest === null ? cycle : Buffer.concat([cycle, this.#rest]);
    if (!this.#waiting) this.#processRest();
    else this.#flush(this.#owner.connection);
  }

  /** Takes what the client has sent. */
  onData(chunk: Buffer): void {
    if (this.#rest !== null) {
      this.#rest = (this.#appender ??= new Appender()).append(this.#rest, chunk);
      if (!this.#waiting) this.#processRest();
      else this.#crowd();
      if (this.#rest === null) this.#appender = null;
    } else if (this.#waiting) this.#rest = chunk;
    else this.#process(chunk);
  }

  /** The server connection takes requests again. */
  resume(): void {
    this.#waiting = false;
    this.#crowded = false;
    this.#awaitsAnswers = false;
    this.#processRest();
  }

  /** A lease was granted: what waits is the first that is sent on it. */
  granted(): void {
    this.#waiting = false;
    this.#crowded = false;
    this.#awaitsAnswers = false;
    const rest = this.#rest;
    this.#rest = null;
    if (rest !== null) this.#process(rest, 0);
  }

  /** True when the cycle under way can be sent again. */
  get canSendAgain(): boolean {
    return this.#cycles.last.isKept;
  }

  /** Sends the cycle under way again, on another lease. */
  sendAgain(): void {
    this.#rest = this.#cycles.first.takeBefore(this.#rest);
    this.#waiting = false;
    this.#crowded = false;
    this.#awaitsAnswers = false;
    this.#processRest();
  }

  /** The server connection has ended with a transaction open. */
  transactionLost(transaction: LostTransaction): void {
    this.#cycles.drop();
    this.#lost = new LostConversation(transaction, this.#requests, this.#statements);
  }

  /** The lease has ended; the session keeps only what it needs for the next. */
  leaseEnded(connection: ServerConnection): void {
    this.leaseLost(connection);
    this.#cycles.drop();
  }

  /** The lease has ended with a cycle under way, which may be sent again. */
  leaseLost(connection: ServerConnection): void {
    this.#requests.leaseEnded(connection);
    this.#cycles.last.forgetBeginning();
  }

  /**
   * Refuses the request that waits for a lease, as PostgreSQL would: a simple Query is answered by the error and
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

  /** The server connection has ended while a cycle had not reached its Sync: the rest of it is dropped. */
  discardUntilSync(): void {
    this.#discarding = true;
  }

  /** The rest of a message whose beginning went to a server connection that has ended is dropped. */
  dropBody(): void {
    if (this.#bodyLeft > 0) this.#bodyDropped = true;
  }

  /** The parameters of the lease are set: what was sent behind them runs here. */
  settled(): void {
    this.#unsettled.clear();
  }

  /** Nothing of the lease has run: all that was sent goes to the next. False: not all of it is at hand. */
  sendUnsettled(): boolean {
    const sent = this.#unsettled.take();
    if (sent === null) return false;
    this.#bodyLeft = 0;
    this.#bodyDropped = false;
    this.#discarding = false;
    this.#rest = this.#rest === null ? sent : Buffer.concat([sent, this.#rest]);
    return true;
  }

  /** The session has ended. */
  close(): void {
    this.#requests.close();
    this.#rest = null;
  }

  /** Puts the client's names for its statements in the place of those they bear on server connections. */
  translate(text: string): string {
    return this.#requests.translate(text);
  }

  #dropFirst(rest: Buffer): Buffer | null {
    const next = messageEnd(rest, 0);
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

  /** `begun`: where in the chunk the first cycle of a lease begins, or -1. */
  #process(chunk: Buffer, begun = -1): void {
    this.#leasedAt = this.#owner.connection === null ? -1 : 0;
    this.#walk(chunk, begun);
    if (this.#leasedAt >= 0 && this.#owner.connection?.replaying === true)
      this.#unsettled.add(chunk.subarray(this.#leasedAt, chunk.length - (this.#rest?.length ?? 0)));
  }

  #walk(chunk: Buffer, begun: number): void {
    const owner = this.#owner;
    const requests = this.#requests;
    const end = chunk.length;
    // chunk[from, at) goes to the database as it is and was not gathered yet.
    let from = 0;
    let at = 0;
    let connection = owner.connection;
    // Where a cycle begins that can be kept to be sent again; it must be the only one.
    let kept = begun;
    let cycles = 0;
    this.#cycles.drop();
    // The session may have kept its connection from before.
    if (connection !== null && !connection.cycleOpen && this.#bodyLeft === 0) kept = 0;
    if (this.#bodyLeft > 0) {
      at = Math.min(this.#bodyLeft, end);
      this.#bodyLeft -= at;
      if (this.#bodyDropped || connection === null) from = at;
    }
    while (end - at >= headerLength) {
      const code = chunk[at] ?? 0;
      const length = lengthAt(chunk, at);
      const kind = kinds[code] ?? Kind.Unknown;
      if (
        kind === Kind.Unknown ||
        length < shortestLength ||
        length > (kind === Kind.Small ? longestSmallMessage : longestMessage)
      ) {
        toServer.addRange(chunk, from, at);
        this.#flush(connection);
        owner.terminate(
          new ProxyError('PROTOCOL_VIOLATION', {
            what: `message 0x${code.toString(16).padStart(2, '0')} with length ${length}`,
          }),
        );
        return;
      }
      const next = endAfter(at, length);
      if (next > end && kind !== Kind.Streamed) {
        if (kind === Kind.Small || length <= owner.longestBuffered) break;
        if (end - at < owner.longestBuffered && end - at < longestSmallMessage) break;
      }
      // COPY data is of use only to a database that was asked for it; elsewhere PostgreSQL ignores it too.
      if (code === Code.CopyData || code === Code.CopyDone || code === Code.CopyFail) {
        if (connection === null || this.#discarding) {
          toServer.addRange(chunk, from, at);
          from = Math.min(next, end);
        } else if (code !== Code.CopyData) connection.pending.append(Reply.CopyEnd);
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
        toServer.addRange(chunk, from, at);
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
        toServer.addRange(chunk, from, at);
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
        connection = owner.borrow();
        if (connection === null) {
          // Nothing of this cycle has gone out: it all waits.
          this.#keepForLater(chunk, at);
          return;
        }
        kept = at;
        this.#leasedAt = at;
      }
      if (connection.lease.isClosedToRequests) {
        // A cancel, say, is meant for what runs now, never for what comes next.
        toServer.addRange(chunk, from, at);
        this.#flush(connection);
        this.#keepForLater(chunk, at);
        return;
      }
      const stop = Math.min(next, end);
      let rewritten = false;
      requests.substituted = false;
      switch (code) {
        case Code.Query:
          cycles++;
          toServer.addRange(chunk, from, at);
          from = at;
          rewritten = requests.query(connection, chunk, at, next, end);
          break;
        case Code.Sync:
          cycles++;
          if (requests.asksAtSync) {
            toServer.addRange(chunk, from, at);
            from = at;
            requests.askAtSync(connection);
          }
          if (connection.pending.append(Reply.Sync)) this.#cycles.end();
          connection.cycleOpen = false;
          break;
        case Code.Flush:
          break;
        case Code.Execute:
          connection.pending.append(Reply.Execute, requests.executed(connection, chunk, at));
          if (!connection.cycleOpen) this.#cycles.begin();
          connection.cycleOpen = true;
          if (requests.restores) {
            toServer.addRange(chunk, from, next);
            from = next;
            requests.restore(connection, chunk, at);
          }
          break;
        case Code.FunctionCall:
          if (!largeObjectFunctions.has(calledFunction(chunk, at, stop)))
            this.#statements.willRunUnread(PinReason.FunctionCall, emptyText, 0);
          if (connection.pending.append(Reply.FunctionCall)) this.#cycles.end();
          break;
        default: {
          // Each of these names a statement or portal first; everything before it keeps its place.
          toServer.addRange(chunk, from, at);
          from = at;
          const nameEnd = stringEnd(chunk, firstStringAt(code, at));
          if (nameEnd < 0 || nameEnd >= stop) {
            this.#malformed(connection, code);
            return;
          }
          // These change the session's names, which the second time would be changed already.
          if (code === Code.Close || (code === Code.Parse && nameEnd > bodyAt(at))) kept = -1;
          if (code === Code.Parse)
            rewritten = requests.parse(connection, chunk, at, nameEnd, next, end);
          else if (code === Code.Bind) {
            const statementEnd = stringEnd(chunk, nameEnd + 1);
            if (statementEnd < 0 || statementEnd >= stop) {
              this.#malformed(connection, code);
              return;
            }
            rewritten = requests.bind(connection, chunk, at, nameEnd, statementEnd, stop);
            this.#statements.bound(chunk, statementEnd + 1, stop);
          } else if (code === Code.Describe) {
            rewritten = requests.describe(connection, chunk, at, nameEnd);
          } else rewritten = requests.closeStatement(connection, chunk, at, nameEnd);
          if (requests.waits) break;
          if (!connection.cycleOpen) this.#cycles.begin();
          connection.cycleOpen = true;
        }
      }
      if (requests.leaves) {
        requests.waits = requests.leaves = false;
        this.#leasedAt = -1;
        this.#keepForLater(chunk, at);
        return;
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
    toServer.addRange(chunk, from, at);
    if (at < end) this.#rest = at === 0 ? chunk : chunk.subarray(at);
    else if (kept >= 0 && cycles === 1 && this.#bodyLeft === 0 && connection?.cycleOpen === false)
      this.#cycles.keep(chunk, kept, end);
    this.#flush(connection);
  }

  #flush(connection: ServerConnection | null): void {
    if (connection === null) return;
    connection.flushRequests();
    if (connection.writesPaused) this.#owner.flow();
  }

  #keepForLater(chunk: Buffer, at: number): void {
    this.#rest = at === 0 ? chunk : chunk.subarray(at);
    this.#waiting = true;
  }

  #crowd(): void {
    if (this.#crowded) return;
    this.#crowded = true;
    this.#owner.flow();
  }

  /** What comes next hangs on answers that are under way. A cycle that is open is asked for its own. */
  #awaitAnswers(connection: ServerConnection, chunk: Buffer, at: number): void {
    this.#requests.waits = false;
    this.#keepForLater(chunk, at);
    this.#awaitsAnswers = true;
    if (connection.cycleOpen) toServer.add(flushMessage);
    this.#flush(connection);
  }

  #malformed(connection: ServerConnection, code: number): void {
    this.#flush(connection);
    this.#owner.terminate(
      new ProxyError('PROTOCOL_VIOLATION', {
        what: `message ${String.fromCharCode(code)} has no terminated name`,
      }),
    );
  }
}
