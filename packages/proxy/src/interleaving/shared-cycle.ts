import { readErrorMessage } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import { endsConnection, notServing, reportsOutdatedPlan } from '../backend/error-words.ts';
import { mayNameStatements } from '../statements/backend-names.ts';
import { Appender } from '../io/appender.ts';
import type { ReplyNote, ReplyOwner } from '../protocol/pending-replies.ts';
import type { SharedRequest } from './shared-request.ts';

/** The longest reply on a shared lease, in bytes. */
export const longestReply: number = 256 * 1024;

/** The session whose cycle runs on a shared lease. It gets the complete reply, or has to run the cycle alone. */
export interface SharedReader {
  /** The cycle is answered: its reply is `chunk[start, end)`. */
  sharedAnswered(chunk: Buffer, start: number, end: number): void;
  /**
   * The cycle had no effect, and runs again on an exclusive lease. `suspect`: the connection that was lost while the
   * cycle ran, possibly because of it; the client gets `error` if the cycle does not run again.
   */
  runsAlone(suspect: ServerConnection | null, error: ErrorFields | null): void;
  /** The session has an internal error. */
  broken(error: unknown): void;
}

/** The shared lease of a cycle. */
export interface CycleLease {
  /** The reply of the oldest cycle is complete. */
  answered(cycle: SharedCycle): void;
  /** The reply is longer than `longestReply`. */
  tooLarge(cycle: SharedCycle): void;
}

/**
 * A query cycle on a shared lease: one read. The client gets nothing of its reply before the reply is complete, so the
 * cycle can run again elsewhere at any time before that.
 *
 * One object represents one attempt. A reply that arrives after the session has given the attempt up is discarded, so
 * it cannot answer a later cycle of the session.
 */
export class SharedCycle implements ReplyOwner, ReplyNote {
  /** Null if it was given up: its reply is discarded. */
  reader: SharedReader | null;
  readonly request: SharedRequest;
  /** When the session submitted it, in milliseconds of `performance.now()`. */
  readonly since: number;
  /** The database sent something that only an exclusive lease can handle. */
  runsAlone = false;
  /** The pipe never waits for the client, because the reply is collected. */
  readonly blocked = false;
  #lease: CycleLease | null = null;
  #reply: Buffer | null = null;
  #from = 0;
  #to = 0;
  #appender: Appender | null = null;

  constructor(reader: SharedReader, request: SharedRequest, since: number) {
    this.reader = reader;
    this.request = request;
    this.since = since;
  }

  /** It is sent on this lease. */
  sentOn(lease: CycleLease): void {
    this.#lease = lease;
  }

  get replyLength(): number {
    return this.#to - this.#from;
  }

  /** Gives the reply to the session. */
  deliver(): void {
    const { reader } = this;
    this.reader = null;
    if (reader === null) return;
    if (this.runsAlone || this.#reply === null || !this.request.isAsExpected)
      reader.runsAlone(null, null);
    else reader.sharedAnswered(this.#reply, this.#from, this.#to);
  }

  // --- ReplyOwner ---

  relay(chunk: Buffer, start: number, end: number): void {
    if (this.reader === null || this.runsAlone) return;
    if (this.#reply === null) {
      this.#reply = chunk;
      this.#from = start;
      this.#to = end;
    } else if (this.#reply === chunk && this.#to === start) this.#to = end;
    else {
      const before = this.#reply.subarray(this.#from, this.#to);
      this.#reply = (this.#appender ??= new Appender()).append(before, chunk.subarray(start, end));
      this.#from = 0;
      this.#to = this.#reply.length;
    }
    if (this.replyLength > longestReply) {
      this.runsAlone = true;
      this.#reply = null;
      this.#lease?.tooLarge(this);
    }
  }

  flushReplies(): void {
    // The lease delivers replies when all received bytes are processed.
  }

  cycleEnded(): void {
    this.#lease?.answered(this);
  }

  syncsIgnored(): void {
    this.runsAlone = true;
  }

  // --- ReplyNote ---

  undo(): void {
    // A read has nothing to undo.
  }

  /** An error that concerns the server connection rather than the read is left to an exclusive lease. */
  failed(chunk: Buffer, at: number, next: number): null {
    if (
      endsConnection(chunk, at, next) ||
      reportsOutdatedPlan(chunk, at, next) ||
      mayNameStatements(chunk.subarray(at, next)) ||
      notServing.has(readErrorMessage(chunk, at, next).sqlstate)
    )
      this.runsAlone = true;
    return null;
  }
}
