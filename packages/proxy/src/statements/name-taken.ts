import { buildErrorResponse, readErrorMessage } from '@sluice/wire';
import type { ReplyNote } from '../protocol/pending-replies.ts';

/**
 * The answer to the question whether a name of a session is still in use. If it is, a Parse with it fails with the
 * error of a direct connection.
 */
export class NameTaken implements ReplyNote {
  readonly #name: string;
  readonly #changes: readonly (ReplyNote | null)[];

  /** `changes` assume that the name is free. */
  constructor(name: string, ...changes: readonly (ReplyNote | null)[]) {
    this.#name = name;
    this.#changes = changes;
  }

  undo(skipped: boolean): void {
    for (const change of this.#changes.toReversed()) change?.undo(skipped);
  }

  failed(chunk: Buffer, at: number, next: number): Buffer | null {
    const error = readErrorMessage(chunk, at, next);
    if (error.sqlstate !== '42P05') return null;
    const message = `prepared statement "${this.#name}" already exists`;
    return buildErrorResponse({ ...error, severity: 'ERROR', message });
  }
}
