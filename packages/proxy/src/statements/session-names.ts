import type { StatementSink } from './statement-sink.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import { Change } from '../protocol/query-cycle.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { ClientStatement } from './client-statement.ts';
import { SqlStatement } from './sql-statement.ts';
import { statements } from './statement.ts';
import type { Statement } from './statement.ts';

/** What a name of a session stands for: a statement of the protocol's Parse, or of SQL's PREPARE. */
export type Named = ClientStatement | SqlStatement;

/** What changes names, by the protocol or by SQL. */
const anyChange = Change.Names | Change.SqlNames;

const noNames = new Map<string, Named>();
const noBackendNames = new Map<string, string>();

/**
 * The names of one session for prepared statements. PostgreSQL keeps those of the protocol and those of SQL in one
 * table, and so does this: names are the bytes of the protocol, a character for each.
 *
 * Parse and Close count from the moment they are sent; if the database refuses or skips them, their notes take that back.
 * What SQL does counts when it is done. So names may be in doubt while an answer is under way: see `isUncertain`.
 */
export class SessionNames {
  /** Most sessions never name a statement: they share an empty table, which nobody writes to. */
  #byName = noNames;
  /** The session's names, by those on server connections: in a session no two stand for one statement. */
  #byBackendName = noBackendNames;
  #sqlStatements = 0;
  /** Moves on with every change. */
  version = 0;
  /** A cycle changed a name or prepared something, and may not be answered. */
  #isUnsettled = false;
  readonly #cycles: QueryCycles;
  /** The names that statements had whose Close was sent: errors under way may still tell of them. */
  #closing: Map<string, string> | null = null;

  constructor(cycles: QueryCycles) {
    this.#cycles = cycles;
  }

  get(name: string): Named | undefined {
    return this.#byName.get(name);
  }

  get size(): number {
    return this.#byName.size;
  }

  /** Some statements are of SQL's PREPARE. */
  get hasSql(): boolean {
    return this.#sqlStatements > 0;
  }

  /** The statement that server connections call so, and the session's name for it. */
  calledBy(backendName: string): [name: string, statement: Statement] | null {
    const name = this.#byBackendName.get(backendName);
    const named = name === undefined ? undefined : this.#byName.get(name);
    return name !== undefined && named instanceof ClientStatement ? [name, named.statement] : null;
  }

  /** The session's name for what server connections call `backendName`, or have called so in answers under way. */
  nameOf(backendName: string): string | undefined {
    return this.#byBackendName.get(backendName) ?? this.#closing?.get(backendName);
  }

  /** True when a name of the session stands for the same statement, or did while its answers are under way. */
  has({ calledName }: Statement): boolean {
    return this.#byBackendName.has(calledName) || this.#closing?.has(calledName) === true;
  }

  /** Statements of SQL's PREPARE, by their names. */
  *sqlStatements(): Generator<[string, SqlStatement]> {
    if (!this.hasSql) return;
    for (const [name, named] of this.#byName)
      if (named instanceof SqlStatement) yield [name, named];
  }

  /**
   * How texts are read is about to change: some statements of SQL's could not be said again. True when there are any; they
   * keep their connection from now on.
   */
  keepFragile(): boolean {
    let any = false;
    if (!this.hasSql) return any;
    for (const named of this.#byName.values()) {
      if (!(named instanceof SqlStatement) || !named.isFragile) continue;
      named.isTracked = false;
      any = true;
    }
    return any;
  }

  /** Names of SQL's statements that need not keep a connection. */
  tracked(): string[] {
    const tracked: string[] = [];
    if (!this.hasSql) return tracked;
    for (const [name, named] of this.#byName)
      if (named instanceof SqlStatement && named.isTracked) tracked.push(name);
    return tracked;
  }

  /** Parse gives a name. The returned note takes it back if the database refuses the statement. */
  parsed(name: string, statement: ClientStatement): ReplyNote {
    this.touched();
    this.put(name, statement);
    return { undo: () => this.#deleteIf(name, statement) };
  }

  /** Close takes the name away. The returned note gives it back if the Close is never run. */
  closed(name: string): ReplyNote | null {
    const named = this.#byName.get(name);
    if (named === undefined) return null;
    this.touched();
    this.delete(name);
    if (named instanceof ClientStatement)
      (this.#closing ??= new Map()).set(named.statement.calledName, name);
    return { undo: () => this.put(name, named) };
  }

  /** The name stands for this from now on. */
  put(name: string, named: Named): void {
    this.delete(name);
    this.version++;
    if (this.#byName === noNames) this.#byName = new Map();
    this.#byName.set(name, named);
    if (named instanceof ClientStatement) {
      named.statement.names++;
      if (this.#byBackendName === noBackendNames) this.#byBackendName = new Map();
      this.#byBackendName.set(named.statement.calledName, name);
    } else this.#sqlStatements++;
  }

  delete(name: string): void {
    const named = this.#byName.get(name);
    if (named === undefined) return;
    this.#byName.delete(name);
    this.version++;
    if (named instanceof SqlStatement) this.#sqlStatements--;
    else if (this.#byBackendName.get(named.statement.calledName) === name)
      this.#byBackendName.delete(named.statement.calledName);
    release(named);
  }

  /** The database says that there is nothing of this name; answers under way may still tell of it. */
  forget(name: string): void {
    const named = this.#byName.get(name);
    this.delete(name);
    if (named instanceof ClientStatement)
      (this.#closing ??= new Map()).set(named.statement.calledName, name);
  }

  clear(): void {
    for (const named of this.#byName.values()) release(named);
    this.#byName = noNames;
    this.#byBackendName = noBackendNames;
    this.#sqlStatements = 0;
    this.version++;
  }

  /** A statement is about to be sent that changes names when it is done. */
  sqlSent(): void {
    this.#isUnsettled = true;
    this.#cycles.changes(Change.SqlNames);
  }

  /** A request was sent that prepares or closes a statement. */
  touched(): void {
    this.#isUnsettled = true;
    this.#cycles.changes(Change.Names);
  }

  /**
   * Whether what names stand for hangs on an answer that is still to come, to an earlier cycle or to SQL. Within one cycle
   * it does not: if a request fails, the database skips the later ones, and their notes take them back as well.
   */
  isUncertain(connection: StatementSink): boolean {
    if (!this.#isUnsettled) return false;
    const cycles = this.#cycles;
    if (cycles.mayStillChange(anyChange)) return true;
    if (cycles.arePending(connection)) return cycles.hasChanged(Change.SqlNames);
    this.settled();
    return false;
  }

  /** Every answer has come. */
  settled(): void {
    this.#isUnsettled = false;
    this.#cycles.settle(anyChange);
    this.#closing = null;
  }

  #deleteIf(name: string, named: Named): void {
    if (this.#byName.get(name) === named) this.delete(name);
  }
}

function release(named: Named): void {
  if (!(named instanceof ClientStatement)) return;
  named.statement.names--;
  statements.release(named.statement);
}
