import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { ConnectionSource } from '../backend/connection-source.ts';
import type { Origin, Retry } from '../protocol/query-cycle.ts';
import { clock } from '../io/clock.ts';

const nothing = Buffer.alloc(0);

/** An answer of the server is waited for so long, in milliseconds; then the read waits for a lease as any other. */
const patience = 10_000;

/** The server tells the other connections of a crash within this of the loss of the first, in milliseconds. */
const crashSpread = 5000;

/**
 * A read whose server connection ended without a word. Either the whole server has gone, and the read may run on
 * another; or only the server process has, and the read is what brought it down: then it must not meet the next one.
 */
export class Suspicion implements Retry {
  /** What the client is told if the read is not run again. */
  readonly error: ErrorFields;
  readonly answered = nothing;
  /** The server has been asked since: what there is to know about it is known. */
  checked = false;
  readonly #source: ConnectionSource;
  readonly #generation: number;
  readonly #since = clock.now;

  constructor(connection: ServerConnection, error: ErrorFields) {
    this.error = error;
    this.#source = connection.source;
    this.#generation = connection.generation;
  }

  /** Calls back when the server has been asked whether it is still there, or has not answered in time. */
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

  /** The server is there as before, or says that it has crashed: it was the process alone. */
  get isConfirmed(): boolean {
    const { generation, answers, crashedAt } = this.#source;
    return (generation === this.#generation && answers) || crashedAt > this.#since - crashSpread;
  }

  /** `connection`, on which the read would run again, leads to the very server that it was lost on. */
  stands({ source, generation }: Origin): boolean {
    return this.isConfirmed || (source === this.#source && generation === this.#generation);
  }
}
