import { BackendCode } from '@sluice/wire';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { Description } from './description.ts';

/**
 * What PostgreSQL made of one Parse on one server connection. It keeps to that as long as it has the statement: rows of
 * another kind are an error (0A000), parameters of another kind are not read.
 */
export class Analysis {
  /** Null until the database has told it. */
  description: Description | null = null;
  /** Whoever uses it already, while the description is under way that decides whether it may. */
  usedBy: object | null = null;
}

/** A statement that descriptions are of. */
export interface Described {
  /** The description with these bodies of ParameterDescription and RowDescription; they are copied if need be. */
  describe(parameters: Buffer, rows: Buffer | null): Description;
}

/** The answer to Describe of a statement: tells what the statement came to. */
export class Telling implements ReplyNote {
  readonly #statement: Described;
  readonly #analysis: Analysis;
  readonly #told: (() => Buffer | null) | null;
  readonly #over: (() => void) | null;
  #parameters: Buffer | null = null;

  /**
   * `told` is called when the description is known: what it returns ends the cycle for the client. `over` is called when it
   * never will be.
   */
  constructor(
    statement: Described,
    analysis: Analysis,
    told: (() => Buffer | null) | null = null,
    over: (() => void) | null = null,
  ) {
    this.#statement = statement;
    this.#analysis = analysis;
    this.#told = told;
    this.#over = over;
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
    return this.#told?.() ?? null;
  }

  undo(): void {
    this.#over?.();
  }
}
