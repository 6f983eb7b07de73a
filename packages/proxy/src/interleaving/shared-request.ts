import type { ParsedCycle } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import { toServer } from '../io/write-buffer.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';

/** The request of a read on a shared lease: one complete cycle. */
export interface SharedRequest {
  /** See `ReadHistory`. */
  readonly key: number;
  /**
   * Collects the request for the connection, with its pending replies; `note` belongs to each. False: it cannot run on this
   * connection, and nothing was collected.
   */
  gather(connection: ServerConnection, note: ReplyNote): boolean;
  /** Whether the reply is what the client expects. Asked when it is complete. */
  readonly isAsExpected: boolean;
  /** The database says that the rows of its statement have changed. */
  planOutdated(connection: ServerConnection): void;
}

/** A read that is one Query message, `chunk[start, end)`. */
export class QueryRequest implements SharedRequest {
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

  gather(connection: ServerConnection, note: ReplyNote): boolean {
    // A simple Query destroys the unnamed statement (manual, "Extended Query").
    connection.state.unnamed.destroyed();
    connection.pending.append(Reply.Query, Action.Forward, note);
    toServer.addRange(this.#chunk, this.#start, this.#end);
    return true;
  }

  planOutdated(): void {
    // A Query is planned each time.
  }
}

/** A read that parses the unnamed statement and runs it: the cycle `chunk[at, …)`. */
export class ParsedRequest implements SharedRequest {
  readonly key: number;
  readonly isAsExpected = true;
  readonly #chunk: Buffer;
  readonly #at: number;
  readonly #cycle: ParsedCycle;

  constructor(chunk: Buffer, at: number, cycle: ParsedCycle, key: number) {
    this.#chunk = chunk;
    this.#at = at;
    this.#cycle = cycle;
    this.key = key;
  }

  gather({ state, pending }: ServerConnection, note: ReplyNote): boolean {
    // What the slot has then is the statement of no session: all prepare their own before they bind it.
    state.unnamed.destroyed();
    pending.append(Reply.Parse, Action.Forward, note);
    pending.append(Reply.Bind, Action.Forward, note);
    if (this.#cycle.isDescribed) pending.append(Reply.DescribePortal, Action.Forward, note);
    pending.append(Reply.Execute, Action.Forward, note);
    pending.append(Reply.Sync, Action.Forward, note);
    toServer.addRange(this.#chunk, this.#at, this.#cycle.end);
    return true;
  }

  planOutdated(): void {
    // It is parsed each time.
  }
}
