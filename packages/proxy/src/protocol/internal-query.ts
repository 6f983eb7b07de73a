import { BackendCode, readDataRow, readErrorMessage } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ReplyNote } from './pending-replies.ts';

/** The answer to an internal query. */
export interface InternalAnswer {
  /** The values of each row in text format, one character per byte. Null is the SQL NULL. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** The error of the database, or null. */
  readonly error: ErrorFields | null;
  /** The connection ended before the answer was complete. */
  readonly lost: boolean;
}

/** A statement that the proxy itself sends on a server connection: InitQuery, parameter replay, resets, probes. */
export class InternalQuery implements ReplyNote {
  readonly #done: (answer: InternalAnswer) => void;
  #rows: (string | null)[][] = [];
  #error: ErrorFields | null = null;
  #over = false;

  /** `done` is called once, at the ReadyForQuery of the statement or when the connection ends. */
  constructor(done: (answer: InternalAnswer) => void) {
    this.#done = done;
  }

  /** A complete message of the answer; the body is `chunk[start, end)`. */
  message(code: number, chunk: Buffer, start: number, end: number): void {
    if (code === BackendCode.DataRow) this.#rows.push(readDataRow(chunk, start, end));
  }

  failed(chunk: Buffer, at: number, next: number): null {
    this.#error ??= readErrorMessage(chunk, at, next);
    return null;
  }

  finish(): void {
    this.#finish(false);
  }

  undo(): void {
    this.#finish(true);
  }

  #finish(lost: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#done({ rows: this.#rows, error: this.#error, lost });
  }
}
