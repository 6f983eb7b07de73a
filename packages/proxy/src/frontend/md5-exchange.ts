import { randomBytes, timingSafeEqual } from 'node:crypto';
import { buildAuthenticationMd5, md5Response } from '@sluice/wire';
import type { Credential } from '../credentials/credentials.ts';
import { wrongPassword } from './password-exchange.ts';
import type { ExchangeStep, PasswordExchange } from './password-exchange.ts';

function mockHash(): string {
  return `md5${randomBytes(16).toString('hex')}`;
}

/** The exchange with a user who has only an MD5 hash, or with an unknown user if most users have only that. */
export class Md5Exchange implements PasswordExchange {
  readonly request: Buffer;
  readonly isRetried = true;
  readonly #salt = randomBytes(4);
  readonly #credential: Credential | undefined;
  #answer: Buffer = Buffer.alloc(0);

  /** Without a hash, the exchange looks the same and fails at the end. */
  constructor(credential: Credential | undefined) {
    this.request = buildAuthenticationMd5(this.#salt);
    this.#credential = credential;
  }

  /** PasswordMessage: String. */
  answer(token: Buffer): ExchangeStep {
    this.#answer = Buffer.from(token);
    return this.retry(this.#credential);
  }

  retry(credential: Credential | undefined): ExchangeStep {
    const now = Date.now();
    const hashes = (credential?.proofs ?? []).flatMap(({ md5, until }) =>
      md5 === null || until <= now ? [] : [md5],
    );
    // Without a hash, the response is checked against a random one: that takes the same time and fails.
    const isRight = (hashes.length > 0 ? hashes : [mockHash()]).some((md5) => {
      const expected = Buffer.from(`${md5Response(md5, this.#salt)}\0`);
      return this.#answer.length === expected.length && timingSafeEqual(this.#answer, expected);
    });
    if (isRight) return { outcome: 'admitted', reply: null };
    return wrongPassword(
      credential === undefined ? 'the user does not exist' : 'the password is wrong',
    );
  }
}
