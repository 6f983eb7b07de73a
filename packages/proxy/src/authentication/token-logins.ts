import { bytesOf, terminateMessage } from '@sluice/wire';
import { openServerConnection } from '../backend/connect.ts';
import type { SourcePool } from '../backend/connection-source.ts';
import type { Address } from '../backend/dial.ts';
import type { Target } from '../targets/target.ts';
import { outage } from './verdict.ts';
import type { Refusal } from './verdict.ts';

/** The maximum number of concurrent logins: a flood of tokens must not take every server connection. */
const most = 4;

/** A token, and the login to check it with. */
export interface TokenLogin {
  readonly token: string;
  readonly user: string;
  readonly database: string;
  /** The timeout for the connection slot, and again for the login, in milliseconds. */
  readonly timeout: number;
}

interface Waiting extends TokenLogin {
  readonly since: number;
  readonly settle: (refusal: Refusal | null) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Logins at one target that check the tokens of clients. Each occupies one connection of the target's budget while it
 * lasts, and waits for one in turn with the pools: for the target, this is a pool without idle connections.
 */
export class TokenLogins implements SourcePool {
  readonly name = 'token checks';
  readonly database = '';
  readonly user = '';
  readonly startupOnly: ReadonlyMap<string, string> = new Map();
  readonly limit = most;
  readonly limits = { minimum: 0 };
  readonly #target: Target;
  readonly #addressOf: (target: Target) => Address;
  readonly #waiting = new Set<Waiting>();
  #open = 0;

  constructor(target: Target, addressOf: (target: Target) => Address) {
    this.#target = target;
    this.#addressOf = addressOf;
    target.users.add({ pools: [this] });
  }

  get waitingSince(): number | null {
    for (const { since } of this.#waiting) return since;
    return null;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** No connection is opened in advance. */
  get openingCount(): number {
    return 0;
  }

  get size(): number {
    return this.#open;
  }

  idleSince(): number | null {
    return null;
  }

  evictIdle(): boolean {
    return false;
  }

  /** Why the database refuses the token, or null if it accepts it. */
  check(login: TokenLogin): Promise<Refusal | null> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        ...login,
        since: performance.now(),
        settle: resolve,
        timer: setTimeout(() => {
          this.#waiting.delete(waiting);
          resolve(outage('no server connection became free in time to check the token'));
        }, login.timeout),
      };
      this.#waiting.add(waiting);
      this.grow();
    });
  }

  grow(): void {
    for (const waiting of this.#waiting) {
      if (this.#open >= most || !this.#target.reserve(this)) return;
      this.#open++;
      this.#waiting.delete(waiting);
      clearTimeout(waiting.timer);
      this.#logIn(waiting);
    }
  }

  #logIn({ token, user, database, timeout, settle }: Waiting): void {
    const giveBack = (): void => {
      this.#open--;
      // The one that has waited longest is next; that may be another check.
      this.#target.release();
    };
    openServerConnection(
      {
        address: this.#addressOf(this.#target),
        user,
        password: token,
        startup: [
          ['user', bytesOf(user)],
          ['database', bytesOf(database)],
          ['application_name', 'sluice token check'],
        ],
        timeout,
      },
      (failure, login) => {
        if (login === null) {
          const { message = '' } = failure?.fields ?? {};
          settle({
            why: `the database refused it: ${message}`,
            isOutage: failure?.final === false,
          });
          giveBack();
          return;
        }
        const { socket, sentInClear } = login;
        settle(
          sentInClear
            ? null
            : { why: 'the database did not request the token, so the token was not checked' },
        );
        // PostgreSQL counts the connection until it closes it.
        socket.whenClosed = giveBack;
        socket.destroyWhenIdle(timeout);
        socket.resume();
        socket.end(terminateMessage);
      },
    );
  }
}
