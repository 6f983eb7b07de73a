import {
  FrontendCode as Code,
  bindComplete,
  buildErrorResponse,
  closeComplete,
  noData,
  noParameters,
  parseComplete,
  readyForQueryFailed,
  readyForQueryIdle,
  rollbackComplete,
} from '@sluice/wire';
import { ProxyError } from '../errors.ts';
import type { Effects } from '../sql/index.ts';

/** What every request gets after the one that was told what happened. */
export const inLostTransaction = buildErrorResponse(new ProxyError('IN_LOST_TRANSACTION').fields);
const nothing = Buffer.alloc(0);

/** What the message at hand asks for, as far as a lost transaction has to know. */
export interface LostRequest {
  /** The message's code. */
  readonly code: number;
  /** What the statement does: of Query and Parse the text, of Bind the statement that is named; else null. */
  readonly effects: Effects | null;
  /** Describe and Close: a statement is meant, not a portal. */
  readonly ofStatement: boolean;
}

/**
 * Stands in for a server connection that was lost with a transaction open. It answers as PostgreSQL does in a
 * failed transaction block, so that nothing of the rest of the transaction can run outside it: the first request gets
 * the one error that says what happened, every further one 25P02, until the client ends the transaction.
 */
export class LostTransaction {
  readonly #error: Buffer;
  /** The client has had the error. */
  #told: boolean;
  /** A request failed: everything up to Sync is passed over (manual, "Extended Query"). */
  #skipping: boolean;
  /** How the last statement bound ends the transaction. */
  #boundExit: 'commit' | 'rollback' | null = null;
  #ended = false;
  #over = false;

  /** `error` says what happened; `told`: the client has had it; `skipping`: up to the next Sync nothing is answered. */
  constructor(error: Buffer, told: boolean, skipping: boolean) {
    this.#error = error;
    this.#told = told;
    this.#skipping = skipping;
  }

  /** The transaction has ended and the client has its prompt: the session goes on as ever. */
  get over(): boolean {
    return this.#over;
  }

  /** The answer to a message, as a database would give it; empty when it gives none. */
  answer(request: LostRequest): Buffer {
    const { code } = request;
    if (code === Code.Sync) {
      this.#skipping = false;
      this.#over = this.#ended;
      return this.#ended ? readyForQueryIdle : readyForQueryFailed;
    }
    if (code === Code.Query || code === Code.FunctionCall) {
      const exit = exitOf(request.effects);
      const answer = exit === null ? this.#fail() : this.#end(exit);
      this.#over = this.#ended;
      return Buffer.concat([answer, this.#ended ? readyForQueryIdle : readyForQueryFailed]);
    }
    if (this.#skipping || code === Code.Flush) return nothing;
    const answer = this.#extended(request);
    if (answer === null) {
      this.#skipping = true;
      return this.#fail();
    }
    return answer;
  }

  /** Null when the request fails. */
  #extended({ code, effects, ofStatement }: LostRequest): Buffer | null {
    switch (code) {
      case Code.Parse:
        return exitOf(effects) === null ? null : parseComplete;
      case Code.Bind:
        this.#boundExit = exitOf(effects);
        return this.#boundExit === null ? null : bindComplete;
      case Code.Describe:
        if (ofStatement)
          return exitOf(effects) === null ? null : Buffer.concat([noParameters, noData]);
        return this.#boundExit === null ? null : noData;
      case Code.Execute:
        if (this.#boundExit === null) return null;
        this.#skipping = this.#boundExit === 'commit' && !this.#told;
        return this.#end(this.#boundExit);
      case Code.Close:
        return closeComplete;
      default:
        return null;
    }
  }

  /** COMMIT of a transaction that the client believes to be in order must fail; it ends it all the same. */
  #end(exit: 'commit' | 'rollback'): Buffer {
    this.#ended = true;
    return exit === 'commit' && !this.#told ? this.#fail() : rollbackComplete;
  }

  #fail(): Buffer {
    if (this.#told) return inLostTransaction;
    this.#told = true;
    return this.#error;
  }
}

/** How a statement by itself ends a transaction; null when it does not, or begins another at once (AND CHAIN). */
function exitOf(effects: Effects | null): 'commit' | 'rollback' | null {
  if (effects === null || effects.statements !== 1) return null;
  const [effect] = effects.details;
  if (effect?.kind !== 'transaction' || effect.chain) return null;
  if (effect.action === 'rollback') return 'rollback';
  return effect.action === 'commit' || effect.action === 'prepare' ? 'commit' : null;
}
