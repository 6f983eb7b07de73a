import type { ErrorFields } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import type { ConnectionSource } from '../pool/pool.ts';

/**
 * A group that the database refused and rolled back, because it shuts down or is read-only: it waits to run elsewhere.
 * If no other server has come to serve when its turn comes, the refusal was meant (an administrator ended the connection,
 * the client had asked for a read-only transaction), and the client gets it.
 */
export class Setback {
  readonly error: ErrorFields;
  readonly #source: ConnectionSource;
  readonly #epoch: number;

  constructor(error: ErrorFields, connection: DatabaseConnection) {
    this.error = error;
    this.#source = connection.source;
    this.#epoch = connection.epoch;
  }

  /** `connection` leads to the very server that refused. */
  stands(connection: DatabaseConnection): boolean {
    return connection.source === this.#source && connection.epoch === this.#epoch;
  }
}
