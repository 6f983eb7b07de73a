import { Listener } from './listener.ts';

/** The listening connections of an endpoint: one for each database where a session listens. */
export class Listeners {
  readonly #byDatabase = new Map<string, Listener>();

  /** The one for this database; it opens no connection before somebody listens. */
  of(database: string): Listener {
    let listener = this.#byDatabase.get(database);
    if (listener === undefined) {
      listener = new Listener(database);
      this.#byDatabase.set(database, listener);
    }
    return listener;
  }

  get all(): Iterable<Listener> {
    return this.#byDatabase.values();
  }

  /** Called at every tick of the coarse clock. */
  tick(): void {
    for (const listener of this.#byDatabase.values()) listener.tick();
  }

  stop(): void {
    for (const listener of this.#byDatabase.values()) listener.stop();
  }
}
