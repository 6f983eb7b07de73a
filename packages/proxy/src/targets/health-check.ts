import { openServerConnection } from '../backend/connect.ts';
import type { LoginOptions } from '../backend/login.ts';
import { ServerConnection } from '../backend/server-connection.ts';
import type { ConnectionOwner } from '../backend/lease-owner.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import type { InternalAnswer } from '../protocol/internal-query.ts';
import type { ConnectionSource } from '../backend/connection-source.ts';
import { plainRoleSql, readRole, roleSql } from './role.ts';
import type { Role } from './role.ts';
import { UnavailableReason } from './target-state.ts';
import type { Peer, Topology } from './topology.ts';

/** The result of a check. */
export type CheckResult =
  | { readonly kind: 'role'; readonly role: Role }
  /** It does not serve: refused, closed, shutting down. */
  | {
      readonly kind: 'gone';
      readonly reason: UnavailableReason;
      readonly message: string;
      /** The SQLSTATE of its error, if it sent one. */
      readonly sqlstate?: string;
    }
  /** No response in time. */
  | { readonly kind: 'silent'; readonly reason: UnavailableReason; readonly message: string }
  /** It is alive but refuses the login of the check, so its role is unknown. */
  | { readonly kind: 'unclear'; readonly reason: UnavailableReason; readonly message: string };

/** The owner of a check. */
export interface CheckOwner {
  login(): LoginOptions;
  /** The health connection was closed between checks. */
  lost(): void;
  /** The target has listed the instances of its cluster. */
  peers(peers: readonly Peer[]): void;
}

/** A refused login is not repeated sooner than this, in milliseconds. */
const refusedPause = 1000;

/** Instances change rarely: the minimum interval between two queries for them, in milliseconds. */
const topologyInterval = 1000;

/** One pending check: called once with its result. */
type Finish = (result: CheckResult) => void;

/** Queries the role of one target over a connection that stays open, so that a check costs one round trip. */
export class HealthCheck implements ConnectionOwner<ServerConnection> {
  readonly initQuery = '';
  readonly #source: ConnectionSource;
  readonly #topology: Topology | null;
  readonly #owner: CheckOwner;
  #connection: ServerConnection | null = null;
  #sql = roleSql;
  #running: { readonly overNewConnection: boolean; readonly giveUp: () => void } | null = null;
  /** Those who wait for the end of the pending check. */
  readonly #answered: (() => void)[] = [];
  #refusedAt = -Infinity;
  #topologyAt = -Infinity;
  #closed = false;

  constructor(source: ConnectionSource, topology: Topology | null, owner: CheckOwner) {
    this.#source = source;
    this.#topology = topology;
    this.#owner = owner;
  }

  /**
   * Checks, unless a check is pending: `done` gets the result, after `timeout` milliseconds at the latest.
   * `overNewConnection`: a pending check over the old connection is aborted, and gets no result.
   */
  start(timeout: number, overNewConnection: boolean, done: Finish): void {
    if (this.#closed || performance.now() - this.#refusedAt < refusedPause) return;
    if (this.#running !== null) {
      if (!overNewConnection || this.#running.overNewConnection) return;
      this.#running.giveUp();
    }
    if (overNewConnection) this.#drop('its target is suspect');
    let over = false;
    const giveUp = (): void => {
      over = true;
      clearTimeout(timer);
      this.#running = null;
      for (const resolve of this.#answered.splice(0)) resolve();
    };
    const finish: Finish = (result) => {
      if (over) return;
      giveUp();
      if (result.kind !== 'role') this.#drop(result.message);
      if (result.kind === 'unclear') this.#refusedAt = performance.now();
      if (!this.#closed) done(result);
    };
    const timer = setTimeout(() => {
      const message = `no answer within HealthCheckTimeout (${timeout / 1000} s)`;
      finish({ kind: 'silent', reason: UnavailableReason.Unreachable, message });
    }, timeout);
    this.#running = { overNewConnection: overNewConnection || this.#connection === null, giveUp };
    if (this.#connection !== null) {
      this.#queryRole(this.#connection, finish);
      return;
    }
    // Its own timeout only cleans up: the timer above determines the result.
    openServerConnection({ ...this.#owner.login(), timeout: timeout * 2 }, (failure, login) => {
      if (over || this.#closed) login?.socket.destroy();
      else if (login === null)
        finish(failureResult(failure?.fields.sqlstate ?? '', failure?.fields.message ?? ''));
      else {
        // This connection may answer what the last one did not: a server during a promotion refuses many queries.
        this.#sql = roleSql;
        this.#connection = new ServerConnection(login, this, 0, this.#source);
        this.#queryRole(this.#connection, finish);
      }
    });
  }

  /** Leaves its database temporarily: settles when its connection is closed. The next check opens another. */
  async leave(): Promise<void> {
    // A pending answer is waited for: its loss would look like that of the server.
    if (this.#running !== null)
      await new Promise<void>((resolve) => {
        this.#answered.push(resolve);
      });
    const connection = this.#connection;
    if (connection === null) return;
    this.#connection = null;
    connection.close('a statement needs the database without connections');
    await connection.ended;
  }

  /** Runs another query on the health connection; false if there is none. */
  queryAside(sql: string, done: (rows: InternalAnswer['rows'] | null) => void): boolean {
    const connection = this.#connection;
    if (connection === null || connection.closed) return false;
    // In a separate turn: output for another connection may be collected.
    queueMicrotask(() =>
      this.#run(connection, sql, ({ rows, error, lost }) =>
        done(lost || error !== null ? null : rows),
      ),
    );
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#running?.giveUp();
    this.#drop('the health checks of the target have stopped');
  }

  startInternalQuery(): boolean {
    return false;
  }

  returned(): void {
    // It stays, for the next check.
  }

  failureSignal(): void {
    // `closed` follows.
  }

  parameterChanged(): void {
    // Checks follow.
  }

  closed(connection: ServerConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    if (this.#running === null) this.#owner.lost();
  }

  #queryRole(connection: ServerConnection, finish: Finish): void {
    const sql = this.#sql;
    this.#run(connection, sql, (answer) => {
      const [row] = answer.rows;
      if (answer.lost)
        finish({
          kind: 'gone',
          reason: UnavailableReason.Unreachable,
          message: 'the database closed the health connection',
        });
      else if (row !== undefined) {
        finish({ kind: 'role', role: readRole(row) });
        this.#queryTopology(connection);
      } else if (sql === roleSql) {
        this.#sql = plainRoleSql;
        this.#queryRole(connection, finish);
      } else finish(failureResult(answer.error?.sqlstate ?? '', answer.error?.message ?? ''));
    });
  }

  /** This answer is not urgent: a database without these functions has returned an error, and is asked again later. */
  #queryTopology(connection: ServerConnection): void {
    const topology = this.#topology;
    const now = performance.now();
    if (topology === null || connection.closed || now - this.#topologyAt < topologyInterval) return;
    this.#topologyAt = now;
    this.#run(connection, topology.sql, ({ rows }) => {
      if (rows.length > 0) this.#owner.peers(topology.read(rows));
    });
  }

  /** Runs a statement; `done` is called when the connection can run another. */
  #run(connection: ServerConnection, sql: string, done: (answer: InternalAnswer) => void): void {
    if (connection.closed) {
      done({ rows: [], error: null, lost: true });
      return;
    }
    // The note of the answer runs before its ReadyForQuery is processed.
    connection.run(sql, new InternalQuery((answer) => queueMicrotask(() => done(answer))));
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
  // No connection slot, no such database, no CONNECT privilege: it responds, but not with a role.
  if (sqlstate.startsWith('53') || sqlstate === '3D000' || sqlstate === '42501')
    return { kind: 'unclear', reason: ConnectionFailed, message };
  const reason = sqlstate === '08001' ? Unreachable : ConnectionFailed;
  return { kind: 'gone', reason, message, sqlstate };
}
