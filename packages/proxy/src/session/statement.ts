import { FrontendCode, buildCloseStatement, buildDescribeStatement } from '@sluice/wire';
import type { Effects } from '../sql/index.ts';

/** The names that statements bear on database connections begin so; a client's own name never reaches the database. */
export const backendNamePrefix = 'sluice_';

/** Asks for a statement that no database connection has: makes the database fail at a chosen place. */
export const describeMissingStatement = buildDescribeStatement(`${backendNamePrefix}none`);

let nextId = 1;

/**
 * A statement prepared over the protocol, shared by every session that prepared the same text with the same
 * parameter types, and prepared on a database connection when it is first needed there.
 */
export class Statement {
  readonly key: string;
  /** The name on database connections, with its terminating zero. Never used for another text. */
  readonly backendName: Buffer;
  /** The whole Parse message that prepares it under `backendName`. */
  readonly parseMessage: Buffer;
  /** Describe and Close for it under `backendName`. */
  readonly describeMessage: Buffer;
  readonly closeMessage: Buffer;
  readonly effects: Effects;
  /** How many names in sessions stand for it. */
  names = 0;
  /** On how many database connections it is prepared. */
  prepared = 0;

  constructor(key: string, tail: Buffer, effects: Effects) {
    this.key = key;
    const name = `${backendNamePrefix}${nextId++}`;
    this.backendName = Buffer.from(`${name}\0`, 'latin1');
    this.parseMessage = buildParse(this.backendName, tail);
    this.describeMessage = buildDescribeStatement(name);
    this.closeMessage = buildCloseStatement(name);
    this.effects = effects;
  }
}

/** The statement's Parse message under a name of the client's own, a character for each byte. */
export function buildNamedParse(name: string, statement: Statement): Buffer {
  return buildParse(
    Buffer.from(`${name}\0`, 'latin1'),
    statement.parseMessage.subarray(5 + statement.backendName.length),
  );
}

/** Parse (F): Byte1('P') Int32 length, String name, String query, Int16 n, Int32[n] parameter types. */
function buildParse(name: Buffer, tail: Buffer): Buffer {
  const message = Buffer.allocUnsafe(5 + name.length + tail.length);
  message[0] = FrontendCode.Parse;
  message.writeUInt32BE(message.length - 1, 1);
  name.copy(message, 5);
  tail.copy(message, 5 + name.length);
  return message;
}

/**
 * All prepared statements of the process, by what makes them the same: the bytes of text and parameter types,
 * never a short hash of them (two texts with one hash would answer for each other).
 */
export class StatementRegistry {
  readonly #statements = new Map<string, Statement>();

  get size(): number {
    return this.#statements.size;
  }

  /**
   * The statement for `chunk[start, end)`: the query text with its zero and the parameter types, as in Parse.
   * `context` tells apart what the same bytes mean under other parameters; `effects` is what the text does.
   */
  intern(chunk: Buffer, start: number, end: number, context: string, effects: Effects): Statement {
    const key = context + chunk.toString('latin1', start, end);
    let statement = this.#statements.get(key);
    if (statement === undefined) {
      statement = new Statement(key, Buffer.from(chunk.subarray(start, end)), effects);
      this.#statements.set(key, statement);
    }
    return statement;
  }

  /** Forgets the statement when nobody has it any more. */
  release(statement: Statement): void {
    if (statement.names === 0 && statement.prepared === 0) this.#statements.delete(statement.key);
  }
}

export const statements = new StatementRegistry();
