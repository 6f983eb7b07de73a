import type { ServerConnection } from '../backend/server-connection.ts';
import type { Pool } from '../pool/pool.ts';
import type { Effects } from '../sql/index.ts';
import { Flag } from '../sql/index.ts';
import type { Vacancy, Vacated } from '../targets/vacancy.ts';
import type { SignalTarget } from './aim.ts';
import { Aims } from './aims.ts';

/** Who knows the sessions and pools that a session's statement reaches. */
export interface Reach {
  /** Who was told this process id: a client, or the server process of one that has its own; null when nobody was. */
  clientOf(processId: number): SignalTarget | number | null;
  /** Closes connections that are in the way of a statement; see `TargetGroup.vacate`. */
  vacate(
    wants: readonly Vacated[],
    pool: Pool,
    ready: () => void,
  ): { readonly vacancy: Vacancy; readonly release: () => void };
}

/** The session whose statements reach beyond it. */
export interface InterventionOwner extends SignalTarget {
  readonly inTransaction: boolean;
  /** Replies to its requests are to come. */
  readonly awaitsReplies: boolean;
  /** The connection takes the session's requests again. */
  resumeRequests(): void;
}

/** Flags of statements that may change what PostgreSQL decides at logins. */
export const mayIntervene: number =
  Flag.Ddl | Flag.Procedure | Flag.Do | Flag.UnknownFunction | Flag.Opaque;

/** Of these, the ones that may do anything. */
const unproven = Flag.Procedure | Flag.Do | Flag.UnknownFunction | Flag.Opaque;

/**
 * What the statements of a session do to others: they change what PostgreSQL decides at logins, need a database without
 * connections, or signal clients by their process ids. Made when a session first does such a thing.
 */
export class Interventions {
  readonly #owner: InterventionOwner;
  readonly #reach: Reach;
  /** A statement has run that may change what is decided at logins, and its transaction may not be over. */
  #changesLogins = false;
  /** The statement under way needs a database or a role without connections. */
  #way: ReturnType<Reach['vacate']> | null = null;
  /** The statement under way has clients of the proxy signalled. */
  #aims: Aims | null = null;

  constructor(owner: InterventionOwner, reach: Reach) {
    this.#owner = owner;
    this.#reach = reach;
  }

  /** The lease goes on: what was prepared for a statement stands until it is answered. */
  get areUnderWay(): boolean {
    return this.#way !== null || this.#aims !== null;
  }

  /** A statement is about to run. */
  willRun({ flags, details }: Effects): void {
    if ((flags & unproven) !== 0) this.#changesLogins = true;
    for (const effect of details) {
      if (effect.kind === 'transaction' && effect.action !== 'commit prepared') continue;
      if (effect.kind !== 'transaction' && effect.kind !== 'logins' && effect.kind !== 'reload')
        continue;
      this.#changesLogins = true;
      // The signal for it may take effect later than the answer comes.
      if (effect.kind === 'reload') this.#owner.pool.loginChanges.reloadedAt = performance.now();
    }
  }

  /** A statement is about to run of which nobody knows what it does. */
  willRunUnread(): void {
    this.#changesLogins = true;
  }

  /** Whether the statement may run at once. False: connections that are in its way are closed first, and `resumeRequests` follows. */
  makesWay({ details }: Effects, connection: ServerConnection): boolean {
    const wants = details.filter((effect) => effect.kind === 'vacates');
    if (wants.length === 0) return true;
    // One statement after the other: the way that was made for the one before is given up at its end.
    if (this.#way?.vacancy.isReady === true && !this.#way.vacancy.isFor(wants)) {
      if (this.#owner.awaitsReplies) return false;
      this.end();
    }
    if (this.#way?.vacancy.isReady === true) return true;
    // Something else that it was parked for may be over before the way is made: it stays parked.
    connection.lease.pauseRequests();
    if (this.#way !== null) return false;
    this.#way = this.#reach.vacate(wants, this.#owner.pool, () => this.#resumeRequests(connection));
    return false;
  }

  /** As `makesWay`, for a signal to a client; `ends`: pg_terminate_backend(). */
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

  /** The server process that stands for a client that was aimed at. */
  processFor(processId: number): number | null {
    return this.#aims?.processFor(processId) ?? null;
  }

  /** A cycle has been answered. */
  cycleEnded(): void {
    const { awaitsReplies, inTransaction, pool } = this.#owner;
    if ((this.#way?.vacancy.isReady === true || this.#aims !== null) && !awaitsReplies) this.end();
    // Who looked before the end of the transaction was not told of it.
    if (!this.#changesLogins || inTransaction) return;
    this.#changesLogins = false;
    pool.loginChanges.version++;
  }

  /** Nothing of the session's runs any more that others have to make way for. */
  end(): void {
    const way = this.#way;
    const aims = this.#aims;
    this.#way = null;
    this.#aims = null;
    // Others go on in a turn of their own: what is gathered for this session's client or database is not written yet.
    if (way !== null) queueMicrotask(() => way.release());
    if (aims !== null) queueMicrotask(() => aims.release());
  }

  #resumeRequests(connection: ServerConnection): void {
    if (this.#owner.connection === connection) this.#owner.resumeRequests();
  }
}
