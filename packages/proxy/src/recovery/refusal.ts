import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { ConnectionSource } from '../backend/connection-source.ts';
import type { Origin, Retry } from '../protocol/query-cycle.ts';

/** Who ends a statement has seen it run: one that ran for less, in milliseconds, was hit by chance. */
const shortRun = 1000;

/**
 * A cycle that the database refused and rolled back, because it shuts down or is read-only: it waits to run elsewhere.
 * If no other server has come to serve when its turn comes, the refusal may have been meant: an administrator has ended a
 * statement that ran too long, or the client had asked for a read-only transaction. Then the client gets it.
 */
export class Refusal implements Retry {
  readonly error: ErrorFields;
  /** What the client would have had in front of the error. */
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

  /** `connection` leads to the very server that refused, which meant it. */
  stands(connection: Origin): boolean {
    const isSame = connection.source === this.#source && connection.generation === this.#generation;
    return isSame && !this.#byChance;
  }
}
