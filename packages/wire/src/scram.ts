import { pbkdf2, randomBytes, randomFillSync, timingSafeEqual } from 'node:crypto';
import { hmacSha256 as hmac, sha256 } from './hmac.ts';

/** SCRAM-SHA-256 (RFC 5802, RFC 7677), as in PostgreSQL, which ignores the user name inside SCRAM. */

/** A verifier of a password: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`. */
export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** The two keys that a client derives from its password. PBKDF2 is expensive, so they are cached. */
export interface ScramKeys {
  readonly clientKey: Buffer;
  readonly serverKey: Buffer;
}

const defaultIterations = 4096;

/**
 * A server that requires more iterations is refused, and a verifier with more is invalid: derivation uses threads that
 * DNS and files need too, and cannot be aborted. A million iterations take a third of a second.
 */
const mostIterations = 1_000_000;

function xor(a: Buffer, b: Buffer): Buffer {
  const result = Buffer.allocUnsafe(a.length);
  for (let i = 0; i < a.length; i++) result[i] = (a[i] ?? 0) ^ (b[i] ?? 0);
  return result;
}

/** Derives the keys on the thread pool, not on the event loop. `password` must be prepared with SASLprep. */
export function deriveKeys(
  password: string,
  salt: Buffer,
  iterations: number,
  done: (error: Error | null, keys: ScramKeys | null) => void,
): void {
  pbkdf2(password, salt, iterations, 32, 'sha256', (error, salted) => {
    if (error !== null) done(error, null);
    else
      done(null, { clientKey: hmac(salted, 'Client Key'), serverKey: hmac(salted, 'Server Key') });
  });
}

/** Creates the verifier of a password, with a new salt unless one is given. */
export function makeVerifier(
  password: string,
  salt: Buffer = randomBytes(16),
): Promise<ScramVerifier> {
  return new Promise((resolve, reject) => {
    deriveKeys(password, salt, defaultIterations, (error, keys) => {
      if (keys === null) reject(error ?? new Error('no keys were derived'));
      else
        resolve({
          iterations: defaultIterations,
          salt,
          storedKey: sha256(keys.clientKey),
          serverKey: keys.serverKey,
        });
    });
  });
}

/** PostgreSQL's text format of a verifier: valid base64, and two keys of 32 bytes. */
const verifierPattern =
  /^SCRAM-SHA-256\$([1-9]\d{0,8}):((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==))\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/;

/** Parses PostgreSQL's text format of a verifier; null if it is invalid, or has too many iterations. */
export function parseVerifier(text: string): ScramVerifier | null {
  const match = verifierPattern.exec(text);
  if (match === null) return null;
  const [, given = '', salt = '', stored = '', server = ''] = match;
  const iterations = Number(given);
  if (iterations > mostIterations) return null;
  return {
    iterations,
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(stored, 'base64'),
    serverKey: Buffer.from(server, 'base64'),
  };
}

/** Whether the verifier is that of this password, which must be prepared with SASLprep. */
export function fitsVerifier(verifier: ScramVerifier, password: string): Promise<boolean> {
  return fitsAnyVerifier([verifier], password);
}

/**
 * Whether one of the verifiers is that of this password. Those with the same salt and iterations cost one PBKDF2
 * together, so the time does not show how many passwords a user has.
 */
export async function fitsAnyVerifier(
  verifiers: readonly ScramVerifier[],
  password: string,
): Promise<boolean> {
  const keys = new Map<string, Buffer>();
  let fits = false;
  for (const verifier of verifiers) {
    const id = `${verifier.iterations}:${verifier.salt.toString('base64')}`;
    const storedKey = keys.get(id) ?? (await storedKeyOf(password, verifier));
    keys.set(id, storedKey);
    if (timingSafeEqual(storedKey, verifier.storedKey)) fits = true;
  }
  return fits;
}

function storedKeyOf(password: string, { salt, iterations }: ScramVerifier): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    deriveKeys(password, salt, iterations, (error, keys) => {
      if (keys === null) reject(error ?? new Error('no keys were derived'));
      else resolve(sha256(keys.clientKey));
    });
  });
}

/** No password has this key. All mock verifiers share it, because every login makes one, and random bytes take long. */
const unmatchedKey = randomBytes(32);

/**
 * A verifier for an unknown user that no password matches: the exchange looks the same, and the salt is the same each
 * time, because it is derived from the name and a secret of this process.
 */
export function mockVerifier(
  user: string,
  secret: Buffer,
  iterations: number = defaultIterations,
): ScramVerifier {
  return {
    iterations,
    salt: saltOf(user, secret),
    storedKey: unmatchedKey,
    serverKey: unmatchedKey,
  };
}

/** The salt of a user, derived from the name and a secret: always the same, and random to anybody else. */
export function saltOf(user: string, secret: Buffer): Buffer {
  return Buffer.from(hmac(secret, user).subarray(0, 16));
}

/** The channel binding of an exchange. */
export interface ChannelBinding {
  /** The GS2 header: `n,,` not supported, `y,,` not offered by the other side, `p=tls-server-end-point,,` used. */
  readonly header: string;
  /** The hash of the server's certificate (RFC 5929), empty if unused. */
  readonly data: Buffer;
}

/** No channel binding. */
export const noBinding: ChannelBinding = { header: 'n,,', data: Buffer.alloc(0) };

function bindingText(binding: ChannelBinding): string {
  return Buffer.concat([Buffer.from(binding.header), binding.data]).toString('base64');
}

/** The attributes of a SCRAM message, by letter: `r=…,s=…,i=…`. */
function attributes(message: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of message.split(','))
    if (part.charAt(1) === '=') found.set(part.charAt(0), part.slice(2));
  return found;
}

/** The number of random bytes in a nonce, as in PostgreSQL. */
const nonceBytes = 18;

/** Generated in batches, and each used once. */
const random = Buffer.alloc(nonceBytes * 128);
let randomUsed = random.length;

function makeNonce(): string {
  if (randomUsed === random.length) {
    randomFillSync(random);
    randomUsed = 0;
  }
  const at = randomUsed;
  randomUsed += nonceBytes;
  return random.toString('base64', at, randomUsed);
}

/** The client side of one exchange. It throws errors with a readable message. */
export class ScramClient {
  readonly #binding: ChannelBinding;
  readonly #first: string;
  #serverSignature: Buffer | null = null;

  /** `nonce` is random, except in tests. */
  constructor(binding: ChannelBinding = noBinding, nonce: string = makeNonce()) {
    this.#binding = binding;
    this.#first = `n=,r=${nonce}`;
  }

  /** The client-first-message. */
  get firstMessage(): string {
    return this.#binding.header + this.#first;
  }

  /** Parses the server-first-message: the parameters for deriving the keys. */
  readServerFirst(message: string): {
    readonly salt: Buffer;
    readonly iterations: number;
    readonly nonce: string;
  } {
    const given = attributes(message);
    const nonce = given.get('r') ?? '';
    const salt = Buffer.from(given.get('s') ?? '', 'base64');
    const iterations = Number(given.get('i'));
    if (!nonce.startsWith(this.#first.slice(5)) || nonce.length <= this.#first.length - 5)
      throw new Error('the SCRAM nonce of the database does not begin with the nonce of the proxy');
    if (salt.length === 0 || !Number.isInteger(iterations) || iterations < 1)
      throw new Error('the SCRAM challenge of the database has no salt or no iteration count');
    if (iterations > mostIterations)
      throw new Error(`the SCRAM challenge of the database requests ${iterations} iterations`);
    return { salt, iterations, nonce };
  }

  /** The client-final-message, with the proof. */
  finalMessage(serverFirst: string, nonce: string, keys: ScramKeys): string {
    const withoutProof = `c=${bindingText(this.#binding)},r=${nonce}`;
    const authMessage = `${this.#first},${serverFirst},${withoutProof}`;
    const signature = hmac(sha256(keys.clientKey), authMessage);
    this.#serverSignature = hmac(keys.serverKey, authMessage);
    return `${withoutProof},p=${xor(keys.clientKey, signature).toString('base64')}`;
  }

  /** Verifies the server-final-message: only somebody who knows the password can create it. */
  verifyServerFinal(message: string): boolean {
    const signature = Buffer.from(attributes(message).get('v') ?? '', 'base64');
    const own = this.#serverSignature;
    return own !== null && signature.length === own.length && timingSafeEqual(signature, own);
  }
}

/** The server side of one exchange. */
export class ScramServer {
  readonly #verifier: ScramVerifier;
  /** The required channel binding data of the client; null without channel binding. */
  readonly #endPoint: Buffer | null;
  #nonce: string;
  #clientFirst = '';
  #serverFirst = '';
  #header = '';
  #clientKey: Buffer | null = null;

  /**
   * `endPoint` is the tls-server-end-point of the channel, if SCRAM-SHA-256-PLUS is offered; `nonce` is random, except
   * in tests.
   */
  constructor(
    verifier: ScramVerifier,
    endPoint: Buffer | null = null,
    nonce: string = makeNonce(),
  ) {
    this.#verifier = verifier;
    this.#endPoint = endPoint;
    this.#nonce = nonce;
  }

  /**
   * Parses the client-first-message: `gs2-header n=user,r=nonce[,extensions]`. Returns the server-first-message, or
   * null if the message is invalid or does not match the mechanism; `plus` is whether that was SCRAM-SHA-256-PLUS.
   */
  first(message: string, plus: boolean): string | null {
    // A leading "m=" would be a mandatory extension, and none is supported.
    const match =
      /^(n|y|p=tls-server-end-point),(a=[^,]*|),(n=[^,]*,r=([!-+\--~]+)(?:,.*)?)$/s.exec(message);
    if (match === null) return null;
    const [, flag = '', identity = '', bare = '', clientNonce = ''] = match;
    if (flag.startsWith('p=') !== plus || (plus && this.#endPoint === null)) return null;
    // The client claims that the server did not offer channel binding, but it did: a downgrade attack (RFC 5802,
    // section 6).
    if (flag === 'y' && this.#endPoint !== null) return null;
    this.#header = `${flag},${identity},`;
    this.#clientFirst = bare;
    this.#nonce = clientNonce + this.#nonce;
    const { salt, iterations } = this.#verifier;
    this.#serverFirst = `r=${this.#nonce},s=${salt.toString('base64')},i=${iterations}`;
    return this.#serverFirst;
  }

  /** The client key, which the proof reveals to the owner of the verifier; null until a proof was valid. */
  get clientKey(): Buffer | null {
    return this.#clientKey;
  }

  /**
   * Parses the client-final-message; returns the server-final-message if the proof is valid, otherwise null. The client
   * can have any of the passwords of the given verifiers; those with another salt than the one it got are skipped.
   */
  final(message: string, verifiers: readonly ScramVerifier[] = [this.#verifier]): string | null {
    const proofAt = message.lastIndexOf(',p=');
    if (proofAt < 0) return null;
    const withoutProof = message.slice(0, proofAt);
    const given = attributes(withoutProof);
    const proof = Buffer.from(message.slice(proofAt + 3), 'base64');
    const endPoint = this.#header.startsWith('p') ? this.#endPoint : null;
    if (given.get('r') !== this.#nonce || proof.length !== 32) return null;
    if (given.get('c') !== bindingText({ header: this.#header, data: endPoint ?? noBinding.data }))
      return null;
    const authMessage = `${this.#clientFirst},${this.#serverFirst},${withoutProof}`;
    const { salt, iterations } = this.#verifier;
    for (const verifier of verifiers) {
      if (verifier.iterations !== iterations || !verifier.salt.equals(salt)) continue;
      const clientKey = xor(proof, hmac(verifier.storedKey, authMessage));
      if (!timingSafeEqual(sha256(clientKey), verifier.storedKey)) continue;
      this.#clientKey = clientKey;
      return `v=${hmac(verifier.serverKey, authMessage).toString('base64')}`;
    }
    return null;
  }
}
