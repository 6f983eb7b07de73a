import { ProxyError } from '../errors.ts';

/** A token is good for 15 minutes; one that is younger than this still has time for a login. In milliseconds. */
const fresh = 10 * 60_000;

interface Token {
  readonly made: number;
  readonly text: Promise<string>;
  /** Null until it is signed. */
  known: string | null;
}

/** Where tokens are for: the address that the database itself has, whatever name the proxy dials. */
export interface TokenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Tokens of AWS IAM, in place of passwords, for logins to an RDS or Aurora database. They are signed on this machine
 * with the credentials that the AWS SDK finds; the SDK is loaded when the first one is made, and only then.
 */
export class IamTokens {
  readonly #now: () => number;
  readonly #tokens = new Map<string, Token>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The token if there is one; otherwise it is there for who asks again a moment later. */
  now(user: string, address: TokenAddress): string | undefined {
    this.token(user, address).catch(() => undefined);
    return this.#tokens.get(`${user}@${address.host}:${address.port}`)?.known ?? undefined;
  }

  /** A token for that database user. Throws IAM_TOKEN when there are no credentials to sign with. */
  async token(user: string, { host, port }: TokenAddress): Promise<string> {
    const key = `${user}@${host}:${port}`;
    const last = this.#tokens.get(key);
    if (last !== undefined && this.#now() - last.made < fresh) return last.text;
    const token: Token = { made: this.#now(), text: sign(user, host, port), known: null };
    this.#tokens.set(key, token);
    try {
      token.known = await token.text;
      return token.known;
    } catch (error) {
      // The next login tries again.
      this.#tokens.delete(key);
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      throw new ProxyError('IAM_TOKEN', { user, why }, error);
    }
  }
}

async function sign(username: string, hostname: string, port: number): Promise<string> {
  const { Signer } = await import('@aws-sdk/rds-signer');
  // NAME.ID.REGION.rds.amazonaws.com; AWS_REGION or the profile say it otherwise.
  const region = /\.([a-z0-9-]+)\.rds\.amazonaws\.com(?:\.cn)?$/.exec(hostname)?.[1];
  const signer = new Signer({
    hostname,
    port,
    username,
    ...(region === undefined ? {} : { region }),
  });
  return signer.getAuthToken();
}
