import { authenticationCleartext, fitsAnyVerifier, md5Verifier, mockVerifier } from '@sluice/wire';
import type { Refusal } from '../authentication/verdict.ts';
import type { Credential } from '../credentials/credentials.ts';
import { processSecret } from '../credentials/process-secret.ts';
import { preparePassword } from '../credentials/saslprep.ts';
import { malformed, stepOf, wrongPassword } from './password-exchange.ts';
import type { ExchangeStep, PasswordExchange } from './password-exchange.ts';

/** Checks the password or token of a client; resolves to the reason for a refusal, or null if it is valid. */
export type Check = (password: string) => Promise<Refusal | null>;

/** A cleartext password or token. The proxy requests it only over TLS or a Unix socket. */
export class ClearExchange implements PasswordExchange {
  readonly request = authenticationCleartext;
  readonly isRetried: boolean;
  readonly #check: Check;
  readonly #again:
    ((password: string, credential: Credential | undefined) => Promise<Refusal | null>) | null;
  #password = '';

  /** `again` checks the same password against a reread credential; null for tokens. */
  constructor(
    check: Check,
    again:
      | ((password: string, credential: Credential | undefined) => Promise<Refusal | null>)
      | null = null,
  ) {
    this.#check = check;
    this.#again = again;
    this.isRetried = again !== null;
  }

  /** PasswordMessage: String. */
  answer(token: Buffer): ExchangeStep | Promise<ExchangeStep> {
    if (token.indexOf(0) !== token.length - 1) return malformed;
    this.#password = token.toString('utf8', 0, token.length - 1);
    // As in PostgreSQL, no user has an empty password.
    if (this.#password === '') return wrongPassword('the password is empty');
    return this.#check(this.#password).then(stepOf);
  }

  retry(credential: Credential | undefined): ExchangeStep | Promise<ExchangeStep> {
    if (this.#again === null) return wrongPassword('the token is invalid');
    return this.#again(this.#password, credential).then(stepOf);
  }
}

/** Checks a password against the verifiers of a user, in the same time for all users and any number of verifiers. */
export async function checkPassword(
  user: string,
  credential: Credential | undefined,
  password: string,
  iterations: number,
): Promise<Refusal | null> {
  const now = Date.now();
  const proofs = (credential?.proofs ?? []).filter(({ until }) => until > now);
  const known = proofs.flatMap(({ scram }) => (scram === null ? [] : [scram]));
  const verifiers = known.length > 0 ? known : [mockVerifier(user, processSecret, iterations)];
  const fits = await fitsAnyVerifier(verifiers, preparePassword(password));
  const hash = md5Verifier(user, password);
  if (fits || proofs.some(({ md5 }) => md5 === hash)) return null;
  return { why: credential === undefined ? 'the user does not exist' : 'the password is wrong' };
}
