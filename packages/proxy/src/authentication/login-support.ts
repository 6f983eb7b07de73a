import type { Credential } from '../credentials/credentials.ts';
import type { LoginKeys } from '../credentials/login-keys.ts';
import { IamVerifier } from './iam-verifier.ts';
import type { TryToken } from './iam-verifier.ts';
import { JwtVerifier } from './jwt-verifier.ts';
import { LoginDelay } from './login-delay.ts';
import { StsVerifier } from './sts-verifier.ts';
import { outage } from './verdict.ts';

/** The verifiers of the tokens of clients. They and their caches outlive a reload. */
export interface TokenVerifiers {
  readonly iam: IamVerifier;
  readonly sts: StsVerifier;
  readonly jwt: JwtVerifier;
}

/** What logins need from the rest of the proxy. */
export interface LoginSupport {
  readonly verifiers: TokenVerifiers;
  readonly delay: LoginDelay;
  /** The credential of a user who is not in the settings. Rejects with a ProxyError if it cannot be queried. */
  lookUp(user: string): Credential | undefined | Promise<Credential | undefined>;
  /** The users from the database; a new list after each change. */
  queriedUsers(): readonly Credential[];
  /** Rereads the credential of a user whose password did not match: the client may have a newer one than the proxy. */
  again(user: string): Promise<Credential | undefined>;
  /** A client has proved that it knows the password of a verifier. */
  learned(user: string, keys: LoginKeys): void;
  /** Users may be missing, because secrets have not been read since the start. */
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

/** The support for logins from settings and files only. */
export function plainSupport(): LoginSupport {
  return {
    verifiers: tokenVerifiers(() => Promise.resolve(outage('no database is available'))),
    delay: new LoginDelay(),
    lookUp: () => undefined,
    queriedUsers: () => none,
    again: () => Promise.resolve(undefined),
    learned: () => undefined,
    unread: () => false,
  };
}
