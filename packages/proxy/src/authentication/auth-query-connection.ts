import { readable } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { AsideConnection } from '../pool/aside-connection.ts';
import type { Pool } from '../pool/pool.ts';
import type { AuthQueryAnswer } from './auth-query.ts';

/** The idle time after which the connection is closed, in milliseconds. */
const idleTime = 30_000;

/** The server connection of AuthQuery: opened when it is needed, within the budget, and closed when it is idle. */
export class AuthQueryConnection {
  readonly #poolOf: () => Pool | null;
  #aside: AsideConnection | null = null;
  #connection: ServerConnection | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #timeout: number;

  /** `poolOf`: the pool whose user and database it has; null if no target serves. `timeout` in milliseconds. */
  constructor(poolOf: () => Pool | null, timeout: number) {
    this.#poolOf = poolOf;
    this.#timeout = timeout;
  }

  /**
   * Runs statements one after the other. Settles within the timeout, whatever the database does, and however many
   * statements wait.
   */
  run(sql: string): Promise<AuthQueryAnswer> {
    let isLate = false;
    const answer = this.#last.then(() => (isLate ? this.#late : this.#run(sql)));
    this.#last = answer;
    return this.#inTime(answer, () => {
      isLate = true;
    });
  }

  /** Closes the connection. */
  close(): void {
    clearTimeout(this.#timer);
    this.#aside?.close('AuthQuery has ended');
    this.#aside = null;
    this.#connection = null;
  }

  async #run(sql: string): Promise<AuthQueryAnswer> {
    clearTimeout(this.#timer);
    const answer = await this.#inTime(this.#query(sql), () => this.close());
    this.#timer = setTimeout(() => this.close(), idleTime);
    this.#timer.unref();
    return answer;
  }

  get #late(): string {
    return `no answer within ConnectTimeout (${this.#timeout / 1000} s)`;
  }

  /** The answer. If there is none within the timeout, calls `late` and resolves to that failure. */
  async #inTime(answer: Promise<AuthQueryAnswer>, late: () => void): Promise<AuthQueryAnswer> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<string>((resolve) => {
      timer = setTimeout(() => {
        late();
        resolve(this.#late);
      }, this.#timeout);
    });
    const first = await Promise.race([answer, timeout]);
    clearTimeout(timer);
    return first;
  }

  async #query(sql: string): Promise<AuthQueryAnswer> {
    const connection =
      this.#connection === null || this.#connection.closed ? await this.#open() : this.#connection;
    if (typeof connection === 'string') return connection;
    return new Promise((resolve) => {
      const request = new InternalQuery(({ rows, error, lost }) => {
        // In a separate turn, because the connection has not processed the ReadyForQuery yet.
        queueMicrotask(() => {
          if (lost) resolve('the database closed the connection');
          else if (error !== null) resolve(error.message ?? 'the database refused the connection');
          else
            resolve(
              rows.map((row) => row.map((value) => (value === null ? null : readable(value)))),
            );
        });
      });
      connection.run(sql, request);
    });
  }

  #open(): Promise<ServerConnection | string> {
    return new Promise((resolve) => {
      const pool = this.#poolOf();
      if (pool === null) {
        resolve('no target is available');
        return;
      }
      this.#aside = AsideConnection.open(pool, {
        opened: (connection) => {
          this.#connection = connection;
          resolve(connection);
        },
        failed: (failure) => resolve(failure.fields.message),
      });
      if (this.#aside === null) resolve('no server connection is available for AuthQuery');
    });
  }
}
