import { authenticationCleartext, fitsVerifier, md5Verifier, mockVerifier } from '@sluice/wire';
import type { Credential } from '../credentials/credentials.ts';
import { processSecret } from '../credentials/process-secret.ts';
import { preparePassword } from '../credentials/saslprep.ts';
import { malformed, wrongPassword } from './password-exchange.ts';
import type { ExchangeStep, PasswordExchange } from './password-exchange.ts';

/** Judges what a client sent as its password; resolves to why it is refused, or null when it is right. */
export type Judge = (password: string) => Promise<string | null>;

/** The password in clear, which is asked for over TLS alone: a password itself, or a token. */
export class ClearExchange implements PasswordExchange {
  readonly request = authenticationCleartext;
  readonly isRetried: boolean;
  readonly #judge: Judge;
  readonly #again:
    ((password: string, credential: Credential | undefined) => Promise<string | null>) | null;
  #password = '';

  /** `again`: how the same password is judged by what is known later; null for tokens. */
  constructor(
    judge: Judge,
    again:
      | ((password: string, credential: Credential | undefined) => Promise<string | null>)
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

function stepOf(why: string | null): ExchangeStep {
  return why === null ? { outcome: 'admitted', reply: null } : wrongPassword(why);
}

/** Judges a password by the verifiers of a user; one who is not there takes as long. */
export async function judgePassword(
  user: string,
  credential: Credential | undefined,
  password: string,
  iterations: number,
): Promise<string | null> {
  const now = Date.now();
  const proofs = (credential?.proofs ?? []).filter(({ until }) => until > now);
  const prepared = preparePassword(password);
  for (const { scram, md5 } of proofs) {
    if (scram === null ? md5 === md5Verifier(user, password) : await fitsVerifier(scram, prepared))
      return null;
  }
  if (proofs.length === 0)
    await fitsVerifier(mockVerifier(user, processSecret, iterations), prepared);
  return credential === undefined ? 'the user does not exist' : 'the password is wrong';
}
