import {
  buildAuthenticationSasl,
  buildSaslContinue,
  buildSaslFinal,
  mockVerifier,
  readSaslInitial,
  ScramServer,
} from '@sluice/wire';
import type { ScramVerifier } from '@sluice/wire';
import type { Credential } from '../credentials/credentials.ts';
import { processSecret } from '../credentials/process-secret.ts';
import { malformed, wrongPassword } from './password-exchange.ts';
import type { ExchangeStep, PasswordExchange } from './password-exchange.ts';

const offer = buildAuthenticationSasl(['SCRAM-SHA-256']);
const offerWithBinding = buildAuthenticationSasl(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']);

/** SCRAM-SHA-256 with a client, bound to its TLS connection (SCRAM-SHA-256-PLUS) if the client supports it. */
export class ScramExchange implements PasswordExchange {
  readonly request: Buffer;
  readonly isRetried = true;
  readonly #server: ScramServer;
  #credential: Credential | undefined;
  readonly #mock: ScramVerifier;
  #begun = false;
  #final = '';
  /** The verifier that matches the last proof. */
  fits: ScramVerifier | null = null;

  /** Without a verifier, the exchange looks the same and fails at the end. */
  constructor(
    user: string,
    credential: Credential | undefined,
    endPoint: Buffer | null,
    iterations: number,
  ) {
    this.request = endPoint === null ? offer : offerWithBinding;
    this.#credential = credential;
    this.#mock = mockVerifier(user, processSecret, iterations);
    const [verifier = this.#mock] = verifiersOf(credential);
    this.#server = new ScramServer(verifier, endPoint);
  }

  /** The client's SCRAM key, once it is admitted. */
  get clientKey(): Buffer | null {
    return this.#server.clientKey;
  }

  answer(token: Buffer): ExchangeStep {
    if (!this.#begun) {
      this.#begun = true;
      const challenge = this.#challenge(token);
      return challenge === null
        ? malformed
        : { outcome: 'continue', reply: buildSaslContinue(challenge) };
    }
    this.#final = token.toString('utf8');
    return this.retry(this.#credential);
  }

  retry(credential: Credential | undefined): ExchangeStep {
    this.#credential = credential;
    const verifiers = verifiersOf(credential);
    // Without a verifier, the proof is checked against a mock: that takes the same time and fails.
    for (const verifier of verifiers.length > 0 ? verifiers : [this.#mock]) {
      const signature = this.#server.final(this.#final, [verifier]);
      if (signature === null) continue;
      this.fits = verifier;
      return { outcome: 'admitted', reply: buildSaslFinal(signature) };
    }
    if (credential === undefined) return wrongPassword('the user does not exist');
    return wrongPassword(
      verifiers.length === 0 ? 'the user has no password for SCRAM' : 'the password is wrong',
    );
  }

  /** The challenge that answers the client's first message. */
  #challenge(token: Buffer): string | null {
    const initial = readSaslInitial(token);
    const plus = initial?.mechanism === 'SCRAM-SHA-256-PLUS';
    if (initial === null || (!plus && initial.mechanism !== 'SCRAM-SHA-256')) return null;
    return this.#server.first(initial.data, plus);
  }
}

function verifiersOf(credential: Credential | undefined): ScramVerifier[] {
  const now = Date.now();
  return (credential?.proofs ?? []).flatMap(({ scram, until }) =>
    scram !== null && until > now ? [scram] : [],
  );
}
