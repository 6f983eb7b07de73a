import type { DatabaseConnection } from '../backend/database-connection.ts';
import type { OwedNote } from '../relay/owed-replies.ts';
import { noUnnamedStatement } from './unnamed-statement.ts';
import type { UnnamedStatement } from './unnamed-statement.ts';

/** An answer of the proxy's own, and what to take back if its turn never comes. */
export class LocalReply implements OwedNote {
  readonly bytes: Buffer;
  readonly #change: OwedNote | null;

  constructor(bytes: Buffer, change: OwedNote | null) {
    this.bytes = bytes;
    this.#change = change;
  }

  undo(skipped: boolean): void {
    this.#change?.undo(skipped);
  }
}

/** Two changes that one request makes; taken back newest first. */
export class NoteChain implements OwedNote {
  readonly #first: OwedNote;
  readonly #second: OwedNote;

  constructor(first: OwedNote, second: OwedNote) {
    this.#first = first;
    this.#second = second;
  }

  undo(skipped: boolean): void {
    this.#second.undo(skipped);
    this.#first.undo(skipped);
  }

  completed(): void {
    this.#first.completed?.();
    this.#second.completed?.();
  }

  counted(): void {
    this.#first.counted?.();
    this.#second.counted?.();
  }

  failed(chunk: Buffer, at: number, next: number): Buffer | null {
    const first = this.#first.failed?.(chunk, at, next) ?? null;
    return this.#second.failed?.(chunk, at, next) ?? first;
  }
}

/** Who has an unnamed statement: `settled` is the one that all answers so far have left. */
export interface UnnamedOwner {
  settled: UnnamedStatement;
}

/**
 * A request that changes the unnamed statement of a database connection, and of its session if it is the client's own:
 * Parse, Close, or a Query, which destroys it whatever becomes of it. A Parse that is refused leaves none; one that is
 * skipped leaves what was there.
 */
export class UnnamedChange implements OwedNote {
  readonly #owner: UnnamedOwner | null;
  readonly #connection: DatabaseConnection;
  readonly #after: UnnamedStatement;

  constructor(owner: UnnamedOwner | null, connection: DatabaseConnection, after: UnnamedStatement) {
    this.#owner = owner;
    this.#connection = connection;
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
    this.#connection.settledUnnamed = after;
  }
}
