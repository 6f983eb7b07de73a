import {
  buildBind,
  buildClosePortal,
  buildCloseStatement,
  buildExecute,
  buildParse,
} from '@sluice/wire';
import type { StatementSink } from './statement-sink.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { Effects } from '../sql/index.ts';
import { backendNamePrefix } from './backend-names.ts';
import type { ReadUnder } from '../parameters/read-under.ts';

/** The names of the statement and the portal that run a PREPARE again. */
const runner = `${backendNamePrefix}prepare`;
const closeRunner = buildCloseStatement(runner);
const runRunner = Buffer.concat([
  buildBind(runner, runner),
  buildExecute(runner),
  buildClosePortal(runner),
]);

/** Bytes that have another meaning under another client_encoding or standard_conforming_strings. */
const fragile = /[\\\u0080-\uffff]/;

/**
 * A SQL-level prepared statement of one session. On another server connection, its PREPARE is run again unchanged, with
 * the client's name, so that types and errors are PostgreSQL's.
 */
export class SqlStatement {
  /** The effects of EXECUTE. */
  readonly effects: Effects;
  /** The text cannot be sent again after `client_encoding` or `standard_conforming_strings` has changed. */
  readonly isFragile: boolean;
  /** False if it cannot be created on another connection: its session keeps the one that has it. */
  isTracked: boolean;
  /** A Parse message of the PREPARE; its text begins at `start`. */
  readonly source: Buffer;
  readonly start: number = 6 + runner.length;
  /** The parameters for parsing its text. */
  readonly readUnder: ReadUnder;

  /** `text` is the complete PREPARE statement, one character per byte. */
  constructor(text: string, effects: Effects, isTracked: boolean, readUnder: ReadUnder) {
    this.readUnder = readUnder;
    this.effects = effects;
    this.isTracked = isTracked;
    this.isFragile = fragile.test(text);
    this.source = buildParse(runner, Buffer.from(text, 'latin1'));
  }

  /** The length of its text. */
  get bytes(): number {
    return this.source.length;
  }

  /** Runs the PREPARE again, with extended-protocol messages that can be within a cycle. */
  prepareAgain(connection: StatementSink, action: Action, note: ReplyNote): void {
    const { pending } = connection;
    // An earlier failed run has left its statement.
    connection.output.add(closeRunner);
    pending.append(Reply.Close, action);
    connection.output.add(this.source);
    pending.append(Reply.Parse, action);
    connection.output.add(runRunner);
    pending.append(Reply.Bind, action);
    pending.append(Reply.Execute, action, note);
    pending.append(Reply.Close, action);
  }
}
