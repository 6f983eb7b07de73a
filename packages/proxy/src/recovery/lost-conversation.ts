import {
  closeComplete,
  firstStringAt,
  FrontendCode as Code,
  namedAt,
  namesStatement,
  parseComplete,
} from '@sluice/wire';
import { classifyBytes } from '../sql/index.ts';
import type { Effects, Lexis } from '../sql/index.ts';
import type { LostTransaction } from './lost-transaction.ts';

/** The statements of a session, which continue through a lost transaction. The empty name is the unnamed statement. */
export interface ConversationOwner {
  /** The effects of the named statement; null if it does not exist, or could not be analyzed. */
  effectsOf(name: string): Effects | null;
  /** Stores the statement of the Parse message `chunk[at, next)`; a database gets it when it is first bound there. */
  keepParsed(chunk: Buffer, at: number, next: number, effects: Effects): void;
  /** The name no longer exists. */
  forget(name: string): void;
}

/** The parameters for parsing the session's statements; see `RequestOwner`. */
export interface StatementReading {
  readonly lexis: Lexis;
}

/**
 * The dialogue between a client and the stand-in for the server connection on which its transaction was lost. It parses
 * the client's messages for the stand-in, and stores the statements that the client prepares or closes in the meantime.
 */
export class LostConversation {
  readonly #transaction: LostTransaction;
  readonly #owner: ConversationOwner;
  readonly #reading: StatementReading;

  constructor(transaction: LostTransaction, owner: ConversationOwner, reading: StatementReading) {
    this.#transaction = transaction;
    this.#owner = owner;
    this.#reading = reading;
  }

  /** The transaction has been ended: the next cycle needs a server connection again. */
  get over(): boolean {
    return this.#transaction.over;
  }

  /**
   * The response to the message `chunk[at, next)`; empty if there is none. For a streaming message, `next` is behind
   * the chunk.
   */
  answer(chunk: Buffer, at: number, next: number): Buffer {
    const code = chunk[at] ?? 0;
    const ofStatement = namesStatement(chunk, at);
    // A message that is too long to be analyzed ends no transaction.
    const effects = next > chunk.length ? null : this.#effectsOf(code, chunk, at, next);
    const answer = this.#transaction.answer({ code, effects, ofStatement });
    if (answer === parseComplete && effects !== null)
      this.#owner.keepParsed(chunk, at, next, effects);
    else if (answer === closeComplete && ofStatement)
      this.#owner.forget(chunk.toString('latin1', namedAt(at), next - 1));
    return answer;
  }

  /** The effects of the statement that a message contains or names. */
  #effectsOf(code: number, chunk: Buffer, at: number, next: number): Effects | null {
    const { lexis } = this.#reading;
    let nameStart = firstStringAt(code, at);
    switch (code) {
      case Code.Query:
        return classifyBytes(chunk, nameStart, Math.max(nameStart, next - 1), lexis);
      case Code.Parse: {
        const start = chunk.indexOf(0, nameStart) + 1;
        const end = chunk.indexOf(0, start);
        return start > 0 && end >= start && end < next
          ? classifyBytes(chunk, start, end, lexis)
          : null;
      }
      case Code.Bind:
        // The portal's name comes first.
        nameStart = chunk.indexOf(0, nameStart) + 1;
        break;
      case Code.Describe:
        break;
      default:
        return null;
    }
    const nameEnd = chunk.indexOf(0, nameStart);
    if (nameStart <= at || nameEnd < nameStart || nameEnd >= next) return null;
    return this.#owner.effectsOf(chunk.toString('latin1', nameStart, nameEnd));
  }
}
