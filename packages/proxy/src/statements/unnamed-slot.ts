import type { Analysis } from './analysis.ts';
import { destroyedUnnamedStatement, noUnnamedStatement } from './unnamed-statement.ts';
import type { UnnamedStatement } from './unnamed-statement.ts';

/**
 * The unnamed statement of one server process, by identity: the one after all requests that were sent, if they succeed,
 * and the one after all replies so far. PostgreSQL replaces it with every Parse of the empty name, and destroys it with
 * every Query (manual, "Extended Query").
 */
export class UnnamedSlot {
  #expected: UnnamedStatement = noUnnamedStatement;
  #settled: UnnamedStatement = noUnnamedStatement;
  #analysis: Analysis | null = null;

  /** The statement after all requests that were sent, if they succeed. */
  get expected(): UnnamedStatement {
    return this.#expected;
  }

  /** The analysis of `expected` here; null while unknown. */
  get analysis(): Analysis | null {
    return this.#analysis;
  }

  /** A request was collected that sets the slot to `statement`. */
  expect(statement: UnnamedStatement, analysis: Analysis | null): void {
    this.#expected = statement;
    this.#analysis = analysis;
  }

  /** A request was collected that closes the statement in the slot: `statement` means that there is none. */
  expectNone(statement: UnnamedStatement): void {
    this.#expected = statement;
  }

  /** A Query was collected: it destroys the statement in any case. */
  destroyed(): void {
    this.#expected = destroyedUnnamedStatement;
    this.#settled = destroyedUnnamedStatement;
  }

  /** A reply has arrived: the slot has `statement` now. */
  settled(statement: UnnamedStatement): void {
    this.#settled = statement;
  }

  /** No reply is pending: the slot has the statement after all replies. */
  settle(): void {
    if (this.#expected === this.#settled) return;
    this.#expected = this.#settled;
    this.#analysis = null;
  }
}
