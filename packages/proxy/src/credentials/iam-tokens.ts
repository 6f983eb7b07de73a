import { ProxyError } from '../errors.ts';
import { optionalPackage } from './optional-package.ts';

/** AWS takes a token for 15 minutes. In milliseconds, with a minute kept for clocks that differ and for the login. */
const lifetime = 14 * 60_000;
/** A token this old is replaced, if it was used: ahead of need, so that no login waits for AWS credentials. */
const renewal = 10 * 60_000;
/** How soon a renewal that failed is tried again. */
const retry = 30_000;

interface Token {
  readonly made: number;
  readonly text: string;
}

/** The tokens of one database user at one endpoint. */
interface Slot {
  token: Token | null;
  /** The signing under way. */
  signing: Promise<string> | null;
  usedAt: number;
  timer: NodeJS.Timeout | undefined;
}

/** What a token is for: the host name and port of the endpoint as configured. */
export interface TokenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Tokens of AWS IAM, in place of passwords, for logins to an RDS or Aurora database. They are signed on this machine
 * with the credentials that the AWS SDK finds; the SDK is loaded when the first one is made, and only then. One token
 * serves every login while it is valid, and is renewed in the background.
 */
export class IamTokens {
  readonly #slots = new Map<string, Slot>();
  #closed = false;

  /** The token if there is one; otherwise one is made for the next who asks. */
  now(user: string, address: TokenAddress): string | undefined {
    this.token(user, address).catch(() => undefined);
    const token = this.#slots.get(keyOf(user, address))?.token ?? null;
    return isValid(token) ? token.text : undefined;
  }

  /** A token for that database user. Throws IAM_TOKEN when there are no credentials to sign with. */
  async token(user: string, address: TokenAddress): Promise<string> {
    const key = keyOf(user, address);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { token: null, signing: null, usedAt: 0, timer: undefined };
      this.#slots.set(key, slot);
    }
    slot.usedAt = Date.now();
    if (isValid(slot.token)) return slot.token.text;
    try {
      return await this.#sign(slot, user, address);
    } catch (error) {
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      throw new ProxyError('IAM_TOKEN', { user, why }, error);
    }
  }

  /** Ends the renewals. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#slots.values()) clearTimeout(timer);
  }

  #sign(slot: Slot, user: string, address: TokenAddress): Promise<string> {
    const made = Date.now();
    slot.signing ??= sign(user, address.host, address.port)
      .then((text) => {
        slot.token = { made, text };
        this.#renewIn(renewal, slot, user, address);
        return text;
      })
      .finally(() => {
        slot.signing = null;
      });
    return slot.signing;
  }

  #renewIn(pause: number, slot: Slot, user: string, address: TokenAddress): void {
    clearTimeout(slot.timer);
    if (this.#closed) return;
    slot.timer = setTimeout(() => {
      if (slot.token === null || slot.usedAt <= slot.token.made) {
        // Nobody has logged in with it: the endpoint or the user may be gone.
        this.#slots.delete(keyOf(user, address));
        return;
      }
      this.#sign(slot, user, address).catch(() => {
        if (isValid(slot.token)) this.#renewIn(retry, slot, user, address);
      });
    }, pause);
    slot.timer.unref();
  }
}

function keyOf(user: string, { host, port }: TokenAddress): string {
  return `${user}@${host}:${port}`;
}

function isValid(token: Token | null): token is Token {
  return token !== null && Date.now() - token.made < lifetime;
}

async function sign(username: string, hostname: string, port: number): Promise<string> {
  const { Signer } = await optionalPackage(
    '@aws-sdk/rds-signer',
    () => import('@aws-sdk/rds-signer'),
  );
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
