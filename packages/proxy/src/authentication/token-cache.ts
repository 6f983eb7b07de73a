import { createHash } from 'node:crypto';

/** The maximum number of cached tokens. */
const most = 10_000;

/** Valid tokens, by hash: the token itself is never stored. */
export class TokenCache<Value> {
  readonly #values = new Map<string, { readonly value: Value; readonly until: number }>();

  get(token: string, forWhat: string): Value | undefined {
    const key = keyOf(token, forWhat);
    const found = this.#values.get(key);
    if (found === undefined) return undefined;
    if (found.until > Date.now()) return found.value;
    this.#values.delete(key);
    return undefined;
  }

  /** `until`: when the token expires, in milliseconds since 1970. */
  set(token: string, forWhat: string, value: Value, until: number): void {
    const oldest = this.#values.keys().next();
    if (this.#values.size >= most && oldest.done !== true) this.#values.delete(oldest.value);
    this.#values.set(keyOf(token, forWhat), { value, until });
  }
}

function keyOf(token: string, forWhat: string): string {
  return createHash('sha256').update(`${forWhat}\0${token}`).digest('base64');
}

/** When a request with AWS Signature Version 4 in its query string expires; null if it has no expiry. */
export function expiryOf(query: URLSearchParams): number | null {
  const date = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get('X-Amz-Date') ?? '');
  const seconds = Number(query.get('X-Amz-Expires') ?? Number.NaN);
  if (date === null || !Number.isInteger(seconds) || seconds <= 0) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = date
    .slice(1)
    .map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second) + seconds * 1000;
}
