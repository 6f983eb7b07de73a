import { buildErrorResponse, readyForQueryFailed, readyForQueryIdle } from '@sluice/wire';
import type { ConnectionLoss } from '../backend/loan.ts';
import { ProxyError } from '../errors.ts';
import { LostTransaction, inLostTransaction } from './lost-transaction.ts';
import type { UnderWay } from './under-way.ts';

/** The session whose database connection was lost. */
export interface Loser {
  /** State that only the lost connection had, and that the client relies on. */
  readonly hasLostState: boolean;
  /** The group under way is in hand. */
  readonly canSendAgain: boolean;
  readonly underWay: UnderWay;
}

/** What becomes of a session whose database connection was lost. */
export type LossOutcome =
  /** It ends; the farewell is null when nothing more can be said. */
  | { readonly kind: 'end'; readonly farewell: Buffer | null }
  /** Nothing: the group runs again. */
  | { readonly kind: 'send again' }
  /** The client is told, and goes on: in a lost transaction, or in the middle of a group of which nothing more runs. */
  | {
      readonly kind: 'told';
      readonly answer: Buffer;
      readonly lost: LostTransaction | null;
      readonly discards: boolean;
    };

/**
 * Decides what a lost database connection means for its session.
 *
 * A statement runs again only if it is a read of which nothing was relayed. A transaction that was not asked to commit is
 * rolled back for certain, and the client may run it again (40001); what may have committed is told as unknown.
 */
export function judgeLoss(loss: ConnectionLoss, loser: Loser): LossOutcome {
  const { error } = loss;
  // Half a message has gone out: nothing can follow it.
  if (loss.midReply) return { kind: 'end', farewell: null };
  if (loser.hasLostState) {
    // What the client believes its session to be is gone, and only a new one can replace it.
    const fatal = buildErrorResponse({ ...error.fields, severity: 'FATAL' });
    return { kind: 'end', farewell: loss.errorSent ? null : fatal };
  }
  const { underWay } = loser;
  const lost = error.code === 'DATABASE_CONNECTION_LOST';
  const alone = !loss.inTransaction && loss.groups === 1 && !loss.openGroup;
  if (lost && alone && loser.canSendAgain && underWay.repeatable(false))
    return { kind: 'send again' };
  const rolledBack = (loss.inTransaction || underWay.begins) && !underWay.mayCommit;
  const cause =
    lost && rolledBack ? new ProxyError('TRANSACTION_LOST', { reason: loss.reason }) : error;
  const isOpen = underWay.begins || (loss.inTransaction && !underWay.ends);
  const told = buildErrorResponse({ ...cause.fields, severity: 'ERROR' });
  return answerLoss(loss, told, isOpen);
}

/** The end of every group that the lost connection owed; `isOpen`: the client is in a transaction after them. */
function answerLoss(loss: ConnectionLoss, error: Buffer, isOpen: boolean): LossOutcome {
  const parts: Buffer[] = [];
  const ready = isOpen ? readyForQueryFailed : readyForQueryIdle;
  let told = loss.failed;
  let answered = loss.errorSent;
  const fail = (): void => {
    if (!answered) parts.push(isOpen && told ? inLostTransaction : error);
    told = true;
    answered = false;
  };
  for (let group = 0; group < loss.groups; group++) {
    fail();
    parts.push(ready);
  }
  if (loss.openGroup) fail();
  return {
    kind: 'told',
    answer: Buffer.concat(parts),
    lost: isOpen ? new LostTransaction(error, told, loss.openGroup) : null,
    discards: !isOpen && loss.openGroup,
  };
}
