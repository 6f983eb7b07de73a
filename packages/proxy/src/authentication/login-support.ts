import type { Credential } from '../credentials/credentials.ts';
import type { LoginKeys } from '../credentials/login-keys.ts';
import { IamVerifier } from './iam-verifier.ts';
import type { TryToken } from './iam-verifier.ts';
import { JwtVerifier } from './jwt-verifier.ts';
import { LoginDelay } from './login-delay.ts';
import { StsVerifier } from './sts-verifier.ts';
import { outage } from './verdict.ts';

/** Who checks the tokens of clients. They outlive a reload, with what they remember. */
export interface TokenVerifiers {
  readonly iam: IamVerifier;
  readonly sts: StsVerifier;
  readonly jwt: JwtVerifier;
}

/** What logins ask of the rest of the proxy. */
export interface LoginSupport {
  readonly verifiers: TokenVerifiers;
  readonly delay: LoginDelay;
  /** What is known of a user whom the settings do not name. Rejects with a ProxyError when nobody can be asked. */
  lookUp(user: string): Credential | undefined | Promise<Credential | undefined>;
  /** The users whom the database has told; another list when it is not the same. */
  told(): readonly Credential[];
  /** A client did not know its password: it may know a newer one than the proxy. What is known when that was looked for. */
  again(user: string): Promise<Credential | undefined>;
  /** A client has proved that it knows the password behind a verifier. */
  learned(user: string, keys: LoginKeys): void;
  /** Users may be missing: secrets could not be read since the start. */
  unread(): boolean;
}

/** Verifiers for tokens; `tryToken` logs in to the database with one. */
export function tokenVerifiers(tryToken: TryToken): TokenVerifiers {
  return {
    iam: new IamVerifier(tryToken),
    sts: new StsVerifier(),
    jwt: new JwtVerifier(),
  };
}

const none: readonly Credential[] = [];

/** Support for logins by what settings and files say alone. */
export function plainSupport(): LoginSupport {
  return {
    verifiers: tokenVerifiers(() => Promise.resolve(outage('no database is available'))),
    delay: new LoginDelay(),
    lookUp: () => undefined,
    told: () => none,
    again: () => Promise.resolve(undefined),
    learned: () => undefined,
    unread: () => false,
  };
}
