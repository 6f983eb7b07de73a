import type { ReplyNote } from '../protocol/pending-replies.ts';
import { Analysis } from './analysis.ts';
import { statements } from './statement.ts';
import type { Statement } from './statement.ts';

/** A statement on one server connection. */
interface Entry {
  analysis: Analysis;
  lastUse: number;
  useBefore: number;
}

/** The prepared statements of one server connection, their descriptions there, and when each was last used. */
export class ConnectionStatements {
  /**
   * The database was found to have other statements than these: each is closed before it is prepared, which is no error
   * if it does not exist.
   */
  isUncertain = false;
  readonly #entries = new Map<Statement, Entry>();
  readonly #limit: number;
  #uses = 0;
  /** The last session, and the number of uses before its lease. */
  #leasedTo = 0;
  #leasedAfter = 0;
  /** The number of uses before it ran code that may have closed statements. */
  #codeAfter = -1;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The analysis of the statement here; null if it is not prepared. */
  get(statement: Statement): Analysis | null {
    return this.#entries.get(statement)?.analysis ?? null;
  }

  /** The statement is about to be used here, if it is prepared. */
  use(statement: Statement): void {
    const entry = this.#entries.get(statement);
    if (entry === undefined) return;
    entry.useBefore = entry.lastUse;
    entry.lastUse = ++this.#uses;
  }

  /** Records that the statement is being prepared; the returned note undoes that if it fails. */
  add(statement: Statement, analysis: Analysis): ReplyNote {
    if (!this.#entries.has(statement)) statement.prepared++;
    this.#entries.set(statement, { analysis, lastUse: ++this.#uses, useBefore: 0 });
    return { undo: () => this.#remove(statement) };
  }

  /** A lease of the session with this number begins. */
  leasedTo(session: number): void {
    if (this.#leasedTo === session) return;
    this.#leasedTo = session;
    this.#leasedAfter = this.#uses;
    this.#codeAfter = -1;
  }

  /** The session runs code that may close statements. */
  codeRuns(): void {
    this.#codeAfter = this.#uses;
  }

  /**
   * Whether the missing statement was closed by code that the session itself has run: it existed for the same session
   * before. Valid during the current use.
   */
  wasClosedByCode(statement: Statement): boolean {
    const { useBefore = 0 } = this.#entries.get(statement) ?? {};
    return useBefore > this.#leasedAfter && useBefore <= this.#codeAfter;
  }

  /** Whether the session has run code that may have closed statements. */
  get hasRunCode(): boolean {
    return this.#codeAfter >= 0;
  }

  /** Whether code that the session has run since its last use may have closed the statement. */
  mayBeClosedByCode(statement: Statement): boolean {
    const { lastUse = 0 } = this.#entries.get(statement) ?? {};
    return lastUse > this.#leasedAfter && lastUse <= this.#codeAfter;
  }

  /** The least recently used statement, if there is no room for another. Scans up to 200 entries, which is rare. */
  get surplus(): Statement | null {
    if (this.#entries.size < this.#limit) return null;
    let oldest: Statement | null = null;
    let oldestUse = Infinity;
    for (const [statement, { lastUse }] of this.#entries) {
      if (lastUse >= oldestUse) continue;
      oldest = statement;
      oldestUse = lastUse;
    }
    return oldest;
  }

  /** Records that the statement is being closed; the returned note undoes that if it is never run. */
  close(statement: Statement): ReplyNote {
    const entry = this.#entries.get(statement);
    this.#remove(statement);
    return {
      undo: () => {
        if (entry !== undefined) this.add(statement, entry.analysis);
      },
    };
  }

  /** The analysis of the statement here is outdated: it is prepared again at its next use. */
  outdate(statement: Statement): void {
    const entry = this.#entries.get(statement);
    if (entry !== undefined) entry.analysis = new Analysis();
  }

  /** The assumptions about the connection are wrong: none is used again. */
  markUncertain(): void {
    this.clear();
    this.isUncertain = true;
  }

  /** No statement is left here (DISCARD ALL, DEALLOCATE ALL, or the connection was closed). */
  clear(): void {
    this.isUncertain = false;
    for (const statement of this.#entries.keys()) {
      statement.prepared--;
      statements.release(statement);
    }
    this.#entries.clear();
  }

  #remove(statement: Statement): void {
    if (!this.#entries.delete(statement)) return;
    statement.prepared--;
    statements.release(statement);
  }
}
