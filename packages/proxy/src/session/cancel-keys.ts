import { randomFillSync } from 'node:crypto';

/**
 * No process of PostgreSQL has a greater id: Linux gives none above 2^22, other systems stay far below. What clients are
 * told lies above, so that pg_terminate_backend() of it never hits a process that is somebody else's.
 */
const greatestProcessId = 2 ** 22;
const virtualIds = 2 ** 31 - 1 - greatestProcessId;

/**
 * What a client must say to cancel its statement: a number in place of a process id, and a secret.
 * A secret of four bytes (protocol 3.0) is kept as a number: one less buffer for an idle client.
 */
export interface CancelKey {
  readonly processId: number;
  readonly secret: number | Buffer;
}

/** The length of the secret for clients of protocol 3.2, in bytes; PostgreSQL's own is the same. */
const longSecret = 32;

const pool = Buffer.alloc(4096);
let used = pool.length;

/** Random bytes, fetched many at a time. The range is good until the next call. */
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

  /** Makes a key that nobody has; `long` for clients that understand long ones. */
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

  /** Who was told this process id. */
  owner(processId: number): T | undefined {
    return this.#owners.get(processId)?.owner;
  }

  /** Who has this key; the secret is compared in constant time. */
  find(processId: number, secret: Buffer): T | undefined {
    const found = this.#owners.get(processId);
    return found !== undefined && sameSecret(secretBytes(found.key), secret)
      ? found.owner
      : undefined;
  }
}

/** The secret as it goes over the wire. */
export function secretBytes(key: CancelKey): Buffer {
  if (typeof key.secret !== 'number') return key.secret;
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(key.secret);
  return bytes;
}

function sameSecret(own: Buffer, given: Buffer): boolean {
  if (own.length !== given.length) return false;
  let difference = 0;
  for (let i = 0; i < own.length; i++) difference |= (own[i] ?? 0) ^ (given[i] ?? 0);
  return difference === 0;
}
