import { ServerConnection } from '../backend/server-connection.ts';
import type { ConnectionOwner } from '../backend/lease-owner.ts';
import type { ConnectFailure } from '../backend/connection-source.ts';
import type { Aside } from './pool-target.ts';

/** Told what becomes of a connection beside a pool. */
export interface AsideHandlers {
  opened(connection: ServerConnection): void;
  failed(failure: ConnectFailure): void;
  /** The database has ended it, at the command of an administrator (57P01). */
  terminated?(): void;
}

/** A pool that connections are opened beside. */
export interface AsidePool {
  /** Opens one; returns what gives its place in the budget back, or null: there is none. */
  openAside(done: Aside, evenVacated: boolean): (() => void) | null;
}

/** A connection that belongs to a pool's user and database and is lent to nobody. It counts within the budget. */
export class AsideConnection implements ConnectionOwner<ServerConnection> {
  readonly initQuery = '';
  readonly #handlers: AsideHandlers;
  #connection: ServerConnection | null = null;
  #release: (() => void) | null = null;
  #isClosed = false;

  private constructor(handlers: AsideHandlers) {
    this.#handlers = handlers;
  }

  /** Opens one; null when there is no room for it. */
  static open(
    pool: AsidePool,
    handlers: AsideHandlers,
    evenVacated = false,
  ): AsideConnection | null {
    const aside = new AsideConnection(handlers);
    const release = pool.openAside((failure, login, source) => {
      if (login === null) {
        aside.#giveBack();
        if (!aside.#isClosed && failure !== null) handlers.failed(failure);
        return;
      }
      const connection = new ServerConnection(login, aside, 0, source);
      aside.#connection = connection;
      if (aside.#isClosed) connection.close('it is no longer needed');
      else handlers.opened(connection);
    }, evenVacated);
    if (release === null) return null;
    aside.#release = release;
    return aside;
  }

  close(why: string): void {
    this.#isClosed = true;
    this.#connection?.close(why);
  }

  closed(): void {
    this.#giveBack();
  }

  failureSignal(_connection: ServerConnection, what: string): void {
    if (what === '57P01' && !this.#isClosed) this.#handlers.terminated?.();
  }

  hasErrand(): boolean {
    return false;
  }

  returned(): void {
    // It is lent to nobody.
  }

  parameterChanged(): void {
    // Nobody is told of its parameters.
  }

  #giveBack(): void {
    this.#release?.();
    this.#release = null;
  }
}
