import {
  BackendCode,
  TransactionStatus,
  bindComplete,
  buildErrorResponse,
  buildMessage,
  closeComplete,
  noData,
  noParameters,
  parseComplete,
} from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ConnectionOwner } from '../src/backend/lease-owner.ts';
import { ServerConnection } from '../src/backend/server-connection.ts';
import type { ConnectionSource } from '../src/backend/connection-source.ts';
import { ignoring } from '../src/io/quiet-handler.ts';
import type { Ranges } from '../src/io/ranges.ts';
import type { Transport, TransportHandler } from '../src/io/transport.ts';
import { LoginNotices } from '../src/backend/login-notices.ts';
import type { LoginResult } from '../src/backend/login-result.ts';

/** A transport whose other end is the test: it records what is written, and reads what the test feeds. */
export class MemorySocket implements Transport {
  handler: TransportHandler = ignoring;
  whenClosed: (() => void) | null = null;
  readonly remoteAddress = undefined;
  readonly remotePort = undefined;
  readonly tls = null;
  /** Writes are not accepted until `drain`. */
  isFull = false;
  destroyed = false;
  writableEnded = false;
  #written: Buffer[] = [];
  #waiting = 0;
  #isPaused = true;
  /** Data that was fed while it was paused. */
  #unread: Buffer[] = [];

  get isEnded(): boolean {
    return this.writableEnded || this.destroyed;
  }

  get unsent(): number {
    return this.#waiting;
  }

  write(bytes: Buffer): boolean {
    if (this.isEnded) return false;
    this.#written.push(Buffer.from(bytes));
    if (this.isFull) this.#waiting += bytes.length;
    return !this.isFull;
  }

  writeRanges(ranges: Ranges): boolean {
    const bytes = Buffer.alloc(ranges.bytes);
    ranges.copyTo(bytes);
    return this.write(bytes);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    // Never in the same turn as resume().
    if (this.#unread.length > 0) queueMicrotask(() => this.#read());
  }

  isPaused(): boolean {
    return this.#isPaused;
  }

  unread(bytes: Buffer): void {
    this.#unread.unshift(bytes);
  }

  end(last?: Buffer): void {
    if (last !== undefined) this.write(last);
    this.writableEnded = true;
  }

  endAndClose(): void {
    this.end();
    this.destroy();
  }

  /** With an error it behaves as after a network error. */
  destroy(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    queueMicrotask(() => {
      if (error !== undefined) this.#emit(() => this.handler.onError(error));
      this.close();
    });
  }

  destroyWhenIdle(): void {
    // Tests do not wait.
  }

  connectTls(): void {
    throw new Error('there is no TLS in memory');
  }

  // --- The other end ---

  /** The kernel accepts what was written. */
  drain(): void {
    this.isFull = false;
    this.#waiting = 0;
    this.#emit(() => this.handler.onDrain());
  }

  /** The bytes written since the last call. */
  written(): Buffer {
    const all = Buffer.concat(this.#written);
    this.#written = [];
    return all;
  }

  /** Bytes arrive from the other end. */
  feed(...bytes: readonly Buffer[]): void {
    this.#unread.push(Buffer.concat(bytes));
    this.#read();
  }

  /** The connection is closed. */
  close(): void {
    this.destroyed = true;
    this.#emit(() => this.handler.onClose());
    this.whenClosed?.();
    this.whenClosed = null;
  }

  #read(): void {
    while (!this.#isPaused && !this.destroyed) {
      const bytes = this.#unread.shift();
      if (bytes === undefined) return;
      this.#emit(() => this.handler.onData(bytes));
    }
  }

  #emit(event: () => void): void {
    try {
      event();
    } catch (error) {
      this.handler.broken(error);
    }
  }
}

/** The messages in some bytes, each as its code and its body. */
export function messagesIn(bytes: Buffer): { readonly code: string; readonly body: Buffer }[] {
  const all: { readonly code: string; readonly body: Buffer }[] = [];
  for (let at = 0; at + 5 <= bytes.length;) {
    const next = at + 1 + bytes.readUInt32BE(at + 1);
    all.push({
      code: String.fromCharCode(bytes[at] ?? 0),
      body: bytes.subarray(at + 5, Math.min(next, bytes.length)),
    });
    at = next;
  }
  return all;
}

/** Messages of a client in words: their codes, and their first strings. */
export function requestsIn(bytes: Buffer): string[] {
  return messagesIn(bytes).map(({ code, body }) => {
    const strings = body.toString('latin1').split('\0');
    if (code === 'Q' || code === 'E') return `${code} ${strings[0] ?? ''}`.trim();
    if (code === 'P' || code === 'B') return `${code} ${strings[0] ?? ''} ${strings[1] ?? ''}`;
    if (code === 'D' || code === 'C') return `${code} ${strings[0] ?? ''}`;
    return code;
  });
}

/**
 * Messages of a database in words: their codes, with the status, the tag, the SQLSTATE, or sender, channel and payload.
 */
export function repliesIn(bytes: Buffer): string[] {
  return messagesIn(bytes).map(({ code, body }) => {
    const text = body.toString('latin1');
    if (code === 'Z') return `Z${text}`;
    if (code === 'C') return `C ${text.slice(0, -1)}`;
    if (code === 'A') return `A ${body.readInt32BE(0)} ${text.slice(4, -1).replaceAll('\0', ' ')}`;
    if (code === 'E' || code === 'N') return `${code} ${/C([0-9A-Z]{5})\0/.exec(text)?.[1] ?? '?'}`;
    return code;
  });
}

/**
 * A database that responds when the test says so. It supports transactions and prepared statements, and skips to Sync
 * after errors.
 */
export class ScriptedServer {
  readonly socket = new MemorySocket();
  /** All requests so far, in words. */
  readonly received: string[] = [];
  /** The rows of texts that have any. */
  rowsOf: (text: string) => readonly (readonly string[])[] = () => [];
  /** The errors of texts that are refused. */
  readonly errors = new Map<string, ErrorFields>();
  status: number = TransactionStatus.Idle;
  /** The error of a request in words, of the extended protocol. */
  errorOf: (request: string) => ErrorFields | undefined = () => undefined;
  /** The answer to Describe of a statement with this text. */
  describes: (text: string) => readonly Buffer[] = () => [noParameters, noData];
  /** The texts of prepared statements, by name. */
  readonly #statements = new Map<string, string>();
  #unread = Buffer.alloc(0);
  #skips = false;

  /** Records the requests since the last call, and returns them. */
  read(): string[] {
    const bytes = this.socket.written();
    const requests = requestsIn(bytes);
    this.received.push(...requests);
    this.#unread = Buffer.concat([this.#unread, bytes]);
    return requests;
  }

  /** Answers a number of unanswered messages. Returns whether there were any. */
  answer(count = Infinity): boolean {
    this.read();
    const messages = messagesIn(this.#unread);
    const answers: Buffer[] = [];
    let length = 0;
    for (const { code, body } of messages.slice(0, count)) {
      length += 5 + body.length;
      answers.push(...this.answerTo(code, body));
    }
    this.#unread = this.#unread.subarray(length);
    if (answers.length > 0) this.socket.feed(...answers);
    return length > 0;
  }

  /** Answers until nothing more is asked. */
  answerAll(): void {
    while (this.answer()) this.read();
  }

  /** Answers the next messages as long as they match. */
  answerWhile(matches: (request: string) => boolean): void {
    for (;;) {
      this.read();
      const [next] = requestsIn(this.#unread);
      if (next === undefined || !matches(next)) return;
      this.answer(1);
    }
  }

  /** Drops a prepared statement, as code that runs DEALLOCATE does. */
  forget(name: string): void {
    this.read();
    this.#statements.delete(name);
  }

  /** Sends an error. */
  fail(fields: ErrorFields): void {
    this.socket.feed(buildErrorResponse(fields));
  }

  /** Closes the connection without an error. */
  vanish(): void {
    this.socket.close();
  }

  protected answerTo(code: string, body: Buffer): Buffer[] {
    const [first = '', second = ''] = body.toString('latin1').split('\0');
    if (this.#skips && code !== 'S') return [];
    const refusal = this.errorOf(`${code} ${first} ${second}`.trim());
    if (refusal !== undefined) return this.#skip(refusal);
    switch (code) {
      case 'Q': {
        const error = this.errors.get(first);
        this.#statements.delete('');
        return [...(error === undefined ? this.#run(first) : this.#refuse(error)), this.#ready()];
      }
      case 'P': {
        const error = this.errors.get(second);
        if (first === '') this.#statements.delete('');
        if (error !== undefined) return this.#skip(error);
        this.#statements.set(first, second);
        return [parseComplete];
      }
      case 'B':
        return this.#statements.has(second) ? [bindComplete] : this.#skip(missing(second));
      case 'D': {
        if (!first.startsWith('S')) return [noData];
        const text = this.#statements.get(first.slice(1));
        return text === undefined ? this.#skip(missing(first.slice(1))) : [...this.describes(text)];
      }
      case 'E':
        return this.#run('SELECT');
      case 'C':
        this.#statements.delete(first.slice(1));
        return [closeComplete];
      case 'S':
        this.#skips = false;
        return [this.#ready()];
      default:
        return [];
    }
  }

  #run(text: string): Buffer[] {
    // The last of several statements determines the end.
    const [tag = ''] = text.slice(text.lastIndexOf(';') + 1).split(' ');
    if (tag === 'BEGIN') this.status = TransactionStatus.InTransaction;
    else if (tag === 'COMMIT' || tag === 'ROLLBACK') this.status = TransactionStatus.Idle;
    return [
      ...this.rowsOf(text).map(dataRow),
      buildMessage(BackendCode.CommandComplete, Buffer.from(`${tag}\0`)),
    ];
  }

  #refuse(error: ErrorFields): Buffer[] {
    if (this.status !== TransactionStatus.Idle) this.status = TransactionStatus.Failed;
    return [buildErrorResponse(error)];
  }

  #skip(error: ErrorFields): Buffer[] {
    this.#skips = true;
    return this.#refuse(error);
  }

  #ready(): Buffer {
    return buildMessage(BackendCode.ReadyForQuery, Buffer.from([this.status]));
  }
}

/** RowDescription of one column without a table, of the type with this OID. */
export function columnOf(type: number): Buffer {
  const rest = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0]);
  rest.writeUInt32BE(type, 6);
  return buildMessage(
    BackendCode.RowDescription,
    Buffer.from([0, 1]),
    Buffer.from('column\0'),
    rest,
  );
}

/** ParameterDescription of parameters with these types. */
export function parametersOf(...types: readonly number[]): Buffer {
  const body = Buffer.alloc(2 + 4 * types.length);
  body.writeUInt16BE(types.length);
  for (const [at, type] of types.entries()) body.writeUInt32BE(type, 2 + 4 * at);
  return buildMessage(BackendCode.ParameterDescription, body);
}

export function dataRow(values: readonly string[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(values.length);
  const parts = values.map((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value.length);
    return Buffer.concat([length, Buffer.from(value)]);
  });
  return buildMessage(BackendCode.DataRow, count, ...parts);
}

function missing(name: string): ErrorFields {
  return {
    severity: 'ERROR',
    sqlstate: '26000',
    message: `prepared statement "${name}" does not exist`,
    routine: 'FetchPreparedStatement',
  };
}

/** The source of scripted servers: it never checks anything, and is never full. */
export class ScriptedSource implements ConnectionSource {
  readonly name: string = 'scripted';
  generation = 0;
  isBorrowable = true;
  receivedAt = 0;
  crashedAt = -Infinity;
  answers = true;
  leases = 0;
  load = 0;
  readonly signals: string[] = [];
  /** The servers of requested connections, the newest last. */
  readonly servers: ScriptedServer[] = [];
  newServer: () => ScriptedServer = () => new ScriptedServer();
  /** Called when a connection has ended. */
  onRelease: () => void = () => undefined;
  /** The callbacks of requested checks. */
  checks: (() => void)[] = [];

  whenChecked(done: () => void): void {
    this.checks.push(done);
  }
  failureSignal(what: string): void {
    this.signals.push(what);
  }
  release(): void {
    this.onRelease();
  }
  yieldsTo(): boolean {
    return false;
  }
  connect(...[, done]: Parameters<ConnectionSource['connect']>): void {
    const server = this.newServer();
    this.servers.push(server);
    // Never in the turn of the caller.
    queueMicrotask(() => done(null, loginTo(server)));
  }
  connectionEvent(): void {
    // No owner to inform.
  }
  connectFailed(...[, { fields }]: Parameters<ConnectionSource['connectFailed']>): void {
    throw new Error(`a scripted server refused a login: ${fields.message}`);
  }
}

/** The address of scripted servers, which nobody connects to. */
export const scriptedAddress: LoginResult['address'] = {
  host: 'scripted',
  port: 5432,
  tlsMode: 'disable',
  tlsNegotiation: 'postgres',
  md5WithoutTls: false,
  ca: undefined,
  serverName: '',
};

function loginTo(server: ScriptedServer): LoginResult {
  return {
    socket: server.socket,
    parameters: new Map([
      ['server_version', '18.0'],
      ['client_encoding', 'UTF8'],
      ['server_encoding', 'UTF8'],
      ['standard_conforming_strings', 'on'],
    ]),
    notices: new LoginNotices(),
    processId: 42,
    secretKey: Buffer.alloc(4),
    tls: false,
    sentInClear: false,
    address: scriptedAddress,
  };
}

/** A connection to a scripted server, in no pool. */
export function connectTo(
  server: ScriptedServer,
  source: ConnectionSource = new ScriptedSource(),
): ServerConnection {
  const owner: ConnectionOwner<ServerConnection> = {
    initQuery: '',
    startInternalQuery: () => false,
    returned: () => undefined,
    closed: () => undefined,
    failureSignal: () => undefined,
    parameterChanged: () => undefined,
  };
  return new ServerConnection(loginTo(server), owner, 100, source);
}
