import type { ServerConnection } from '../backend/server-connection.ts';
import { clock } from '../io/clock.ts';
import type { PoolLimits, Suited } from './pool-target.ts';
import type { ConnectionSource } from '../backend/connection-source.ts';

/** The maximum number of recent connections that are checked for the borrower's parameters. */
const mostCompared = 8;

/**
 * The idle connections of a pool, the longest idle first. They are leased last in, first out, so that surplus
 * connections age and are closed.
 */
export class IdleConnections {
  readonly #list: ServerConnection[] = [];

  get size(): number {
    return this.#list.length;
  }

  /** The longest idle connection. */
  get oldest(): ServerConnection | undefined {
    return this.#list[0];
  }

  includes(connection: ServerConnection): boolean {
    return this.#list.includes(connection);
  }

  add(connection: ServerConnection): void {
    this.#list.push(connection);
  }

  delete(connection: ServerConnection): void {
    const at = this.#list.indexOf(connection);
    if (at >= 0) this.#list.splice(at, 1);
  }

  /** The longest idle connection to this source. */
  oldestOf(source: ConnectionSource): ServerConnection | undefined {
    return this.#list.find((connection) => connection.source === source);
  }

  /** Removes the connection that suits the borrower best; null if none can be leased. `isBalanced`: choose by load. */
  take(borrower: Suited, isBalanced: boolean): ServerConnection | null {
    const list = this.#list;
    const newest = list.length - 1;
    if (newest < 0) return null;
    const at = isBalanced ? this.#leastLoaded() : this.#bestSuited(borrower);
    const connection = list[at];
    if (connection === undefined || !connection.source.isBorrowable) return null;
    if (at === newest) list.pop();
    else list.splice(at, 1);
    return connection;
  }

  /** Closes all of them. */
  close(why: string): void {
    for (const connection of [...this.#list]) connection.close(why);
  }

  /** Closes those that have reached their lifetime. */
  closeExpired(): void {
    const { now } = clock;
    for (let at = this.#list.length - 1; at >= 0; at--) {
      const connection = this.#list[at];
      if (connection !== undefined && connection.expiresAt <= now)
        connection.close('it has reached ConnectionLifetime');
    }
  }

  /** Closes connections that have been idle too long, while `isTooMany` reports a surplus. */
  closeSurplus({ idleTimeout }: PoolLimits, isTooMany: () => boolean): void {
    for (;;) {
      const { oldest } = this;
      if (oldest === undefined || clock.now - oldest.since < idleTimeout || !isTooMany()) return;
      oldest.close('MaxIdleConnectionsPercent');
    }
  }

  /** A connection with the borrower's parameters needs no replay; a few are checked, newest first. */
  #bestSuited(borrower: Suited): number {
    const list = this.#list;
    const { lastConnection, parameters: wanted } = borrower;
    // The borrower's own state may be there; for any other session it would be removed.
    if (lastConnection?.isIdle === true) {
      const at = list.lastIndexOf(lastConnection);
      if (at >= 0) return at;
    }
    const newest = list.length - 1;
    for (let at = newest; at >= 0 && at > newest - mostCompared; at--)
      if (list[at]?.state.parameterSet === wanted) return at;
    return newest;
  }

  /** The newest of those to the source with the least load. */
  #leastLoaded(): number {
    const list = this.#list;
    let best = -1;
    let least = Infinity;
    for (let at = list.length - 1; at >= 0; at--) {
      const source = list[at]?.source;
      if (source === undefined || !source.isBorrowable || source.load >= least) continue;
      best = at;
      least = source.load;
    }
    return best;
  }
}
