import type { Refusal } from '../authentication/verdict.ts';
import type { Credential } from '../credentials/credentials.ts';

/** What becomes of a login after an answer of the client. */
export interface ExchangeStep {
  readonly outcome: 'continue' | 'admitted' | 'wrong password' | 'unchecked' | 'malformed';
  /** What the client is told, if anything. When it is admitted: ahead of AuthenticationOk. */
  readonly reply: Buffer | null;
  /** Why it was refused, for the log alone. */
  readonly why?: string;
}

/** One client's proof that it is who it says. */
export interface PasswordExchange {
  /** The authentication request that begins it. */
  readonly request: Buffer;
  /** Whether a refusal may come of a password that the proxy does not know yet. */
  readonly isRetried: boolean;
  /** Takes the body of a message 'p'. */
  answer(token: Buffer): ExchangeStep | Promise<ExchangeStep>;
  /** Judges the last answer again by what is known of the user now. */
  retry(credential: Credential | undefined): ExchangeStep | Promise<ExchangeStep>;
}

export const malformed: ExchangeStep = { outcome: 'malformed', reply: null };

/** A refusal; `why` is for the log alone. */
export function wrongPassword(why: string): ExchangeStep {
  return { outcome: 'wrong password', reply: null, why };
}

/** What a refusal, or none, means for the login. */
export function stepOf(refusal: Refusal | null): ExchangeStep {
  if (refusal === null) return { outcome: 'admitted', reply: null };
  return refusal.isOutage === true
    ? { outcome: 'unchecked', reply: null, why: refusal.why }
    : wrongPassword(refusal.why);
}
