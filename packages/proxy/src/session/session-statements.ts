import type { OwedNote } from '../relay/owed-replies.ts';
import { statements } from './statement.ts';
import type { Statement } from './statement.ts';

/** The names of one session for prepared statements. */
export class SessionStatements {
  readonly #byName = new Map<string, Statement>();

  get(name: string): Statement | undefined {
    return this.#byName.get(name);
  }

  /** The session's name for what database connections call `backendName`. */
  nameOf(backendName: string): string | undefined {
    for (const [name, statement] of this.#byName)
      if (
        statement.backendName.toString('latin1', 0, statement.backendName.length - 1) ===
        backendName
      )
        return name;
    return undefined;
  }

  get size(): number {
    return this.#byName.size;
  }

  /** Gives the statement a name. The returned note takes it back if the database refuses the statement. */
  set(name: string, statement: Statement): OwedNote {
    this.#byName.set(name, statement);
    statement.names++;
    return { undo: () => this.#delete(name, statement) };
  }

  /** Takes the name away. The returned note gives it back if the Close is never run. */
  close(name: string): OwedNote | null {
    const statement = this.#byName.get(name);
    if (statement === undefined) return null;
    this.#delete(name, statement);
    return { undo: () => void this.set(name, statement) };
  }

  clear(): void {
    for (const statement of this.#byName.values()) {
      statement.names--;
      statements.release(statement);
    }
    this.#byName.clear();
  }

  #delete(name: string, statement: Statement): void {
    if (this.#byName.get(name) !== statement) return;
    this.#byName.delete(name);
    statement.names--;
    statements.release(statement);
  }
}
