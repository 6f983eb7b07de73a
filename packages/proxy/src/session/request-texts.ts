import { has, mask } from '../distinct.ts';
import type { RewriterSink } from './rewriter-sink.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import { Change } from '../protocol/query-cycle.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { Flag, classifyBytes, normalizedOf } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { hideBackendNames } from '../statements/backend-names.ts';
import { hasLiterals, meaningOn } from '../statements/meaning.ts';
import type { SessionNames } from '../statements/session-names.ts';
import { statements } from '../statements/statement.ts';
import type { Statement } from '../statements/statement.ts';
import { events } from '../telemetry/events.ts';
import type { StatementOwner } from './request-owner.ts';

/** Flags of statements that may set parameters without naming them as such. */
const maySetUnseen = mask(
  Flag.UnknownFunction,
  Flag.Procedure,
  Flag.Do,
  Flag.SetsParameter,
  Flag.Opaque,
);

/** Flags of statements that may contain the name of a prepared statement, if only in code that they create or call. */
const mayNameStatements = mask(
  Flag.Prepare,
  Flag.Execute,
  Flag.Deallocate,
  Flag.Do,
  Flag.UnknownFunction,
  Flag.Procedure,
  Flag.Opaque,
);

/** The number of statements that no other session can share. */
let ownStatements = 0;

/** Reads the SQL texts of Query and Parse, under the parameters that decide how the database parses them. */
export class RequestTexts {
  readonly #owner: StatementOwner;
  readonly #names: SessionNames;
  readonly #cycles: QueryCycles;
  /** How texts are parsed was changed, and the result was not checked. */
  #lexisUnsettled = false;

  constructor(owner: StatementOwner, names: SessionNames, cycles: QueryCycles) {
    this.#owner = owner;
    this.#names = names;
    this.#cycles = cycles;
  }

  /** The current cycle is about to change how texts are parsed. */
  lexisChanges(): void {
    this.#lexisUnsettled = true;
    this.#cycles.changes(Change.Lexis);
  }

  /** The lease has ended: the session knows how texts are parsed. */
  leaseEnded(): void {
    this.#lexisUnsettled = false;
  }

  /**
   * The effects of a text. Null: it waits for replies to earlier cycles, which may change how texts are parsed, or for
   * an internal query.
   */
  classify(connection: RewriterSink, chunk: Buffer, start: number, end: number): Effects | null {
    const cycles = this.#cycles;
    const isUnsure = this.#lexisUnsettled && !cycles.hasChanged(Change.Lexis);
    if (isUnsure && !cycles.arePending(connection)) {
      // ReadyForQuery has arrived, after the messages that report the change.
      this.#lexisUnsettled = false;
      this.#owner.lexisReported();
    }
    let effects = classifyBytes(chunk, start, end, this.#owner.lexis);
    if (has(effects.flags, mayNameStatements) && hideBackendNames(chunk, start, end))
      effects = classifyBytes(chunk, start, end, this.#owner.lexis);
    const { reason } = effects;
    const isUnread = reason === 'backslash' || reason === 'encoding';
    if (isUnread && isUnsure && this.#lexisUnsettled) return null;
    return this.#owner.mustWait(effects) ? null : effects;
  }

  /** The text is about to be sent: publishes it to subscribers, and looks for parameters that only its words name. */
  sent(effects: Effects, chunk: Buffer, start: number, end: number): void {
    if (events.statement.hasSubscribers)
      this.#owner.publishStatement(normalizedOf(chunk, start, end));
    if (has(effects.flags, maySetUnseen))
      this.#owner.mayNameParameters(chunk.toString('latin1', start, end));
  }

  /**
   * The statement of a Parse, whose text is `chunk[start, textEnd)` and whose parameter types end at `end`. It is the
   * session's own if it calls others by name, or if the session has the same text already, because errors name
   * statements. Without a connection, no parameters are known for parsing it.
   */
  intern(
    connection: RewriterSink | null,
    chunk: Buffer,
    start: number,
    textEnd: number,
    end: number,
    effects: Effects,
  ): Statement {
    const withLiterals = hasLiterals(chunk, start, textEnd);
    const context = this.#owner.statementContext(withLiterals);
    const readUnder = connection === null ? readUnderAny : meaningOn(connection, withLiterals);
    const statement = statements.intern(chunk, start, end, context, effects, readUnder);
    if (!has(effects.flags, Flag.Execute) && !this.#names.has(statement)) return statement;
    statements.release(statement);
    return statements.intern(
      chunk,
      start,
      end,
      `${++ownStatements}\0${context}`,
      effects,
      readUnder,
    );
  }
}
