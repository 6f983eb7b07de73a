import type { Message } from '../helpers/messages.ts';
import type { Connect, Talker } from './player.ts';

/** The pool that must be found out: every client speaks over the same connection, and nothing is carried or reset. */
export function leaky(connect: Connect): Connect {
  const login = connect({});
  return async () => {
    const { talker, entry } = await login;
    if (talker === null) throw new Error(`the leaky pool has no connection: ${entry.story}`);
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
    // The connection stays, and with it all that this client left there.
  }
}
