import { FrontendCode as Code, TransactionStatus } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';

/**
 * Remembers where the group at hand began, if it began with a prepared statement outside any transaction, so that it can be
 * made again when its plan turns out to be outdated. Three fields and no copy: most groups are never looked at again.
 */
export class LastGroup {
  #chunk: Buffer | null = null;
  #start = 0;
  #number = -1;

  /** A group, of this number, begins at `chunk[start]` with a request for a prepared statement. */
  begins(connection: DatabaseConnection, chunk: Buffer, start: number, number: number): void {
    const alone =
      connection.status === TransactionStatus.Idle && connection.owed.countGroups() === 0;
    this.#chunk = alone ? chunk : null;
    this.#start = start;
    this.#number = number;
  }

  /** Lets go of the bytes. */
  forget(): void {
    this.#chunk = null;
  }

  /**
   * The bytes of the group whose first request has just failed, if nothing else was sent and the client learns what its
   * rows are within the group: one that knows them from before would misread new ones. `next` numbers the group to come.
   */
  repeatable(connection: DatabaseConnection, next: number): Buffer | null {
    const chunk = this.#chunk;
    this.#chunk = null;
    if (chunk === null || this.#number !== next - 1) return null;
    if (connection.groupOpen || connection.owed.countGroups() !== 1) return null;
    let describes = false;
    for (let at = this.#start; at + 5 <= chunk.length;) {
      const code = chunk[at];
      at += 1 + chunk.readUInt32BE(at + 1);
      if (at > chunk.length) return null;
      if (code === Code.Describe) describes = true;
      if (code === Code.Query || (code === Code.Sync && describes))
        return chunk.subarray(this.#start, at);
      if (code === Code.Sync) return null;
    }
    return null;
  }
}
