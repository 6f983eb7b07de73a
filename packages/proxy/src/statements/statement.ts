import {
  FrontendCode,
  buildCloseStatement,
  buildDescribeStatement,
  buildMessage,
} from '@sluice/wire';
import type { Effects } from '../sql/index.ts';
import { backendNamePrefix } from './backend-names.ts';
import { Description } from './description.ts';
import type { ReadUnder } from '../parameters/read-under.ts';

/** Asks for a statement that no server connection has: makes the database fail at a chosen place. */
export const describeMissingStatement = buildDescribeStatement(`${backendNamePrefix}none`);

/** Descriptions of a statement that are kept to be found again; more than one only after its tables have changed. */
const mostDescriptions = 4;

let nextId = 1;

/**
 * A statement prepared over the protocol, shared by every session that prepared the same text with the same
 * parameter types, and prepared on a server connection when it is first needed there.
 */
export class Statement {
  readonly key: string;
  /** The name on server connections, as errors tell it. */
  readonly calledName: string;
  /** The name on server connections, with its terminating zero. Never used for another text. */
  readonly backendName: Buffer;
  /** The whole Parse message that prepares it under `backendName`. */
  readonly parseMessage: Buffer;
  /** Describe and Close for it under `backendName`. */
  readonly describeMessage: Buffer;
  readonly closeMessage: Buffer;
  readonly effects: Effects;
  /** Under what its text is read. */
  readonly readUnder: ReadUnder;
  /** How many names in sessions stand for it. */
  names = 0;
  /** On how many server connections it is prepared. */
  prepared = 0;
  /** The text, with its zero. */
  readonly #text: Buffer;
  /** What was told of it, the newest last: equal descriptions are one object. */
  #descriptions: Description[] = [];
  /** The last Parse message that gave these types. */
  #told: { readonly parameters: Buffer; readonly message: Buffer } | null = null;

  /** `tail` is the rest of a Parse message behind the name: the text and the types that the client gave. */
  constructor(key: string, tail: Buffer, effects: Effects, readUnder: ReadUnder) {
    this.key = key;
    this.readUnder = readUnder;
    const name = `${backendNamePrefix}${nextId++}`;
    this.calledName = name;
    this.backendName = Buffer.from(`${name}\0`, 'latin1');
    this.parseMessage = buildMessage(FrontendCode.Parse, this.backendName, tail);
    this.describeMessage = buildDescribeStatement(name);
    this.closeMessage = buildCloseStatement(name);
    this.effects = effects;
    this.#text = tail.subarray(0, tail.indexOf(0) + 1);
  }

  /** The Parse message that gives the types which a session was told; null: those that its client gave. */
  parseMessageFor(told: Description | null): Buffer {
    if (told === null) return this.parseMessage;
    if (this.#told?.parameters !== told.parameters) {
      const { parameters } = told;
      const message = buildMessage(FrontendCode.Parse, this.backendName, this.#text, parameters);
      this.#told = { parameters, message };
    }
    return this.#told.message;
  }

  /** The same under a name of a client's own, a character for each byte. */
  namedParse(name: string, told: Description | null): Buffer {
    const tail =
      told === null
        ? this.parseMessage.subarray(5 + this.backendName.length)
        : Buffer.concat([this.#text, told.parameters]);
    return buildMessage(FrontendCode.Parse, Buffer.from(`${name}\0`, 'latin1'), tail);
  }

  /** The description with these bodies of ParameterDescription and RowDescription; they are copied if need be. */
  describe(parameters: Buffer, rows: Buffer | null): Description {
    for (const known of this.#descriptions) if (known.equals(parameters, rows)) return known;
    // The types seldom change with the rows: one copy of them, and one Parse message.
    const same = this.#descriptions.find((known) => known.parameters.equals(parameters));
    const description = new Description(
      same?.parameters ?? Buffer.from(parameters),
      rows === null ? null : Buffer.from(rows),
    );
    if (this.#descriptions.length === mostDescriptions) this.#descriptions.shift();
    this.#descriptions.push(description);
    return description;
  }
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
   * `context` tells apart what the same bytes mean under other parameters, those of `readUnder`; `effects` is what the text
   * does.
   */
  intern(
    chunk: Buffer,
    start: number,
    end: number,
    context: string,
    effects: Effects,
    readUnder: ReadUnder,
  ): Statement {
    const key = context + chunk.toString('latin1', start, end);
    let statement = this.#statements.get(key);
    if (statement === undefined) {
      statement = new Statement(key, Buffer.from(chunk.subarray(start, end)), effects, readUnder);
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
