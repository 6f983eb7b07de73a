import type { Analysis } from './analysis.ts';
import { destroyedUnnamedStatement, noUnnamedStatement } from './unnamed-statement.ts';
import type { UnnamedStatement } from './unnamed-statement.ts';

/**
 * The unnamed statement of one server process, by identity: what it is if all goes well with what was sent, and what all
 * answers so far have left. PostgreSQL replaces it with every Parse of the empty name, and destroys it with every Query
 * (manual, "Extended Query").
 */
export class UnnamedSlot {
  #expected: UnnamedStatement = noUnnamedStatement;
  #settled: UnnamedStatement = noUnnamedStatement;
  #analysis: Analysis | null = null;

  /** The statement that the server has if all goes well with what was sent. */
  get expected(): UnnamedStatement {
    return this.#expected;
  }

  /** What `expected` came to here; null while that is not known. */
  get analysis(): Analysis | null {
    return this.#analysis;
  }

  /** A request was gathered that makes the slot hold `statement`. */
  expect(statement: UnnamedStatement, analysis: Analysis | null): void {
    this.#expected = statement;
    this.#analysis = analysis;
  }

  /** A request was gathered that closes what the slot holds: `statement` stands for that there is none. */
  expectNone(statement: UnnamedStatement): void {
    this.#expected = statement;
  }

  /** A Query was gathered: it destroys the statement whatever becomes of the Query. */
  destroyed(): void {
    this.#expected = destroyedUnnamedStatement;
    this.#settled = destroyedUnnamedStatement;
  }

  /** An answer has come: the slot holds `statement` now. */
  settled(statement: UnnamedStatement): void {
    this.#settled = statement;
  }

  /** No answer is pending: what the answers have left is what there is. */
  settle(): void {
    if (this.#expected === this.#settled) return;
    this.#expected = this.#settled;
    this.#analysis = null;
  }
}
