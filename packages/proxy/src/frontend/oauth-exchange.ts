import { buildAuthenticationSasl, buildSaslContinue, readSaslInitial } from '@sluice/wire';
import type { Judge } from './clear-exchange.ts';
import { malformed, stepOf, wrongPassword } from './password-exchange.ts';
import type { ExchangeStep, PasswordExchange } from './password-exchange.ts';

const mechanism = 'OAUTHBEARER';
const offer = buildAuthenticationSasl([mechanism]);
/** What a client answers when it was told that its token is no good (RFC 7628, section 3.2.3). */
const acknowledgement = '\x01';

/** What a client that has no token is told of where to get one. */
export interface OAuthIssuer {
  readonly issuer: string;
  readonly scope: string;
}

/** SASL OAUTHBEARER (RFC 7628), as libpq of PostgreSQL 18 speaks it. */
export class OAuthExchange implements PasswordExchange {
  readonly request = offer;
  readonly isRetried = false;
  readonly #issuer: OAuthIssuer;
  readonly #judge: Judge;
  /** Why the token was refused; the client has been told and acknowledges it. */
  #refused: string | null = null;

  constructor(issuer: OAuthIssuer, judge: Judge) {
    this.#issuer = issuer;
    this.#judge = judge;
  }

  answer(token: Buffer): ExchangeStep | Promise<ExchangeStep> {
    if (this.#refused !== null)
      return token.toString('utf8') === acknowledgement ? wrongPassword(this.#refused) : malformed;
    const bearer = readInitialResponse(token);
    if (bearer === null) return malformed;
    // A client that asks where to get a token sends none.
    if (bearer === '') return this.#tell('the client sent no token');
    return this.#judge(bearer).then((refusal) =>
      refusal === null || refusal.isOutage === true ? stepOf(refusal) : this.#tell(refusal.why),
    );
  }

  retry(): ExchangeStep {
    return wrongPassword(this.#refused ?? 'the token is invalid');
  }

  #tell(why: string): ExchangeStep {
    this.#refused = why;
    const { issuer, scope } = this.#issuer;
    const told = {
      status: 'invalid_token',
      'openid-configuration': `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
      scope,
    };
    return { outcome: 'continue', reply: buildSaslContinue(JSON.stringify(told)) };
  }
}

/**
 * SASLInitialResponse with `n,[a=authzid],^Aauth=Bearer TOKEN^A^A`. The token, empty when none was sent, or null when
 * this is something else.
 */
function readInitialResponse(token: Buffer): string | null {
  const initial = readSaslInitial(token);
  if (initial?.mechanism !== mechanism) return null;
  // The GS2 header, then key-value pairs, each ended by ^A, and one more ^A.
  const [header = '', ...pairs] = initial.data.split('\x01');
  if (!/^[ny],,$/.test(header) || pairs.length < 3 || pairs.pop() !== '' || pairs.pop() !== '')
    return null;
  const auth = pairs.find((pair) => pair.startsWith('auth='))?.slice('auth='.length);
  if (auth === undefined) return null;
  if (auth === '') return '';
  // b64token of RFC 6750.
  return /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(auth)?.[1] ?? null;
}
