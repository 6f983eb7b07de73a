import type { Credential } from '../credentials/credentials.ts';
import { Md5Exchange } from './md5-exchange.ts';
import { ScramExchange } from './scram-exchange.ts';

/** What becomes of a login after an answer of the client. */
export interface ExchangeStep {
  readonly outcome: 'continue' | 'admitted' | 'wrong password' | 'malformed';
  /** What the client is told, if anything. When it is admitted: ahead of AuthenticationOk. */
  readonly reply: Buffer | null;
}

/** One client's proof that it knows its password. */
export interface PasswordExchange {
  /** The authentication request that begins it. */
  readonly request: Buffer;
  /** Takes the body of a message 'p'. */
  answer(token: Buffer): ExchangeStep;
}

/**
 * Begins the exchange that fits what is known of the user. A user who is not there is asked just the same, and is
 * then refused in the same words. `endPoint` is what SCRAM binds to, null without TLS.
 */
export function startExchange(
  user: string,
  credential: Credential | undefined,
  endPoint: Buffer | null,
  mockSecret: Buffer,
): PasswordExchange {
  return credential !== undefined && credential.md5 !== null && credential.scram === null
    ? new Md5Exchange(credential.md5)
    : new ScramExchange(user, credential?.scram ?? null, endPoint, mockSecret);
}
