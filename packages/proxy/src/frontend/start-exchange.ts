import type { AuthMethod, AuthRule } from '../authentication/auth-rule.ts';
import { mayBe } from '../authentication/name-map.ts';
import type { TokenResult } from '../authentication/jwt-verifier.ts';
import type { Refusal } from '../authentication/verdict.ts';
import type { Credential } from '../credentials/credentials.ts';
import { ClearExchange, judgePassword } from './clear-exchange.ts';
import type { Judge } from './clear-exchange.ts';
import type { HandshakeOptions } from './handshake-options.ts';
import { Md5Exchange } from './md5-exchange.ts';
import { OAuthExchange } from './oauth-exchange.ts';
import type { PasswordExchange } from './password-exchange.ts';
import { ScramExchange } from './scram-exchange.ts';
import type { StartupRequest } from './startup-request.ts';

/** Whether a client of that method sends a token. */
export function isTokenOf(method: AuthMethod): boolean {
  return method === 'iam' || method === 'sts' || method === 'jwt' || method === 'oauth';
}

/** Whether a client of that method proves that it knows a password. */
export function isPassword(method: AuthMethod): boolean {
  return method === 'md5' || method === 'scram-sha-256' || method === 'password';
}

/** What decides an exchange. */
export interface ExchangeSubject {
  readonly request: StartupRequest;
  /** None that lets in at once, nor one that refuses. */
  readonly method: AuthMethod;
  /** The password may be a token of IAM as well. */
  readonly takesToken: boolean;
  readonly rule: AuthRule | undefined;
  readonly credential: Credential | undefined;
  /** What SCRAM binds to, null without TLS. */
  readonly endPoint: Buffer | null;
  readonly options: HandshakeOptions;
}

/**
 * Begins the exchange that the method wants and that fits what is known of the user. A user who is not there is asked
 * just as most are who are there, and is then refused in the same words.
 */
export function startExchange(subject: ExchangeSubject): PasswordExchange {
  const { request, method, takesToken, rule, credential, endPoint, options } = subject;
  const { user, database } = request;
  const usual = options.usual();
  const databaseUser = credential?.databaseUser ?? user;
  const iam: Judge = (token) => options.verifiers.iam.verify(token, databaseUser, database);
  /** A token that proves a name: the name must be one that may be the user. */
  const named =
    (verify: (token: string) => Promise<TokenResult>): Judge =>
    async (token) => {
      const result = await verify(token);
      if ('why' in result) return result;
      return mayBe(result.name, user, rule?.options.Map, options.rules.nameMaps)
        ? null
        : { why: `the token belongs to "${result.name}", who is not mapped to "${user}"` };
    };
  switch (method) {
    case 'iam':
      return new ClearExchange(iam);
    case 'sts':
      return new ClearExchange(
        named((token) => options.verifiers.sts.verify(token, options.verifiers.stsSettings)),
      );
    case 'jwt':
    case 'oauth': {
      const judge = named((token) =>
        rule === undefined
          ? Promise.resolve({ why: 'there is no issuer' })
          : options.verifiers.jwt.verify(token, rule.options),
      );
      if (method === 'jwt') return new ClearExchange(judge);
      const { Issuer: issuer = '', Scope: scope = '' } = rule?.options ?? {};
      return new OAuthExchange({ issuer, scope }, judge);
    }
    case 'password': {
      const judge = (password: string, known: Credential | undefined): Promise<Refusal | null> =>
        takesToken && /[?&]Action=connect(?:&|$)/.test(password)
          ? iam(password)
          : judgePassword(user, known, password, usual.iterations);
      return new ClearExchange((password) => judge(password, credential), judge);
    }
    case 'md5': {
      const isMd5 =
        credential === undefined
          ? usual.isMd5
          : credential.proofs[0] !== undefined && credential.proofs[0].scram === null;
      if (isMd5) return new Md5Exchange(credential);
      break;
    }
    default:
  }
  return new ScramExchange(user, credential, endPoint, usual.iterations);
}
