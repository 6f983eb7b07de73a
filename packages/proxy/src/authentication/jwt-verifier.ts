import type { JWTVerifyGetKey } from 'jose';
import { optionalPackage } from '../credentials/optional-package.ts';
import type { AuthOptions } from './auth-rule.ts';
import { outage } from './verdict.ts';
import type { Refusal } from './verdict.ts';
import { messageOf } from '../error-message.ts';

/** Signature algorithms with a private key: with a shared key, anybody who can verify a token could create one. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** The tolerated clock difference, in seconds. */
const clockTolerance = 30;
/** The timeout for fetching the keys of an issuer, in milliseconds. */
const timeout = 5000;

/** The result of a check: the name that the token proves, or why it is invalid. */
export type TokenResult = { readonly name: string } | Refusal;

/** Errors of `jose` that do not concern the token: the keys of its issuer could not be fetched. */
const keyErrors = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID']);

/** Verifies JSON Web Tokens with the keys of their issuers. `jose` is loaded for the first one. */
export class JwtVerifier {
  /** The keys of issuers, by URL; jose caches them and fetches new ones when necessary. */
  readonly #keys = new Map<string, Promise<JWTVerifyGetKey>>();

  /** The name in the claim that the rule uses, if the token is valid. */
  async verify(token: string, options: AuthOptions): Promise<TokenResult> {
    const { Issuer = '', Audience = '', Scope, UserClaim } = options;
    try {
      const { jwtVerify } = await optionalPackage('jose', () => import('jose'));
      const { payload } = await jwtVerify(token, await this.#keysOf(options), {
        issuer: Issuer,
        audience: Audience,
        algorithms,
        clockTolerance,
        requiredClaims: ['exp'],
      });
      const granted = scopesOf(payload['scope'] ?? payload['scp']);
      const missing = Scope.split(' ').find((scope) => scope !== '' && !granted.has(scope));
      if (missing !== undefined) return { why: `the token lacks the scope ${missing}` };
      const name = payload[UserClaim];
      return typeof name === 'string' && name !== ''
        ? { name }
        : { why: `the token has no string claim ${UserClaim}` };
    } catch (error) {
      const why = messageOf(error);
      const code = error instanceof Error ? String(Reflect.get(error, 'code')) : '';
      return code.startsWith('ERR_J') && !keyErrors.has(code) ? { why } : outage(why);
    }
  }

  #keysOf({ Issuer = '', KeySetUrl }: AuthOptions): Promise<JWTVerifyGetKey> {
    const id = `${Issuer} ${KeySetUrl ?? ''}`;
    let keys = this.#keys.get(id);
    if (keys === undefined) {
      keys = openKeySet(Issuer, KeySetUrl);
      this.#keys.set(id, keys);
      // The next token retries.
      keys.catch(() => this.#keys.delete(id));
    }
    return keys;
  }
}

function scopesOf(given: unknown): ReadonlySet<unknown> {
  return new Set(typeof given === 'string' ? given.split(' ') : Array.isArray(given) ? given : []);
}

async function openKeySet(issuer: string, url: string | undefined): Promise<JWTVerifyGetKey> {
  const { createRemoteJWKSet } = await optionalPackage('jose', () => import('jose'));
  const address = url ?? (await discover(issuer));
  return createRemoteJWKSet(new URL(address), { timeoutDuration: timeout });
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: string): Promise<string> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(address, { signal: AbortSignal.timeout(timeout) });
  if (!response.ok) throw new Error(`${address} returned HTTP status ${response.status}`);
  const body: unknown = await response.json();
  const field = (name: string): unknown =>
    typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
  const keys = field('jwks_uri');
  if (field('issuer') !== issuer)
    throw new Error(`${address} names a different issuer, ${String(field('issuer'))}`);
  if (typeof keys !== 'string' || new URL(keys).protocol !== new URL(issuer).protocol)
    throw new Error(`${address} has no valid jwks_uri`);
  return keys;
}
