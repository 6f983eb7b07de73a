import { bodyAt, buildErrorResponse } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { Belief } from '../backend/error-words.ts';
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
  /** True when the cycle that was sent last can be sent again. */
  readonly canSendAgain: boolean;
  /** Sends it again, on another lease. */
  sendAgain(): void;
  /** Nothing of the lease has run: all that was sent goes to the next. False: not all of it is at hand. */
  sendUnsettled(): boolean;
  /** What waits is tried again. */
  resume(): void;
  /** The rest of a message whose beginning went to the lost connection is dropped. */
  dropBody(): void;
  discardUntilSync(): void;
  transactionLost(transaction: LostTransaction): void;
  requestToRenew(connection: ServerConnection): Buffer | null;
  requestToRepeat(connection: ServerConnection): Buffer | null;
  repeat(cycle: Buffer): void;
  hasClosed(connection: ServerConnection, error: string): boolean;
}

/** The session that has to do with a lost or refused connection. */
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
  /** It is pinned for a statement of SQL's PREPARE that a text does not show. */
  readonly keepsUnseenStatements: boolean;
  /** The client has asked for read-only transactions. */
  readonly asksReadOnly: boolean;
  /** Parameters were set outside a transaction and not read back yet. */
  readonly setOutside: boolean;
  /** The lease is the first of its connection. */
  readonly isFirstLease: boolean;
  /** What it listens to is known to the lost connection only. */
  losesListening(inTransaction: boolean): boolean;
  /** It has no connection any more. `isLost`: the connection has gone, with what ran on it. */
  giveUpLease(isLost: boolean): void;
  /** What pinned has never run. */
  forgetPin(): void;
  /** Nothing that was asked to change the session took effect, as far as the client knows. */
  forgetChanges(): void;
  /** Between transactions again. */
  becomeIdle(): void;
  /** The next lease must be on a connection that no session has had. */
  wantNew(): void;
  /** Asks for the lease that a request waits for. */
  borrowAgain(): void;
  borrowFailed(error: ErrorFields): void;
  corrected(belief: Belief): void;
  reply(bytes: Buffer): void;
  end(reason: string, farewell: Buffer | null): void;
  flow(): void;
}

/** What a lost, a refusing or an outdated server connection means for a session, and what is done about it. */
export class SessionRecovery {
  readonly #owner: RecoveryOwner;

  constructor(owner: RecoveryOwner) {
    this.#owner = owner;
  }

  /** The connection has ended under the lease. */
  connectionLost(loss: ConnectionLoss): void {
    const owner = this.#owner;
    const { connection, cycles, requests } = owner;
    owner.giveUpLease(true);
    requests.dropBody();
    const outcome = judgeLoss(loss, {
      // A change of parameters that the client was told of and that was not read back yet is lost as well.
      hasLostState:
        loss.isEnding ||
        owner.isPinned ||
        this.#isUnread(loss) ||
        owner.losesListening(loss.inTransaction),
      canSendAgain: requests.canSendAgain,
      cycle: cycles.last,
    });
    if (outcome.kind === 'end') {
      owner.end(loss.error.message, outcome.farewell);
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

  /** The database refused the sole cycle with this SQLSTATE and rolled it back: whether it runs on another connection. */
  canSendAgain(sqlstate: string): boolean {
    const owner = this.#owner;
    // Who asked for read-only transactions is refused everywhere.
    if (sqlstate === '25006' && owner.asksReadOnly) return false;
    return (
      !owner.isPinned &&
      !owner.losesListening(owner.inTransaction) &&
      owner.requests.canSendAgain &&
      owner.cycles.last.repeatable(true)
    );
  }

  /** It does: it was refused with `error`, behind the messages `answered`. */
  sendAgain(error: ErrorFields, answered: Buffer, connection: ServerConnection): void {
    const age = performance.now() - this.#owner.cycles.first.since;
    this.#owner.giveUpLease(false);
    this.#sendAgain(new Refusal(error, answered, connection, age));
  }

  /** The database refused the parameters in front of the lease. `nothingRan`: of what was sent behind them, for certain. */
  replayRefused(error: ErrorFields, nothingRan: boolean): void {
    const owner = this.#owner;
    const { requests } = owner;
    owner.pool.stats.replaysRefused++;
    owner.giveUpLease(true);
    owner.forgetPin();
    owner.forgetChanges();
    owner.cycles.clear();
    if (owner.isFirstLease || !nothingRan || !requests.sendUnsettled()) {
      // What the session has set is not to be had any more, and nothing of the client's may run without it.
      owner.end(error.message, buildErrorResponse({ ...error, severity: 'FATAL' }));
      return;
    }
    owner.wantNew();
    owner.becomeIdle();
    requests.resume();
    owner.flow();
  }

  /** Whether a cycle that runs again waits: it is not known yet what its server did to it. */
  mustWait(): boolean {
    const { retry } = this.#owner.cycles.first;
    if (retry === null || retry.checked) return false;
    retry.whenChecked(() => this.#checked(retry));
    return true;
  }

  /**
   * True, and the client is told, when the server that refused the cycle, or lost it, is the one that would run it again. The
   * connection goes back then.
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
    // The cycle is handed to the borrow queue in this very turn; only then can it be refused.
    queueMicrotask(() => {
      if (!owner.isWaiting) return;
      if (before.answered.length > 0) owner.reply(before.answered);
      owner.borrowFailed(before.error);
    });
    return true;
  }

  /** A plan does not fit its tables any more. True: the request is made again, and the error is not the client's to see. */
  planOutdated(): boolean {
    const { connection, keepsUnseenStatements, requests } = this.#owner;
    // What a block has prepared unseen would be lost with the rest.
    if (connection === null || keepsUnseenStatements || !this.#mayRepeat(connection)) return false;
    return this.#repeat(connection, requests.requestToRenew(connection));
  }

  /** An error, the message `chunk[at, next)`, contradicts what was believed of the connection. True as for `planOutdated`. */
  beliefContradicted(belief: Belief, chunk: Buffer, at: number, next: number): boolean {
    const owner = this.#owner;
    const { connection, requests } = owner;
    if (connection === null) return false;
    const isOwnDoing = requests.hasClosed(connection, chunk.toString('latin1', bodyAt(at), next));
    connection.state.statements.markUncertain();
    owner.corrected(belief);
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

  /** The server on which a read was lost has been asked: the read is refused, or waits for a lease as any other. */
  #checked(retry: Retry): void {
    const owner = this.#owner;
    if (!owner.isWaiting || owner.cycles.first.retry !== retry) return;
    if (retry.isConfirmed) owner.borrowFailed(retry.error);
    else owner.borrowAgain();
  }

  /** Parameters may have changed that are not read back, other than by what the loss itself has undone. */
  #isUnread(loss: ConnectionLoss): boolean {
    const { setOutside, cycles } = this.#owner;
    return setOutside && (loss.cycles === 0 || loss.inTransaction || cycles.last.statements > 1);
  }
}
