import { buildErrorResponse, readyForQueryFailed, readyForQueryIdle } from '@sluice/wire';
import type { ConnectionLoss } from '../backend/lease-owner.ts';
import { ProxyError } from '../errors.ts';
import { LostTransaction, inLostTransaction } from './lost-transaction.ts';
import type { QueryCycle } from '../protocol/query-cycle.ts';

/** The session whose server connection was lost. */
export interface Loser {
  /** State that only the lost connection had, and that the client relies on. */
  readonly hasLostState: boolean;
  /** The cycle under way is in hand. */
  readonly canSendAgain: boolean;
  /** The newest cycle: it knows the side effects of all that is unanswered. */
  readonly cycle: QueryCycle;
}

/** What becomes of a session whose server connection was lost. */
export type LossOutcome =
  /** It ends; the farewell is null when nothing more can be said. */
  | { readonly kind: 'end'; readonly farewell: Buffer | null }
  /** Nothing: the cycle runs again. */
  | { readonly kind: 'send again' }
  /** The client is told, and goes on: in a lost transaction, or in the middle of a cycle of which nothing more runs. */
  | {
      readonly kind: 'told';
      readonly answer: Buffer;
      readonly lost: LostTransaction | null;
      readonly discards: boolean;
    };

/**
 * Decides what a lost server connection means for its session.
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
    const last = loss.isEnding ? new ProxyError('TERMINATED') : error;
    const fatal = buildErrorResponse({ ...last.fields, severity: 'FATAL' });
    return { kind: 'end', farewell: loss.errorSent ? null : fatal };
  }
  const { cycle } = loser;
  const lost = error.code === 'SERVER_CONNECTION_LOST';
  const alone = !loss.inTransaction && loss.cycles === 1 && !loss.openCycle;
  if (lost && alone && loser.canSendAgain && cycle.repeatable(false)) return { kind: 'send again' };
  const rolledBack = (loss.inTransaction || cycle.begins) && !cycle.mayCommit;
  const cause =
    lost && rolledBack ? new ProxyError('TRANSACTION_LOST', { reason: loss.reason }) : error;
  const isOpen = cycle.begins || (loss.inTransaction && !cycle.ends);
  const told = buildErrorResponse({ ...cause.fields, severity: 'ERROR' });
  return answerLoss(loss, told, isOpen);
}

/** The end of every cycle that the lost connection owed; `isOpen`: the client is in a transaction after them. */
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
  for (let i = 0; i < loss.cycles; i++) {
    fail();
    parts.push(ready);
  }
  if (loss.openCycle) fail();
  return {
    kind: 'told',
    answer: Buffer.concat(parts),
    lost: isOpen ? new LostTransaction(error, told, loss.openCycle) : null,
    discards: !isOpen && loss.openCycle,
  };
}
