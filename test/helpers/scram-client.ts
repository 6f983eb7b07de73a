import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), with channel binding if the hash of the server's certificate
 * is given.
 */
export class ScramClient {
  readonly #password: string;
  readonly #clientFirstBare = `n=,r=${randomBytes(18).toString('base64')}`;
  readonly #header: string;
  readonly #channel: string;
  #serverSignature = '';

  constructor(password: string, endPoint?: Buffer) {
    this.#password = password;
    this.#header = endPoint === undefined ? 'n,,' : 'p=tls-server-end-point,,';
    const data = endPoint ?? Buffer.alloc(0);
    this.#channel = Buffer.concat([Buffer.from(this.#header), data]).toString('base64');
  }

  /** The content of SASLInitialResponse. */
  first(): string {
    return `${this.#header}${this.#clientFirstBare}`;
  }

  /** Answers the server's first message. */
  final(serverFirst: string): string {
    const fields = fieldsOf(serverFirst);
    const withoutProof = `c=${this.#channel},r=${fields['r']}`;
    const transcript = `${this.#clientFirstBare},${serverFirst},${withoutProof}`;
    const salted = saltedPassword(this.#password, fields['s'] ?? '', Number(fields['i']));
    const clientKey = hmac(salted, 'Client Key');
    const signature = hmac(createHash('sha256').update(clientKey).digest(), transcript);
    const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), transcript).toString('base64');
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
  }

  /** Whether the server's final message proves that it knows the password, too. */
  accepts(serverFinal: string): boolean {
    return fieldsOf(serverFinal)['v'] === this.#serverSignature;
  }
}

/** Tests log in thousands of times with few passwords and salts, and this computation takes most of the time. */
const salted = new Map<string, Buffer>();

function saltedPassword(password: string, salt: string, iterations: number): Buffer {
  const key = JSON.stringify([password, salt, iterations]);
  const known = salted.get(key);
  if (known !== undefined) return known;
  const bytes = Buffer.from(salt, 'base64');
  const made = pbkdf2Sync(password.normalize('NFKC'), bytes, iterations, 32, 'sha256');
  salted.set(key, made);
  return made;
}

function fieldsOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((field) => [field.charAt(0), field.slice(2)]));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
