import type { ErrorFields } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import type { ConnectionSource } from '../pool/pool-target.ts';

/** Who ends a statement has seen it run: one that ran for less, in milliseconds, was hit by chance. */
const shortRun = 1000;

/**
 * A group that the database refused and rolled back, because it shuts down or is read-only: it waits to run elsewhere.
 * If no other server has come to serve when its turn comes, the refusal may have been meant: an administrator has ended a
 * statement that ran too long, or the client had asked for a read-only transaction. Then the client gets it.
 */
export class Setback {
  readonly error: ErrorFields;
  /** What the client would have had in front of the error. */
  readonly answered: Buffer;
  readonly #source: ConnectionSource;
  readonly #epoch: number;
  readonly #byChance: boolean;

  /** `age` is how long the group had been running, in milliseconds. */
  constructor(error: ErrorFields, answered: Buffer, connection: DatabaseConnection, age: number) {
    this.error = error;
    this.answered = answered;
    this.#source = connection.source;
    this.#epoch = connection.epoch;
    this.#byChance = error.sqlstate !== '25006' && age < shortRun;
  }

  /** `connection` leads to the very server that refused, which meant it. */
  stands(connection: DatabaseConnection): boolean {
    const isSame = connection.source === this.#source && connection.epoch === this.#epoch;
    return isSame && !this.#byChance;
  }
}
