import {
  BackendCode,
  buildErrorResponse,
  buildMessage,
  countValues,
  readErrorMessage,
} from '@sluice/wire';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { Description } from './description.ts';

/** In a failed transaction (25P02) PostgreSQL checks nothing else first. */
function isForFailedTransaction(chunk: Buffer, at: number, next: number): boolean {
  return readErrorMessage(chunk, at, next).sqlstate === '25P02';
}

/** ParameterDescription (B): Byte1('t') Int32 length, Int16 n, Int32[n] types. */
export function buildParameterDescription(reported: Description): Buffer {
  return buildMessage(BackendCode.ParameterDescription, reported.parameters);
}

/**
 * A statement is prepared for a Bind, and can no longer be parsed. On a direct connection, PostgreSQL checks the number
 * of values first.
 */
export class BindFailure implements ReplyNote {
  readonly #name: string;
  readonly #reported: Description | null;
  readonly #given: number;

  /** The part of the Bind after its names is `chunk[start, end)`. */
  constructor(
    name: string,
    reported: Description | null,
    chunk: Buffer,
    start: number,
    end: number,
  ) {
    this.#name = name;
    this.#reported = reported;
    this.#given = countValues(chunk, start, end);
  }

  failed(chunk: Buffer, at: number, next: number): Buffer | null {
    return isForFailedTransaction(chunk, at, next) ? null : this.wrongCount();
  }

  /** PostgreSQL's error if the number of values differs from the description of the client; otherwise null. */
  wrongCount(): Buffer | null {
    const reported = this.#reported;
    if (reported === null || this.#given < 0 || this.#given === reported.count) return null;
    return buildErrorResponse({
      severity: 'ERROR',
      sqlstate: '08P01',
      message:
        `bind message supplies ${this.#given} parameters, ` +
        `but prepared statement "${this.#name}" requires ${reported.count}`,
    });
  }

  undo(): void {
    // No assumption was made.
  }
}

/**
 * The same for a Describe: "ParameterDescription … followed by a RowDescription" (manual, "Extended Query"). On a
 * direct connection the error is that of the second message.
 */
export class DescribeFailure implements ReplyNote {
  readonly #reported: Description | null;

  constructor(reported: Description | null) {
    this.#reported = reported;
  }

  failed(chunk: Buffer, at: number, next: number): Buffer | null {
    if (this.#reported === null || isForFailedTransaction(chunk, at, next)) return null;
    return Buffer.concat([buildParameterDescription(this.#reported), chunk.subarray(at, next)]);
  }

  undo(): void {
    // No assumption was made.
  }
}
