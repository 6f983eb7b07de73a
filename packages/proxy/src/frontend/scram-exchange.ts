import {
  ScramServer,
  buildAuthenticationSasl,
  buildSaslContinue,
  buildSaslFinal,
  mockVerifier,
} from '@sluice/wire';
import type { ScramVerifier } from '@sluice/wire';
import type { ExchangeStep, PasswordExchange } from './password-exchange.ts';

const offer = buildAuthenticationSasl(['SCRAM-SHA-256']);
const offerWithBinding = buildAuthenticationSasl(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']);

const malformed: ExchangeStep = { outcome: 'malformed', reply: null };
const wrongPassword: ExchangeStep = { outcome: 'wrong password', reply: null };

/** SCRAM-SHA-256 with a client, bound to its TLS connection (SCRAM-SHA-256-PLUS) if the client can. */
export class ScramExchange implements PasswordExchange {
  readonly request: Buffer;
  readonly #server: ScramServer;
  readonly #userExists: boolean;
  #begun = false;

  /** Without a verifier the exchange looks the same and fails at its end. */
  constructor(
    user: string,
    verifier: ScramVerifier | null,
    endPoint: Buffer | null,
    mockSecret: Buffer,
  ) {
    this.request = endPoint === null ? offer : offerWithBinding;
    this.#userExists = verifier !== null;
    this.#server = new ScramServer(verifier ?? mockVerifier(user, mockSecret), endPoint);
  }

  answer(token: Buffer): ExchangeStep {
    if (!this.#begun) {
      this.#begun = true;
      const challenge = this.#challenge(token);
      return challenge === null
        ? malformed
        : { outcome: 'continue', reply: buildSaslContinue(challenge) };
    }
    const signature = this.#server.final(token.toString('utf8'));
    if (signature === null || !this.#userExists) return wrongPassword;
    return { outcome: 'admitted', reply: buildSaslFinal(signature) };
  }

  /** SASLInitialResponse: String mechanism, Int32 length of data (-1: none), Byten data. */
  #challenge(token: Buffer): string | null {
    const nameEnd = token.indexOf(0);
    if (nameEnd < 0 || token.length < nameEnd + 5) return null;
    const mechanism = token.toString('utf8', 0, nameEnd);
    const plus = mechanism === 'SCRAM-SHA-256-PLUS';
    if (!plus && mechanism !== 'SCRAM-SHA-256') return null;
    if (token.readInt32BE(nameEnd + 1) !== token.length - nameEnd - 5) return null;
    return this.#server.first(token.toString('utf8', nameEnd + 5), plus);
  }
}
