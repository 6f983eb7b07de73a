import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';

/** How often one group that was refused is sent again; databases that refuse it each time have their own reason. */
const mostAfterRefusal = 3;
/** How often after a loss: a statement that brings its server down must not bring down the next, and the next. */
const mostAfterLoss = 1;

/** Statements of which the text does not show whether they commit. */
const mayCommit = Flag.Opaque | Flag.Procedure | Flag.Do;

/** The only effects of a statement that leaves nothing behind when PostgreSQL rolls it back. */
const undoneByRollback = Flag.PlainRead | Flag.Writes | Flag.Transaction;

/**
 * What a session has under way on its database connection: what it takes to say, when the connection is lost, what
 * became of it and whether it may be sent again.
 */
export class UnderWay {
  /** Statements that were sent and whose group is not over. */
  #statements = 0;
  #effects: Effects | null = null;
  #attempts = 0;
  /** A part of an answer has gone to the client. */
  relayed = false;
  /** A statement may have committed: nobody knows whether the database did so before the connection was lost. */
  mayCommit = false;
  /** A transaction is begun here and not ended. */
  begins = false;
  /** The transaction that was open before is ended here. */
  ends = false;

  /** Statements that were sent and whose group is not over. */
  get count(): number {
    return this.#statements;
  }

  /** A statement is sent. */
  add(effects: Effects): void {
    this.#statements++;
    this.#effects = effects;
    if ((effects.flags & mayCommit) !== 0) this.mayCommit = true;
    if ((effects.flags & Flag.Transaction) !== 0) this.#follow(effects);
  }

  /** Something is sent that was not looked at. */
  addUnread(): void {
    this.#statements++;
    this.#effects = null;
    this.mayCommit = true;
  }

  /** It is over, and nothing else was sent. */
  clear(): void {
    this.#statements = 0;
    this.#effects = null;
    this.#attempts = 0;
    this.relayed = false;
    this.mayCommit = false;
    this.begins = false;
    this.ends = false;
  }

  /**
   * Whether it may be sent again. `rolledBack`: the database itself refused it, so it has no effect; else it may have
   * run, and only what does not change anything may run twice.
   */
  repeatable(rolledBack: boolean): boolean {
    const effects = this.#effects;
    if (this.relayed || this.#statements !== 1 || effects === null || effects.statements > 1)
      return false;
    if (this.#attempts >= (rolledBack ? mostAfterRefusal : mostAfterLoss)) return false;
    const { flags } = effects;
    if ((flags & Flag.Transaction) !== 0 && !(this.begins && !this.ends)) return false;
    if ((flags & ~undoneByRollback) !== 0) return false;
    if (rolledBack) return flags !== 0;
    return (flags & Flag.Writes) === 0 && flags !== 0;
  }

  /** It is sent again. */
  again(): void {
    const attempts = this.#attempts + 1;
    this.clear();
    this.#attempts = attempts;
  }

  #follow(effects: Effects): void {
    for (const effect of effects.details) {
      if (effect.kind !== 'transaction') continue;
      switch (effect.action) {
        case 'begin':
          this.begins = true;
          break;
        case 'rollback':
        case 'commit':
        case 'prepare':
          this.ends = true;
          this.begins = effect.chain;
          if (effect.action !== 'rollback') this.mayCommit = true;
          break;
        case 'commit prepared':
        case 'rollback prepared':
          this.mayCommit = true;
          break;
        default:
        // Savepoints neither begin nor end a transaction.
      }
    }
  }
}
