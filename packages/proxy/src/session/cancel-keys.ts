import { randomFillSync, timingSafeEqual } from 'node:crypto';

/**
 * No PostgreSQL process has a greater ID: the maximum on Linux is 2^22, and other systems stay far below. The IDs of
 * clients are greater, so that pg_terminate_backend() never hits an unrelated process.
 */
const greatestProcessId = 2 ** 22;
const virtualIds = 2 ** 31 - 1 - greatestProcessId;

/**
 * The key with which a client cancels its statement: a number in place of a process ID, and a secret. A secret of four
 * bytes (protocol 3.0) is stored as a number, which saves a buffer per idle client.
 */
export interface CancelKey {
  readonly processId: number;
  readonly secret: number | Buffer;
}

/** The length of the secret for clients of protocol 3.2, in bytes, as in PostgreSQL. */
const longSecret = 32;

const pool = Buffer.alloc(4096);
let used = pool.length;

/** Random bytes, generated in batches. The range is valid until the next call. */
function random(bytes: number): number {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += bytes;
  return at;
}

/** The cancel keys of all sessions. */
export class CancelKeys<T> {
  readonly #owners = new Map<number, { readonly key: CancelKey; readonly owner: T }>();

  get size(): number {
    return this.#owners.size;
  }

  /** Creates a unique key; `long` for clients that support long ones. */
  create(long: boolean): CancelKey {
    let processId: number;
    do processId = greatestProcessId + 1 + (pool.readUInt32BE(random(4)) % virtualIds);
    while (this.#owners.has(processId));
    if (!long) return { processId, secret: pool.readUInt32BE(random(4)) };
    const at = random(longSecret);
    return { processId, secret: Buffer.from(pool.subarray(at, at + longSecret)) };
  }

  set(key: CancelKey, owner: T): void {
    this.#owners.set(key.processId, { key, owner });
  }

  delete(key: CancelKey): void {
    this.#owners.delete(key.processId);
  }

  /** The owner of this process ID. */
  owner(processId: number): T | undefined {
    return this.#owners.get(processId)?.owner;
  }

  /** The owner of this key; the secret is compared in constant time. */
  find(processId: number, secret: Buffer): T | undefined {
    const found = this.#owners.get(processId);
    if (found === undefined) return undefined;
    const own = secretBytes(found.key);
    return own.length === secret.length && timingSafeEqual(own, secret) ? found.owner : undefined;
  }
}

/** The secret in wire format. */
export function secretBytes(key: CancelKey): Buffer {
  if (typeof key.secret !== 'number') return key.secret;
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(key.secret);
  return bytes;
}
