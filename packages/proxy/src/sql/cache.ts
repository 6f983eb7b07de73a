/** One cached text. */
interface Entry<T> {
  readonly bytes: Buffer;
  readonly value: T;
}

/** The maximum number of bytes of a text in its hash; the complete text is compared on a hit. */
const hashedBytes = 512;

/** The approximate overhead of an entry: Buffer, entry and map slot. */
const entryOverhead = 200;

/**
 * A cache with byte ranges as keys, limited by total size. It has two generations: when the young one is full it
 * becomes the old one, and entries in use move back. Two texts with the same hash replace each other: the hash only
 * finds an entry, and the bytes decide about equality. The caller computes the hash with `hashBytes`, once for several
 * lookups.
 */
export class ByteCache<T> {
  readonly #limit: number;
  #young = new Map<number, Entry<T>>();
  #old = new Map<number, Entry<T>>();
  #bytes = 0;

  /** `limit`: the maximum size of both generations together, in bytes. */
  constructor(limit: number) {
    this.#limit = limit / 2;
  }

  /** The cached value for exactly these bytes. */
  get(hash: number, buffer: Uint8Array, start: number, end: number): T | undefined {
    let entry = this.#young.get(hash);
    if (entry !== undefined && sameBytes(entry.bytes, buffer, start, end)) return entry.value;
    entry = this.#old.get(hash);
    if (entry === undefined || !sameBytes(entry.bytes, buffer, start, end)) return undefined;
    this.#add(hash, entry);
    return entry.value;
  }

  /** Caches a value for a copy of these bytes. Texts that would fill a generation are not cached. */
  set(hash: number, buffer: Uint8Array, start: number, end: number, value: T): void {
    if (end - start + entryOverhead > this.#limit) return;
    // Not from Buffer's shared pool: one small text must not keep 8 KiB alive.
    const bytes = Buffer.allocUnsafeSlow(end - start);
    bytes.set(buffer.subarray(start, end));
    this.#add(hash, { bytes, value });
  }

  #add(hash: number, entry: Entry<T>): void {
    const cost = entry.bytes.length + entryOverhead;
    if (this.#bytes + cost > this.#limit) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#bytes = 0;
    }
    const before = this.#young.get(hash);
    if (before !== undefined) this.#bytes -= before.bytes.length + entryOverhead;
    this.#young.set(hash, entry);
    this.#bytes += cost;
  }
}

/** FNV-1a, as a signed 32-bit integer, over the text, or over evenly spaced bytes of a long one. */
export function hashBytes(buffer: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const step = length <= hashedBytes ? 1 : Math.ceil(length / hashedBytes);
  let hash = (0x811c9dc5 ^ length) | 0;
  for (let at = start; at < end; at += step) {
    hash = Math.imul(hash ^ (buffer[at] ?? 0), 0x01000193);
  }
  return hash;
}

function sameBytes(known: Buffer, buffer: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (known.length !== length) return false;
  // Below about 128 bytes the loop is cheaper than the call into the runtime.
  if (length > 128) return known.compare(buffer, start, end) === 0;
  for (let at = 0; at < length; at += 1) {
    if (known[at] !== buffer[start + at]) return false;
  }
  return true;
}
