import { mask } from '../distinct.ts';
import type { StatementSink } from './statement-sink.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import { Change } from '../protocol/query-cycle.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { isAscii } from '../parameters/replay-sql.ts';
import type { Effects } from '../sql/index.ts';
import { ClientStatement } from './client-statement.ts';
import { NamesBeyondAscii } from './names-beyond-ascii.ts';
import { SqlStatement } from './sql-statement.ts';
import { statements } from './statement.ts';
import type { Statement } from './statement.ts';

/** The statement that a name of a session refers to: of a protocol-level Parse, or of a SQL PREPARE. */
export type Named = ClientStatement | SqlStatement;

/** Changes of names, by the protocol or by SQL. */
const anyChange = mask(Change.Names, Change.SqlNames);

const noNames = new Map<string, Named>();
const noBackendNames = new Map<string, string>();

/**
 * The prepared statement names of one session. PostgreSQL has one table for protocol-level and SQL-level names, and so
 * has this: names are the bytes of the protocol, one character per byte. Names beyond ASCII are not in it, see
 * `NamesBeyondAscii`.
 *
 * Parse and Close take effect when they are sent; if the database refuses or skips them, their notes undo that. SQL
 * takes effect when it is complete. So names may be uncertain while a reply is pending: see `isUncertain`.
 */
export class SessionNames {
  /** Most sessions have no named statement: they share an empty table, which is never written. */
  #byName = noNames;
  /** The session's names, by those on server connections: in a session, each belongs to one statement. */
  #byBackendName = noBackendNames;
  #sqlStatements = 0;
  #bytes = 0;
  /** Increases with every change. */
  version = 0;
  /** A cycle that may be unanswered changed a name or prepared something. */
  #isUnsettled = false;
  readonly #cycles: QueryCycles;
  /** The names of statements whose Close was sent: pending errors may still contain them. */
  #closing: Map<string, string> | null = null;
  #beyondAscii: NamesBeyondAscii | null = null;

  constructor(cycles: QueryCycles) {
    this.#cycles = cycles;
  }

  get(name: string): Named | undefined {
    return this.#byName.get(name);
  }

  /** A statement in `source[start, end)` is prepared under a name beyond ASCII, and runs with these effects. */
  preparedBeyondAscii(source: Buffer, start: number, end: number, effects: Effects): void {
    (this.#beyondAscii ??= new NamesBeyondAscii()).add(source, start, end, effects);
  }

  /** What runs under a name that is not in the table; null if the session has prepared nothing under such a name. */
  beyondAscii(name: string): NamesBeyondAscii | null {
    return isAscii(name) ? null : this.#beyondAscii;
  }

  /** The effects of a statement that is called by name; undefined if they are unknown. */
  effectsOf(name: string): Effects | undefined {
    const named = this.#byName.get(name);
    return named === undefined ? this.beyondAscii(name)?.effects : (named.effects ?? undefined);
  }

  get size(): number {
    return this.#byName.size;
  }

  /** The length of the names and of the texts of their statements. */
  get bytes(): number {
    return this.#bytes + (this.#beyondAscii?.end ?? 0);
  }

  /** Some statements are SQL-level. */
  get hasSql(): boolean {
    return this.#sqlStatements > 0;
  }

  /** The statement with this name on server connections, and the session's name for it. */
  calledBy(backendName: string): [name: string, statement: Statement] | null {
    const name = this.#byBackendName.get(backendName);
    const named = name === undefined ? undefined : this.#byName.get(name);
    return name !== undefined && named instanceof ClientStatement ? [name, named.statement] : null;
  }

  /** The session's name for `backendName`, now or in pending replies. */
  nameOf(backendName: string): string | undefined {
    return this.#byBackendName.get(backendName) ?? this.#closing?.get(backendName);
  }

  /** True if a name of the session refers to the same statement, now or in pending replies. */
  has({ calledName }: Statement): boolean {
    return this.#byBackendName.has(calledName) || this.#closing?.has(calledName) === true;
  }

  /** The SQL-level prepared statements, by name. */
  *sqlStatements(): Generator<[string, SqlStatement]> {
    if (!this.hasSql) return;
    for (const [name, named] of this.#byName)
      if (named instanceof SqlStatement) yield [name, named];
  }

  /**
   * How texts are parsed is about to change: some SQL-level statements could not be prepared again. True if there are
   * any; from now on they keep their connection.
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

  /** Names of SQL-level statements that do not need to keep a connection. */
  tracked(): string[] {
    const tracked: string[] = [];
    if (!this.hasSql) return tracked;
    for (const [name, named] of this.#byName)
      if (named instanceof SqlStatement && named.isTracked) tracked.push(name);
    return tracked;
  }

  /** Parse adds a name. The returned note undoes that if the database refuses the statement. */
  parsed(name: string, statement: ClientStatement): ReplyNote {
    this.touched();
    this.put(name, statement);
    return { undo: () => this.#deleteIf(name, statement) };
  }

  /** Close removes the name. The returned note undoes that if the Close is never run. */
  closed(name: string): ReplyNote | null {
    const named = this.#byName.get(name);
    if (named === undefined) return null;
    this.touched();
    this.delete(name);
    if (named instanceof ClientStatement)
      (this.#closing ??= new Map()).set(named.statement.calledName, name);
    return { undo: () => this.put(name, named) };
  }

  /** From now on the name refers to this. */
  put(name: string, named: Named): void {
    this.delete(name);
    this.version++;
    if (this.#byName === noNames) this.#byName = new Map();
    this.#byName.set(name, named);
    this.#bytes += name.length + named.bytes;
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
    this.#bytes -= name.length + named.bytes;
    this.version++;
    if (named instanceof SqlStatement) this.#sqlStatements--;
    else if (this.#byBackendName.get(named.statement.calledName) === name)
      this.#byBackendName.delete(named.statement.calledName);
    release(named);
  }

  /** The database reports that the name does not exist; pending replies may still contain it. */
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
    this.#bytes = 0;
    this.#beyondAscii = null;
    this.version++;
  }

  /** A statement is about to be sent that changes names when it is complete. */
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
   * Whether names depend on a pending reply, to an earlier cycle or to SQL. Within one cycle they do not: if a request
   * fails, the database skips the later ones, and their notes undo those as well.
   */
  isUncertain(connection: StatementSink): boolean {
    if (!this.#isUnsettled) return false;
    const cycles = this.#cycles;
    if (cycles.mayStillChange(anyChange)) return true;
    if (cycles.arePending(connection)) return cycles.hasChanged(Change.SqlNames);
    this.settled();
    return false;
  }

  /** Every reply has arrived. */
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
