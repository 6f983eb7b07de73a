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

/** The response to every request after the one that got the error. */
export const inLostTransaction = buildErrorResponse(new ProxyError('IN_LOST_TRANSACTION').fields);
const nothing = Buffer.alloc(0);

/** The parts of the current message that a lost transaction needs. */
export interface LostRequest {
  /** The message code. */
  readonly code: number;
  /** The effects of the statement: for Query and Parse of the text, for Bind of the named statement; otherwise null. */
  readonly effects: Effects | null;
  /** For Describe and Close: a statement, not a portal. */
  readonly ofStatement: boolean;
}

/**
 * The stand-in for a server connection that was lost with an open transaction. It responds as PostgreSQL does in a
 * failed transaction block, so that no part of the rest of the transaction runs outside it: the first request gets the
 * error that describes the loss, every further one 25P02, until the client ends the transaction.
 */
export class LostTransaction {
  readonly #error: Buffer;
  /** The client has got the error. */
  #isReported: boolean;
  /** A request failed: everything up to Sync is skipped (manual, "Extended Query"). */
  #skipping: boolean;
  /** How the last bound statement ends the transaction. */
  #boundExit: 'commit' | 'rollback' | null = null;
  #ended = false;
  #over = false;

  /**
   * `error` describes the loss; `isReported`: the client has got it; `skipping`: nothing is answered up to the next
   * Sync.
   */
  constructor(error: Buffer, isReported: boolean, skipping: boolean) {
    this.#error = error;
    this.#isReported = isReported;
    this.#skipping = skipping;
  }

  /** The transaction has ended and the client has got ReadyForQuery: the session continues as usual. */
  get over(): boolean {
    return this.#over;
  }

  /** The response to a message, as from a database; empty if there is none. */
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

  /** Null if the request fails. */
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
        this.#skipping = this.#boundExit === 'commit' && !this.#isReported;
        return this.#end(this.#boundExit);
      case Code.Close:
        return closeComplete;
      default:
        return null;
    }
  }

  /** A COMMIT of a transaction that the client considers intact must fail; it ends the transaction all the same. */
  #end(exit: 'commit' | 'rollback'): Buffer {
    this.#ended = true;
    return exit === 'commit' && !this.#isReported ? this.#fail() : rollbackComplete;
  }

  #fail(): Buffer {
    if (this.#isReported) return inLostTransaction;
    this.#isReported = true;
    return this.#error;
  }
}

/** How a single statement ends a transaction; null if it does not, or begins another immediately (AND CHAIN). */
function exitOf(effects: Effects | null): 'commit' | 'rollback' | null {
  if (effects === null || effects.statements !== 1) return null;
  const [effect] = effects.details;
  if (effect?.kind !== 'transaction' || effect.chain) return null;
  if (effect.action === 'rollback') return 'rollback';
  return effect.action === 'commit' || effect.action === 'prepare' ? 'commit' : null;
}
