import { BackendCode } from '@sluice/wire';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { Description } from './description.ts';

/**
 * The result of one Parse on one server connection. PostgreSQL keeps it as long as it has the statement: other rows are
 * an error (0A000), and other parameter types are not accepted.
 */
export class Analysis {
  /** Null until the database has reported it. */
  description: Description | null = null;
  /** The statement whose use depends on the pending description; null once the description is known. */
  usedBy: Described | null = null;
}

/** A statement that can be described. */
export interface Described {
  /** The description with these bodies of ParameterDescription and RowDescription; copies them if necessary. */
  describe(parameters: Buffer, rows: Buffer | null): Description;
}

/** The answer to Describe of a statement, which reports the description. */
export class DescriptionNote implements ReplyNote {
  readonly #statement: Described;
  readonly #analysis: Analysis;
  readonly #onDescribed: (() => Buffer | null) | null;
  readonly #onUndone: (() => void) | null;
  #parameters: Buffer | null = null;

  /**
   * `onDescribed` is called when the description is known; an error that it returns ends the cycle for the client.
   * `onUndone` is called if it never will be.
   */
  constructor(
    statement: Described,
    analysis: Analysis,
    onDescribed: (() => Buffer | null) | null = null,
    onUndone: (() => void) | null = null,
  ) {
    this.#statement = statement;
    this.#analysis = analysis;
    this.#onDescribed = onDescribed;
    this.#onUndone = onUndone;
  }

  described(code: number, chunk: Buffer, start: number, end: number): Buffer | null {
    if (code === BackendCode.ParameterDescription) {
      // A copy: the rows may come in another chunk.
      this.#parameters = Buffer.from(chunk.subarray(start, end));
      return null;
    }
    const rows = code === BackendCode.RowDescription ? chunk.subarray(start, end) : null;
    const parameters = this.#parameters ?? Buffer.alloc(2);
    this.#analysis.description = this.#statement.describe(parameters, rows);
    return this.#onDescribed?.() ?? null;
  }

  undo(): void {
    this.#onUndone?.();
  }
}
