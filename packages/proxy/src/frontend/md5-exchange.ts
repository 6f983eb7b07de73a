import { randomBytes, timingSafeEqual } from 'node:crypto';
import { buildAuthenticationMd5, md5Response } from '@sluice/wire';
import type { ExchangeStep, PasswordExchange } from './password-exchange.ts';

/** The exchange with a user of whom only an MD5 hash is known. */
export class Md5Exchange implements PasswordExchange {
  readonly request: Buffer;
  readonly #expected: Buffer;

  /** `verifier` is `md5` and the hash of password and user name. */
  constructor(verifier: string) {
    const salt = randomBytes(4);
    this.request = buildAuthenticationMd5(salt);
    this.#expected = Buffer.from(`${md5Response(verifier, salt)}\0`);
  }

  /** PasswordMessage: String. */
  answer(token: Buffer): ExchangeStep {
    const right = token.length === this.#expected.length && timingSafeEqual(token, this.#expected);
    return { outcome: right ? 'admitted' : 'wrong password', reply: null };
  }
}
