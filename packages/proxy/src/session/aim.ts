import type { ServerConnection } from '../backend/server-connection.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { ProxyError } from '../errors.ts';
import { AsideConnection } from '../pool/aside-connection.ts';
import type { Pool } from '../pool/pool.ts';

/** A signal that was sent has been noticed by then, in milliseconds. */
const delivery = 2000;

/** What a statement cancels while its session waits in the borrow queue runs so long, in seconds. */
const standInSeconds = 5;

/** Whether it has begun is asked so often at most. */
const mostPolls = 50;

/** A client of the proxy, as one sees it that names its process id. */
export interface SignalTarget {
  readonly connection: ServerConnection | null;
  readonly pool: Pool;
  /** A request of it waits in the borrow queue. */
  readonly isWaiting: boolean;
  terminate(error: ProxyError): void;
  cancelWaiting(error: ProxyError): void;
  /** It borrows no connection until `unblockRequests`. */
  blockRequests(): void;
  unblockRequests(): void;
}

/**
 * What pg_cancel_backend() or pg_terminate_backend() is to hit in place of a process id that a client was told: the
 * server process that the client has leased, or another of its user and database that stands in for it. So PostgreSQL
 * itself decides who may, answers, and gives the signal; who stands in for a client takes its signal for it.
 */
export class Aim {
  readonly #target: SignalTarget;
  readonly #ends: boolean;
  readonly #ready: () => void;
  /** The server process; null while it is not known yet, or when there is none. */
  processId: number | null = null;
  isPending = false;
  /** The client's own connection; nothing else runs on it until the signal has been given. */
  #server: ServerConnection | null = null;
  #blocksRequests = false;
  #late: NodeJS.Timeout | undefined;
  #standIn: ServerConnection | null = null;
  #aside: AsideConnection | null = null;
  readonly #isOwn: boolean;
  #sleeps = false;

  /** `ends`: the session, not just what it runs. `isOwn`: who asks is the target. */
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
    this.#letGo();
    if (!this.#ends && !this.#sleeps) {
      this.#close();
      return;
    }
    if (this.#ends && standIn !== null && !standIn.closed) {
      // A server process that was signalled ends before it runs another statement. The client runs nothing till that is known.
      this.#target.blockRequests();
      standIn.run('SELECT', new InternalQuery(() => this.#target.unblockRequests()));
    }
    // The signal was given before the answer; what the server process says to it may come later.
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
    // The statement may run for an hour before it gives the signal. The client goes on, and nobody else has its connection.
    this.#late = setTimeout(() => {
      connection.retireReason ??= 'a signal for its client may arrive late';
      connection.isEnding = false;
      this.#letGo();
      connection.settle();
    }, delivery).unref();
  }

  #letGo(): void {
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

  /** Has it do something that can be canceled, as the client believes that its request is being done. */
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
    // PostgreSQL takes no notice of a cancel before the statement has begun.
    const poll = (tries: number): void => {
      const isAsked = target.pool.askServer(sleeps, (rows) => {
        if (rows?.length === 0 && tries > 0) poll(tries - 1);
        else done();
      });
      if (!isAsked) done();
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
