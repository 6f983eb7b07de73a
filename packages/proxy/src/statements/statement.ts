import {
  FrontendCode,
  bodyAt,
  buildCloseStatement,
  buildDescribeStatement,
  buildMessage,
  lengthAt,
  writeLength,
} from '@sluice/wire';
import type { Effects } from '../sql/index.ts';
import { backendNamePrefix } from './backend-names.ts';
import { Description } from './description.ts';
import type { ReadUnder } from '../parameters/read-under.ts';

/** A request for a statement that does not exist on any server connection: makes the database fail at this position. */
export const describeMissingStatement = buildDescribeStatement(`${backendNamePrefix}none`);

/** The maximum number of descriptions of a statement; there is more than one only after a change of its tables. */
const mostDescriptions = 4;

let nextId = 1;

/**
 * A protocol-level prepared statement, shared by all sessions that prepared the same text with the same parameter
 * types. It is prepared on a server connection when it is first needed there.
 */
export class Statement {
  readonly key: string;
  /** Its number, never reused. */
  readonly id: number = nextId++;
  /** The name on server connections, as in errors. */
  readonly calledName: string;
  /** The name on server connections, with its terminating zero. It is never reused for another text. */
  readonly backendName: Buffer;
  /** The Parse message that prepares it under `backendName`. */
  readonly parseMessage: Buffer;
  /** Describe and Close for it under `backendName`. */
  readonly describeMessage: Buffer;
  readonly closeMessage: Buffer;
  readonly effects: Effects;
  /** The parameters for parsing its text. */
  readonly readUnder: ReadUnder;
  /** The number of names in sessions. */
  names = 0;
  /** The number of server connections with it. */
  prepared = 0;
  /** The text, with its zero. */
  readonly text: Buffer;
  /** Its descriptions, the newest last: equal descriptions are one object. */
  #descriptions: Description[] = [];
  /** The last Parse message with these types. */
  #lastParse: { readonly parameters: Buffer; readonly message: Buffer } | null = null;

  /** `tail` is the rest of a Parse message after the name: the text and the types of the client. */
  constructor(key: string, tail: Buffer, effects: Effects, readUnder: ReadUnder) {
    this.key = key;
    this.readUnder = readUnder;
    const name = `${backendNamePrefix}${this.id}`;
    this.calledName = name;
    this.backendName = Buffer.from(`${name}\0`, 'latin1');
    this.parseMessage = buildMessage(FrontendCode.Parse, this.backendName, tail);
    this.describeMessage = buildDescribeStatement(name);
    this.closeMessage = buildCloseStatement(name);
    this.effects = effects;
    this.text = tail.subarray(0, tail.indexOf(0) + 1);
  }

  /** The Parse message with the types that were reported to a session; null: with those that its client sent. */
  parseMessageFor(reported: Description | null): Buffer {
    if (reported === null) return this.parseMessage;
    if (this.#lastParse?.parameters !== reported.parameters) {
      const { parameters } = reported;
      const message = buildMessage(FrontendCode.Parse, this.backendName, this.text, parameters);
      this.#lastParse = { parameters, message };
    }
    return this.#lastParse.message;
  }

  /**
   * A Parse of another text under this statement's name, from `chunk[start, end)`: it fails if the statement exists.
   */
  parseOther(chunk: Buffer, start: number, end: number): Buffer {
    return buildMessage(FrontendCode.Parse, this.backendName, chunk.subarray(start, end));
  }

  /** The same under a client's own name, one character per byte. */
  namedParse(name: string, reported: Description | null): Buffer {
    const tail =
      reported === null
        ? this.parseMessage.subarray(bodyAt(0) + this.backendName.length)
        : Buffer.concat([this.text, reported.parameters]);
    return buildMessage(FrontendCode.Parse, Buffer.from(`${name}\0`, 'latin1'), tail);
  }

  /**
   * The head of the Bind at `chunk[at]` with the name on server connections instead of the client's, which is
   * `chunk[nameStart, nameEnd)`. What follows the zero of the name does not change.
   */
  bindHead(chunk: Buffer, at: number, nameStart: number, nameEnd: number): Buffer {
    const name = this.backendName;
    const before = nameStart - at;
    const head = Buffer.allocUnsafe(before + name.length);
    chunk.copy(head, 0, at, nameStart);
    name.copy(head, before);
    writeLength(head, lengthAt(chunk, at) + name.length - (nameEnd + 1 - nameStart));
    return head;
  }

  /** The description with these bodies of ParameterDescription and RowDescription; copies them if necessary. */
  describe(parameters: Buffer, rows: Buffer | null): Description {
    for (const known of this.#descriptions) if (known.equals(parameters, rows)) return known;
    // The types seldom change with the rows: they have one copy, and one Parse message.
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
 * All prepared statements of the process. The key is the bytes of the text and the parameter types, never a short hash
 * of them (with a hash collision, one text would run for the other).
 */
export class StatementRegistry {
  readonly #statements = new Map<string, Statement>();

  get size(): number {
    return this.#statements.size;
  }

  /**
   * The statement for `chunk[start, end)`: the query text with its zero and the parameter types, as in Parse. `context`
   * distinguishes the meanings of the same bytes under other parameters, those of `readUnder`; `effects` are those of
   * the text.
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

  /** Removes the statement if it has no users left. */
  release(statement: Statement): void {
    if (statement.names === 0 && statement.prepared === 0) this.#statements.delete(statement.key);
  }
}

export const statements = new StatementRegistry();
