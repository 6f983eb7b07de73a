import { openDatabaseConnection } from '../backend/connect.ts';
import type { LoginOptions } from '../backend/login.ts';
import { DatabaseConnection } from '../backend/database-connection.ts';
import type { ConnectionOwner } from '../backend/database-connection.ts';
import { ProxyRequest } from '../backend/proxy-request.ts';
import { plainRoleSql, readRole, roleSql } from './role.ts';
import type { Role } from './role.ts';
import { UnavailableReason } from './target-state.ts';

/** How a check ended. */
export type CheckResult =
  | { readonly kind: 'role'; readonly role: Role }
  /** It does not serve: refused, closed, shutting down. */
  | { readonly kind: 'gone'; readonly reason: UnavailableReason; readonly message: string }
  /** No answer in time. */
  | { readonly kind: 'silent'; readonly reason: UnavailableReason; readonly message: string }
  /** It lives, but does not let the check in: nothing is known of its role. */
  | { readonly kind: 'unclear'; readonly reason: UnavailableReason; readonly message: string };

/** A login that was refused is not repeated sooner than this, in milliseconds. */
const refusedPause = 1000;

/** Asks one target for its role over a connection that stays open, so that a check costs one round trip. */
export class HealthCheck implements ConnectionOwner {
  readonly initQuery = '';
  readonly #login: () => LoginOptions;
  readonly #lost: () => void;
  #connection: DatabaseConnection | null = null;
  #sql = roleSql;
  #asking = false;
  #refusedAt = -Infinity;
  #closed = false;

  /** `lost` is told when the standing connection ends between checks. */
  constructor(login: () => LoginOptions, lost: () => void) {
    this.#login = login;
    this.#lost = lost;
  }

  /** Asks, unless it is being asked: `done` gets the answer, at the latest after `timeout` milliseconds. */
  ask(timeout: number, done: (result: CheckResult) => void): void {
    const now = performance.now();
    if (this.#asking || this.#closed || now - this.#refusedAt < refusedPause) return;
    this.#asking = true;
    let over = false;
    const finish = (result: CheckResult): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      this.#asking = false;
      if (result.kind !== 'role') this.#drop(result.message);
      if (result.kind === 'unclear') this.#refusedAt = performance.now();
      if (!this.#closed) done(result);
    };
    const timer = setTimeout(() => {
      const message = `no answer within HealthCheckTimeout (${timeout / 1000} s)`;
      finish({ kind: 'silent', reason: UnavailableReason.Unreachable, message });
    }, timeout);
    if (this.#connection !== null) {
      this.#query(this.#connection, finish);
      return;
    }
    // Its own limit only cleans up: the timer above is the one that counts.
    openDatabaseConnection({ ...this.#login(), timeout: timeout * 2 }, (failure, login) => {
      if (over || this.#closed) {
        login?.socket.destroy();
        return;
      }
      if (login === null) {
        finish(failureResult(failure?.fields.sqlstate ?? '', failure?.fields.message ?? ''));
        return;
      }
      this.#connection = new DatabaseConnection(login, this, 0);
      this.#query(this.#connection, finish);
    });
  }

  close(): void {
    this.#closed = true;
    this.#drop('the check has ended');
  }

  returned(): void {
    // It stays, for the next check.
  }

  evidence(): void {
    // `closed` follows.
  }

  parameterChanged(): void {
    // Roles are asked for.
  }

  closed(connection: DatabaseConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    if (!this.#asking) this.#lost();
  }

  #query(connection: DatabaseConnection, finish: (result: CheckResult) => void): void {
    connection.run(
      this.#sql,
      new ProxyRequest((answer) => {
        const [row] = answer.rows;
        if (answer.lost)
          finish({
            kind: 'gone',
            reason: UnavailableReason.Unreachable,
            message: 'the database closed the health connection',
          });
        else if (row !== undefined) finish({ kind: 'role', role: readRole(row) });
        else if (this.#sql === roleSql) {
          this.#sql = plainRoleSql;
          // The answer is not over before its note is done.
          setImmediate(() => {
            if (connection.closed) finish(failureResult('', 'the database closed it'));
            else this.#query(connection, finish);
          });
        } else finish(failureResult(answer.error?.sqlstate ?? '', answer.error?.message ?? ''));
      }),
    );
  }

  #drop(why: string): void {
    const connection = this.#connection;
    this.#connection = null;
    connection?.destroy(why);
  }
}

function failureResult(sqlstate: string, message: string): CheckResult {
  const { Unreachable, ConnectionFailed, AuthFailure } = UnavailableReason;
  if (sqlstate.startsWith('28')) return { kind: 'unclear', reason: AuthFailure, message };
  // No slot is left, no such database, no right to connect: it answers, but not this question.
  if (sqlstate.startsWith('53') || sqlstate === '3D000' || sqlstate === '42501')
    return { kind: 'unclear', reason: ConnectionFailed, message };
  return { kind: 'gone', reason: sqlstate === '08001' ? Unreachable : ConnectionFailed, message };
}
