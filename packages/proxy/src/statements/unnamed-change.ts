import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { UnnamedSlot } from './unnamed-slot.ts';
import { noUnnamedStatement } from './unnamed-statement.ts';
import type { UnnamedStatement } from './unnamed-statement.ts';

/** Who has an unnamed statement: `settled` is the one that all answers so far have left. */
export interface UnnamedOwner {
  settled: UnnamedStatement;
}

/**
 * A request that changes the unnamed statement of a server connection, and of its session if it is the client's own:
 * Parse, Close, or a Query, which destroys it whatever becomes of it. A Parse that is refused leaves none; one that is
 * skipped leaves what was there.
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
    // Refused or skipped; refused, it was told so.
  }

  #settle(after: UnnamedStatement): void {
    if (this.#owner !== null) this.#owner.settled = after;
    this.#slot.settled(after);
  }
}
