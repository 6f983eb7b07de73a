import type { Socket } from 'node:net';
import {
  bind,
  columnsOf,
  cstring,
  execute,
  fieldsOf,
  int16,
  int32,
  message,
  parse,
  query,
  summary,
  sync,
} from '../helpers/messages.ts';
import type { Message } from '../helpers/messages.ts';
import { DatabaseError, RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';

/** What a client can do next. */
const kinds = ['read', 'prepared', 'parsed', 'error', 'transaction', 'long', 'leave'] as const;
export type Kind = (typeof kinds)[number];

/** The frequency of each kind in 1,000 statements; the rest are reads. */
const often: Readonly<Record<Exclude<Kind, 'read'>, number>> = {
  prepared: 200,
  parsed: 200,
  error: 40,
  transaction: 40,
  long: 3,
  leave: 2,
};

/** How often a long reply repeats the token: less, and more, than a shared lease collects. */
const longReplies = [500, 40_000];

/** RowDescription with one column of type text. */
const described = (name: string): Buffer =>
  message(
    'T',
    int16(1),
    cstring(name),
    int32(0),
    int16(0),
    int32(25),
    int16(-1),
    int32(-1),
    int16(0),
  );
const row = (text: string): Buffer => message('D', int16(1), int32(text.length), Buffer.from(text));
const completed = (tag: string): Buffer => message('C', cstring(tag));
const ready = (status: string): Buffer => message('Z', Buffer.from(status));
const parsedReply = message('1');
const boundReply = message('2');
const readReply = described('?column?');
const longReply = described('repeat');
const endOfRead = Buffer.concat([completed('SELECT 1'), ready('I')]);

/** The common context of all clients of a storm. */
export interface Storm {
  /** SQLSTATEs that a fault explains, and how often they occurred. */
  readonly allowed: Map<string, number>;
  /** Counts a reply to a client; returns false when there have been enough. */
  answered(kind: Kind): boolean;
  /** Reports that a client got a wrong reply. */
  wrong(what: string): void;
}

/**
 * A client whose statements each contain a token that no other statement has. It compares each reply byte by byte with
 * the expected one.
 */
export class StormClient {
  readonly #address: Address;
  readonly #storm: Storm;
  readonly #name: string;
  #client: RawClient | undefined;
  #socket: Socket | undefined;
  #random: number;
  #count = 0;
  #kind: Kind = 'read';
  #token = '';
  #expected = Buffer.alloc(0);
  /** The number of ReadyForQuery at the end of the reply. */
  #readies = 1;
  #got: Buffer | null = null;
  #ended: () => void = () => undefined;

  constructor(address: Address, number: number, storm: Storm) {
    this.#address = address;
    this.#storm = storm;
    this.#name = `client ${number}`;
    this.#random = number * 7919 + 1;
  }

  /** Sends statements one after the other until there have been enough. */
  async run(): Promise<void> {
    await this.#logIn();
    await new Promise<void>((resolve) => {
      this.#ended = resolve;
      this.#next();
    });
    this.#socket?.destroy();
  }

  /** Sends a cancel request for the current statement. */
  async cancel(): Promise<void> {
    await this.#client?.cancel().catch(() => undefined);
  }

  async #logIn(): Promise<void> {
    const client = await this.#open();
    // A fault may end it.
    for (let answer = ''; answer !== '1 | Z I';) {
      client.send(parse('same name', 'SELECT $1::text'), sync);
      answer = summary(await client.ready());
    }
    this.#client = client;
    const socket = client.detach();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('close', () => {
      if (this.#socket === socket) this.#storm.wrong(`${this.#name}: its connection was closed`);
    });
  }

  /** Logs in. As with a statement, a fault may end the server process that a login uses, and the client tries again. */
  async #open(): Promise<RawClient> {
    try {
      return await RawClient.login(this.#address);
    } catch (error) {
      if (!(error instanceof DatabaseError) || !this.#isExplained(error.code ?? '')) throw error;
      return this.#open();
    }
  }

  #below(limit: number): number {
    this.#random = (this.#random * 48_271) % 0x7fffffff;
    return this.#random % limit;
  }

  #choose(): Kind {
    let left = this.#below(1000);
    for (const kind of kinds) {
      if (kind === 'read') continue;
      left -= often[kind];
      if (left < 0) return kind;
    }
    return 'read';
  }

  #next(): void {
    const token = `${this.#name} ${this.#count++}`;
    this.#token = token;
    this.#kind = this.#choose();
    this.#readies = 1;
    this.#got = null;
    switch (this.#kind) {
      case 'read':
        this.#expected = Buffer.concat([readReply, row(token), endOfRead]);
        this.#send(query(`SELECT '${token}'`));
        break;
      case 'prepared':
        this.#expected = Buffer.concat([boundReply, row(token), endOfRead]);
        this.#send(bind('same name', [token]), execute(), sync);
        break;
      case 'parsed':
        this.#expected = Buffer.concat([parsedReply, boundReply, row(token), endOfRead]);
        this.#send(parse('', `SELECT '${token}'`), bind(''), execute(), sync);
        break;
      case 'error':
        this.#expected = Buffer.alloc(0);
        this.#send(query(`SELECT '${token}'::int`));
        break;
      case 'transaction':
        this.#readies = 3;
        this.#expected = Buffer.concat([
          ...[
            completed('BEGIN'),
            ready('T'),
            readReply,
            row(token),
            completed('SELECT 1'),
            ready('T'),
          ],
          ...[completed('COMMIT'), ready('I')],
        ]);
        this.#send(query('BEGIN'), query(`SELECT '${token}'`), query('COMMIT'));
        break;
      case 'long': {
        const count = longReplies[this.#below(longReplies.length)] ?? 1;
        this.#expected = Buffer.concat([longReply, row(token.repeat(count)), endOfRead]);
        this.#send(query(`SELECT repeat('${token}', ${count})`));
        this.#readSlowly();
        break;
      }
      case 'leave':
        this.#leave();
        break;
      default:
    }
  }

  #send(...parts: readonly Buffer[]): void {
    this.#socket?.write(parts.length === 1 ? (parts[0] ?? '') : Buffer.concat(parts));
  }

  /** Does not read a long reply for a moment. */
  #readSlowly(): void {
    const socket = this.#socket;
    socket?.pause();
    setTimeout(() => socket?.resume(), 20);
  }

  /** Disconnects in the middle of a request or of its reply, and reconnects. */
  #leave(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    const request = query(`SELECT '${this.#token}'`);
    socket?.write(request.subarray(0, this.#below(2) === 0 ? request.length : 9));
    setImmediate(() => socket?.destroy());
    this.#logIn().then(
      () => this.#goOn(),
      (error: unknown) => this.#end(`could not log in again: ${String(error)}`),
    );
  }

  #goOn(): void {
    if (this.#storm.answered(this.#kind)) this.#next();
    else this.#end();
  }

  #end(what?: string): void {
    if (what !== undefined) this.#storm.wrong(`${this.#name}: ${what}`);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.#ended();
  }

  #onData(chunk: Buffer): void {
    const got = this.#got === null ? chunk : Buffer.concat([this.#got, chunk]);
    this.#got = got;
    if (got.equals(this.#expected)) {
      this.#goOn();
      return;
    }
    // A long reply is not searched at every chunk.
    if (got.length < this.#expected.length && got.compare(this.#expected, 0, got.length) === 0)
      return;
    const messages = wholeMessages(got);
    if (messages.filter(({ code }) => code === 'Z').length < this.#readies) return;
    const what = this.#judge(messages);
    if (what === null) this.#goOn();
    else this.#end(`${this.#kind} ${this.#token}: ${what}`);
  }

  /** Whether a fault explains the error. Counts it. */
  #isExplained(state: string): boolean {
    const { allowed } = this.#storm;
    const count = allowed.get(state);
    if (count !== undefined) allowed.set(state, count + 1);
    return count !== undefined;
  }

  /** What is wrong with an unexpected reply; null: nothing, or a fault explains it. */
  #judge(messages: readonly Message[]): string | null {
    const bytes = messages.map(({ code, body }) => message(code, body));
    if (Buffer.concat(bytes).equals(this.#expected)) return null;
    let errors = 0;
    for (const each of messages) {
      const { code } = each;
      if (code === 'D') {
        const [text] = columnsOf(each);
        if (text?.replaceAll(this.#token, '') !== '')
          return `it got the row ${text?.slice(0, 100)}`;
      } else if (code === 'E') {
        errors++;
        const { C: state = '', M: words = '' } = fieldsOf(each);
        const isDue = this.#kind === 'error' && state === '22P02';
        if (isDue && !words.includes(`"${this.#token}"`)) return `it got the error ${words}`;
        if (!isDue && !this.#isExplained(state)) return `${state} ${words}`;
      } else if (code === 'Z' && each === messages.at(-1) && each.body.toString() !== 'I')
        return 'a transaction is open';
    }
    return errors === 0 ? `it got ${messages.map(({ code }) => code).join('')}` : null;
  }
}

function wholeMessages(bytes: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end > bytes.length) break;
    messages.push({ code: String.fromCharCode(bytes[at] ?? 0), body: bytes.subarray(at + 5, end) });
    at = end;
  }
  // Parameters and notices appear in between when the server reloads its configuration.
  return messages.filter(({ code }) => code !== 'S' && code !== 'N');
}
