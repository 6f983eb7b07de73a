import { readErrorMessage } from '@sluice/wire';
import type { ClientNamedSink } from './client-named-statements.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { SessionNames } from './session-names.ts';

/**
 * A request for a client-named statement that the connection is assumed to have. If the database does not know it
 * (26000), only code that the session itself has run can have closed it: then it does not exist for the session either,
 * as on a direct connection.
 */
export class MissingName implements ReplyNote {
  readonly #connection: ClientNamedSink;
  readonly #names: SessionNames;
  readonly #name: string;
  readonly #corrected: () => void;
  /** The assumed statement when the request was made. */
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
    // A later request may have used the name in the meantime.
    const isBelieved = this.#believed !== undefined && own?.byName.get(name) === this.#believed;
    if (own?.owner !== this.#names || !isBelieved) return null;
    const { sqlstate } = readErrorMessage(chunk, at, next);
    // Code that it runs may have requested another statement.
    if (sqlstate !== '26000' || !chunk.subarray(at, next).includes(name, 0, 'latin1')) return null;
    own.byName.delete(name);
    this.#names.delete(name);
    this.#corrected();
    return null;
  }

  undo(): void {
    // No assumption is left.
  }
}
