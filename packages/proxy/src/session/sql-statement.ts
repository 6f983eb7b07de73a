import {
  buildBind,
  buildClosePortal,
  buildCloseStatement,
  buildExecute,
  buildParse,
} from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import { toDatabase } from '../relay/gatherer.ts';
import { Owed } from '../relay/owed-replies.ts';
import type { OwedNote } from '../relay/owed-replies.ts';
import type { Effects } from '../sql/index.ts';
import { backendNamePrefix } from './statement.ts';

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
 * A statement of SQL's PREPARE: one session's own. On another database connection its PREPARE is run again as the client
 * wrote it, under the client's own name, so that types and errors are PostgreSQL's to tell.
 */
export class SqlStatement {
  /** What EXECUTE does. */
  readonly effects: Effects;
  /** The text cannot be sent again once `client_encoding` or `standard_conforming_strings` has changed. */
  readonly isFragile: boolean;
  /** False when it cannot be made on another connection: its session keeps the one that has it. */
  isCarried: boolean;
  /** A Parse message of the PREPARE, whose text begins at `start`. */
  readonly source: Buffer;
  readonly start: number = 6 + runner.length;

  /** `text` is the whole PREPARE statement, a character for each byte. */
  constructor(text: string, effects: Effects, isCarried: boolean) {
    this.effects = effects;
    this.isCarried = isCarried;
    this.isFragile = fragile.test(text);
    this.source = buildParse(runner, Buffer.from(text, 'latin1'));
  }

  /** Runs the PREPARE again, as messages of the extended protocol that may stand within a group. */
  prepareAgain(connection: DatabaseConnection, fate: number, note: OwedNote): void {
    const { owed } = connection;
    // An earlier run that failed has left its own statement.
    toDatabase.add(closeRunner);
    owed.append(Owed.Close | fate);
    toDatabase.add(this.source);
    owed.append(Owed.Parse | fate);
    toDatabase.add(runRunner);
    owed.append(Owed.Bind | fate);
    owed.append(Owed.Execute | fate, note);
    owed.append(Owed.Close | fate);
  }
}
