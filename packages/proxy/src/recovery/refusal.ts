import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { ConnectionSource } from '../backend/connection-source.ts';
import type { Origin, Retry } from '../protocol/query-cycle.ts';

/**
 * Somebody who cancels a statement has seen it run: a statement that ran for less than this, in milliseconds, was hit
 * by accident.
 */
const shortRun = 1000;

/**
 * A cycle that the database refused and rolled back, because it shuts down or is read-only: it waits to be retried
 * elsewhere. If no other server has taken over when its turn comes, the refusal may have been deliberate: an
 * administrator has terminated a long-running statement, or the client has set read-only transactions. Then the client
 * gets the error.
 */
export class Refusal implements Retry {
  readonly error: ErrorFields;
  /** What the client would have got before the error. */
  readonly answered: Buffer;
  readonly checked = true;
  readonly isConfirmed = false;
  readonly #source: ConnectionSource;
  readonly #generation: number;
  readonly #byChance: boolean;

  /** `age` is how long the cycle had been running, in milliseconds. */
  constructor(error: ErrorFields, answered: Buffer, connection: ServerConnection, age: number) {
    this.error = error;
    this.answered = answered;
    this.#source = connection.source;
    this.#generation = connection.generation;
    this.#byChance = error.sqlstate !== '25006' && age < shortRun;
  }

  whenChecked(done: () => void): void {
    done();
  }

  /** `connection` leads to the server that refused the cycle, deliberately. */
  stands(connection: Origin): boolean {
    const isSame = connection.source === this.#source && connection.generation === this.#generation;
    return isSame && !this.#byChance;
  }
}
