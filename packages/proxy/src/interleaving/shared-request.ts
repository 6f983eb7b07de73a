import type { ParsedCycle } from '@sluice/wire';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { RequestSink } from '../protocol/request-sink.ts';
import type { StatementSink } from '../statements/statement-sink.ts';

/** The request of a read on a shared lease: one complete cycle. */
export interface SharedRequest {
  /** See `ReadHistory`. */
  readonly key: number;
  /**
   * Collects the request for the connection, with its pending replies; `note` belongs to each. False: it cannot run on
   * this connection, and nothing was collected.
   */
  gather(connection: StatementSink, note: ReplyNote): boolean;
  /** Whether the reply is what the client expects. Asked when it is complete. */
  readonly isAsExpected: boolean;
  /** The database says that the rows of its statement have changed. */
  planOutdated(connection: StatementSink): void;
}

/** Appends the pending replies of a cycle that binds a statement and runs it, from Bind to Sync. */
export function appendRun(
  pending: RequestSink['pending'],
  isDescribed: boolean,
  note: ReplyNote,
): void {
  pending.append(Reply.Bind, Action.Forward, note);
  if (isDescribed) pending.append(Reply.DescribePortal, Action.Forward, note);
  pending.append(Reply.Execute, Action.Forward, note);
  pending.append(Reply.Sync, Action.Forward, note);
}

/**
 * A read whose bytes, `chunk[start, end)`, any connection takes unchanged. PostgreSQL plans it each time, so that no
 * earlier description can contradict its reply.
 */
abstract class UnchangedRequest implements SharedRequest {
  readonly key: number;
  readonly isAsExpected = true;
  readonly #chunk: Buffer;
  readonly #start: number;
  readonly #end: number;

  constructor(chunk: Buffer, start: number, end: number, key: number) {
    this.#chunk = chunk;
    this.#start = start;
    this.#end = end;
    this.key = key;
  }

  gather({ state, pending, output }: StatementSink, note: ReplyNote): boolean {
    // The connection has the unnamed statement of no session then: each prepares its own before it binds it.
    state.unnamed.destroyed();
    this.append(pending, note);
    output.addRange(this.#chunk, this.#start, this.#end);
    return true;
  }

  protected abstract append(pending: RequestSink['pending'], note: ReplyNote): void;

  planOutdated(): void {
    // There is no earlier plan.
  }
}

/** A read that is one Query message. It destroys the unnamed statement (manual, "Extended Query"). */
export class QueryRequest extends UnchangedRequest {
  protected append(pending: RequestSink['pending'], note: ReplyNote): void {
    pending.append(Reply.Query, Action.Forward, note);
  }
}

/** A read that parses the unnamed statement and runs it: the cycle that begins at `chunk[at]`. */
export class ParsedRequest extends UnchangedRequest {
  readonly #isDescribed: boolean;

  constructor(chunk: Buffer, at: number, cycle: ParsedCycle, key: number) {
    super(chunk, at, cycle.end, key);
    this.#isDescribed = cycle.isDescribed;
  }

  protected append(pending: RequestSink['pending'], note: ReplyNote): void {
    pending.append(Reply.Parse, Action.Forward, note);
    appendRun(pending, this.#isDescribed, note);
  }
}
