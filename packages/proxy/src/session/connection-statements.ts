import type { OwedNote } from '../relay/owed-replies.ts';
import { statements } from './statement.ts';
import type { Statement } from './statement.ts';

/** Which statements are prepared on one database connection, and when each was last used. */
export class ConnectionStatements {
  readonly #lastUse = new Map<Statement, number>();
  readonly #limit: number;
  #uses = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#lastUse.size;
  }

  /** True when the statement is prepared here; counts as a use. */
  use(statement: Statement): boolean {
    if (!this.#lastUse.has(statement)) return false;
    this.#lastUse.set(statement, ++this.#uses);
    return true;
  }

  /** Takes note that the statement is being prepared; the returned note takes it back if that fails. */
  add(statement: Statement): OwedNote {
    this.#lastUse.set(statement, ++this.#uses);
    statement.prepared++;
    return { undo: () => this.#remove(statement) };
  }

  /** The least recently used statement, when there is no room for another. A scan: rare, and 200 entries long. */
  get surplus(): Statement | null {
    if (this.#lastUse.size < this.#limit) return null;
    let oldest: Statement | null = null;
    let oldestUse = Infinity;
    for (const [statement, use] of this.#lastUse) {
      if (use >= oldestUse) continue;
      oldest = statement;
      oldestUse = use;
    }
    return oldest;
  }

  /** Takes note that the statement is being closed; the returned note takes it back if that is never run. */
  close(statement: Statement): OwedNote {
    this.#remove(statement);
    return { undo: () => void this.add(statement) };
  }

  /** Nothing is prepared here any more (DISCARD ALL, DEALLOCATE ALL, or the connection has closed). */
  clear(): void {
    for (const statement of this.#lastUse.keys()) {
      statement.prepared--;
      statements.release(statement);
    }
    this.#lastUse.clear();
  }

  #remove(statement: Statement): void {
    if (!this.#lastUse.delete(statement)) return;
    statement.prepared--;
    statements.release(statement);
  }
}
