import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { ConnectionSource } from '../backend/connection-source.ts';
import type { Origin, Retry } from '../protocol/query-cycle.ts';
import { clock } from '../io/clock.ts';

const nothing = Buffer.alloc(0);

/** How long to wait for a response of the server, in milliseconds; then the read waits for a lease as usual. */
const patience = 10_000;

/** Within this time, the server reports a crash to the other connections, in milliseconds. */
const crashSpread = 5000;

/**
 * A read whose server connection ended without an error. Either the whole server is gone, and the read can be retried
 * on another; or only the server process is, and the read may have crashed it: then it must not be retried.
 */
export class Suspicion implements Retry {
  /** The error that the client gets if the read is not retried. */
  readonly error: ErrorFields;
  readonly answered = nothing;
  /** The server has been checked since. */
  checked = false;
  readonly #source: ConnectionSource;
  readonly #generation: number;
  readonly #since = clock.now;

  constructor(connection: ServerConnection, error: ErrorFields) {
    this.error = error;
    this.#source = connection.source;
    this.#generation = connection.generation;
  }

  /** Calls back when the server has been checked, or has not responded in time. */
  whenChecked(done: () => void): void {
    const finish = (): void => {
      clearTimeout(late);
      if (this.checked) return;
      this.checked = true;
      done();
    };
    const late = setTimeout(finish, patience);
    this.#source.whenChecked(finish);
  }

  /** The server is still there, or reports a crash: only the process was lost. */
  get isConfirmed(): boolean {
    const { generation, answers, crashedAt } = this.#source;
    return (generation === this.#generation && answers) || crashedAt > this.#since - crashSpread;
  }

  /** `connection`, on which the read would be retried, leads to the server on which it was lost. */
  stands({ source, generation }: Origin): boolean {
    return this.isConfirmed || (source === this.#source && generation === this.#generation);
  }
}
