import { bodyAt, buildErrorResponse } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { Assumption } from '../backend/error-words.ts';
import type { ConnectionLoss } from '../backend/lease-owner.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Pool } from '../pool/pool.ts';
import type { Retry } from '../protocol/query-cycle.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { judgeLoss } from './connection-loss.ts';
import type { LostTransaction } from './lost-transaction.ts';
import { Refusal } from './refusal.ts';
import { Suspicion } from './suspicion.ts';

/** The requests of a session, which may have to be sent again. */
export interface Resender {
  /** True if the last cycle can be retried. */
  readonly canSendAgain: boolean;
  /** Retries it on another lease. */
  sendAgain(): void;
  /**
   * Nothing of the lease has run: everything that was sent moves to the next lease. False: not all bytes are available.
   */
  sendUnsettled(): boolean;
  /** Retries what waits. */
  resume(): void;
  /** Drops the rest of a message that was sent in part to the lost connection. */
  dropBody(): void;
  discardUntilSync(): void;
  transactionLost(transaction: LostTransaction): void;
  requestToRenew(connection: ServerConnection): Buffer | null;
  requestToRepeat(connection: ServerConnection): Buffer | null;
  repeat(cycle: Buffer): void;
  hasClosed(connection: ServerConnection, error: string): boolean;
}

/** The session whose connection was lost, or refused a request. */
export interface RecoveryOwner {
  readonly connection: ServerConnection | null;
  readonly pool: Pick<Pool, 'stats' | 'returned'>;
  readonly cycles: QueryCycles;
  readonly requests: Resender;
  /** Between a request and its lease. */
  readonly isWaiting: boolean;
  readonly inTransaction: boolean;
  /** The session is pinned. */
  readonly isPinned: boolean;
  /** It is pinned for a SQL-level prepared statement that no text shows. */
  readonly keepsUnseenStatements: boolean;
  /** The client has set read-only transactions. */
  readonly requestsReadOnly: boolean;
  /** Parameters were set outside a transaction and not read back yet. */
  readonly setOutside: boolean;
  /** The lease is the first of its connection. */
  readonly isFirstLease: boolean;
  /** Only the lost connection knows what the session listens to. */
  losesListening(inTransaction: boolean): boolean;
  /** It no longer has a connection. `isLost`: the connection is gone, with what ran on it. */
  giveUpLease(isLost: boolean): void;
  /** The statement that caused the pin has not run. */
  forgetPin(): void;
  /** No request to change the session took effect, as far as the client knows. */
  forgetChanges(): void;
  /** Between transactions again. */
  becomeIdle(): void;
  /** The next lease must be on a new connection. */
  wantNew(): void;
  /** Requests the lease for a waiting request. */
  borrowAgain(): void;
  borrowFailed(error: ErrorFields): void;
  corrected(assumption: Assumption): void;
  reply(bytes: Buffer): void;
  end(reason: string, lastMessage: Buffer | null): void;
  flow(): void;
}

/** The consequences of a lost, refusing or outdated server connection for a session. */
export class SessionRecovery {
  readonly #owner: RecoveryOwner;

  constructor(owner: RecoveryOwner) {
    this.#owner = owner;
  }

  /** The connection was lost during the lease. */
  connectionLost(loss: ConnectionLoss): void {
    const owner = this.#owner;
    const { connection, cycles, requests } = owner;
    owner.giveUpLease(true);
    requests.dropBody();
    const outcome = judgeLoss(loss, {
      // A change of parameters that the client knows and that was not read back yet is lost as well.
      hasLostState:
        loss.isEnding ||
        owner.isPinned ||
        this.#isUnread(loss) ||
        owner.losesListening(loss.inTransaction),
      canSendAgain: requests.canSendAgain,
      cycle: cycles.last,
    });
    if (outcome.kind === 'end') {
      owner.end(loss.error.message, outcome.lastMessage);
      return;
    }
    owner.forgetChanges();
    if (outcome.kind === 'send again') {
      let suspicion: Suspicion | null = null;
      if (loss.silent && connection !== null)
        suspicion = new Suspicion(connection, loss.error.fields);
      else owner.pool.stats.cyclesSentAgain++;
      this.#sendAgain(suspicion);
      return;
    }
    cycles.clear();
    owner.becomeIdle();
    if (outcome.answer.length > 0) owner.reply(outcome.answer);
    if (outcome.lost !== null) requests.transactionLost(outcome.lost);
    else if (outcome.discards) requests.discardUntilSync();
    requests.resume();
    owner.flow();
  }

  /**
   * The database refused the only cycle with this SQLSTATE and rolled it back: whether it is retried on another
   * connection.
   */
  canSendAgain(sqlstate: string): boolean {
    const owner = this.#owner;
    // A client with read-only transactions is refused everywhere.
    if (sqlstate === '25006' && owner.requestsReadOnly) return false;
    return (
      !owner.isPinned &&
      !owner.losesListening(owner.inTransaction) &&
      owner.requests.canSendAgain &&
      owner.cycles.last.repeatable(true)
    );
  }

  /** It is: it was refused with `error`, after the messages `answered`. */
  sendAgain(error: ErrorFields, answered: Buffer, connection: ServerConnection): void {
    const age = performance.now() - this.#owner.cycles.first.since;
    this.#owner.giveUpLease(false);
    this.#sendAgain(new Refusal(error, answered, connection, age));
  }

  /** The database refused the parameters of the lease. `nothingRan`: nothing after them ran, for certain. */
  replayRefused(error: ErrorFields, nothingRan: boolean): void {
    const owner = this.#owner;
    const { requests } = owner;
    owner.pool.stats.replaysRefused++;
    owner.giveUpLease(true);
    owner.forgetPin();
    owner.forgetChanges();
    owner.cycles.clear();
    if (owner.isFirstLease || !nothingRan || !requests.sendUnsettled()) {
      // The parameters of the session can no longer be set, and no request of the client must run without them.
      owner.end(error.message, buildErrorResponse({ ...error, severity: 'FATAL' }));
      return;
    }
    owner.wantNew();
    owner.becomeIdle();
    requests.resume();
    owner.flow();
  }

  /** Whether a retried cycle waits, because it is not known yet what its server did to it. */
  mustWait(): boolean {
    const { retry } = this.#owner.cycles.first;
    if (retry === null || retry.checked) return false;
    retry.whenChecked(() => this.#checked(retry));
    return true;
  }

  /**
   * True, after an error to the client, if the server that refused or lost the cycle is the one that would run it
   * again. The connection is returned then.
   */
  isRefusedAgain(connection: ServerConnection): boolean {
    const owner = this.#owner;
    const { first } = owner.cycles;
    const before = first.retry;
    if (before === null) return false;
    first.retry = null;
    if (!before.stands(connection)) {
      owner.pool.stats.cyclesSentAgain++;
      return false;
    }
    owner.pool.returned(connection);
    // The cycle joins the borrow queue in this turn; it can be refused only afterwards.
    queueMicrotask(() => {
      if (!owner.isWaiting) return;
      if (before.answered.length > 0) owner.reply(before.answered);
      owner.borrowFailed(before.error);
    });
    return true;
  }

  /** A plan is outdated. True: the request is retried, and the client does not get the error. */
  planOutdated(): boolean {
    const { connection, keepsUnseenStatements, requests } = this.#owner;
    // Statements that a block has prepared unseen would be lost.
    if (connection === null || keepsUnseenStatements || !this.#mayRepeat(connection)) return false;
    return this.#repeat(connection, requests.requestToRenew(connection));
  }

  /**
   * An error, the message `chunk[at, next)`, contradicts an assumption about the connection. True as for
   * `planOutdated`.
   */
  assumptionContradicted(assumption: Assumption, chunk: Buffer, at: number, next: number): boolean {
    const owner = this.#owner;
    const { connection, requests } = owner;
    if (connection === null) return false;
    const isOwnDoing = requests.hasClosed(connection, chunk.toString('latin1', bodyAt(at), next));
    connection.state.statements.markUncertain();
    owner.corrected(assumption);
    // On a direct connection it is gone as well.
    if (isOwnDoing || !this.#mayRepeat(connection)) return false;
    return this.#repeat(connection, requests.requestToRepeat(connection));
  }

  #mayRepeat(connection: ServerConnection): boolean {
    return !connection.inTransaction && !this.#owner.cycles.first.relayed;
  }

  #repeat(connection: ServerConnection, request: Buffer | null): boolean {
    if (request === null) return false;
    connection.pending.discardHead();
    this.#owner.requests.repeat(request);
    return true;
  }

  #sendAgain(retry: Retry | null): void {
    const owner = this.#owner;
    owner.cycles.again(retry);
    owner.becomeIdle();
    owner.requests.sendAgain();
    owner.flow();
  }

  /** The server on which a read was lost has been checked: the read is refused, or waits for a lease as usual. */
  #checked(retry: Retry): void {
    const owner = this.#owner;
    if (!owner.isWaiting || owner.cycles.first.retry !== retry) return;
    if (retry.isConfirmed) owner.borrowFailed(retry.error);
    else owner.borrowAgain();
  }

  /** Parameters may have changed that were not read back, other than those that the loss itself has undone. */
  #isUnread(loss: ConnectionLoss): boolean {
    const { setOutside, cycles } = this.#owner;
    return setOutside && (loss.cycles === 0 || loss.inTransaction || cycles.last.statements > 1);
  }
}
