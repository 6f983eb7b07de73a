import { ServerConnection } from '../backend/server-connection.ts';
import type { ConnectionOwner } from '../backend/lease-owner.ts';
import type { ConnectFailure } from '../backend/connection-source.ts';
import type { Aside } from './pool-target.ts';

/** The callbacks of a connection that belongs to no pool, but to the user and database of one. */
export interface AsideHandlers {
  opened(connection: ServerConnection): void;
  failed(failure: ConnectFailure): void;
  /** An administrator has terminated it (57P01). */
  terminated?(): void;
}

/** The pool that provides the user, the database and the target. */
export interface AsidePool {
  /** Opens one; returns a function that returns its slot to the budget, or null if there is none. */
  openAside(done: Aside, evenVacated: boolean): (() => void) | null;
}

/** A connection that is never leased, with the user and database of a pool. It counts against the budget. */
export class AsideConnection implements ConnectionOwner<ServerConnection> {
  readonly initQuery = '';
  readonly #handlers: AsideHandlers;
  #connection: ServerConnection | null = null;
  #release: (() => void) | null = null;
  #isClosed = false;

  private constructor(handlers: AsideHandlers) {
    this.#handlers = handlers;
  }

  /** Opens one; null if there is no room for it. */
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

  startInternalQuery(): boolean {
    return false;
  }

  returned(): void {
    // It is never leased.
  }

  parameterChanged(): void {
    // No client needs its parameters.
  }

  #giveBack(): void {
    this.#release?.();
    this.#release = null;
  }
}
