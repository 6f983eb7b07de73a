import { TokenCache, expiryOf } from './token-cache.ts';
import type { Refusal } from './verdict.ts';

/** Logs in to the database with the token as password; resolves to the reason for a refusal, or null. */
export type TryToken = (
  token: string,
  user: string,
  database: string,
  endpoint: { readonly host: string; readonly port: number },
) => Promise<Refusal | null>;

/** The maximum validity of a token for a database, in milliseconds. */
const longest = 15 * 60_000;

/**
 * Checks IAM tokens for a database by logging in with them, because only AWS can verify one. A valid token is cached
 * until it expires.
 */
export class IamVerifier {
  readonly #tried: TryToken;
  readonly #good = new TokenCache<true>();
  /** Running checks: many clients may present the same token at once, and one login is enough for them. */
  readonly #checks = new Map<string, Promise<Refusal | null>>();

  constructor(tryToken: TryToken) {
    this.#tried = tryToken;
  }

  /** Why the token does not authenticate `user`, or null if it does. */
  async verify(token: string, user: string, database: string): Promise<Refusal | null> {
    const address = `https://${token}`;
    if (!URL.canParse(address)) return { why: 'it is not an IAM token' };
    const { hostname, port, searchParams } = new URL(address);
    if (searchParams.get('Action') !== 'connect' || !searchParams.has('X-Amz-Signature'))
      return { why: 'it is not an IAM token' };
    if (searchParams.get('DBUser') !== user)
      return { why: `the token is for the user "${searchParams.get('DBUser')}"` };
    const expiry = expiryOf(searchParams);
    const now = Date.now();
    if (expiry === null) return { why: 'the token has no expiry' };
    if (expiry <= now) return { why: 'the token has expired' };
    if (this.#good.get(token, user) === true) return null;
    const key = JSON.stringify([token, user, database]);
    let check = this.#checks.get(key);
    if (check === undefined) {
      const endpoint = { host: hostname, port: port === '' ? 443 : Number(port) };
      check = this.#tried(token, user, database, endpoint).finally(() => this.#checks.delete(key));
      this.#checks.set(key, check);
    }
    const refusal = await check;
    if (refusal === null) this.#good.set(token, user, true, Math.min(expiry, now + longest));
    return refusal;
  }
}
