import { readable } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { ProxyError } from '../errors.ts';
import type { WhyAlone } from '../interleaving/why-alone.ts';
import { clock } from '../io/clock.ts';
import type { Listeners } from '../listen-notify/listeners.ts';
import type { SessionParameters } from '../parameters/session-parameters.ts';
import { SessionPin } from '../pinning/session-pin.ts';
import type { PinOwner, PinWatcher } from '../pinning/session-pin.ts';
import type { Pool } from '../pool/pool.ts';
import type { CycleOwner } from '../protocol/query-cycle.ts';
import { QueryCycles } from '../protocol/query-cycles.ts';
import type { ClientOutput } from './client-output.ts';
import { Interventions } from './interventions.ts';
import type { InterventionOwner, Reach } from './interventions.ts';
import type { SessionLimit, SessionLimits } from './session-limits.ts';
import { SessionState } from './session-state.ts';

/** The owner of the sessions, which is notified of their events. */
export interface SessionKeeper extends PinWatcher, Reach {
  readonly longestBuffered: number;
  readonly sessionLimits: SessionLimits;
  readonly listeners: Listeners;
  /**
   * `what` was found changed in a session after these statements, whose texts do not show it; null if they were known
   * to change it.
   */
  foundHiddenState(session: PinOwner, what: string, statements: readonly string[] | null): void;
}

/** The session, as its parts call it. */
export interface SessionOwner extends InterventionOwner {
  /** Ends the session; `lastMessage` is the last message to the client, null: none. */
  end(reason: string, lastMessage: Buffer | null): void;
  terminate(error: ProxyError): void;
  /** Ends the session, which has exceeded a limit. */
  exceed(setting: SessionLimit): void;
  /** Ends the session, because of an internal error. */
  broken(error: unknown): void;
  /** Retries what waits: the server connection accepts requests. */
  resume(): void;
  /** What waits continues in a later turn of the event loop. */
  workLater(): void;
  /** The conditions for reading from the client or writing to the server connection have changed. */
  flow(): void;
}

/**
 * The common state of the parts of a session: its client, its lease, its unanswered cycles, its parameters and its pin.
 */
export class SessionCore implements CycleOwner, PinOwner {
  readonly id: number;
  readonly pool: Pool;
  readonly keeper: SessionKeeper;
  readonly client: ClientOutput;
  /** The process ID of the client. */
  readonly clientProcessId: number;
  readonly parameters: SessionParameters;
  readonly pin: SessionPin;
  readonly owner: SessionOwner;
  /** The unanswered cycles of the client. */
  readonly cycles: QueryCycles;
  /** The leased server connection, or null. */
  connection: ServerConnection | null = null;
  /** Why the last cycle did not run on a shared lease; undefined: it did, or Interleaving is off. */
  whyAlone: WhyAlone | undefined = undefined;
  /** When the current state began, in clock milliseconds. */
  since = clock.now;
  #state: SessionState = SessionState.Idle;
  /** Created when the session first affects others. */
  #interventions: Interventions | null = null;

  constructor(options: {
    readonly id: number;
    readonly pool: Pool;
    readonly keeper: SessionKeeper;
    readonly client: ClientOutput;
    readonly clientProcessId: number;
    readonly parameters: SessionParameters;
    readonly owner: SessionOwner;
  }) {
    this.id = options.id;
    this.pool = options.pool;
    this.keeper = options.keeper;
    this.client = options.client;
    this.clientProcessId = options.clientProcessId;
    this.parameters = options.parameters;
    this.owner = options.owner;
    this.pin = new SessionPin(this, options.keeper);
    this.cycles = new QueryCycles(this);
  }

  get state(): SessionState {
    return this.#state;
  }

  enter(state: SessionState): void {
    this.#state = state;
    this.since = clock.now;
  }

  get inTransaction(): boolean {
    return this.connection !== null && this.connection.inTransaction;
  }

  /** The session is in a transaction, or will be after its pending requests. */
  get isBegun(): boolean {
    return this.inTransaction || this.cycles.last.begins;
  }

  /** Replies to its requests are pending. */
  get awaitsReplies(): boolean {
    if (this.connection === null) return this.#state === SessionState.Shared;
    return this.cycles.arePending(this.connection);
  }

  /** The application_name of the client, for logs. */
  get applicationName(): string {
    return readable(this.parameters.get('application_name') ?? '');
  }

  get clientMinMessages(): string | undefined {
    return this.parameters.get('client_min_messages');
  }

  /** The effects of its statements on others; null if they had none so far. */
  get interventions(): Interventions | null {
    return this.#interventions;
  }

  intervene(): Interventions {
    return (this.#interventions ??= new Interventions(this.owner, this.keeper));
  }

  reply(bytes: Buffer): void {
    this.client.write(bytes);
  }

  /** The paused requests on the server connection continue. */
  resumeRequests(): void {
    const { connection } = this;
    if (connection !== null) connection.lease.admitRequests();
    // The connection is handled first: the lease may end, and what waited then needs another.
    queueMicrotask(() => {
      if (this.#state !== SessionState.Waiting) this.owner.resume();
    });
  }

  // --- Cycles ---

  cycleBegan(isFirst: boolean): void {
    this.pool.stats.cycles++;
    if (isFirst) this.since = clock.now;
  }

  cycleEnded(): void {
    const { stats } = this.pool;
    stats.queryTime.observe(this.cycles.answered(performance.now()));
    stats.onAnswer?.();
    this.since = clock.now;
    this.#interventions?.cycleEnded();
  }
}
