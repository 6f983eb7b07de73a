import type { Message } from '../helpers/messages.ts';
import { query, terminate } from '../helpers/messages.ts';
import { encode } from './script.ts';
import type { Bytes, Leaving, Step } from './script.ts';
import { entryOf, notificationOf } from './transcript.ts';
import type { Entry } from './transcript.ts';

/** The parts of a client connection that a script needs. */
export interface Talker {
  /** The last values from ParameterStatus. */
  readonly parameters: ReadonlyMap<string, string>;
  send(bytes: Buffer): void;
  /** The next message; throws if the connection has ended, or if none comes in time. */
  next(): Promise<Message>;
  /** Sends Terminate, and resolves when the connection is closed. */
  end(): Promise<void>;
  /** Disappears without Terminate. */
  destroy(): void;
}

/** The result of a login: a connection, unless it was refused, and what the client saw. */
export interface Login {
  readonly talker: Talker | null;
  readonly entry: Entry;
}

/** Logs a client in with these startup parameters. */
export type Connect = (
  parameters: Readonly<Record<string, string>>,
  encoding?: Bytes,
) => Promise<Login>;

/** One session of a running script: the client that runs its steps, with one connection after another. */
export class Player {
  /** As `channel payload`, in order of arrival. */
  readonly notifications: string[] = [];
  readonly #connect: Connect;
  #talker: Talker | null = null;
  /** The last ReadyForQuery reported an open transaction. */
  #inTransaction = false;

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  get isConnected(): boolean {
    return this.#talker !== null;
  }

  /** Whether a transaction is open: the session holds a server connection, and may hold locks. */
  get inTransaction(): boolean {
    return this.#talker !== null && this.#inTransaction;
  }

  /** Runs a step of the script. A session without a connection logs in first. */
  async take(step: Exclude<Step, { readonly world: string }>): Promise<Entry | null> {
    if ('leave' in step) return this.#leave(step.leave);
    if ('connect' in step) {
      await this.#leave('terminate');
      return this.#login(step.connect, step.as);
    }
    if (this.#talker === null) {
      const entry = await this.#login({});
      if (this.#talker === null) return entry;
    }
    return this.#exchange(Buffer.concat(step.send.map(encode)), step.send.length);
  }

  /** Runs the final queries, if the session is still live, and disconnects. */
  async finish(lastWords: Buffer): Promise<Entry | null> {
    const entry = this.#talker === null ? null : await this.#exchange(lastWords, 1);
    await this.#leave('terminate');
    return entry;
  }

  async #login(parameters: Readonly<Record<string, string>>, encoding?: Bytes): Promise<Entry> {
    const { talker, entry } = await this.#connect(parameters, encoding);
    this.#talker = talker;
    return entry;
  }

  /** Sends pipelined requests, and reads until each has its ReadyForQuery. */
  async #exchange(requests: Buffer, count: number): Promise<Entry> {
    const talker = this.#talker;
    if (talker === null) throw new Error('the session has no connection');
    talker.send(requests);
    const messages: Message[] = [];
    let left = count;
    let end = '';
    while (left > 0) {
      try {
        const message = await talker.next();
        messages.push(message);
        if (message.code === 'A') this.notifications.push(notificationOf(message));
        if (message.code !== 'Z') continue;
        left -= 1;
        this.#inTransaction = message.body.toString('latin1') !== 'I';
      } catch (error) {
        end = error instanceof Error ? error.message : String(error);
        talker.destroy();
        this.#forget();
        break;
      }
    }
    return entryOf(messages, talker.parameters, end);
  }

  async #leave(how: Leaving): Promise<null> {
    const talker = this.#talker;
    this.#forget();
    if (talker === null) return null;
    if (how === 'terminate') await talker.end();
    else if (how === 'vanish') talker.destroy();
    else if ('vanishAfter' in how) {
      talker.send(query(how.vanishAfter));
      talker.destroy();
    } else {
      talker.send(Buffer.concat([query(how.terminateAfter), terminate]));
      // The reply does not matter.
      while (await talker.next().catch(() => null));
    }
    return null;
  }

  #forget(): void {
    this.#talker = null;
    this.#inTransaction = false;
  }
}
