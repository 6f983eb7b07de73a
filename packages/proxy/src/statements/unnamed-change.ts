import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { UnnamedSlot } from './unnamed-slot.ts';
import { noUnnamedStatement } from './unnamed-statement.ts';
import type { UnnamedStatement } from './unnamed-statement.ts';

/** The owner of an unnamed statement: `settled` is the statement after all replies so far. */
export interface UnnamedOwner {
  settled: UnnamedStatement;
}

/**
 * A request that changes the unnamed statement of a server connection, and of its session if it is the client's own:
 * Parse, Close, or a Query, which destroys it in any case. A refused Parse leaves none; a skipped one leaves the
 * previous one.
 */
export class UnnamedChange implements ReplyNote {
  readonly #owner: UnnamedOwner | null;
  readonly #slot: UnnamedSlot;
  readonly #after: UnnamedStatement;

  constructor(owner: UnnamedOwner | null, slot: UnnamedSlot, after: UnnamedStatement) {
    this.#owner = owner;
    this.#slot = slot;
    this.#after = after;
  }

  completed(): void {
    this.#settle(this.#after);
  }

  failed(): null {
    this.#settle(noUnnamedStatement);
    return null;
  }

  undo(): void {
    // Refused or skipped; if refused, `failed` was called.
  }

  #settle(after: UnnamedStatement): void {
    if (this.#owner !== null) this.#owner.settled = after;
    this.#slot.settled(after);
  }
}
