import type { ServerConnection } from '../backend/server-connection.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { ProxyError } from '../errors.ts';
import { AsideConnection } from '../pool/aside-connection.ts';
import type { Pool } from '../pool/pool.ts';

/** How long a server process may take to notice a signal, in milliseconds. */
const delivery = 2000;

/**
 * The duration of the query on a stand-in process, for a cancel while the session waits in the borrow queue, in
 * seconds.
 */
const standInSeconds = 5;

/** How many times, at most, the proxy checks whether that query has begun. */
const mostPolls = 50;

/** A client of the proxy whose process ID a statement names. */
export interface SignalTarget {
  readonly connection: ServerConnection | null;
  readonly pool: Pool;
  /** One of its requests waits in the borrow queue. */
  readonly isWaiting: boolean;
  terminate(error: ProxyError): void;
  cancelWaiting(error: ProxyError): void;
  /** The client borrows no connection until `unblockRequests`. */
  blockRequests(): void;
  unblockRequests(): void;
}

/**
 * The target of pg_cancel_backend() or pg_terminate_backend() in place of the process ID of a client: the server
 * process that the client has leased, or a stand-in process of the same user and database. So PostgreSQL itself checks
 * permissions, answers, and sends the signal. A client with a stand-in is cancelled or terminated when the stand-in
 * gets the signal.
 */
export class Aim {
  readonly #target: SignalTarget;
  readonly #ends: boolean;
  readonly #ready: () => void;
  /** The server process; null while it is not known yet, or if there is none. */
  processId: number | null = null;
  isPending = false;
  /** The connection of the client. Nothing else runs on it until the signal has been sent. */
  #server: ServerConnection | null = null;
  #blocksRequests = false;
  #late: NodeJS.Timeout | undefined;
  #standIn: ServerConnection | null = null;
  #aside: AsideConnection | null = null;
  readonly #isOwn: boolean;
  #sleeps = false;

  /** `ends`: pg_terminate_backend(), not pg_cancel_backend(). `isOwn`: the client signals itself. */
  constructor(
    target: SignalTarget,
    { ends, isOwn }: { readonly ends: boolean; readonly isOwn: boolean },
    ready: () => void,
  ) {
    this.#target = target;
    this.#ends = ends;
    this.#isOwn = isOwn;
    this.#ready = ready;
    const { connection } = target;
    if (connection !== null) this.#aimAt(connection);
    else if (target.isWaiting && !ends) this.#open();
    else {
      const idle = target.pool.takeIdle();
      if (idle === null) this.#open();
      else this.#standsIn(idle);
    }
  }

  /** The statement has been answered. */
  release(): void {
    const server = this.#server;
    const standIn = this.#standIn;
    this.#unblock();
    if (!this.#ends && !this.#sleeps) {
      this.#close();
      return;
    }
    if (this.#ends && standIn !== null && !standIn.closed) {
      // A terminated server process exits before it runs another statement. The client is blocked until the outcome is
      // known.
      this.#target.blockRequests();
      standIn.run('SELECT', new InternalQuery(() => this.#target.unblockRequests()));
    }
    // The signal precedes the answer, but the reaction of the server process may come later.
    setTimeout(() => {
      if (server !== null) {
        server.isEnding = false;
        server.settle();
      }
      if (standIn !== null) standIn.onTerminated = null;
      this.#close();
    }, delivery).unref();
  }

  #aimAt(connection: ServerConnection): void {
    this.#server = connection;
    this.processId = connection.processId;
    if (this.#ends) connection.isEnding = true;
    if (this.#isOwn) return;
    connection.cancelSent();
    this.#blocksRequests = true;
    // The statement may run for an hour before it sends the signal. The client continues elsewhere, and no other
    // session gets its connection.
    this.#late = setTimeout(() => {
      connection.retire('a signal for its client may arrive late');
      connection.isEnding = false;
      this.#unblock();
      connection.settle();
    }, delivery).unref();
  }

  #unblock(): void {
    clearTimeout(this.#late);
    if (this.#blocksRequests) this.#server?.cancelPassed();
    this.#blocksRequests = false;
  }

  #standsIn(connection: ServerConnection): void {
    this.#standIn = connection;
    this.processId = connection.processId;
    const target = this.#target;
    if (this.#ends) connection.onTerminated = () => target.terminate(new ProxyError('TERMINATED'));
  }

  /** Runs a query that can be canceled: for the client, its request is running. */
  #sleep(connection: ServerConnection, done: () => void): void {
    this.#sleeps = true;
    const target = this.#target;
    connection.run(
      `SELECT pg_catalog.pg_sleep(${standInSeconds})`,
      new InternalQuery(({ error }) => {
        if (error?.sqlstate === '57014') target.cancelWaiting(new ProxyError('QUERY_CANCELED'));
      }),
    );
    const sleeps = `SELECT FROM pg_catalog.pg_stat_activity WHERE pid OPERATOR(pg_catalog.=) ${connection.processId} AND wait_event OPERATOR(pg_catalog.=) 'PgSleep'`;
    // PostgreSQL ignores a cancel before the statement has begun.
    const poll = (tries: number): void => {
      const isSent = target.pool.queryServer(sleeps, (rows) => {
        if (rows?.length === 0 && tries > 0) poll(tries - 1);
        else done();
      });
      if (!isSent) done();
    };
    poll(mostPolls);
  }

  #open(): void {
    this.isPending = true;
    const found = (): void => {
      this.isPending = false;
      this.#ready();
    };
    this.#aside = AsideConnection.open(this.#target.pool, {
      opened: (connection) => {
        this.#standsIn(connection);
        if (this.#target.isWaiting && !this.#ends) this.#sleep(connection, found);
        else found();
      },
      failed: found,
    });
    if (this.#aside === null) this.isPending = false;
  }

  #close(): void {
    const why = 'it was the target of a signal for a client';
    if (this.#aside !== null) this.#aside.close(why);
    else this.#standIn?.close(why);
  }
}
