import { query } from '../helpers/messages.ts';
import type { Message } from '../helpers/messages.ts';
import type { Connect, Login, Talker } from './player.ts';

/**
 * Hands connections on, after DISCARD ALL, to clients that ask for nothing special. A new process of PostgreSQL is most
 * of what a short script costs; a test proves that a used connection looks like a new one.
 */
export function reusing(connect: Connect): Connect {
  const spare: Login[] = [];
  return async (parameters) => {
    const isPlain = Object.keys(parameters).length === 0;
    const login = (isPlain ? spare.pop() : undefined) ?? (await connect(parameters));
    const { talker, entry } = login;
    if (!isPlain || talker === null) return login;
    const end = async (): Promise<void> => {
      if (await isClean(talker)) spare.push(login);
      else await talker.end();
    };
    return { talker: new Loan(talker, end), entry };
  };
}

/** A connection that is given back at its end. */
class Loan implements Talker {
  readonly #talker: Talker;
  readonly end: () => Promise<void>;

  constructor(talker: Talker, end: () => Promise<void>) {
    this.#talker = talker;
    this.end = end;
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

  destroy(): void {
    this.#talker.destroy();
  }
}

/** Makes the session as it was at its start; says whether it could. */
async function isClean(talker: Talker): Promise<boolean> {
  talker.send(Buffer.concat([query('ROLLBACK'), query('DISCARD ALL')]));
  let clean = true;
  for (let left = 2; left > 0;) {
    const { code } = await talker.next();
    if (code === 'E') clean = false;
    if (code === 'Z') left -= 1;
  }
  return clean;
}
