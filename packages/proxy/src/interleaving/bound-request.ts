import type { BoundCycle } from '@sluice/wire';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import { Analysis, DescriptionNote } from '../statements/analysis.ts';
import type { ClientStatement } from '../statements/client-statement.ts';
import type { Description } from '../statements/description.ts';
import type { StatementSink } from '../statements/statement-sink.ts';
import { appendRun } from './shared-request.ts';
import type { SharedRequest } from './shared-request.ts';

/**
 * A read that binds a named statement and runs it: the cycle `chunk[at, …)`. If the connection does not have the
 * statement, it is prepared and described in front of the Bind. The reply is valid only if the description is the one
 * that the client got.
 */
export class BoundRequest implements SharedRequest {
  readonly key: number;
  readonly #named: ClientStatement;
  readonly #expected: Description;
  readonly #chunk: Buffer;
  readonly #at: number;
  readonly #cycle: BoundCycle;
  /** The result of the Parse on the connection. */
  #analysis: Analysis | null = null;

  constructor(
    named: ClientStatement,
    expected: Description,
    chunk: Buffer,
    at: number,
    cycle: BoundCycle,
  ) {
    this.key = named.statement.id;
    this.#named = named;
    this.#expected = expected;
    this.#chunk = chunk;
    this.#at = at;
    this.#cycle = cycle;
  }

  get isAsExpected(): boolean {
    return this.#analysis?.description?.agreesWith(this.#expected) === true;
  }

  gather(connection: StatementSink, note: ReplyNote): boolean {
    const { output, pending } = connection;
    const { statement } = this.#named;
    const { statements } = connection.state;
    const here = statements.get(statement);
    const description = here?.description ?? null;
    if (description !== null && !description.agreesWith(this.#expected)) return false;
    statements.use(statement);
    const isPrepared = description !== null || (here !== null && here.usedBy !== null);
    this.#analysis = isPrepared ? here : this.#prepare(connection, note);
    const { nameStart, nameEnd, end, isDescribed } = this.#cycle;
    output.add(statement.bindHead(this.#chunk, this.#at, nameStart, nameEnd));
    output.addRange(this.#chunk, nameEnd + 1, end);
    appendRun(pending, isDescribed, note);
    return true;
  }

  #prepare(connection: StatementSink, note: ReplyNote): Analysis {
    const analysis = new Analysis();
    // Until then, shared reads of all sessions may bind the statement; see `gather`.
    analysis.usedBy = this.#named;
    const known = (): null => {
      analysis.usedBy = null;
      return null;
    };
    this.#named.prepareOn(connection, analysis, this.#expected, Action.Discard, note);
    connection.output.add(this.#named.describeMessage);
    connection.pending.append(
      Reply.DescribeStatement,
      Action.Discard,
      new DescriptionNote(this.#named, analysis, known, known),
    );
    return analysis;
  }

  planOutdated(connection: StatementSink): void {
    connection.state.statements.outdate(this.#named.statement);
  }
}
