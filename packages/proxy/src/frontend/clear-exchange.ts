import { authenticationCleartext, fitsAnyVerifier, md5Verifier, mockVerifier } from '@sluice/wire';
import type { Refusal } from '../authentication/verdict.ts';
import type { Credential } from '../credentials/credentials.ts';
import { processSecret } from '../credentials/process-secret.ts';
import { preparePassword } from '../credentials/saslprep.ts';
import { malformed, stepOf, wrongPassword } from './password-exchange.ts';
import type { ExchangeStep, PasswordExchange } from './password-exchange.ts';

/** Judges what a client sent as its password; resolves to why it is refused, or null when it is right. */
export type Judge = (password: string) => Promise<Refusal | null>;

/** The password in clear, which is asked for over TLS alone: a password itself, or a token. */
export class ClearExchange implements PasswordExchange {
  readonly request = authenticationCleartext;
  readonly isRetried: boolean;
  readonly #judge: Judge;
  readonly #again:
    ((password: string, credential: Credential | undefined) => Promise<Refusal | null>) | null;
  #password = '';

  /** `again`: how the same password is judged by what is known later; null for tokens. */
  constructor(
    judge: Judge,
    again:
      | ((password: string, credential: Credential | undefined) => Promise<Refusal | null>)
      | null = null,
  ) {
    this.#judge = judge;
    this.#again = again;
    this.isRetried = again !== null;
  }

  /** PasswordMessage: String. */
  answer(token: Buffer): ExchangeStep | Promise<ExchangeStep> {
    if (token.indexOf(0) !== token.length - 1) return malformed;
    this.#password = token.toString('utf8', 0, token.length - 1);
    // As PostgreSQL: nobody has an empty password.
    if (this.#password === '') return wrongPassword('the password is empty');
    return this.#judge(this.#password).then(stepOf);
  }

  retry(credential: Credential | undefined): ExchangeStep | Promise<ExchangeStep> {
    if (this.#again === null) return wrongPassword('the token is invalid');
    return this.#again(this.#password, credential).then(stepOf);
  }
}

/** Judges a password by the verifiers of a user; whoever it is, and however many passwords count, it takes as long. */
export async function judgePassword(
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
