import { TransactionStatus } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ConnectionLoss, LeaseOwner } from '../backend/lease-owner.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import type { CycleLease, SharedCycle, SharedReader } from './shared-cycle.ts';

/** When a cycle runs longer than this, in milliseconds, the cycles behind it move elsewhere. */
const slow = 20;

/** The owner of the shared leases of a pool. */
export interface SharedLeaseKeeper {
  /** Reports the time of a read on the server connection so far, in milliseconds: it is slow, and unanswered. */
  ran(cycle: SharedCycle, milliseconds: number): void;
  /**
   * Reports that a read was answered after this many milliseconds on the server connection. `now`: `performance.now()`.
   */
  answered(cycle: SharedCycle, milliseconds: number, now: number): void;
  wasLarge(cycle: SharedCycle): void;
  /**
   * Reports the number of cycles that have to run again, because they waited behind a slow one or lost their
   * connection.
   */
  moved(cycles: number): void;
  /** A session uses the lease after another one. */
  turnTaken(): void;
  /** The database reported a parameter that no session has set. */
  parameterChanged(): void;
  ended(lease: SharedLease): void;
}

/**
 * The use of a server connection by several sessions at once. Their cycles are in flight in order; each is a read that
 * changes nothing, ends with its own ReadyForQuery, and gets its complete reply at once.
 *
 * Invariants: the owner of each pending reply is the cycle of its request, so a reply reaches only the session that
 * sent it. All cycles have the parameters of the lease. Any message of the database that is not part of the reply to a
 * read ends the lease, and the unanswered cycles run elsewhere, alone.
 */
export class SharedLease implements LeaseOwner<ServerConnection>, CycleLease {
  readonly connection: ServerConnection;
  readonly parameters: ParameterSet;
  /** When it began, in milliseconds of `performance.now()`. */
  readonly since: number;
  /** Whether it takes further cycles. */
  isOpen = true;
  readonly meaningUncertain = false;
  readonly awaitsAnswers = false;
  readonly blocked = false;
  /** The sessions keep their clients when the connection is lost: it has no state of theirs. */
  readonly survivesLoss = true;
  readonly #keeper: SharedLeaseKeeper;
  /** Cycles to be sent at the end of the turn. */
  #waiting: SharedCycle[] = [];
  /** Unanswered cycles, oldest first. */
  #sent: SharedCycle[] = [];
  /** Answered cycles whose sessions do not have the reply yet. */
  #answered: SharedCycle[] = [];
  /** When the oldest unanswered cycle became the first in line, in milliseconds of `performance.now()`. */
  #headSince: number;
  /** The session of the last cycle. */
  #lastReader: SharedReader | null = null;
  /** The database sent something that no read causes. */
  #surprise: string | null = null;

  constructor(
    connection: ServerConnection,
    parameters: ParameterSet,
    now: number,
    keeper: SharedLeaseKeeper,
  ) {
    this.connection = connection;
    this.parameters = parameters;
    this.since = this.#headSince = now;
    this.#keeper = keeper;
  }

  /** The number of unanswered cycles, sent or not. */
  get depth(): number {
    return this.#sent.length + this.#waiting.length;
  }

  /** Checks how long the oldest cycle runs, and how long the lease has lasted. */
  check(now: number, longestLease: number): void {
    if (now - this.since > longestLease) this.isOpen = false;
    if (this.#sent.length > 0 && now - this.#headSince > slow) this.leaveHead(now);
  }

  /** The cycle is sent by the next `send`. */
  add(cycle: SharedCycle): void {
    if (cycle.reader !== this.#lastReader) {
      this.#lastReader = cycle.reader;
      this.#keeper.turnTaken();
    }
    cycle.sentOn(this);
    this.#waiting.push(cycle);
  }

  /** Sends the waiting cycles in one write. */
  send(): void {
    const waiting = this.#waiting;
    if (this.connection.closed) return;
    if (waiting.length === 0) {
      // The waiting cycles were given up, and they may have been the last: the connection returns to the pool.
      if (this.#sent.length === 0) this.connection.flushRequests();
      return;
    }
    this.#waiting = [];
    const { connection } = this;
    const { pending } = connection;
    if (this.#sent.length === 0) this.#headSince = performance.now();
    let refused: SharedCycle[] | null = null;
    for (const cycle of waiting) {
      pending.owner = cycle;
      if (cycle.request.gather(connection, cycle)) this.#sent.push(cycle);
      else (refused ??= []).push(cycle);
    }
    pending.owner = this;
    connection.flushRequests();
    if (refused !== null) this.#refuse(refused);
  }

  /** These cannot run on the connection. Their sessions learn it later: one of them may be submitting its cycle now. */
  #refuse(cycles: readonly SharedCycle[]): void {
    this.isOpen = false;
    queueMicrotask(() => this.#runAlone(cycles.filter(({ reader }) => reader !== null)));
  }

  // --- Moving away ---

  /** The oldest cycle is slow: the others run elsewhere, and the lease takes no further cycles. */
  leaveHead(now: number): void {
    const [head] = this.#sent;
    if (head === undefined) return;
    // The same read counts as slow from now on, not only after this one is answered.
    if (this.isOpen) this.#keeper.ran(head, now - this.#headSince);
    this.#moveAway(head);
  }

  /**
   * The session of the cycle gives it up. Returns true if it is in flight: then the other cycles have moved away, so
   * that a cancel request hits no other.
   */
  cancel(cycle: SharedCycle): boolean {
    this.giveUp(cycle);
    if (!this.#sent.includes(cycle)) return false;
    this.#moveAway(null);
    return true;
  }

  /** The session of the cycle has ended. */
  giveUp(cycle: SharedCycle): void {
    cycle.reader = null;
    this.#waiting = this.#waiting.filter((other) => other !== cycle);
  }

  #moveAway(except: SharedCycle | null): void {
    this.isOpen = false;
    const moving = [...this.#sent, ...this.#waiting].filter(
      (cycle) => cycle !== except && cycle.reader !== null,
    );
    this.#waiting = [];
    this.#runAlone(moving);
  }

  #runAlone(cycles: readonly SharedCycle[]): void {
    if (cycles.length > 0) this.#keeper.moved(cycles.length);
    for (const cycle of cycles) runAlone(cycle, null, null);
  }

  // --- Replies ---

  answered(cycle: SharedCycle): void {
    const head = this.#sent.shift();
    if (head !== cycle) this.#surprise ??= 'a reply to another read';
    if (this.connection.state.status !== TransactionStatus.Idle)
      this.#surprise ??= 'a read left a transaction open';
    if (this.#surprise !== null) cycle.runsAlone = true;
    this.#answered.push(cycle);
  }

  tooLarge(cycle: SharedCycle): void {
    this.#keeper.wasLarge(cycle);
    this.#surprise ??= 'the reply to a read is longer than a shared lease allows';
  }

  /** All received bytes are processed: the sessions get their replies. */
  flushReplies(): void {
    const answered = this.#answered;
    if (answered.length > 0) {
      this.#answered = [];
      const now = performance.now();
      const each = (now - this.#headSince) / answered.length;
      this.#headSince = now;
      for (const cycle of answered) {
        this.#keeper.answered(cycle, each, now);
        const { reader } = cycle;
        try {
          cycle.deliver();
        } catch (error) {
          reader?.broken(error);
        }
      }
    }
    if (this.#surprise !== null && !this.connection.closed)
      this.connection.closeOutOfSync(this.#surprise);
  }

  /** Complete messages that answer the oldest cycle instead of those of the database. */
  relay(chunk: Buffer, start: number, end: number): void {
    this.#sent[0]?.relay(chunk, start, end);
  }

  cycleEnded(): void {
    // The owner of a reply is its cycle.
  }

  syncsIgnored(): void {
    this.#surprise ??= 'a read began COPY';
  }

  // --- The lease ---

  tryRelease(): boolean {
    return this.depth === 0;
  }

  leaseEnded(): void {
    this.#end();
  }

  connectionLost(loss: ConnectionLoss): void {
    this.#fail(loss.silent ? loss.error.fields : null);
  }

  replayed(): void {
    // No request waits for the lease.
  }

  replayRefused(): void {
    this.#fail(null);
  }

  resume(): void {
    // The number of cycles in flight is bounded, so none waits for the socket.
  }

  /** `error`: the connection was lost without an error message, and the oldest cycle may be the cause. */
  #fail(error: ErrorFields | null): void {
    this.isOpen = false;
    const [head] = this.#sent;
    const unanswered = [...this.#answered, ...this.#sent, ...this.#waiting];
    this.#sent = this.#answered = this.#waiting = [];
    this.#end();
    this.#keeper.moved(unanswered.length);
    for (const cycle of unanswered) {
      // An error message before the loss means that the read is not the cause.
      const isSuspect = error !== null && cycle === head && !cycle.runsAlone;
      runAlone(cycle, isSuspect ? this.connection : null, isSuspect ? error : null);
    }
  }

  #end(): void {
    this.isOpen = false;
    this.#keeper.ended(this);
  }

  // --- Messages that no read causes ---

  planOutdated(): boolean {
    this.#sent[0]?.request.planOutdated(this.connection);
    return this.#headRunsAlone();
  }

  /** A statement that was assumed to exist does not, or the reverse: Sluice makes no assumptions on this connection. */
  assumptionContradicted(): boolean {
    this.connection.state.statements.markUncertain();
    this.isOpen = false;
    return this.#headRunsAlone();
  }

  #headRunsAlone(): true {
    const [head] = this.#sent;
    if (head !== undefined) head.runsAlone = true;
    return true;
  }

  canSendAgain(): boolean {
    return false;
  }

  sendAgain(): void {
    // Never called: see `canSendAgain`.
  }

  /** The server has reloaded its configuration. The sessions are informed on their exclusive leases. */
  parameterReported(): void {
    this.#headRunsAlone();
    this.isOpen = false;
    this.#keeper.parameterChanged();
  }

  parametersReported(): void {
    this.isOpen = false;
    this.#keeper.parameterChanged();
  }

  notified(): boolean {
    return false;
  }

  readsUnder(): ReadUnder {
    return readUnderAny;
  }

  translate(text: string): string {
    return text;
  }
}

function runAlone(
  cycle: SharedCycle,
  suspect: ServerConnection | null,
  error: ErrorFields | null,
): void {
  const { reader } = cycle;
  cycle.reader = null;
  try {
    reader?.runsAlone(suspect, error);
  } catch (thrown) {
    reader?.broken(thrown);
  }
}
