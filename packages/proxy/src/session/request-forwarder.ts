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
  readBoundCycle,
  readParsedCycle,
  readyForQueryIdle,
  shortestLength,
  stringEnd,
} from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import { ProxyError } from '../errors.ts';
import { Appender } from '../io/appender.ts';
import { turn } from '../io/turn.ts';
import { toServer } from '../io/write-buffer.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { renewClientNamed } from '../statements/client-named-statements.ts';
import { LostConversation } from '../recovery/lost-conversation.ts';
import type { LostTransaction } from '../recovery/lost-transaction.ts';
import { Kind, kindOf, largeObjectFunctions } from '../protocol/message-kinds.ts';
import { PinReason } from '../pinning/pin-reason.ts';
import type { RequestOwner, StatementOwner } from './request-owner.ts';
import { Statement } from '../statements/statement.ts';
import { StatementRewriter } from './statement-rewriter.ts';
import { UnsettledRequests } from '../protocol/unsettled-requests.ts';

/** The number of messages between two checks whether the turn is over: a power of two. */
const messagesOfSlice = 16;

/** Stands for the text of a FunctionCall, which has none: an empty text. */
const emptyText = Buffer.alloc(1);

/**
 * The path of the client's messages to the database. It parses what the client sends, header by header, registers the
 * pending reply of each message, and rewrites messages that name a prepared statement.
 *
 * Complete messages are forwarded as ranges of the received chunk. Only a message that crosses the end of a chunk is
 * buffered, and one longer than `longestBuffered` streams.
 */
export class RequestForwarder {
  readonly #owner: RequestOwner;
  readonly #statements: StatementOwner;
  readonly #requests: StatementRewriter;
  /**
   * Bytes that were received and not forwarded yet: the beginning of a message, or everything that waits for a lease.
   */
  #rest: Buffer | null = null;
  /** Joins the waiting bytes and new ones; null if none wait. */
  #appender: Appender | null = null;
  /** The remaining bytes of a streaming message; they are dropped if `#bodyDropped`. */
  #bodyLeft = 0;
  #bodyDropped = false;
  /** The proxy refused an extended-protocol request: everything up to Sync is dropped. */
  #discarding = false;
  #waiting = false;
  #crowded = false;
  #awaitsAnswers = false;
  /** With `#awaitsAnswers`: no reply is pending, so that the requests can only be tried again, and only once. */
  #awaitsNothing = false;
  /** The requests of `#awaitsNothing` are being tried again. */
  #triesAgain = false;
  /**
   * The client has pipelined too much: its next requests wait until only so many replies are pending. -1: it has not.
   */
  #awaitsPending = -1;
  readonly #cycles: QueryCycles;
  /** What was sent on the lease before its parameters were certainly set; null for sessions that never set any. */
  #unsettled: UnsettledRequests | null = null;
  /** The offset from which the current chunk belongs to the lease; -1: none. */
  #leasedAt = -1;
  /** The length of the cycle on a shared lease. */
  #sharedBytes = 0;
  /** Answers in place of the server connection on which a transaction was lost. */
  #lost: LostConversation | null = null;

  constructor(owner: RequestOwner, statements: StatementOwner) {
    this.#owner = owner;
    this.#statements = statements;
    this.#cycles = owner.cycles;
    this.#requests = new StatementRewriter(statements, { cycles: owner.cycles, leases: owner });
  }

  /** True if a message was sent to the database in part. */
  get midMessage(): boolean {
    return this.#bodyLeft > 0 && !this.#bodyDropped;
  }

  /**
   * True if requests wait for a lease and the client has sent more, so that reading must pause. Most clients send one
   * cycle and wait; pausing and resuming their sockets each time would cost more than one extra chunk.
   */
  get crowded(): boolean {
    return this.#crowded;
  }

  /** True if requests wait until no reply is pending. */
  get awaitsAnswers(): boolean {
    return this.#awaitsAnswers;
  }

  /** Replies have come: true if the requests that waited for them may continue. */
  mayContinue(connection: ServerConnection): boolean {
    return connection.pending.length <= this.#awaitsPending;
  }

  /** The number of prepared statement names of the session. */
  get names(): number {
    return this.#requests.statements.names.size;
  }

  /** The length of the names and texts that are kept for the session. */
  get bytes(): number {
    return this.#requests.bytes;
  }

  /** The number of tracked portals. */
  get portals(): number {
    return this.#requests.portals;
  }

  /** A lease begins on a connection with client-named statements. */
  reconcile(connection: ServerConnection): void {
    this.#requests.reconcile(connection);
  }

  /** Names of SQL-level prepared statements that do not need to keep the connection. */
  trackedNames(): readonly string[] {
    return this.#requests.statements.names.tracked();
  }

  /**
   * A statement is about to change how texts are parsed. True: some SQL-level statements could not be prepared again.
   */
  lexisChanges(): boolean {
    return this.#requests.statements.lexisChanges();
  }

  /**
   * The current cycle, whose first request failed because of an outdated plan, if it can be retried completely with a
   * new plan; otherwise null. Discards the plan.
   */
  requestToRenew(connection: ServerConnection): Buffer | null {
    const { sole } = this.#cycles;
    const statement = sole?.statement;
    const cycle = this.requestToRepeat(connection);
    // A client that knows the old row description would misread new rows: it must request it within the cycle.
    if (cycle === null || (cycle[0] !== Code.Query && !describesPortal(cycle, 0))) return null;
    if (statement instanceof Statement) connection.state.statements.outdate(statement);
    else renewClientNamed(connection, this.#requests.statements.names);
    return cycle;
  }

  /** The current cycle, if its first request failed and it can be retried completely; otherwise null. */
  requestToRepeat(connection: ServerConnection): Buffer | null {
    return connection.cycleOpen ? null : (this.#cycles.sole?.takeFromBeginning() ?? null);
  }

  /** The error says that a statement does not exist: true if the session itself has closed it. */
  hasClosed(connection: ServerConnection, error: string): boolean {
    return this.#requests.statements.hasClosed(connection, error);
  }

  /**
   * Retries the only cycle, before everything that the client has sent since. It may have to wait with the waiting
   * bytes.
   */
  repeat(cycle: Buffer): void {
    this.#cycles.restart();
    this.#rest = this.#rest === null ? cycle : Buffer.concat([cycle, this.#rest]);
    if (!this.#waiting) this.#processRest();
    else this.#flush(this.#owner.connection);
  }

  onData(chunk: Buffer): void {
    if (this.#rest !== null) {
      this.#rest = (this.#appender ??= new Appender()).append(this.#rest, chunk);
      if (!this.#waiting) this.#processRest();
      else this.#crowd();
      if (this.#rest === null) this.#appender = null;
    } else if (this.#waiting) this.#rest = chunk;
    else this.#process(chunk);
  }

  /** The server connection accepts requests again. */
  resume(): void {
    this.#triesAgain = this.#awaitsNothing;
    this.#goOn();
    this.#processRest();
    this.#triesAgain = false;
  }

  /** A lease was granted: the waiting bytes are its first requests. */
  granted(): void {
    this.#goOn();
    const rest = this.#rest;
    this.#rest = null;
    if (rest !== null) this.#process(rest, 0);
  }

  /** True if the running cycle can be retried. */
  get canSendAgain(): boolean {
    return this.#cycles.last.isKept;
  }

  /** Retries the running cycle on another lease. */
  sendAgain(): void {
    this.#rest = this.#cycles.first.takeBefore(this.#rest);
    this.#goOn();
    this.#processRest();
  }

  /** The server connection was lost with an open transaction. */
  transactionLost(transaction: LostTransaction): void {
    this.#cycles.drop();
    this.#lost = new LostConversation(transaction, this.#requests.statements, this.#statements);
  }

  /** The lease has ended. The session keeps only the state for the next one. */
  leaseEnded(connection: ServerConnection): void {
    this.leaseLost(connection);
    this.#cycles.drop();
  }

  /** The lease has ended with a running cycle, which may be retried. */
  leaseLost(connection: ServerConnection): void {
    this.#requests.leaseEnded(connection);
    this.#cycles.last.forgetBeginning();
  }

  /**
   * Refuses the request that waits for a lease, as PostgreSQL would: with the error and ReadyForQuery for a simple
   * Query, and with the error for an extended request, after which everything up to Sync is dropped.
   */
  refuse(error: Buffer): void {
    this.#goOn();
    const rest = this.#rest;
    const code = rest?.[0] ?? 0;
    this.#owner.reply(error);
    if (code === Code.Query || code === Code.FunctionCall) {
      this.#owner.reply(readyForQueryIdle);
      if (rest !== null) this.#rest = this.#dropFirst(rest);
    } else this.#discarding = true;
    this.#processRest();
  }

  /** The cycle that waits was answered on a shared lease. `isParsed`: the unnamed statement of its Parse exists. */
  answered(isParsed: boolean): void {
    this.#goOn();
    const rest = this.#rest;
    if (rest !== null) {
      if (isParsed) this.#requests.statements.unnamedParsed(rest);
      // A Query destroys the unnamed statement, and a refused Parse leaves none.
      else if (rest[0] !== Code.Bind) this.#requests.statements.unnamed.clear();
      this.#rest = rest.length > this.#sharedBytes ? rest.subarray(this.#sharedBytes) : null;
    }
    this.#processRest();
  }

  /** The server connection was lost before the Sync of a cycle: the rest of the cycle is dropped. */
  discardUntilSync(): void {
    this.#discarding = true;
  }

  /** Drops the rest of a message that was sent in part to a lost server connection. */
  dropBody(): void {
    if (this.#bodyLeft > 0) this.#bodyDropped = true;
  }

  /** The parameters of the lease are set: the requests after them have run here. */
  settled(): void {
    this.#unsettled?.clear();
  }

  /**
   * Nothing of the lease has run: everything that was sent moves to the next lease. False: not all bytes are available.
   */
  sendUnsettled(): boolean {
    const sent = (this.#unsettled ??= new UnsettledRequests()).take();
    if (sent === null) return false;
    this.#bodyLeft = 0;
    this.#bodyDropped = false;
    this.#discarding = false;
    this.#rest = this.#rest === null ? sent : Buffer.concat([sent, this.#rest]);
    return true;
  }

  /** The session has ended. */
  close(): void {
    this.#requests.statements.close();
    this.#rest = null;
  }

  /** Replaces the names of statements on the server connection by those of the client. */
  translate(text: string): string {
    return this.#requests.statements.translate(text);
  }

  #goOn(): void {
    this.#waiting = false;
    this.#crowded = false;
    this.#awaitsAnswers = false;
    this.#awaitsNothing = false;
    this.#awaitsPending = -1;
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

  /** `begun`: the offset in the chunk of the first cycle of a lease, or -1. */
  #process(chunk: Buffer, begun = -1): void {
    this.#leasedAt = this.#owner.connection === null ? -1 : 0;
    if (this.#isOneQuery(chunk)) this.#forwardQuery(chunk);
    else this.#walk(chunk, begun);
    if (this.#leasedAt >= 0 && this.#owner.connection?.replaying === true)
      (this.#unsettled ??= new UnsettledRequests()).add(
        chunk.subarray(this.#leasedAt, chunk.length - (this.#rest?.length ?? 0)),
      );
  }

  /** The chunk is one Query, and nothing precedes it. So are most chunks of clients that use the simple protocol. */
  #isOneQuery(chunk: Buffer): boolean {
    return (
      chunk[0] === Code.Query &&
      chunk.length > headerLength &&
      endAfter(0, lengthAt(chunk, 0)) === chunk.length &&
      this.#bodyLeft === 0 &&
      !this.#discarding &&
      this.#lost === null &&
      this.#cycles.complete === 0 &&
      this.#owner.connection?.cycleOpen !== true
    );
  }

  /** As `#walk`, for such a chunk: the compilers of the runtimes optimize a short function much sooner. */
  #forwardQuery(chunk: Buffer): void {
    const owner = this.#owner;
    const end = chunk.length;
    let { connection } = owner;
    this.#cycles.drop();
    if (connection === null) {
      const isShared = owner.mayShare() && this.#share(chunk, 0, end, end);
      connection = isShared ? null : owner.borrow();
      if (connection === null) {
        this.#keepForLater(chunk, 0);
        return;
      }
      this.#leasedAt = 0;
    } else {
      const refusal = owner.refusal();
      if (refusal !== null) {
        owner.reply(refusal);
        owner.reply(readyForQueryIdle);
        return;
      }
    }
    if (connection.lease.isClosedToRequests) {
      this.#flush(connection);
      this.#keepForLater(chunk, 0);
      return;
    }
    const isCollected = this.#requests.query(connection, chunk, 0, end, end);
    if (this.#isHeldBack(connection, chunk, 0)) return;
    if (!isCollected) toServer.add(chunk);
    if (!connection.cycleOpen) this.#cycles.keep(chunk, 0, end);
    this.#flush(connection);
  }

  /** Whether the message at `at` waits for another connection, or for pending replies. */
  #isHeldBack(connection: ServerConnection, chunk: Buffer, at: number): boolean {
    const requests = this.#requests;
    if (requests.leaves) {
      requests.waits = requests.leaves = false;
      this.#leasedAt = -1;
      this.#keepForLater(chunk, at);
      return true;
    }
    if (!requests.waits) return false;
    this.#awaitAnswers(connection, chunk, at);
    return true;
  }

  #walk(chunk: Buffer, begun: number): void {
    const owner = this.#owner;
    const requests = this.#requests;
    const end = chunk.length;
    // chunk[from, at) is forwarded unchanged and was not collected yet.
    let from = 0;
    let at = 0;
    let connection = owner.connection;
    // The offset of a cycle that can be kept for a retry; it must be the only one.
    let kept = begun;
    let cycles = 0;
    let messages = 0;
    // Syncs that the proxy answers itself, but has not yet: one write for many.
    let synced = 0;
    this.#cycles.drop();
    // The session may have the connection from before.
    if (connection !== null && !connection.cycleOpen && this.#bodyLeft === 0) kept = 0;
    if (this.#bodyLeft > 0) {
      at = Math.min(this.#bodyLeft, end);
      this.#bodyLeft -= at;
      if (this.#bodyDropped || connection === null) from = at;
    }
    while (end - at >= headerLength) {
      const code = chunk[at] ?? 0;
      const length = lengthAt(chunk, at);
      const kind = kindOf(code);
      if (synced > 0 && code !== Code.Sync && code !== Code.Flush) {
        this.#answerSyncs(synced);
        synced = 0;
      }
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
      messages++;
      if ((messages & (messagesOfSlice - 1)) === 0 && turn.isOver) {
        if (synced > 0) this.#answerSyncs(synced);
        toServer.addRange(chunk, from, at);
        this.#flush(connection);
        this.#keepForLater(chunk, at);
        this.#crowd();
        owner.workLater();
        return;
      }
      // PostgreSQL ignores COPY data outside COPY, so it does not need a lease.
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
      // PostgreSQL must refuse a Sync or Flush with a body.
      const idle = connection === null && length === 4;
      if (this.#discarding || (idle && (code === Code.Sync || code === Code.Flush))) {
        toServer.addRange(chunk, from, at);
        from = Math.min(next, end);
        if (code === Code.Sync) {
          this.#discarding = false;
          synced++;
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
      if (synced > 0) {
        this.#answerSyncs(synced);
        synced = 0;
      }
      if (connection === null) {
        if (owner.mayShare() && this.#share(chunk, at, next, end)) {
          this.#keepForLater(chunk, at);
          return;
        }
        connection = owner.borrow();
        if (connection === null) {
          // No part of this cycle has been sent: all of it waits.
          this.#keepForLater(chunk, at);
          return;
        }
        kept = at;
        this.#leasedAt = at;
      } else if (!connection.cycleOpen && this.#cycles.complete === 0 && code !== Code.Sync) {
        const refusal = owner.refusal();
        if (refusal !== null) {
          toServer.addRange(chunk, from, at);
          from = at;
          owner.reply(refusal);
          if (code !== Code.Query && code !== Code.FunctionCall) {
            this.#discarding = true;
            continue;
          }
          owner.reply(readyForQueryIdle);
          from = at = Math.min(next, end);
          if (next <= end) continue;
          this.#bodyLeft = next - end;
          this.#bodyDropped = true;
          break;
        }
      }
      if (connection.lease.isClosedToRequests) {
        // A cancel, for example, applies to the running request, never to the next one.
        toServer.addRange(chunk, from, at);
        this.#flush(connection);
        this.#keepForLater(chunk, at);
        return;
      }
      if (
        connection.cycleOpen
          ? connection.pending.length >= owner.mostPending
          : this.#cycles.complete > 0 && !owner.maySendAhead
      ) {
        toServer.addRange(chunk, from, at);
        this.#awaitSome(connection, chunk, at);
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
          if (requests.statements.unnamed.describesAtSync) {
            toServer.addRange(chunk, from, at);
            from = at;
            requests.statements.unnamed.describeAtSync(connection);
          }
          if (connection.pending.append(Reply.Sync)) this.#cycles.end();
          connection.cycleOpen = false;
          break;
        case Code.Flush:
          if (length === shortestLength) break;
          // PostgreSQL refuses one with a body as it refuses any request of a cycle: with an error, up to the next
          // Sync.
          connection.pending.append(Reply.Close);
          if (!connection.cycleOpen) this.#cycles.begin();
          connection.cycleOpen = true;
          break;
        case Code.Execute:
          connection.pending.append(
            Reply.Execute,
            Action.Forward,
            requests.executed(connection, chunk, at),
          );
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
          // These messages begin with the name of a statement or portal. The bytes before keep their order.
          toServer.addRange(chunk, from, at);
          from = at;
          const nameEnd = stringEnd(chunk, firstStringAt(code, at));
          if (nameEnd < 0 || nameEnd >= stop) {
            this.#malformed(connection, code);
            return;
          }
          // These change the session's names, so a retry would find them changed.
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
      if (this.#isHeldBack(connection, chunk, at)) return;
      if (rewritten) from = stop;
      if (next > end) {
        this.#bodyLeft = next - end;
        this.#bodyDropped = requests.substituted;
        at = end;
        break;
      }
      at = next;
    }
    if (synced > 0) this.#answerSyncs(synced);
    toServer.addRange(chunk, from, at);
    if (at < end) this.#rest = at === 0 ? chunk : chunk.subarray(at);
    else if (kept >= 0 && cycles === 1 && this.#bodyLeft === 0 && connection?.cycleOpen === false)
      this.#cycles.keep(chunk, kept, end);
    this.#flush(connection);
  }

  /** Whether the cycle that begins at `at` runs on a shared lease. */
  #share(chunk: Buffer, at: number, next: number, end: number): boolean {
    const owner = this.#owner;
    const code = chunk[at];
    if (code === Code.Query && next <= end) {
      this.#sharedBytes = next - at;
      return owner.share(chunk, at, next);
    }
    const parsed = code === Code.Parse && next <= end ? readParsedCycle(chunk, at, end) : null;
    if (parsed !== null) {
      this.#sharedBytes = parsed.end - at;
      return owner.shareParsed(chunk, at, parsed);
    }
    const cycle = code === Code.Bind && next <= end ? readBoundCycle(chunk, at, end) : null;
    if (cycle === null) return owner.hasOtherForm();
    const named = this.#requests.statements.at(chunk, cycle.nameStart, cycle.nameEnd);
    if (named === null) return owner.hasOtherForm();
    this.#sharedBytes = cycle.end - at;
    return owner.shareBound(named, chunk, at, cycle);
  }

  #answerSyncs(count: number): void {
    this.#owner.reply(
      count === 1
        ? readyForQueryIdle
        : Buffer.alloc(count * readyForQueryIdle.length, readyForQueryIdle),
    );
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

  /** The next message depends on pending replies. In an open cycle, Flush requests them. */
  #awaitAnswers(connection: ServerConnection, chunk: Buffer, at: number): void {
    this.#requests.waits = false;
    this.#keepForLater(chunk, at);
    const awaitsNothing = connection.pending.length === 0 && !connection.lease.isClosedToRequests;
    if (awaitsNothing && this.#triesAgain && at === 0) {
      // A further try would not end either.
      this.#owner.broken(new Error('a request waits for replies, and none is pending'));
      return;
    }
    this.#awaitsNothing = awaitsNothing;
    this.#awaitsAnswers = true;
    if (connection.cycleOpen) toServer.add(flushMessage);
    this.#flush(connection);
  }

  /** The client has pipelined too much: it waits for half of the pending replies. */
  #awaitSome(connection: ServerConnection, chunk: Buffer, at: number): void {
    this.#keepForLater(chunk, at);
    this.#awaitsPending = connection.pending.length >> 1;
    // The database buffers replies until a Flush or a Sync.
    if (connection.cycleOpen) toServer.add(flushMessage);
    this.#crowd();
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
