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

/** Which statements are prepared on one server connection, what each came to there, and when it was last used. */
export class ConnectionStatements {
  /**
   * The database has been found to have other statements than these: whatever is prepared is closed first, which is no error
   * for what is not there.
   */
  isUncertain = false;
  readonly #entries = new Map<Statement, Entry>();
  readonly #limit: number;
  #uses = 0;
  /** The session that has had the connection last, and how many uses came before it had. */
  #leasedTo = 0;
  #leasedAfter = 0;
  /** How many uses came before it ran code that may have closed statements. */
  #codeAfter = -1;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What the statement came to here; null when it is not prepared. */
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

  /** Takes note that the statement is being prepared; the returned note takes it back if that fails. */
  add(statement: Statement, analysis: Analysis): ReplyNote {
    if (!this.#entries.has(statement)) statement.prepared++;
    this.#entries.set(statement, { analysis, lastUse: ++this.#uses, useBefore: 0 });
    return { undo: () => this.#remove(statement) };
  }

  /** A lease to the session of this number begins. */
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
   * Whether the statement, which is not there, was closed by code that the session itself has run: it was there for the same
   * session before. Asked for the use at hand.
   */
  wasClosedByCode(statement: Statement): boolean {
    const { useBefore = 0 } = this.#entries.get(statement) ?? {};
    return useBefore > this.#leasedAfter && useBefore <= this.#codeAfter;
  }

  /** The least recently used statement, when there is no room for another. A scan: rare, and 200 entries long. */
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

  /** Takes note that the statement is being closed; the returned note takes it back if that is never run. */
  close(statement: Statement): ReplyNote {
    const entry = this.#entries.get(statement);
    this.#remove(statement);
    return {
      undo: () => {
        if (entry !== undefined) this.add(statement, entry.analysis);
      },
    };
  }

  /** What the statement came to here does not hold any more: it is prepared anew when it is used next. */
  outdate(statement: Statement): void {
    const entry = this.#entries.get(statement);
    if (entry !== undefined) entry.analysis = new Analysis();
  }

  /** What is believed of the connection is wrong: nothing is taken for granted any more. */
  markUncertain(): void {
    this.clear();
    this.isUncertain = true;
  }

  /** Nothing is prepared here any more (DISCARD ALL, DEALLOCATE ALL, or the connection has closed). */
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
