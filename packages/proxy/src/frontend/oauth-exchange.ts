import { buildAuthenticationSasl, buildSaslContinue, readSaslInitial } from '@sluice/wire';
import type { Check } from './clear-exchange.ts';
import { malformed, stepOf, wrongPassword } from './password-exchange.ts';
import type { ExchangeStep, PasswordExchange } from './password-exchange.ts';

const mechanism = 'OAUTHBEARER';
const offer = buildAuthenticationSasl([mechanism]);
/** The response of a client to the error that its token is invalid (RFC 7628, section 3.2.3). */
const acknowledgement = '\x01';

/** The source of tokens, which a client without a token gets. */
export interface OAuthIssuer {
  readonly issuer: string;
  readonly scope: string;
}

/** SASL OAUTHBEARER (RFC 7628), as in libpq of PostgreSQL 18. */
export class OAuthExchange implements PasswordExchange {
  readonly request = offer;
  readonly isRetried = false;
  readonly #issuer: OAuthIssuer;
  readonly #check: Check;
  /** Why the token was refused; the client has got the error and acknowledges it next. */
  #refused: string | null = null;

  constructor(issuer: OAuthIssuer, check: Check) {
    this.#issuer = issuer;
    this.#check = check;
  }

  answer(token: Buffer): ExchangeStep | Promise<ExchangeStep> {
    if (this.#refused !== null)
      return token.toString('utf8') === acknowledgement ? wrongPassword(this.#refused) : malformed;
    const bearer = readInitialResponse(token);
    if (bearer === null) return malformed;
    // An empty token requests the issuer.
    if (bearer === '') return this.#refuse('the client sent no token');
    return this.#check(bearer).then((refusal) =>
      refusal === null || refusal.isOutage === true ? stepOf(refusal) : this.#refuse(refusal.why),
    );
  }

  retry(): ExchangeStep {
    return wrongPassword(this.#refused ?? 'the token is invalid');
  }

  #refuse(why: string): ExchangeStep {
    this.#refused = why;
    const { issuer, scope } = this.#issuer;
    const error = {
      status: 'invalid_token',
      'openid-configuration': `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
      scope,
    };
    return { outcome: 'continue', reply: buildSaslContinue(JSON.stringify(error)) };
  }
}

/**
 * SASLInitialResponse with `n,[a=authzid],^Aauth=Bearer TOKEN^A^A`. Returns the token, empty if none was sent, or null
 * if the message is not one of these.
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
