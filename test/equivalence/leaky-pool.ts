import type { Message } from '../helpers/messages.ts';
import type { Connect, Talker } from './player.ts';

/**
 * A pool that the comparison must detect: every client uses the same connection, and session state is neither kept nor
 * reset.
 */
export function leaky(connect: Connect): Connect {
  const login = connect({});
  return async () => {
    const { talker, entry } = await login;
    if (talker === null) throw new Error(`the leaky pool has no connection: ${entry.summary}`);
    return { talker: new Sharer(talker), entry };
  };
}

class Sharer implements Talker {
  readonly #talker: Talker;

  constructor(talker: Talker) {
    this.#talker = talker;
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.#talker.parameters;
  }

  send(bytes: Buffer): void {
    this.#talker.send(bytes);
  }

  next(): Promise<Message> {
    return this.#talker.next();
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  destroy(): void {
    // The connection stays, with all state of this client.
  }
}
