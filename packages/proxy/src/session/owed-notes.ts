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
}

/**
 * A Parse of the unnamed statement. Refused, it leaves no unnamed statement ("an unnamed statement lasts only
 * until the next Parse", manual, "Extended Query"); skipped, it leaves the one before.
 */
export class UnnamedChange implements OwedNote {
  readonly #session: { unnamed: UnnamedStatement };
  readonly #connection: DatabaseConnection;
  readonly #sessionBefore: UnnamedStatement;
  readonly #connectionBefore: UnnamedStatement;
  readonly #again: boolean;

  /** `again`: the session has the statement already, only this database connection has not. */
  constructor(
    session: { unnamed: UnnamedStatement },
    connection: DatabaseConnection,
    again: boolean,
  ) {
    this.#again = again;
    this.#session = session;
    this.#connection = connection;
    this.#sessionBefore = session.unnamed;
    this.#connectionBefore = connection.unnamed;
  }

  undo(skipped: boolean): void {
    if (!this.#again) this.#session.unnamed = skipped ? this.#sessionBefore : noUnnamedStatement;
    this.#connection.unnamed = skipped ? this.#connectionBefore : noUnnamedStatement;
  }
}

/** What is to be done once the database has done what it was asked. */
export class Completion implements OwedNote {
  readonly completed: () => void;

  constructor(completed: () => void) {
    this.completed = completed;
  }

  undo(): void {
    // It did not run, or was refused: everything is as it was.
  }
}
