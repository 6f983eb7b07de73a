import { AuthRules } from '../authentication/auth-rules.ts';
import { plainSupport } from '../authentication/login-support.ts';
import type { LoginSupport, TokenVerifiers } from '../authentication/login-support.ts';
import type { StsSettings } from '../authentication/sts-verifier.ts';
import type { Credential, Credentials } from '../credentials/credentials.ts';
import { commonAuthentication } from '../credentials/common-authentication.ts';
import type { CommonAuthentication } from '../credentials/common-authentication.ts';
import type { Settings } from '../settings/index.ts';
import { serverTls } from './server-tls-options.ts';
import type { ServerTls } from './server-tls.ts';

/** The options for logins of clients, from the settings; created again when these change. */
export interface HandshakeOptions extends Omit<LoginSupport, 'verifiers' | 'queriedUsers'> {
  /** Null if TLS is not offered. */
  readonly tls: ServerTls | null;
  readonly requireTls: boolean;
  /** The maximum number of bytes from a client before it is authenticated. */
  readonly mostBytes: number;
  readonly rules: AuthRules;
  readonly verifiers: TokenVerifiers & { readonly stsSettings: StsSettings };
  /** The credential of a user if it is known without a query. */
  known(user: string): Credential | undefined;
  /** The authentication that most users have. */
  common(): CommonAuthentication;
  /** The minimum duration of a refusal, in milliseconds, so that it does not reveal whether the user exists. */
  readonly leastDelay: number;
}

/** Rereading secrets usually takes less time than this, in milliseconds. */
const timeToReadAgain = 250;

/** Reads certificates, keys and rules; throws if they cannot be read or do not match. */
export function handshakeOptions(
  settings: Settings,
  credentials: () => Credentials,
  support: LoginSupport = plainSupport(),
): HandshakeOptions {
  const { TlsMode, RequireTLS, StsEndpoint, StsAudience } = settings;
  const rules = new AuthRules(settings);
  return {
    delay: support.delay,
    learned: (user, keys) => support.learned(user, keys),
    unread: () => support.unread(),
    tls: serverTls(settings, rules.wantsCertificates),
    requireTls: RequireTLS || (TlsMode !== 'disable' && TlsMode !== 'prefer'),
    mostBytes: settings.MaxBytesBeforeLogin,
    rules,
    known: (user) => credentials().client(user),
    lookUp: (user) => credentials().client(user) ?? support.lookUp(user),
    again: async (user) => (await support.again(user)) ?? credentials().client(user),
    verifiers: {
      ...support.verifiers,
      stsSettings: { endpoint: StsEndpoint, audience: StsAudience },
    },
    common: commonOf(credentials, support),
    leastDelay: settings.Auth.length > 0 || settings.AuthQuery !== undefined ? timeToReadAgain : 0,
  };
}

/** The authentication that most users have; computed again when the known users change. */
function commonOf(
  credentials: () => Credentials,
  support: LoginSupport,
): () => CommonAuthentication {
  let of: { readonly credentials: Credentials; readonly queriedUsers: unknown } | null = null;
  let common: CommonAuthentication = commonAuthentication([]);
  return () => {
    const now = { credentials: credentials(), queriedUsers: support.queriedUsers() };
    if (of?.credentials !== now.credentials || of.queriedUsers !== now.queriedUsers) {
      of = now;
      common = commonAuthentication([...now.credentials.clients, ...now.queriedUsers]);
    }
    return common;
  };
}
