import type { AuthMethod, AuthRule } from '../authentication/auth-rule.ts';
import { CheckQueue } from '../authentication/check-queue.ts';
import { mayBe } from '../authentication/name-map.ts';
import type { TokenResult } from '../authentication/jwt-verifier.ts';
import type { Refusal } from '../authentication/verdict.ts';
import type { Credential } from '../credentials/credentials.ts';
import { ClearExchange, checkPassword } from './clear-exchange.ts';
import type { Check } from './clear-exchange.ts';
import type { HandshakeOptions } from './handshake-options.ts';
import { Md5Exchange } from './md5-exchange.ts';
import { OAuthExchange } from './oauth-exchange.ts';
import type { PasswordExchange } from './password-exchange.ts';
import { ScramExchange } from './scram-exchange.ts';
import type { StartupRequest } from './startup-request.ts';

/**
 * One at a time, because each takes a millisecond or more of a processor, outside the event loop. Node.js on two
 * processors, a flood of 50 clients with wrong passwords: the reads of others took 7.8 ms (p50) and 32 ms (p99) with
 * four checks at a time, the threads that Node.js has, and 1.1 ms and 8 ms with one; without the flood 0.7 ms and 3 ms.
 */
const passwordChecks = new CheckQueue(1, 1000);

/** Whether a client sends a token with this method. */
export function isTokenMethod(method: AuthMethod): boolean {
  return method === 'iam' || method === 'sts' || method === 'jwt' || method === 'oauth';
}

/** Whether a client proves with this method that it knows a password. */
export function isPasswordMethod(method: AuthMethod): boolean {
  return method === 'md5' || method === 'scram-sha-256' || method === 'password';
}

/** The inputs for the choice of the exchange. */
export interface ExchangeSubject {
  readonly request: StartupRequest;
  /** A method with an exchange: neither `trust` nor `cert` nor `reject`. */
  readonly method: AuthMethod;
  /** The password can also be an IAM token. */
  readonly takesToken: boolean;
  readonly rule: AuthRule | undefined;
  readonly credential: Credential | undefined;
  /** The channel binding data for SCRAM; null without TLS. */
  readonly endPoint: Buffer | null;
  readonly options: HandshakeOptions;
  /** The client is still there. */
  readonly isWanted: () => boolean;
}

/**
 * Begins the exchange for the method and the credential of the user. An unknown user gets the same authentication
 * request as most known users, and then the same error.
 */
export function startExchange(subject: ExchangeSubject): PasswordExchange {
  const { request, method, takesToken, rule, credential, endPoint, options } = subject;
  const { user, database } = request;
  const common = options.common();
  const databaseUser = credential?.databaseUser ?? user;
  const iam: Check = (token) => options.verifiers.iam.verify(token, databaseUser, database);
  /** Checks a token that proves a name, and whether that name is mapped to the user. */
  const named =
    (verify: (token: string) => Promise<TokenResult>): Check =>
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
      const check = named((token) =>
        rule === undefined
          ? Promise.resolve({ why: 'there is no issuer' })
          : options.verifiers.jwt.verify(token, rule.options),
      );
      if (method === 'jwt') return new ClearExchange(check);
      const { Issuer: issuer = '', Scope: scope = '' } = rule?.options ?? {};
      return new OAuthExchange({ issuer, scope }, check);
    }
    case 'password': {
      const check = (password: string, known: Credential | undefined): Promise<Refusal | null> =>
        takesToken && /[?&]Action=connect(?:&|$)/.test(password)
          ? iam(password)
          : passwordChecks.run(
              () => checkPassword(user, known, password, common.iterations),
              subject.isWanted,
            );
      return new ClearExchange((password) => check(password, credential), check);
    }
    case 'md5': {
      const isMd5 =
        credential === undefined
          ? common.isMd5
          : credential.proofs[0] !== undefined && credential.proofs[0].scram === null;
      if (isMd5) return new Md5Exchange(credential);
      break;
    }
    default:
  }
  return new ScramExchange(user, credential, endPoint, common.iterations);
}
