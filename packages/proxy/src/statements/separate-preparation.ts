import { readErrorMessage, syncMessage } from '@sluice/wire';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { StatementSink } from './statement-sink.ts';

/**
 * A preparation in a cycle of its own, before the request that needs it. PostgreSQL treats everything behind an
 * Execute, up to Sync, as a pipeline: it refuses VACUUM and DISCARD ALL there, and accepts LOCK TABLE. So what the
 * proxy executes to prepare a statement must not be in the cycle of the client.
 *
 * The client gets no reply to the preparation. If it fails, its error is that of the request.
 */
export class SeparatePreparation {
  #failure: Buffer | null = null;
  readonly #connection: StatementSink;
  readonly #whenFailed: ReplyNote | null;

  /** `whenFailed` replaces the error of the preparation. */
  constructor(connection: StatementSink, whenFailed: ReplyNote | null) {
    this.#connection = connection;
    this.#whenFailed = whenFailed;
  }

  /** Why it failed; null if it did not, or is pending. */
  get failure(): Buffer | null {
    return this.#failure;
  }

  /** For what is prepared. */
  readonly note: ReplyNote = {
    undo: () => undefined,
    failed: (chunk, at, next) => {
      // The connection has a statement that it was not expected to have.
      if (readErrorMessage(chunk, at, next).sqlstate === '42P05')
        this.#connection.state.statements.markUncertain();
      this.#failure ??=
        this.#whenFailed?.failed?.(chunk, at, next) ?? Buffer.from(chunk.subarray(at, next));
      return null;
    },
  };

  /** For the request that needs it: it fails because nothing was prepared. */
  readonly request: ReplyNote = {
    undo: () => undefined,
    failed: () => this.#failure,
  };

  /** Ends the cycle of the preparation. */
  end(): void {
    this.#connection.output.add(syncMessage);
    this.#connection.pending.append(Reply.Sync, Action.Discard);
  }
}
