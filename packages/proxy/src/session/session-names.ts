import type { DatabaseConnection } from '../backend/database-connection.ts';
import type { OwedNote } from '../relay/owed-replies.ts';
import { SqlStatement } from './sql-statement.ts';
import { Statement, statements } from './statement.ts';

/** What a name of a session stands for: a statement of the protocol's Parse, or of SQL's PREPARE. */
export type Named = Statement | SqlStatement;

const noNames = new Map<string, Named>();

/**
 * The names of one session for prepared statements. PostgreSQL keeps those of the protocol and those of SQL in one
 * table, and so does this: names are the bytes of the protocol, a character for each.
 *
 * Parse and Close count from the moment they are sent; if the database refuses or skips them, their notes take that back.
 * What SQL does counts when it is done. So names may be in doubt while an answer is under way: see `inDoubt`.
 */
export class SessionNames {
  /** Most sessions never name a statement: they share an empty table, which nobody writes to. */
  #byName = noNames;
  /** Moves on with every change. */
  version = 0;
  /** The group at hand, counted. */
  group = 0;
  /** The last group that changed a name or prepared something, while it may not be answered; -1: there is none. */
  #changedBy = -1;
  /** A statement was sent that changes names when it is done. */
  #sqlUnderWay = false;
  /** Statements whose Close was sent, by the names they had: errors under way may still tell of them. */
  #closing: Map<Statement, string> | null = null;

  get(name: string): Named | undefined {
    return this.#byName.get(name);
  }

  get size(): number {
    return this.#byName.size;
  }

  /** The session's name for what database connections call `backendName`. */
  nameOf(backendName: string): string | undefined {
    for (const [name, named] of this.#byName)
      if (named instanceof Statement && isCalled(named, backendName)) return name;
    for (const [statement, name] of this.#closing ?? [])
      if (isCalled(statement, backendName)) return name;
    return undefined;
  }

  /** True when another name of the session stands for the same statement, or did while its answers are under way. */
  has(statement: Statement): boolean {
    if (this.#closing?.has(statement) === true) return true;
    for (const named of this.#byName.values()) if (named === statement) return true;
    return false;
  }

  /**
   * How texts are read is about to change: some statements of SQL's could not be said again. True when there are any; they
   * keep their connection from now on.
   */
  keepFragile(): boolean {
    let any = false;
    for (const named of this.#byName.values()) {
      if (!(named instanceof SqlStatement) || !named.isFragile) continue;
      named.isCarried = false;
      any = true;
    }
    return any;
  }

  /** Names of SQL's statements that need not keep a connection. */
  carried(): string[] {
    const carried: string[] = [];
    for (const [name, named] of this.#byName)
      if (named instanceof SqlStatement && named.isCarried) carried.push(name);
    return carried;
  }

  /** Parse gives a name. The returned note takes it back if the database refuses the statement. */
  parsed(name: string, statement: Statement): OwedNote {
    this.touched();
    this.put(name, statement);
    return { undo: () => this.#deleteIf(name, statement) };
  }

  /** Close takes the name away. The returned note gives it back if the Close is never run. */
  closed(name: string): OwedNote | null {
    const named = this.#byName.get(name);
    if (named === undefined) return null;
    this.touched();
    this.delete(name);
    if (named instanceof Statement) (this.#closing ??= new Map()).set(named, name);
    return { undo: () => this.put(name, named) };
  }

  /** The name stands for this from now on. */
  put(name: string, named: Named): void {
    this.delete(name);
    this.version++;
    if (this.#byName === noNames) this.#byName = new Map();
    this.#byName.set(name, named);
    if (named instanceof Statement) named.names++;
  }

  delete(name: string): void {
    const named = this.#byName.get(name);
    if (named === undefined) return;
    this.#byName.delete(name);
    this.version++;
    release(named);
  }

  clear(): void {
    for (const named of this.#byName.values()) release(named);
    this.#byName = noNames;
    this.version++;
  }

  /** A statement is about to be sent that changes names when it is done. */
  sqlSent(): void {
    this.#sqlUnderWay = true;
  }

  /** A request was sent that prepares or closes a statement. */
  touched(): void {
    this.#changedBy = this.group;
  }

  /**
   * Whether what names stand for hangs on an answer that is still to come, to an earlier group or to SQL. Within one group
   * it does not: if a request fails, the database skips the later ones, and their notes take them back as well.
   */
  inDoubt(connection: DatabaseConnection): boolean {
    if (this.#changedBy < 0 && !this.#sqlUnderWay) return false;
    if (connection.owed.length > 0) return this.#sqlUnderWay || this.#changedBy !== this.group;
    this.settled();
    return false;
  }

  /** Every answer has come. */
  settled(): void {
    this.#changedBy = -1;
    this.#sqlUnderWay = false;
    this.#closing = null;
  }

  #deleteIf(name: string, named: Named): void {
    if (this.#byName.get(name) === named) this.delete(name);
  }
}

function isCalled({ backendName }: Statement, name: string): boolean {
  // The name is kept with the zero that ends it.
  return backendName.toString('latin1', 0, backendName.length - 1) === name;
}

function release(named: Named): void {
  if (!(named instanceof Statement)) return;
  named.names--;
  statements.release(named);
}
