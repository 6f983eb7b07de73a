import { query } from '../helpers/messages.ts';
import type { Message } from '../helpers/messages.ts';
import type { Connect, Login, Talker } from './player.ts';

/**
 * Reuses connections, after DISCARD ALL, for clients without special startup parameters. A new server process is most
 * of the cost of a short script; a test proves that a used connection looks like a new one.
 */
export function reusing(connect: Connect): Connect {
  const spare: Login[] = [];
  return async (parameters, encoding) => {
    const isPlain = Object.keys(parameters).length === 0;
    const login = (isPlain ? spare.pop() : undefined) ?? (await connect(parameters, encoding));
    const { talker, entry } = login;
    if (!isPlain || talker === null) return login;
    const end = async (): Promise<void> => {
      if (!lease.isSpoilt && (await isClean(talker))) spare.push(login);
      else await talker.end();
    };
    const lease = new Lease(talker, end);
    return { talker: lease, entry };
  };
}

/** State that DISCARD ALL does not reset. */
const spoils = /seed|link|tcl|load|temp/i;

/** A connection that is returned at its end. */
class Lease implements Talker {
  readonly #talker: Talker;
  readonly end: () => Promise<void>;
  isSpoilt = false;

  constructor(talker: Talker, end: () => Promise<void>) {
    this.#talker = talker;
    this.end = end;
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.#talker.parameters;
  }

  send(bytes: Buffer): void {
    this.isSpoilt ||= spoils.test(bytes.toString('latin1'));
    this.#talker.send(bytes);
  }

  next(): Promise<Message> {
    return this.#talker.next();
  }

  destroy(): void {
    this.#talker.destroy();
  }
}

/** Resets the session to its start; returns whether that succeeded. */
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
