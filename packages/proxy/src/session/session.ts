import { buildErrorResponse } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import { ProxyError } from '../errors.ts';
import { countRead } from '../io/collector.ts';
import { caught } from '../io/guard.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import type { Transport, TransportHandler } from '../io/transport.ts';
import { turn } from '../io/turn.ts';
import type { Worker } from '../io/turn.ts';
import { SessionParameters } from '../parameters/session-parameters.ts';
import type { PinReason } from '../pinning/pin-reason.ts';
import type { Pool } from '../pool/pool.ts';
import type { CancelKey } from './cancel-keys.ts';
import { ClientOutput } from './client-output.ts';
import type { OutputOwner } from './client-output.ts';
import { flushAndClose } from './flush-and-close.ts';
import type { RequestForwarder } from './request-forwarder.ts';
import { SessionCore } from './session-core.ts';
import type { SessionKeeper as CoreKeeper, SessionOwner } from './session-core.ts';
import { limitExceeded } from './session-limits.ts';
import type { SessionLimit } from './session-limits.ts';
import { SessionLease } from './session-lease.ts';
import { SessionState } from './session-state.ts';
import { StatementEffects } from './statement-effects.ts';
import type { RequestSender, SentRequests } from './statement-effects.ts';

/** The owner of the sessions. */
export interface SessionKeeper extends CoreKeeper {
  ended(session: Session, reason: string): void;
  /** Cancels the statement that the connection runs; nobody waits for it. */
  cancelOn(connection: ServerConnection): void;
}

/**
 * A session: the logical state of one client. It outlives every lease, and owns the socket of the client.
 *
 * It combines the request forwarder (`RequestForwarder`), the effects of statements (`StatementEffects`) and the leases
 * (`SessionLease`).
 */
export class Session implements SessionOwner, OutputOwner, RequestSender, TransportHandler, Worker {
  readonly id: number;
  readonly socket: Transport;
  readonly pool: Pool;
  readonly cancelKey: CancelKey;
  readonly tls: boolean;
  /** The user name that the client sent. */
  readonly clientUser: string;

  readonly #keeper: SessionKeeper;
  readonly #core: SessionCore;
  readonly #client: ClientOutput;
  readonly #effects: StatementEffects;
  readonly #requests: RequestForwarder;
  readonly #lease: SessionLease;

  constructor(options: {
    readonly id: number;
    readonly socket: Transport;
    readonly tls: boolean;
    readonly clientUser: string;
    readonly pool: Pool;
    readonly parameters: ParameterSet;
    readonly cancelKey: CancelKey;
    readonly keeper: SessionKeeper;
  }) {
    this.id = options.id;
    this.socket = options.socket;
    this.tls = options.tls;
    this.clientUser = options.clientUser;
    this.pool = options.pool;
    this.cancelKey = options.cancelKey;
    this.#keeper = options.keeper;
    this.#client = new ClientOutput(options.socket, this);
    this.#core = new SessionCore({
      id: options.id,
      pool: options.pool,
      keeper: options.keeper,
      client: this.#client,
      clientProcessId: options.cancelKey.processId,
      parameters: new SessionParameters(options.pool.parameterSets, options.parameters),
      owner: this,
    });
    this.#effects = new StatementEffects(this.#core, this);
    this.#lease = new SessionLease(this.#core, this.#effects);
    this.#requests = this.#lease.requests;
  }

  get sent(): SentRequests {
    return this.#requests;
  }

  /** New server connections start with other values now. The session keeps its start values. */
  keepStart(values: ReadonlyMap<string, string>): void {
    this.#core.parameters.keepStart(values);
  }

  get state(): SessionState {
    return this.#core.state;
  }

  /** When the current state began, in clock milliseconds. */
  get since(): number {
    return this.#core.since;
  }

  get connection(): ServerConnection | null {
    return this.#core.connection;
  }

  get inTransaction(): boolean {
    return this.#core.inTransaction;
  }

  get awaitsReplies(): boolean {
    return this.#core.awaitsReplies;
  }

  get applicationName(): string {
    return this.#core.applicationName;
  }

  get isWaiting(): boolean {
    return this.#core.state === SessionState.Waiting || this.#lease.isShared;
  }

  /** True while a drain must wait for the session: a request is running, or a transaction is open. */
  get busy(): boolean {
    return this.connection === null ? this.isWaiting : this.#effects.busy;
  }

  /** The reason for the pin, or null. */
  get pin(): PinReason | null {
    return this.#core.pin.reason;
  }

  workLater(): void {
    turn.later(this);
  }

  workOn(): void {
    if (!this.isWaiting) this.resume();
  }

  // --- The client's socket ---

  onData(chunk: Buffer): void {
    if (this.#core.state === SessionState.Closed) return;
    countRead(chunk.length);
    this.#requests.onData(chunk);
    this.#checkLimits();
  }

  /** Checks the limits after each chunk from the client. */
  #checkLimits(): void {
    const limits = this.#keeper.sessionLimits;
    if (this.#requests.names > limits.MaxPreparedStatements) this.exceed('MaxPreparedStatements');
    else if (this.#core.parameters.known.values.size > limits.MaxSessionParameters)
      this.exceed('MaxSessionParameters');
    else if ((this.#effects.listening?.size ?? 0) > limits.MaxListenChannels)
      this.exceed('MaxListenChannels');
    else if (this.#requests.portals > limits.MaxPortals) this.exceed('MaxPortals');
    else if (
      this.#requests.bytes + this.#core.parameters.known.key.length >
      limits.MaxSessionMemory
    )
      this.exceed('MaxSessionMemory');
  }

  exceed(setting: SessionLimit): void {
    if (this.#core.state === SessionState.Closed) return;
    this.terminate(limitExceeded(this.id, setting, this.#keeper.sessionLimits[setting]));
  }

  onDrain(): void {
    this.#client.drained();
    this.connection?.setBlocked(false);
    this.flow();
  }

  onEnd(): void {
    this.end('the client closed its connection', null);
  }

  onError(): void {
    // `onClose` follows, and ends the session.
  }

  onClose(): void {
    this.end('the client closed its connection', null);
  }

  /** Reads from the client only while its requests can be forwarded and its replies can be written. */
  flow(): void {
    if (this.#core.state === SessionState.Closed) return;
    const { connection } = this;
    this.#client.setPaused(
      this.#client.blocked ||
        this.#requests.crowded ||
        (connection !== null && connection.writesPaused),
    );
  }

  // --- The lease ---

  resume(): void {
    if (this.#core.state === SessionState.Closed) return;
    this.#requests.resume();
    this.flow();
  }

  resumeRequests(): void {
    this.#core.resumeRequests();
  }

  probeAgain(): void {
    this.#lease.probeAgain();
  }

  /** Refuses the request that waits in the borrow queue or runs on a shared lease, if there is one. */
  cancelWaiting(error: ProxyError): void {
    if (!this.isWaiting) return;
    if (this.#lease.isShared) {
      const connection = this.#lease.cancelShared(error.fields);
      if (connection !== null) this.#keeper.cancelOn(connection);
      return;
    }
    this.pool.leave(this.#lease);
    this.#lease.borrowFailed(error.fields);
  }

  blockRequests(): void {
    this.#lease.block();
  }

  unblockRequests(): void {
    if (this.#lease.unblock()) this.resume();
  }

  // --- The end ---

  /** Ends the session with `error`. The client gets the error unless it is in the middle of a reply. */
  terminate(error: ProxyError): void {
    this.end(error.message, buildErrorResponse({ ...error.fields, severity: 'FATAL' }));
  }

  /** Internal error in the proxy: neither of the two connections can be trusted. */
  broken(error: unknown): void {
    caught('a client connection', error);
    const reason = 'internal error in the proxy';
    const { connection } = this;
    if (connection !== null) connection.retire(reason);
    try {
      this.terminate(new ProxyError('INTERNAL'));
    } catch (another) {
      caught('the end of a client connection', another);
      this.socket.destroy();
      this.#keeper.ended(this, reason);
    }
    connection?.destroy(reason);
  }

  end(reason: string, lastMessage: Buffer | null): void {
    if (this.#core.state === SessionState.Closed) return;
    this.#lease.leave();
    this.#core.enter(SessionState.Closed);
    this.#core.pin.close();
    const isMidReply = this.connection?.midReply === true;
    if (lastMessage !== null && !isMidReply && !this.socket.isEnded) this.socket.write(lastMessage);
    flushAndClose(this.socket, this.tls, lastMessage === null);
    this.#core.interventions?.end();
    this.#lease.close();
    this.#requests.close();
    this.#effects.end();
    this.#keeper.ended(this, reason);
  }
}
