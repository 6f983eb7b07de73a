import { readErrorMessage } from '@sluice/wire';
import type { ClientNamedSink } from './client-named-statements.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { SessionNames } from './session-names.ts';

/**
 * A request for a statement that the connection is assumed to have, under the name of the session. If the database does
 * not know it (26000), then only code that the session itself has run can have closed it: it is gone for the session,
 * as on a direct connection.
 */
export class MissingName implements ReplyNote {
  readonly #connection: ClientNamedSink;
  readonly #names: SessionNames;
  readonly #name: string;
  readonly #corrected: () => void;
  /** The assumed meaning of the name when the request was sent. */
  readonly #believed: unknown;

  constructor(
    connection: ClientNamedSink,
    names: SessionNames,
    name: string,
    corrected: () => void,
  ) {
    this.#connection = connection;
    this.#names = names;
    this.#name = name;
    this.#corrected = corrected;
    const own = connection.state.clientNamed;
    this.#believed = own?.owner === names ? own.byName.get(name) : undefined;
  }

  failed(chunk: Buffer, at: number, next: number): null {
    const name = this.#name;
    const own = this.#connection.state.clientNamed;
    // A later request may have created the name in the meantime.
    const isBelieved = this.#believed !== undefined && own?.byName.get(name) === this.#believed;
    if (own?.owner !== this.#names || !isBelieved) return null;
    const { sqlstate } = readErrorMessage(chunk, at, next);
    // The error may be about another statement, which code called.
    if (sqlstate !== '26000' || !mentions(chunk.toString('latin1', at, next), name)) return null;
    own.byName.delete(name);
    this.#names.delete(name);
    this.#corrected();
    return null;
  }

  undo(): void {
    // No assumption is left to correct.
  }
}

/** Whether the name is in the text, and not within a word: each language has quotes of its own. */
function mentions(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1))
    if (!/\w/.test(text.charAt(at - 1)) && !/\w/.test(text.charAt(at + name.length))) return true;
  return false;
}
