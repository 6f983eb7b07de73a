import { Leases } from './leases.ts';
import { Reference } from './reference.ts';
import type { Server } from './reference.ts';

/**
 * Inspects every server connection in this process when another session borrows it than before, and reports state that
 * a new connection with the same parameters does not have.
 */
export class Watch {
  readonly #reference: Reference;
  readonly #leases: Leases;

  private constructor(reference: Reference, leases: Leases) {
    this.#reference = reference;
    this.#leases = leases;
  }

  /** Inspects all connections to a server from now on; `database` is the one whose extensions are looked up. */
  static async open(server: Server, database: string): Promise<Watch> {
    const reference = await Reference.open(server, database);
    return new Watch(reference, new Leases(server.port, reference.options, reference.foretold));
  }

  /** The findings since the last call: state on connections that must not be there. */
  async take(): Promise<readonly string[]> {
    return this.#reference.judge(this.#leases.take());
  }

  /** Drops the observations: new connections had other settings at that time. */
  skip(): void {
    this.#leases.take();
  }

  close(): void {
    this.#leases.close();
  }
}
