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
