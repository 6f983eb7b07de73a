import { Leases } from './leases.ts';
import { Reference } from './reference.ts';
import type { Server } from './reference.ts';

/**
 * Looks into every server connection that is lent in this process to another session than before, and tells what a new
 * connection with the same parameters does not have.
 */
export class Watch {
  readonly #reference: Reference;
  readonly #leases: Leases;

  private constructor(reference: Reference, leases: Leases) {
    this.#reference = reference;
    this.#leases = leases;
  }

  /** Begins to look at all connections to a server; `database` tells what it has installed. */
  static async open(server: Server, database: string): Promise<Watch> {
    const reference = await Reference.open(server, database);
    return new Watch(reference, new Leases(server.port, reference.options, reference.foretold));
  }

  /** What was found since the last time: what is on connections and must not be. */
  async take(): Promise<readonly string[]> {
    return this.#reference.judge(this.#leases.take());
  }

  /** Forgets what was seen, and what new connections were like: the database has other settings now. */
  forget(): void {
    this.#leases.take();
    this.#reference.forget();
  }

  close(): void {
    this.#leases.close();
  }
}
