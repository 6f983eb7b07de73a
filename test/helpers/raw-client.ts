import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { reset } from '@sluice/testkit';
import { MessageReader } from './message-reader.ts';
import * as messages from './messages.ts';
import type { BackendKey, Message } from './messages.ts';
import { ScramClient } from './scram-client.ts';

/** The address and the credentials of a raw client. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The login options of a raw client. */
export interface LoginOptions {
  /** More startup parameters; they override `user` and `database`. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** The protocol version, for example 0x00030002. Default 3.0. */
  readonly version?: number;
  readonly password?: string;
  /** The encoding of the startup packet. Default UTF-8. */
  readonly encoding?: BufferEncoding;
  /** The hash of the server's certificate, for channel binding. */
  readonly endPoint?: Buffer;
}

/** Long enough for a busy machine, and short enough that a hang is reported before the whole test times out. */
const patience = 60_000;

/**
 * A client that sends and receives single messages, so that a test can do what no driver does: send half a message,
 * stop reading, disappear.
 */
export class RawClient {
  readonly address: Address;
  /** The last values from ParameterStatus. */
  readonly parameters = new Map<string, string>();
  /** From BackendKeyData. */
  key: BackendKey | undefined;
  readonly reader = new MessageReader((message) => this.#take(message));
  /** Settles when the other side closes, or the connection breaks. */
  readonly closed: Promise<void>;
  #socket: Socket;
  #isClosed = false;
  #finished: () => void = () => undefined;
  readonly #inbox: Message[] = [];
  /** Those of the inbox that were read. */
  #read = 0;
  #wake: () => void = () => undefined;

  private constructor(address: Address, socket: Socket) {
    this.address = address;
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      this.#finished = resolve;
    });
    this.#listen();
  }

  /** Opens the connection and sends nothing; a host can be the directory of a Unix socket. */
  static async open({ host, port, ...account }: Address): Promise<RawClient> {
    const socket = host.startsWith('/')
      ? connect({ path: `${host}/.s.PGSQL.${port}` })
      : connect({ host, port, noDelay: true });
    await once(socket, 'connect');
    return new RawClient({ host, port, ...account }, socket);
  }

  /** Opens a connection, logs in, and waits until it is ready for a query. */
  static async login(address: Address, options: LoginOptions = {}): Promise<RawClient> {
    const client = await RawClient.open(address);
    await client.login(options);
    return client;
  }

  #listen(): void {
    const socket = this.#socket;
    const finish = (): void => {
      if (this.#socket !== socket) return;
      this.#isClosed = true;
      this.#finished();
      this.#wake();
    };
    socket.on('data', (chunk: Buffer) => this.reader.push(chunk));
    socket.on('error', finish);
    socket.on('close', finish);
    socket.on('end', () => socket.end());
  }

  #take(message: Message): void {
    if (message.code === 'S') {
      // Values are in client_encoding, which need not be UTF-8.
      const encoding = isUtf8(message.body) ? 'utf8' : 'latin1';
      const [name = '', value = ''] = message.body.toString(encoding).split('\0');
      this.parameters.set(name, value);
    }
    if (message.code === 'K') {
      this.key = { pid: message.body.readInt32BE(0), secret: message.body.subarray(4) };
    }
    this.#inbox.push(message);
    this.#wake();
  }

  /** Sends a startup packet and answers the server's requests, up to ReadyForQuery. */
  async login(options: LoginOptions = {}): Promise<Message[]> {
    const { user, database } = this.address;
    const { version, encoding } = options;
    const parameters = { user, database, ...options.parameters };
    this.send(messages.startupPacket(parameters, version, encoding));
    const seen: Message[] = [];
    const scram = new ScramClient(options.password ?? this.address.password, options.endPoint);
    for (;;) {
      const message = await this.next();
      seen.push(message);
      if (message.code === 'E') throw new DatabaseError(message);
      if (message.code === 'R') this.#authenticate(message.body, scram, options);
      if (message.code === 'Z') return seen;
    }
  }

  #authenticate(body: Buffer, scram: ScramClient, options: LoginOptions): void {
    const password = options.password ?? this.address.password;
    const user = options.parameters?.['user'] ?? this.address.user;
    const text = body.toString('utf8', 4);
    switch (body.readInt32BE(0)) {
      case 0:
        return;
      case 3:
        return this.send(messages.message('p', messages.cstring(password)));
      case 5: {
        const inner = md5(password + user);
        const salted = md5(Buffer.concat([Buffer.from(inner), body.subarray(4)]));
        return this.send(messages.message('p', messages.cstring(`md5${salted}`)));
      }
      case 10: {
        const first = Buffer.from(scram.first());
        const plus = options.endPoint === undefined ? '' : '-PLUS';
        const mechanism = messages.cstring(`SCRAM-SHA-256${plus}`);
        return this.send(messages.message('p', mechanism, messages.int32(first.length), first));
      }
      case 11:
        return this.send(messages.message('p', Buffer.from(scram.final(text))));
      case 12:
        if (!scram.accepts(text)) throw new Error('the server does not know the password');
        return;
      default:
        throw new Error(`unknown authentication request ${body.readInt32BE(0)}`);
    }
  }

  /** Writes bytes unchanged, in one write. */
  send(...parts: readonly Buffer[]): void {
    const [first] = parts;
    this.#socket.write(parts.length === 1 && first !== undefined ? first : Buffer.concat(parts));
  }

  /** Writes bytes in two parts that arrive separately: the second follows after the kernel has accepted the first. */
  async sendSplit(bytes: Buffer, at: number): Promise<void> {
    for (const part of [bytes.subarray(0, at), bytes.subarray(at)]) {
      await new Promise((resolve) => {
        this.#socket.write(part, resolve);
      });
    }
  }

  /**
   * Waits until the kernel has accepted everything that was sent; never resolves while the other side does not read.
   */
  async flushed(): Promise<void> {
    if (this.#socket.writableNeedDrain) await once(this.#socket, 'drain');
  }

  /** The next message; fails if the connection closes or nothing comes in time. */
  async next(timeoutMs = patience): Promise<Message> {
    for (;;) {
      const message = this.#taken();
      if (message !== undefined) return message;
      await this.#arrival(timeoutMs);
    }
  }

  /** A message that has come. */
  #taken(): Message | undefined {
    const message = this.#inbox[this.#read];
    if (message === undefined) return undefined;
    this.#read += 1;
    if (this.#read === this.#inbox.length) {
      this.#inbox.length = 0;
      this.#read = 0;
    }
    return message;
  }

  /** Resolves when a message comes; fails when the connection closes or nothing comes in time. */
  async #arrival(timeoutMs: number): Promise<void> {
    if (this.#isClosed) throw new ConnectionClosed('the connection was closed');
    const isInTime = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs, false);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
    this.#wake = () => undefined;
    if (!isInTime) throw new Error(`nothing came in ${timeoutMs} ms`);
  }

  /** The messages up to and including the next one with this code. */
  async until(code: string, timeoutMs = patience): Promise<Message[]> {
    const seen: Message[] = [];
    for (;;) {
      const message = this.#taken();
      if (message === undefined) {
        try {
          await this.#arrival(timeoutMs);
        } catch (error) {
          throw new Error(`waiting for ${code} after ${messages.summary(seen)}`, { cause: error });
        }
        continue;
      }
      seen.push(message);
      if (message.code === code) return seen;
    }
  }

  /** The messages up to ReadyForQuery. */
  ready(timeoutMs = patience): Promise<Message[]> {
    return this.until('Z', timeoutMs);
  }

  /** Runs a simple query; returns its messages up to ReadyForQuery. */
  query(text: string): Promise<Message[]> {
    this.send(messages.query(text));
    return this.ready();
  }

  /** The rows of a simple query; throws an error of the database. */
  async rows(text: string): Promise<(string | null)[][]> {
    const answer = await this.query(text);
    const error = answer.find(({ code }) => code === 'E');
    if (error !== undefined) throw new DatabaseError(error);
    return messages.rowsOf(answer);
  }

  /** The first column of the first row of a simple query. */
  async value(text: string): Promise<string | null | undefined> {
    const [row] = await this.rows(text);
    return row?.[0];
  }

  /** All messages until the other side closes. */
  async untilClosed(): Promise<Message[]> {
    const seen: Message[] = [];
    for (;;) {
      try {
        seen.push(await this.next());
      } catch (error) {
        if (error instanceof ConnectionClosed) return seen;
        throw new Error(`still open after ${messages.summary(seen)}`, { cause: error });
      }
    }
  }

  /** Sends a raw request (SSLRequest, GSSENCRequest) and returns the one byte of the response. */
  async negotiate(request: Buffer): Promise<string> {
    const socket = this.#socket;
    socket.removeAllListeners('data');
    const answer = once(socket, 'data', { signal: AbortSignal.timeout(patience) });
    socket.write(request);
    const [chunk] = (await answer) as [Buffer];
    socket.on('data', (more: Buffer) => this.reader.push(more));
    return chunk.toString('latin1');
  }

  /** Starts TLS on the same connection; returns the server's certificate. */
  async startTls(options: ConnectionOptions): Promise<Buffer> {
    const plain = this.#socket;
    plain.removeAllListeners();
    const secure = connectTls({ ...options, socket: plain });
    this.#socket = secure;
    this.#listen();
    await once(secure, 'secureConnect');
    return secure.getPeerCertificate().raw;
  }

  /** Sends a cancel request for this client's statement on a separate connection, as drivers do. */
  async cancel(key: BackendKey | undefined = this.key): Promise<void> {
    if (key === undefined) throw new Error('the server gave no key to cancel with');
    const other = await RawClient.open(this.address);
    other.send(messages.cancelPacket(key));
    await other.closed;
  }

  /** Gives up its socket between messages: the new owner reads and writes from now on. */
  detach(): Socket {
    const socket = this.#socket;
    this.#isClosed = true;
    socket.removeAllListeners('data');
    this.#finished();
    return socket;
  }

  /** Stops reading, until the other side cannot send further bytes. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Disappears: without Terminate, and with a reset instead of an orderly end. */
  destroy(): void {
    reset(this.#socket);
  }

  /** Sends Terminate and closes. */
  async end(): Promise<void> {
    if (this.#isClosed) return;
    this.#socket.end(messages.terminate);
    this.#socket.resume();
    await this.closed;
  }
}

/** The server closed the connection. */
export class ConnectionClosed extends Error {
  override readonly name = 'ConnectionClosed';
}

/** An unexpected ErrorResponse. `code` is the SQLSTATE. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly code: string | undefined;
  readonly severity: string | undefined;

  constructor(message: Message) {
    const { C: code, M: text, V: severity } = messages.fieldsOf(message);
    super(`${severity} ${code}: ${text}`);
    this.code = code;
    this.severity = severity;
  }
}

function md5(data: string | Buffer): string {
  return createHash('md5').update(data).digest('hex');
}
