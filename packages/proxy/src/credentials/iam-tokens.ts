import { ProxyError } from '../errors.ts';
import { optionalPackage } from './optional-package.ts';
import { namedMessageOf } from '../error-message.ts';

/** A token is valid at AWS for 15 minutes. In milliseconds, minus a minute for clock differences and the login. */
const lifetime = 14 * 60_000;
/** A used token of this age is renewed before it expires, so that no login waits for AWS credentials. */
const renewal = 10 * 60_000;
/** The delay before a failed renewal is retried. */
const retry = 30_000;

interface Token {
  readonly made: number;
  readonly text: string;
}

/** The tokens of one database user at one endpoint. */
interface Slot {
  token: Token | null;
  /** The pending signature. */
  signing: Promise<string> | null;
  usedAt: number;
  timer: NodeJS.Timeout | undefined;
}

/** The address that a token is signed for: the host name and port of the endpoint as configured. */
export interface TokenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * AWS IAM tokens instead of passwords for logins to an RDS or Aurora database. They are signed locally with the
 * credentials that the AWS SDK finds; the SDK is loaded for the first token. One token serves all logins while it is
 * valid, and is renewed in the background.
 */
export class IamTokens {
  readonly #slots = new Map<string, Slot>();
  #closed = false;

  /** The token if there is one; otherwise begins to sign one for the next call. */
  now(user: string, address: TokenAddress): string | undefined {
    this.token(user, address).catch(() => undefined);
    const token = this.#slots.get(keyOf(user, address))?.token ?? null;
    return isValid(token) ? token.text : undefined;
  }

  /** A token for this database user. Throws IAM_TOKEN without credentials. */
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
      const why = namedMessageOf(error);
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
        // It was not used: the endpoint or the user may be gone.
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
  // NAME.ID.REGION.rds.amazonaws.com; otherwise AWS_REGION or the profile determine it.
  const region = /\.([a-z0-9-]+)\.rds\.amazonaws\.com(?:\.cn)?$/.exec(hostname)?.[1];
  const signer = new Signer({
    hostname,
    port,
    username,
    ...(region === undefined ? {} : { region }),
  });
  return signer.getAuthToken();
}
