import { buildErrorResponse, readyForQueryFailed, readyForQueryIdle } from '@sluice/wire';
import type { ConnectionLoss } from '../backend/lease-owner.ts';
import { ProxyError } from '../errors.ts';
import { LostTransaction, inLostTransaction } from './lost-transaction.ts';
import type { QueryCycle } from '../protocol/query-cycle.ts';

/** The session whose server connection was lost. */
export interface Loser {
  /** State that only the lost connection had, and that the client relies on. */
  readonly hasLostState: boolean;
  /** The bytes of the running cycle are available. */
  readonly canSendAgain: boolean;
  /** The newest cycle, which has the side effects of all unanswered ones. */
  readonly cycle: QueryCycle;
}

/** The consequence of a lost server connection for its session. */
export type LossOutcome =
  /** The session ends; `lastMessage` is null if nothing more can be sent. */
  | { readonly kind: 'end'; readonly lastMessage: Buffer | null }
  /** No consequence: the cycle is retried. */
  | { readonly kind: 'send again' }
  /**
   * The client gets an error and continues: in a lost transaction, or in the middle of a cycle whose rest is not run.
   */
  | {
      readonly kind: 'answered';
      readonly answer: Buffer;
      readonly lost: LostTransaction | null;
      readonly discards: boolean;
    };

/**
 * Decides what a lost server connection means for its session.
 *
 * A statement is retried only if it is a read of which nothing was forwarded. A transaction without a COMMIT is
 * certainly rolled back, and the client can retry it (40001). If it may have committed, the error says that this is
 * unknown.
 */
export function judgeLoss(loss: ConnectionLoss, loser: Loser): LossOutcome {
  const { error } = loss;
  // A message was forwarded in part: nothing can follow it.
  if (loss.midReply) return { kind: 'end', lastMessage: null };
  if (loser.hasLostState) {
    // The state that the client relies on is gone, and only a new session can replace it.
    const last = loss.isEnding ? new ProxyError('TERMINATED') : error;
    const fatal = buildErrorResponse({ ...last.fields, severity: 'FATAL' });
    return { kind: 'end', lastMessage: loss.errorSent ? null : fatal };
  }
  const { cycle } = loser;
  const lost = error.code === 'SERVER_CONNECTION_LOST';
  const alone = !loss.inTransaction && loss.cycles === 1 && !loss.openCycle;
  if (lost && alone && loser.canSendAgain && cycle.repeatable(false)) return { kind: 'send again' };
  const rolledBack = (loss.inTransaction || cycle.begins) && !cycle.mayCommit;
  const cause =
    lost && rolledBack ? new ProxyError('TRANSACTION_LOST', { reason: loss.reason }) : error;
  const isOpen = cycle.begins || (loss.inTransaction && !cycle.ends);
  const answer = buildErrorResponse({ ...cause.fields, severity: 'ERROR' });
  return answerLoss(loss, answer, isOpen);
}

/** The end of every pending cycle of the lost connection; `isOpen`: the client is in a transaction after them. */
function answerLoss(loss: ConnectionLoss, error: Buffer, isOpen: boolean): LossOutcome {
  const parts: Buffer[] = [];
  const ready = isOpen ? readyForQueryFailed : readyForQueryIdle;
  let isReported = loss.failed;
  let answered = loss.errorSent;
  const fail = (): void => {
    if (!answered) parts.push(isOpen && isReported ? inLostTransaction : error);
    isReported = true;
    answered = false;
  };
  for (let i = 0; i < loss.cycles; i++) {
    fail();
    parts.push(ready);
  }
  if (loss.openCycle) fail();
  return {
    kind: 'answered',
    answer: Buffer.concat(parts),
    lost: isOpen ? new LostTransaction(error, isReported, loss.openCycle) : null,
    discards: !isOpen && loss.openCycle,
  };
}
