import type { Refusal } from '../authentication/verdict.ts';
import type { Credential } from '../credentials/credentials.ts';

/** The next step of a login after a message of the client. */
export interface ExchangeStep {
  readonly outcome: 'continue' | 'admitted' | 'wrong password' | 'unchecked' | 'malformed';
  /** The message for the client, or null. If the client is admitted, it precedes AuthenticationOk. */
  readonly reply: Buffer | null;
  /** Why it was refused, only for the log. */
  readonly why?: string;
}

/** The authentication of one client. */
export interface PasswordExchange {
  /** The authentication request for the client. */
  readonly request: Buffer;
  /** Whether a refusal can be due to a new password that the proxy has not read yet. */
  readonly isRetried: boolean;
  /** Processes the body of a message 'p'. */
  answer(token: Buffer): ExchangeStep | Promise<ExchangeStep>;
  /** Checks the last message again, against the reread credential. */
  retry(credential: Credential | undefined): ExchangeStep | Promise<ExchangeStep>;
}

export const malformed: ExchangeStep = { outcome: 'malformed', reply: null };

/** A refusal; `why` is only for the log. */
export function wrongPassword(why: string): ExchangeStep {
  return { outcome: 'wrong password', reply: null, why };
}

/** The step for a refusal, or for null. */
export function stepOf(refusal: Refusal | null): ExchangeStep {
  if (refusal === null) return { outcome: 'admitted', reply: null };
  return refusal.isOutage === true
    ? { outcome: 'unchecked', reply: null, why: refusal.why }
    : wrongPassword(refusal.why);
}
