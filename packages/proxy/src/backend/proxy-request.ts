import { BackendCode, parseErrorFields } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { OwedNote } from '../relay/owed-replies.ts';

/** What a statement of the proxy's own was answered with. */
export interface ProxyAnswer {
  /** The values of each row as text; null is SQL's NULL. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** The database's error, or null. */
  readonly error: ErrorFields | null;
  /** True when the connection ended before the answer was complete. */
  readonly lost: boolean;
}

/** A statement that the proxy itself sends on a database connection (InitQuery, parameter replay, resets, probes). */
export class ProxyRequest implements OwedNote {
  readonly #done: (answer: ProxyAnswer) => void;
  #rows: (string | null)[][] = [];
  #error: ErrorFields | null = null;
  #over = false;

  /** `done` is called once, at the ReadyForQuery of the statement or when the connection ends. */
  constructor(done: (answer: ProxyAnswer) => void) {
    this.#done = done;
  }

  /** A whole message of the answer; the body is `chunk[start, end)`. */
  message(code: number, chunk: Buffer, start: number, end: number): void {
    if (code === BackendCode.DataRow) this.#rows.push(parseDataRow(chunk, start, end));
  }

  failed(chunk: Buffer, at: number, next: number): null {
    this.#error ??= parseErrorFields(chunk, at + 5, next);
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

/** DataRow (B): Int16 columns, then for each Int32 length (-1 for NULL) and the bytes. */
function parseDataRow(chunk: Buffer, start: number, end: number): (string | null)[] {
  const values: (string | null)[] = [];
  let at = start + 2;
  for (let column = chunk.readUInt16BE(start); column > 0 && at + 4 <= end; column--) {
    const length = chunk.readInt32BE(at);
    at += 4;
    if (length < 0) values.push(null);
    else {
      values.push(chunk.toString('utf8', at, at + length));
      at += length;
    }
  }
  return values;
}
