import { has, mask } from '../distinct.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Pool } from '../pool/pool.ts';
import type { Effects } from '../sql/index.ts';
import { Flag } from '../sql/index.ts';
import type { Vacancy, Vacated } from '../targets/vacancy.ts';
import type { SignalTarget } from './aim.ts';
import { Aims } from './aims.ts';

/** Access to the sessions and pools that a statement affects. */
export interface Reach {
  /** The client with this process ID, or the server process of a client that has its own; null if there is none. */
  clientOf(processId: number): SignalTarget | number | null;
  /** Closes connections that block a statement; see `TargetGroup.vacate`. */
  vacate(
    wants: readonly Vacated[],
    pool: Pool,
    ready: () => void,
  ): { readonly vacancy: Vacancy; readonly release: () => void };
}

/** The session whose statements affect others. */
export interface InterventionOwner extends SignalTarget {
  readonly inTransaction: boolean;
  /** Replies to its requests are pending. */
  readonly awaitsReplies: boolean;
  /** The connection accepts requests of the session again. */
  resumeRequests(): void;
}

/** Flags of statements that may change login-time settings. */
export const mayIntervene: Flag = mask(
  Flag.Ddl,
  Flag.Procedure,
  Flag.Do,
  Flag.UnknownFunction,
  Flag.Opaque,
);

/** Those of them whose effects are unknown. */
const unproven = mask(Flag.Procedure, Flag.Do, Flag.UnknownFunction, Flag.Opaque);

/**
 * The effects of a session's statements on others: they change login-time settings, need a database without
 * connections, or signal clients by process ID. Created when a session first runs such a statement.
 */
export class Interventions {
  readonly #owner: InterventionOwner;
  readonly #reach: Reach;
  /** A statement that may have changed login-time settings has run, and its transaction may still be open. */
  #changesLogins = false;
  /** It may have changed login event triggers. */
  #changesTriggers = false;
  /** The running statement needs a database or a role without connections. */
  #way: ReturnType<Reach['vacate']> | null = null;
  /** The running statement signals clients of the proxy. */
  #aims: Aims | null = null;

  constructor(owner: InterventionOwner, reach: Reach) {
    this.#owner = owner;
    this.#reach = reach;
  }

  /** The lease continues: the preparations for a statement stay until it is answered. */
  get areUnderWay(): boolean {
    return this.#way !== null || this.#aims !== null;
  }

  /** A statement is about to run. */
  willRun({ flags, details }: Effects): void {
    if (has(flags, unproven)) this.#changesLogins = true;
    for (const effect of details) {
      if (effect.kind === 'transaction' && effect.action !== 'commit prepared') continue;
      if (effect.kind !== 'transaction' && effect.kind !== 'logins' && effect.kind !== 'reload')
        continue;
      this.#changesLogins = true;
      if (effect.kind === 'logins' && effect.ofTriggers === true) this.#changesTriggers = true;
      // The signal for the reload may take effect later than the answer arrives.
      if (effect.kind === 'reload') this.#owner.pool.loginChanges.reloadedAt = performance.now();
    }
  }

  /** A statement with unknown effects is about to run. */
  willRunUnread(): void {
    this.#changesLogins = true;
  }

  /**
   * Whether the statement can run immediately. False: connections that block it are closed first, and `resumeRequests`
   * follows.
   */
  vacateFor({ details }: Effects, connection: ServerConnection): boolean {
    const wants = details.filter((effect) => effect.kind === 'vacates');
    if (wants.length === 0) return true;
    // One statement at a time: the preparations for the previous one end first.
    if (this.#way?.vacancy.isReady === true && !this.#way.vacancy.isFor(wants)) {
      if (this.#owner.awaitsReplies) return false;
      this.end();
    }
    if (this.#way?.vacancy.isReady === true) return true;
    // Another reason for the pause may end before the connections are closed. The requests stay paused.
    connection.lease.pauseRequests();
    if (this.#way !== null) return false;
    this.#way = this.#reach.vacate(wants, this.#owner.pool, () => this.#resumeRequests(connection));
    return false;
  }

  /** As `vacateFor`, for a signal to a client; `ends`: pg_terminate_backend(). */
  aim(processId: number, ends: boolean, connection: ServerConnection): boolean {
    this.#aims ??= new Aims();
    const isTaken = this.#aims.take(processId, ends, {
      self: this.#owner,
      find: (id) => this.#reach.clientOf(id),
      ready: () => this.#resumeRequests(connection),
    });
    if (!isTaken) connection.lease.pauseRequests();
    return isTaken;
  }

  /** The server process for a client that was the argument of `aim`. */
  processFor(processId: number): number | null {
    return this.#aims?.processFor(processId) ?? null;
  }

  cycleEnded(): void {
    const { awaitsReplies, inTransaction, pool } = this.#owner;
    if ((this.#way?.vacancy.isReady === true || this.#aims !== null) && !awaitsReplies) this.end();
    // Logins before the end of the transaction did not see the change.
    if (!this.#changesLogins || inTransaction) return;
    this.#changesLogins = false;
    pool.loginChanges.version++;
    if (this.#changesTriggers) pool.loginChanges.triggers++;
    this.#changesTriggers = false;
  }

  /** The session no longer runs anything that needs other sessions blocked. */
  end(): void {
    const way = this.#way;
    const aims = this.#aims;
    this.#way = null;
    this.#aims = null;
    // Others continue in a separate turn, because output that was collected for this session is not written yet.
    if (way !== null) queueMicrotask(() => way.release());
    if (aims !== null) queueMicrotask(() => aims.release());
  }

  #resumeRequests(connection: ServerConnection): void {
    if (this.#owner.connection === connection) this.#owner.resumeRequests();
  }
}
