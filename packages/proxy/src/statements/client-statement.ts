import type { StatementSink } from './statement-sink.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { Effects } from '../sql/index.ts';
import { Analysis } from './analysis.ts';
import type { Description } from './description.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import type { Kept } from './on-demand.ts';
import { NoteChain } from '../protocol/reply-notes.ts';
import type { Statement } from './statement.ts';

/** A named protocol-level statement of a client, and the description that the client got. */
export class ClientStatement implements Kept {
  readonly statement: Statement;
  analysis = new Analysis();

  constructor(statement: Statement) {
    this.statement = statement;
  }

  /** The length of its text. */
  get bytes(): number {
    return this.statement.parseMessage.length;
  }

  get readUnder(): ReadUnder {
    return this.statement.readUnder;
  }

  get effects(): Effects {
    return this.statement.effects;
  }

  get describeMessage(): Buffer {
    return this.statement.describeMessage;
  }

  on(connection: StatementSink): Analysis | null {
    return connection.state.statements.get(this.statement);
  }

  describe(parameters: Buffer, rows: Buffer | null): Description {
    return this.statement.describe(parameters, rows);
  }

  prepareOn(
    connection: StatementSink,
    analysis: Analysis,
    reported: Description | null,
    action: Action,
    note: ReplyNote | null,
  ): void {
    const { statement } = this;
    const { statements } = connection.state;
    if (statements.get(statement) !== null || statements.isUncertain)
      this.#close(connection, statement);
    const { surplus } = statements;
    if (surplus !== null) this.#close(connection, surplus);
    connection.output.add(statement.parseMessageFor(reported));
    const added = statements.add(statement, analysis);
    connection.pending.append(
      Reply.Parse,
      action,
      note === null ? added : new NoteChain(added, note),
    );
  }

  #close(connection: StatementSink, statement: Statement): void {
    connection.output.add(statement.closeMessage);
    connection.pending.append(
      Reply.Close,
      Action.Discard,
      connection.state.statements.close(statement),
    );
  }
}
