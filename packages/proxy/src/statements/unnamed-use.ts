import {
  bodyAt,
  buildDescribeStatement,
  buildMessage,
  FrontendCode,
  stringEnd,
} from '@sluice/wire';
import type { StatementSink } from './statement-sink.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { Effects } from '../sql/index.ts';
import type { Analysis } from './analysis.ts';
import { Description } from './description.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import type { Kept } from './on-demand.ts';
import { NoteChain } from '../protocol/reply-notes.ts';
import { UnnamedChange } from './unnamed-change.ts';
import { noUnnamedStatement } from './unnamed-statement.ts';
import type { UnnamedStatement } from './unnamed-statement.ts';

const describeUnnamed = buildDescribeStatement('');

/** The unnamed statement of a session, to be prepared on any server connection. */
export class UnnamedUse implements Kept {
  readonly statement: UnnamedStatement;

  constructor(statement: UnnamedStatement) {
    this.statement = statement;
  }

  get describeMessage(): Buffer {
    return describeUnnamed;
  }

  get analysis(): Analysis {
    return this.statement.analysis;
  }

  set analysis(analysis: Analysis) {
    this.statement.analysis = analysis;
  }

  get readUnder(): ReadUnder {
    return this.statement.readUnder;
  }

  get effects(): Effects | null {
    return this.statement.effects;
  }

  on(connection: StatementSink): Analysis | null {
    const { unnamed } = connection.state;
    return unnamed.expected === this.statement ? unnamed.analysis : null;
  }

  describe(parameters: Buffer, rows: Buffer | null): Description {
    const reported = this.analysis.description;
    if (reported?.equals(parameters, rows) === true) return reported;
    return new Description(Buffer.from(parameters), rows === null ? null : Buffer.from(rows));
  }

  prepareOn(
    connection: StatementSink,
    analysis: Analysis,
    reported: Description | null,
    action: Action,
    note: ReplyNote | null,
  ): void {
    const { statement } = this;
    const { source, start, end } = statement;
    if (source === null) return;
    const change = new UnnamedChange(null, connection.state.unnamed, statement);
    connection.state.unnamed.expect(statement, analysis);
    if (reported === null) connection.output.addRange(source, start, end);
    else {
      // The name is a zero byte, and the text ends with one.
      const head = source.subarray(bodyAt(start), stringEnd(source, bodyAt(start) + 1) + 1);
      connection.output.add(buildMessage(FrontendCode.Parse, head, reported.parameters));
    }
    connection.pending.append(
      Reply.Parse,
      action,
      note === null ? change : new NoteChain(change, note),
    );
  }
}

/** The use of a session without an unnamed statement. */
export const noUnnamedUse = new UnnamedUse(noUnnamedStatement);
