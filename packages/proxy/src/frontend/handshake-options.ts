import { AuthRules } from '../authentication/auth-rules.ts';
import { plainSupport } from '../authentication/login-support.ts';
import type { LoginSupport, TokenVerifiers } from '../authentication/login-support.ts';
import type { StsSettings } from '../authentication/sts-verifier.ts';
import type { Credential, Credentials } from '../credentials/credentials.ts';
import { usualQuestion } from '../credentials/usual-question.ts';
import type { UsualQuestion } from '../credentials/usual-question.ts';
import type { Settings } from '../settings/index.ts';
import { serverTls } from './server-tls-options.ts';
import type { ServerTls } from './server-tls.ts';

/** How clients log in, as the settings say; made anew when they change. */
export interface HandshakeOptions extends Omit<LoginSupport, 'verifiers' | 'told'> {
  /** Null when TLS is not offered. */
  readonly tls: ServerTls | null;
  readonly requireTls: boolean;
  /** The maximum number of bytes from a client before it is authenticated. */
  readonly mostBytes: number;
  readonly rules: AuthRules;
  readonly verifiers: TokenVerifiers & { readonly stsSettings: StsSettings };
  /** What is known of a user without asking anybody. */
  known(user: string): Credential | undefined;
  /** How most users are asked for their passwords. */
  usual(): UsualQuestion;
  /** A refusal takes at least so long, in milliseconds, so that its time does not show whether there is such a user. */
  readonly leastDelay: number;
}

/** Reading secrets again takes less than this, mostly; in milliseconds. */
const timeToReadAgain = 250;

/** Reads certificates, keys and rules; throws when they cannot be read or do not fit each other. */
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
    usual: usualOf(credentials, support),
    leastDelay: settings.Auth.length > 0 || settings.AuthQuery !== undefined ? timeToReadAgain : 0,
  };
}

/** How most users are asked; counted again when others are known than before. */
function usualOf(credentials: () => Credentials, support: LoginSupport): () => UsualQuestion {
  let of: { readonly credentials: Credentials; readonly told: unknown } | null = null;
  let usual: UsualQuestion = usualQuestion([]);
  return () => {
    const now = { credentials: credentials(), told: support.told() };
    if (of?.credentials !== now.credentials || of.told !== now.told) {
      of = now;
      usual = usualQuestion([...now.credentials.clients, ...now.told]);
    }
    return usual;
  };
}
