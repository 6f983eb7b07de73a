import {
  buildBind,
  buildClosePortal,
  buildCloseStatement,
  buildExecute,
  buildParse,
} from '@sluice/wire';
import type { StatementSink } from './statement-sink.ts';
import { toServer } from '../io/write-buffer.ts';
import { Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { Effects } from '../sql/index.ts';
import { backendNamePrefix } from './backend-names.ts';
import type { ReadUnder } from '../parameters/read-under.ts';

/** The statement and the portal that run a PREPARE again. */
const runner = `${backendNamePrefix}prepare`;
const closeRunner = buildCloseStatement(runner);
const runRunner = Buffer.concat([
  buildBind(runner, runner),
  buildExecute(runner),
  buildClosePortal(runner),
]);

/** Bytes that mean something else under another client_encoding or standard_conforming_strings. */
const fragile = /[\\\u0080-\uffff]/;

/**
 * A statement of SQL's PREPARE: one session's own. On another server connection its PREPARE is run again as the client
 * wrote it, under the client's own name, so that types and errors are PostgreSQL's to tell.
 */
export class SqlStatement {
  /** What EXECUTE does. */
  readonly effects: Effects;
  /** The text cannot be sent again once `client_encoding` or `standard_conforming_strings` has changed. */
  readonly isFragile: boolean;
  /** False when it cannot be made on another connection: its session keeps the one that has it. */
  isTracked: boolean;
  /** A Parse message of the PREPARE, whose text begins at `start`. */
  readonly source: Buffer;
  readonly start: number = 6 + runner.length;
  /** Under what its text is read. */
  readonly readUnder: ReadUnder;

  /** `text` is the whole PREPARE statement, a character for each byte. */
  constructor(text: string, effects: Effects, isTracked: boolean, readUnder: ReadUnder) {
    this.readUnder = readUnder;
    this.effects = effects;
    this.isTracked = isTracked;
    this.isFragile = fragile.test(text);
    this.source = buildParse(runner, Buffer.from(text, 'latin1'));
  }

  /** Runs the PREPARE again, as messages of the extended protocol that may stand within a cycle. */
  prepareAgain(connection: StatementSink, action: number, note: ReplyNote): void {
    const { pending } = connection;
    // An earlier run that failed has left its own statement.
    toServer.add(closeRunner);
    pending.append(Reply.Close | action);
    toServer.add(this.source);
    pending.append(Reply.Parse | action);
    toServer.add(runRunner);
    pending.append(Reply.Bind | action);
    pending.append(Reply.Execute | action, note);
    pending.append(Reply.Close | action);
  }
}
