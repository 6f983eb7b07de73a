import {
  bodyAt,
  buildQuery,
  endAfter,
  headerLength,
  lengthAt,
  longestMessage,
  MalformedMessage,
  readyStatus,
  shortestLength,
  terminateMessage,
} from '@sluice/wire';
import { Appender } from '../io/appender.ts';
import { countRead } from '../io/collector.ts';
import { caught } from '../io/guard.ts';
import { turn } from '../io/turn.ts';
import type { Worker } from '../io/turn.ts';
import type { Transport, TransportHandler } from '../io/transport.ts';
import { toServer } from '../io/write-buffer.ts';
import { endsConnection } from './error-words.ts';
import { serverLimits } from './limits.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { Action, PendingReplies, Reply, Step, stepOf } from '../protocol/pending-replies.ts';
import type { ReplyNote, ReplyOwner } from '../protocol/pending-replies.ts';
import { describeMissingStatement } from '../statements/statement.ts';

/** The number of messages between two checks whether the turn is over: a power of two. */
const messagesOfSlice = 32;

/** How long the server can take to close the connection after Terminate, in milliseconds. */
const timeToClose = 10_000;

/** What happens to an ErrorResponse. */
export type FailureOutcome =
  /** The pipe has been closed in the meantime. */
  | 'closed'
  /** Neither the error nor what preceded it in its cycle goes to the client. */
  | 'withdrawn'
  /** Its bytes go to the owner of the reply. */
  | 'forwarded'
  /** Its bytes are discarded. */
  | 'dropped';

/** The message `chunk[at, next)`; `chunk[from, at)` precedes it for the same owner, and was not forwarded yet. */
export interface ErrorMessage {
  readonly chunk: Buffer;
  readonly from: number;
  readonly at: number;
  readonly next: number;
}

/** What happens to a NoticeResponse or NotificationResponse. */
export type NoticeOutcome =
  | 'forwarded'
  | 'dropped'
  /** It is discarded, with what preceded it in its cycle. */
  | 'withdrawn';

/** The owner of a pipe, which is notified of messages; the bytes of replies go to their own owners. */
export interface PipeOwner {
  /** Data has arrived. */
  received(): void;
  /** ReadyForQuery with this status byte, for the reply with `action`. Returns false if the pipe has been closed. */
  ready(status: number, note: ReplyNote | null, action: Action): boolean;
  /** ErrorResponse, while `entry` was pending. `handOver` forwards what preceded it to its owner. */
  failed(message: ErrorMessage, handOver: () => void): FailureOutcome;
  /** NoticeResponse or NotificationResponse; `from` as for `failed`. */
  noticed(chunk: Buffer, from: number, at: number, next: number): NoticeOutcome;
  /** ParameterStatus with the body `chunk[start, end)`. Returns whether its bytes go to the owner of the reply. */
  parameter(chunk: Buffer, start: number, end: number): boolean;
  /** No reply is pending. */
  drainedReplies(): void;
  /** The socket accepts bytes again. */
  drained(): void;
  /** The socket was closed by the other side. */
  gone(reason: string): void;
  /** The server has sent a message that fits no pending reply, or an invalid one. */
  outOfSync(what: string): void;
  /** `outOfSync` itself has failed. */
  failedToEnd(what: string): void;
  /** A COPY began whose client is gone: it would wait forever. */
  orphanedCopy(): void;
}

/**
 * The connection to one server process: writes requests, parses what the server sends, message by message, and forwards
 * each byte to its owner. It knows neither session nor pool.
 *
 * Invariants: nothing is written without its entry in `pending`; a message that fits no pending reply puts the pipe out
 * of sync, and it is closed; a closed pipe forwards nothing.
 */
export class Pipe implements Worker, TransportHandler {
  readonly socket: Transport;
  readonly pending = new PendingReplies();
  /**
   * Settles when the socket is closed. PostgreSQL leaves that to the exit of the server process, which is gone then.
   */
  readonly ended: Promise<void>;
  /** Extended-protocol messages were sent since the last Sync: an implicit transaction may be open. */
  cycleOpen = false;
  /** The owner of the current cycle has got an error in it. */
  errorSent = false;
  /**
   * The current cycle has failed. PostgreSQL then sends ReadyForQuery, unless it cannot report a parameter that the
   * cycle has set: a value that does not exist in client_encoding is an error, and PostgreSQL reports it again,
   * endlessly.
   */
  #hasFailed = false;
  readonly #owner: PipeOwner;
  readonly #settleEnded: () => void;
  /** The beginning of a message whose rest has not arrived. */
  #partial: Buffer | null = null;
  /** Joins the partial message with new data; null if there is none. */
  #appender: Appender | null = null;
  /**
   * The remaining bytes of a message whose beginning was already forwarded, and their owner; null: they are discarded.
   */
  #bodyLeft = 0;
  #bodyOwner: ReplyOwner | null = null;
  /** The owner of the part of the current chunk that was not forwarded yet. */
  #reading: ReplyOwner | null = null;
  /** The socket is full: no more requests until it drains. */
  #isFull = false;
  /** The owner of the replies cannot take more bytes. */
  #isPaused = false;
  /** The last message of `#handleOther` goes to the owner of the reply. */
  #isForwarded = false;
  /** The rest of what was read waits for a later turn of the event loop. */
  #isDeferred = false;
  #isStopped = false;
  #isClosed = false;
  #closing: NodeJS.Timeout | undefined;

  constructor(socket: Transport, owner: PipeOwner) {
    this.socket = socket;
    this.#owner = owner;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#settleEnded = resolve;
    socket.handler = this;
    socket.resume();
  }

  onDrain(): void {
    this.#isFull = false;
    this.#owner.drained();
  }

  onEnd(): void {
    // Ignored: `onClose` follows.
  }

  onError({ message }: Error): void {
    this.#readRest();
    this.#owner.gone(message);
  }

  onClose(): void {
    clearTimeout(this.#closing);
    this.#settleEnded();
    this.#readRest();
    this.#owner.gone('the database closed it');
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The socket is full. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Extended-protocol requests without a Sync were sent; internal requests before a cycle count too. */
  get isMidCycle(): boolean {
    return this.cycleOpen || this.pending.endsMidCycle;
  }

  /** A message was forwarded to its owner in part. */
  get isMidReply(): boolean {
    return this.#bodyLeft > 0 && this.#bodyOwner !== null;
  }

  /** Writes the collected requests to the server; `pending` has their entries already. */
  flush(): void {
    if (toServer.bytes > 0 && !toServer.writeTo(this.socket)) this.#isFull = true;
    if (this.pending.headReply === Reply.Local) this.#answerLocally()?.flushReplies();
    if (this.pending.length === 0) this.#owner.drainedReplies();
  }

  /**
   * Adds an internal query before the next collected request, in a separate cycle. With `latin1` each character of
   * `sql` is one byte.
   */
  gather(sql: string, query: InternalQuery, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    this.pending.append(Reply.Query, Action.Internal, query);
    toServer.add(buildQuery(sql, encoding));
  }

  /** Pauses or resumes reading from the server. */
  pauseReading(paused: boolean): void {
    if (paused === this.#isPaused) return;
    this.#isPaused = paused;
    if (!paused && this.#isDeferred) turn.later(this);
    this.#flow();
  }

  workOn(): void {
    if (!this.#isDeferred || this.#isPaused || this.#isClosed) return;
    this.#isDeferred = false;
    this.#walkRest();
    this.#flow();
  }

  /** Reads from the server only while the owner takes replies and nothing waits for a later turn. */
  #flow(): void {
    const stops = this.#isPaused || this.#isDeferred;
    if (stops === this.#isStopped) return;
    this.#isStopped = stops;
    if (stops) this.socket.pause();
    else this.socket.resume();
  }

  /** Processes the rest of what was read, because no more will come. */
  #readRest(): void {
    while (this.#isDeferred && !this.#isClosed) {
      this.#isDeferred = false;
      this.#walkRest();
    }
  }

  #walkRest(): void {
    const rest = this.#partial;
    this.#partial = null;
    if (rest !== null) this.#walk(rest);
  }

  /** Closes the connection: with Terminate if the server can read it, between requests. */
  end(): void {
    if (this.pending.length === 0 && !this.cycleOpen) {
      this.socket.write(terminateMessage);
      this.socket.end();
      this.#closing = setTimeout(() => this.socket.destroy(), timeToClose);
      this.#closing.unref();
    } else this.socket.destroy();
  }

  /** The owner of pending replies is gone: they are discarded. Internal queries stay. */
  orphan(): void {
    this.pending.owner = null;
    this.pending.orphan();
    this.#bodyOwner = null;
    this.#reading = null;
  }

  /** Nothing is forwarded from now on. */
  close(): void {
    this.#isClosed = true;
    if (!this.socket.isEnded) this.socket.destroy();
  }

  /** The server has sent an invalid message, or the proxy has an internal error. */
  broken(error: unknown): void {
    const isMalformed = error instanceof MalformedMessage;
    if (!isMalformed) caught('a server connection', error);
    const what = isMalformed ? error.message : 'internal error in the proxy';
    try {
      if (this.#isClosed) this.socket.destroy();
      else this.#owner.outOfSync(what);
    } catch (another) {
      caught('the end of a server connection', another);
      this.socket.destroy();
      this.#owner.failedToEnd(what);
    }
  }

  onData(input: Buffer): void {
    if (this.#isClosed) return;
    countRead(input.length);
    this.#owner.received();
    let chunk = input;
    if (this.#partial !== null) {
      chunk = (this.#appender ??= new Appender()).append(this.#partial, input);
      this.#partial = null;
    }
    if (!this.#forwardWhole(chunk)) this.#walk(chunk);
  }

  /**
   * Forwards the chunk if it is the complete reply to the only pending request, a Query. Otherwise does nothing. Most
   * chunks are, and the compilers of the runtimes optimize a short function much sooner than `#walk`.
   */
  #forwardWhole(chunk: Buffer): boolean {
    const { pending } = this;
    if (pending.length !== 1 || this.#bodyLeft > 0) return false;
    if (pending.headReply !== Reply.Query || pending.headAction !== Action.Forward) return false;
    const end = chunk.length;
    let at = 0;
    for (let messages = 1; messages < messagesOfSlice; messages++) {
      if (end - at < headerLength) return false;
      const length = lengthAt(chunk, at);
      const next = endAfter(at, length);
      if (length < shortestLength || next > end) return false;
      const step = stepOf(Reply.Query, chunk[at] ?? 0);
      if (step === Step.Ready) {
        const status = next === end ? readyStatus(chunk, at, next) : 0;
        if (status === 0) return false;
        this.#reading = pending.headOwner;
        this.#handOver(chunk, 0, end);
        if (!this.#onReady(status, Action.Forward)) return true;
        this.#reading?.cycleEnded();
        this.#answerLocally();
        this.#appender = null;
        this.#forwarded();
        return true;
      }
      if (step !== Step.More) return false;
      at = next;
    }
    return false;
  }

  /** All complete messages of a chunk are processed. */
  #forwarded(): void {
    const { pending } = this;
    const { owner: reading } = pending;
    if (reading !== null) {
      reading.flushReplies();
      // Writing may have ended the lease.
      if (reading.blocked && pending.owner === reading) this.pauseReading(true);
    }
    if (pending.length === 0) this.#owner.drainedReplies();
  }

  #walk(chunk: Buffer): void {
    const { pending } = this;
    const end = chunk.length;
    let messages = 0;
    // The next message may belong to another reply than the one before.
    let isNext = true;
    let reply: Reply = Reply.Nothing;
    let action: Action = Action.Forward;
    // chunk[from, at) belongs to `#reading` and was not forwarded yet.
    this.#reading = this.#bodyLeft > 0 ? this.#bodyOwner : pending.headOwner;
    let from = 0;
    let at = 0;
    if (this.#bodyLeft > 0) {
      at = Math.min(this.#bodyLeft, end);
      this.#bodyLeft -= at;
      if (this.#bodyOwner === null) from = at;
    }
    while (end - at >= headerLength) {
      messages++;
      if ((messages & (messagesOfSlice - 1)) === 0 && turn.isOver) {
        this.#isDeferred = true;
        turn.later(this);
        this.#flow();
        break;
      }
      const code = chunk[at] ?? 0;
      const length = lengthAt(chunk, at);
      if (length < shortestLength || length > longestMessage) {
        this.#owner.outOfSync(`message 0x${code.toString(16)} with length ${length}`);
        return;
      }
      const next = endAfter(at, length);
      if (isNext) {
        reply = pending.headReply;
        action = pending.headAction;
      }
      const step = stepOf(reply, code);
      const isInspected = step > Step.Done && step !== Step.Filtered;
      const describes = reply === Reply.DescribeStatement;
      if (next > end && (isInspected || action === Action.Internal || describes)) {
        // These are inspected, so they must be complete.
        if (length > serverLimits.longestMessage) {
          this.#owner.outOfSync(`message 0x${code.toString(16)} with length ${length}`);
          return;
        }
        break;
      }
      if (isNext && pending.headOwner !== this.#reading) {
        this.#handOver(chunk, from, at);
        from = at;
        this.#reading = pending.headOwner;
      }
      // Until its last message, the reply at the head is the same.
      isNext = step !== Step.More;
      if (!isNext && action === Action.Forward && !describes && next <= end) {
        at = next;
        continue;
      }
      let forwarded = action === Action.Forward;
      const refusal =
        describes && (step === Step.More || step === Step.Done)
          ? (pending.headNote?.described?.(code, chunk, bodyAt(at), next) ?? null)
          : null;
      switch (step) {
        case Step.More:
          break;
        case Step.Done:
          pending.headNote?.completed?.();
          pending.shift();
          break;
        case Step.Ready: {
          const status = readyStatus(chunk, at, next);
          if (status === 0) {
            this.#owner.outOfSync('a malformed ReadyForQuery');
            return;
          }
          // The client gets the end of its cycle before the owner acts on it.
          this.#handOver(chunk, from, forwarded ? next : at);
          from = at = next;
          if (!this.#onReady(status, action)) return;
          if (forwarded) this.#reading?.cycleEnded();
          this.#answerLocally();
          continue;
        }
        default: {
          const start = this.#handleOther(step, chunk, from, at, next);
          if (start < 0) return;
          from = start;
          forwarded = this.#isForwarded;
        }
      }
      if (action === Action.Internal && step <= Step.Done) {
        const note = pending.headNote;
        if (note instanceof InternalQuery) note.message(code, chunk, bodyAt(at), next);
      }
      if (!forwarded) {
        this.#handOver(chunk, from, at);
        from = Math.min(next, end);
        if (refusal !== null) this.#refuse(refusal);
      }
      if (next > end) {
        this.#bodyLeft = next - end;
        this.#bodyOwner = forwarded ? this.#reading : null;
        at = end;
        break;
      }
      at = next;
      if (step === Step.Done && pending.headReply === Reply.Local) {
        this.#handOver(chunk, from, at);
        from = at;
        this.#answerLocally();
      }
      if (this.#isClosed) return;
    }
    this.#handOver(chunk, from, at);
    if (at < end) this.#partial = at === 0 ? chunk : chunk.subarray(at);
    else this.#appender = null;
    this.#forwarded();
  }

  /**
   * Handles a message that is neither part of the usual reply nor its end. Returns the new value of `from`, or -1: the
   * pipe was closed. Sets `#isForwarded`. It is a function of its own so that the compilers of the runtimes optimize
   * `#walk` soon.
   */
  #handleOther(step: Step, chunk: Buffer, begin: number, at: number, next: number): number {
    const { pending } = this;
    let from = begin;
    const reply = pending.headReply;
    const action = pending.headAction;
    let forwarded = action === Action.Forward;
    switch (step) {
      case Step.Failed: {
        if (this.#hasFailed && !endsConnection(chunk, at, next)) {
          this.#owner.outOfSync('the database reported a second error instead of ReadyForQuery');
          return -1;
        }
        this.#hasFailed = reply !== Reply.Nothing;
        const outcome = this.#owner.failed({ chunk, from, at, next }, () => {
          this.#handOver(chunk, begin, at);
          from = at;
        });
        if (outcome === 'closed') return -1;
        if (outcome === 'withdrawn') from = at;
        forwarded = outcome === 'forwarded';
        break;
      }
      case Step.CopyIn: {
        const cycles = pending.countCycles();
        if (!pending.startCopyIn()) {
          this.#owner.outOfSync('CopyInResponse while other requests were pending');
          return -1;
        }
        this.#reading?.syncsIgnored(cycles - pending.countCycles());
        if (action !== Action.Forward) {
          this.#owner.orphanedCopy();
          return -1;
        }
        break;
      }
      case Step.Notice: {
        const outcome = this.#owner.noticed(chunk, from, at, next);
        if (outcome === 'withdrawn') from = at;
        forwarded = outcome === 'forwarded';
        const instead = forwarded ? (pending.headNote?.noticed?.(chunk, at, next) ?? null) : null;
        if (instead !== null) {
          this.#handOverInstead(instead, chunk, from, at);
          from = at;
          forwarded = false;
        }
        break;
      }
      case Step.Parameter:
        forwarded = this.#owner.parameter(chunk, bodyAt(at), next);
        break;
      case Step.Counted: {
        const instead = pending.headNote?.counted?.() ?? null;
        if (forwarded && instead !== null) {
          this.#handOverInstead(instead, chunk, from, at);
          from = at;
          forwarded = false;
        }
        break;
      }
      case Step.Filtered:
        forwarded &&= pending.headNote?.passes === true;
        break;
      default:
        this.#owner.outOfSync(
          `message 0x${(chunk[at] ?? 0).toString(16)} while ${describe(reply)} was pending`,
        );
        return -1;
    }
    this.#isForwarded = forwarded;
    return from;
  }

  #onReady(status: number, action: Action): boolean {
    const note = this.pending.headNote;
    this.pending.shift();
    if (!this.errorSent) note?.completed?.();
    this.errorSent = false;
    this.#hasFailed = false;
    return this.#owner.ready(status, note, action);
  }

  /** The client gets an error instead of all pending replies of the current cycle; the server fails with it. */
  #refuse(error: Buffer): void {
    this.#reading?.relay(error, 0, error.length);
    this.errorSent = true;
    if (this.pending.orphanCycle()) return;
    toServer.add(describeMissingStatement);
    this.pending.append(Reply.DescribeStatement, Action.Orphaned);
    this.flush();
  }

  /** Sends the proxy's own responses whose turn has come. Returns the owner of the last one. */
  #answerLocally(): ReplyOwner | null {
    let owner: ReplyOwner | null = null;
    while (this.pending.headReply === Reply.Local) {
      const bytes = this.pending.headNote?.bytes;
      owner = this.pending.headOwner;
      if (this.pending.headAction === Action.Forward && bytes !== undefined)
        owner?.relay(bytes, 0, bytes.length);
      this.pending.shift();
    }
    return owner;
  }

  #handOver(chunk: Buffer, from: number, to: number): void {
    if (from < to) this.#reading?.relay(chunk, from, to);
  }

  /** Forwards `chunk[from, to)` and other bytes instead of those that follow. */
  #handOverInstead(bytes: Buffer, chunk: Buffer, from: number, to: number): void {
    this.#handOver(chunk, from, to);
    if (bytes.length > 0) this.#reading?.relay(bytes, 0, bytes.length);
  }
}

function describe(reply: Reply): string {
  for (const [name, kind] of Object.entries(Reply)) {
    if (kind === reply) return name === 'Nothing' ? 'nothing' : `the reply to ${name}`;
  }
  return 'nothing';
}
