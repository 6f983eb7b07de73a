import type { OwedNote } from '../relay/owed-replies.ts';
import { statements } from './statement.ts';
import type { Statement } from './statement.ts';

/** Which statements are prepared on one database connection, and when each was last used. */
export class ConnectionStatements {
  readonly #lastUse = new Map<Statement, number>();
  /** The search_path under which a statement was prepared, if that was not the default; null: not known. */
  readonly #paths = new Map<Statement, string | null>();
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

  /** Whether the database has accepted the statement's text under this search_path; null: it is not known. */
  isReadUnder(statement: Statement, path: string | null): boolean {
    const known = this.#paths.get(statement);
    return path !== null && (known === undefined ? '' : known) === path;
  }

  /** Takes note that the statement is being prepared under `path`; the returned note takes it back if that fails. */
  add(statement: Statement, path: string | null): OwedNote {
    if (path === '') this.#paths.delete(statement);
    else this.#paths.set(statement, path);
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
    const path = this.#paths.get(statement);
    this.#remove(statement);
    return { undo: () => void this.add(statement, path === undefined ? '' : path) };
  }

  /** Nothing is prepared here any more (DISCARD ALL, DEALLOCATE ALL, or the connection has closed). */
  clear(): void {
    for (const statement of this.#lastUse.keys()) {
      statement.prepared--;
      statements.release(statement);
    }
    this.#lastUse.clear();
    this.#paths.clear();
  }

  #remove(statement: Statement): void {
    if (!this.#lastUse.delete(statement)) return;
    this.#paths.delete(statement);
    statement.prepared--;
    statements.release(statement);
  }
}
