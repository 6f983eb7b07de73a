import { Listener } from './listener.ts';

/** The listening connections of an endpoint, one per database with listening sessions. */
export class Listeners {
  readonly #byDatabase = new Map<string, Listener>();

  /** The listener of this database; it opens no connection before a session listens. */
  of(database: string): Listener {
    let listener = this.#byDatabase.get(database);
    if (listener === undefined) {
      listener = new Listener(database);
      this.#byDatabase.set(database, listener);
    }
    return listener;
  }

  /** Closes the connection to this database if no session listens: see `Listener.makeWay`. */
  makeWay(database: string, closing: (closed: Promise<void>) => void): void {
    this.#byDatabase.get(database)?.makeWay(closing);
  }

  get all(): Iterable<Listener> {
    return this.#byDatabase.values();
  }

  /** Called at every tick of the coarse clock. */
  tick(): void {
    for (const [database, listener] of this.#byDatabase) {
      listener.tick();
      if (listener.isUnused) this.#byDatabase.delete(database);
    }
  }

  stop(): void {
    for (const listener of this.#byDatabase.values()) listener.stop();
  }
}
