import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { reset } from '@sluice/testkit';
import * as messages from '../../helpers/messages.ts';
import type { Message } from '../../helpers/messages.ts';
import type { Address } from '../../helpers/raw-client.ts';
import { ScramClient } from '../../helpers/scram-client.ts';
import type { Part } from './case.ts';

/** The messages that a server may send. */
const known = new Set('RKS23CWdcGHDIEVvnNAt1sTZ');

/** How many messages a report contains. */
const trailLength = 60;

/** A client that checks every byte: whether the data are messages at all. */
export class FuzzClient {
  /** Invalid data from the proxy, or more replies than requests. */
  broken: string | null = null;
  isClosed = false;
  /** The number of pending replies: each request of a well-formed client has one ReadyForQuery. Null: not counted. */
  due: number | null = null;
  readonly #socket: Socket;
  /** The last messages in both directions, for the report. */
  readonly #trail: string[] = [];
  #received: Buffer = Buffer.alloc(0);
  #inbox: Message[] = [];
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const finish = (): void => {
      this.isClosed = true;
      this.#wake();
    };
    socket.on('error', finish);
    socket.on('close', finish);
    socket.on('end', finish);
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
      this.#wake();
    });
  }

  static async open(address: Address): Promise<FuzzClient> {
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    await once(socket, 'connect');
    return new FuzzClient(socket);
  }

  /** Logs in; an error is thrown. */
  async login({ user, password, database }: Address): Promise<void> {
    const scram = new ScramClient(password);
    await this.send([messages.startupPacket({ user, database })]);
    for (;;) {
      const message = await this.next(20_000);
      if (message === null) throw new Error('no answer to a login');
      if (message.code === 'E') throw new Error(messages.outline(message));
      if (message.code === 'Z') return;
      if (message.code !== 'R') continue;
      const kind = message.body.readInt32BE(0);
      const text = message.body.toString('utf8', 4);
      if (kind === 10) {
        const first = Buffer.from(scram.first());
        const mechanism = messages.cstring('SCRAM-SHA-256');
        await this.send([messages.message('p', mechanism, messages.int32(first.length), first)]);
      } else if (kind === 11)
        await this.send([messages.message('p', Buffer.from(scram.final(text)))]);
    }
  }

  /** A message may not have arrived completely; then it is not read yet. */
  #read(chunk: Buffer): void {
    if (this.broken !== null) return;
    const received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    let at = 0;
    while (received.length >= at + 5) {
      const code = String.fromCharCode(received[at] ?? 0);
      const length = received.readInt32BE(at + 1);
      if (!known.has(code) || length < 4) {
        this.#break(`no message: ${received.toString('hex', at, at + 40)}`);
        return;
      }
      if (received.length < at + 1 + length) break;
      this.#note(
        `< ${code} ${received.toString('latin1', at + 5, Math.min(at + 1 + length, at + 85))}`,
      );
      if (code === 'Z' && this.due !== null) {
        this.due -= 1;
        if (this.due < 0) this.#break('more answers than questions');
      }
      this.#inbox.push({ code, body: received.subarray(at + 5, at + 1 + length) });
      at += 1 + length;
    }
    this.#received = received.subarray(at);
  }

  #note(what: string): void {
    this.#trail.push(what);
    if (this.#trail.length > trailLength) this.#trail.shift();
  }

  #break(why: string): void {
    this.broken ??= `${why}\n${this.#trail.map((what) => JSON.stringify(what)).join('\n')}`;
  }

  /** Replies to SSLRequest and GSSENCRequest are no messages: a client that sends these reads nothing. */
  deafen(): void {
    this.#socket.removeAllListeners('data');
    this.#socket.resume();
  }

  /** Each part in a separate write, in its own turn of the event loop. */
  async send(parts: readonly Part[]): Promise<void> {
    for (const [index, part] of parts.entries()) {
      if (index > 0) await nextTurn();
      if (this.isClosed) return;
      this.#note(`> ${part.toString('latin1', 0, 200)}`);
      this.#socket.write(part);
    }
  }

  /** The next message; null if the other side has closed, or nothing comes in time. */
  async next(timeoutMs: number): Promise<Message | null> {
    const message = this.#inbox.shift();
    if (message !== undefined) return message;
    if (this.isClosed || this.broken !== null) return null;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => undefined;
    return this.#inbox.shift() ?? null;
  }

  /** Drops received messages that were not read. */
  forget(): void {
    this.#inbox.length = 0;
  }

  /** Waits for a close or for silence; drops all messages until then. */
  async drained(timeoutMs: number): Promise<void> {
    while ((await this.next(timeoutMs)) !== null);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    reset(this.#socket);
  }
}
