import type { DatabaseConnection } from '../backend/database-connection.ts';
import { Flag, shapeOf } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { deservesLook, metSince } from './function-audit.ts';
import type { Suspect } from './function-audit.ts';
import type { StoredCode } from './stored-code.ts';

/** Statements that wait to be judged, and bytes of each; what is more or longer is looked after. */
const mostUnjudged = 100;
const longestUnjudged = 65_536;

/** The session whose statements run code of the database. */
export interface CodeRunner {
  readonly connection: DatabaseConnection | null;
  readonly storedCode: StoredCode;
  /** The statement in `source` from `start` runs code that does what `effects` say. */
  mayChange(effects: Effects, source: Buffer, start: number): void;
  /** The connection takes the session's requests again. */
  unpark(): void;
}

/** The code of the database that a session's statements may have run on its loan, and what is to be done about it. */
export class CodeRuns {
  readonly #runner: CodeRunner;
  /** Statements after which the session is to be looked at. */
  #suspects: Suspect[] = [];
  /** Statements that ran while it was not known what code the database has. */
  #unjudged: { readonly effects: Effects; readonly text: Buffer }[] = [];
  /** The session's DDL may have changed what code the database has. */
  #changes = false;

  constructor(runner: CodeRunner) {
    this.#runner = runner;
  }

  get hasUnjudged(): boolean {
    return this.#unjudged.length > 0;
  }

  get hasSuspects(): boolean {
    return this.#suspects.length > 0;
  }

  /** The statement in `source` from `start`, which is about to run, may run code of the database, or change it. */
  willRun(effects: Effects, source: Buffer, start: number): void {
    const { storedCode } = this.#runner;
    const zero = source.indexOf(0, start);
    const end = zero < 0 ? source.length : zero;
    if (!storedCode.isStale(metSince(effects))) this.#judge(effects, source, start, end);
    else if (this.#unjudged.length < mostUnjudged && end - start < longestUnjudged) {
      this.#unjudged.push({ effects, text: Buffer.from(source.subarray(start, end)) });
    } else this.#suspect(effects, source, start, end, true);
    if ((effects.flags & Flag.Ddl) === 0) return;
    if (storedCode.mayChange(source.toString('latin1', start, end))) this.#changes = true;
  }

  /** True when every statement is judged; else the database is asked what code it has, and the connection parked. */
  judges(): boolean {
    const { connection, storedCode } = this.#runner;
    if (this.#unjudged.length === 0 || connection === null) return true;
    if (!this.#unjudged.some(({ effects }) => storedCode.isStale(metSince(effects)))) {
      this.#judgeAll();
      return true;
    }
    // It takes several questions: nothing of the client's comes between them.
    connection.parked = true;
    storedCode.read(connection, () => {
      if (this.#runner.connection !== connection) return;
      this.#judgeAll();
      this.#runner.unpark();
    });
    return false;
  }

  takeSuspects(): readonly Suspect[] {
    const suspects = this.#suspects;
    this.#suspects = [];
    return suspects;
  }

  loanEnded(): void {
    // Who asked before the transaction had ended was not told of it.
    if (this.#changes) this.#runner.storedCode.outdate();
    this.#changes = false;
  }

  /** The connection is lost, and what ran on it with it. */
  forget(): void {
    this.loanEnded();
    this.#suspects = [];
    this.#unjudged = [];
  }

  #judgeAll(): void {
    for (const { effects, text } of this.#unjudged) this.#judge(effects, text, 0, text.length);
    this.#unjudged = [];
  }

  #judge(effects: Effects, source: Buffer, start: number, end: number): void {
    const leaving = this.#runner.storedCode.leavingOf(effects, source, start, end);
    if (leaving === null) {
      if (deservesLook(effects)) this.#suspect(effects, source, start, end, true);
      return;
    }
    // What is known to set parameters that it names, and nothing else, needs no look.
    if (leaving.unnamed || leaving.other) {
      // Whether it does is known; that it ran is counted there, for the log.
      deservesLook(effects);
      this.#suspect(effects, source, start, end, leaving.unnamed);
    }
    if (leaving.sets !== null) this.#runner.mayChange(leaving.sets, source, start);
  }

  #suspect(
    effects: Effects,
    source: Buffer,
    start: number,
    end: number,
    mayHaveSet: boolean,
  ): void {
    this.#suspects.push({ effects, statement: shapeOf(source, start, end), mayHaveSet });
  }
}
