import { query } from '../helpers/messages.ts';
import type { Message } from '../helpers/messages.ts';
import type { Connect, Login, Talker } from './player.ts';

/** The maximum number of connections that are kept for a client with the same parameters. */
const mostKept = 60;

/**
 * Reuses connections, after DISCARD ALL, for clients with the same startup parameters. A new server process is most of
 * the cost of a short script; a test proves that a used connection looks like a new one.
 */
export function reusing(connect: Connect): Connect {
  const spares: { readonly key: string; readonly login: Login; readonly talker: Talker }[] = [];
  return async (parameters, encoding) => {
    const key = JSON.stringify([parameters, encoding]);
    const at = spares.findLastIndex((spare) => spare.key === key);
    const login =
      spares.splice(at, at < 0 ? 0 : 1)[0]?.login ?? (await connect(parameters, encoding));
    const { talker, entry } = login;
    // A connection to another database, or of another role, would keep scripts from dropping it.
    if (talker === null || 'database' in parameters || 'user' in parameters) return login;
    const end = async (): Promise<void> => {
      if (lease.isSpoilt || !(await isClean(talker))) return talker.end();
      spares.push({ key, login, talker });
      if (spares.length > mostKept) await spares.shift()?.talker.end();
    };
    const lease = new Lease(talker, end);
    return { talker: lease, entry };
  };
}

/** State that DISCARD ALL does not reset. The last query of every session only reads pg_my_temp_schema(). */
const spoils = /seed|link|tcl|load|(?<!pg_my_)temp(?!_buffers)/i;

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
