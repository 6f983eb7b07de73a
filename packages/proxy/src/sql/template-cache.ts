import { Char, charKinds, nameBytes } from './characters.ts';

/** The longest text that is looked up, in bytes. */
const longest = 1024;
/** The number of remembered templates: a power of two. Two with the same slot replace each other. */
const slots = 4096;

const zero = 0x30;
const quote = 0x27;

interface Entry<T> {
  readonly hash: number;
  readonly bytes: Uint8Array;
  readonly value: T;
}

/**
 * A cache by template: the text with each whole number as `0` and each plain string as `''`. One pass copies the text
 * and computes the hash; a hit costs no scan for tokens, no string and no allocation.
 *
 * Texts with the same template have the same tokens, apart from the values of their numbers and strings. The caller
 * that sets an entry says that these do not matter, or that the text has none (`hasLiterals`). Texts with comments,
 * backslashes, dollar quotes, prefixed strings or bytes beyond ASCII have no template: their tokens depend on more than
 * that.
 */
export class TemplateCache<T> {
  /** The text of the last `get` has numbers or strings that its template does not show. */
  hasLiterals = false;
  /** It has strings. */
  hasStrings = false;
  readonly #entries: (Entry<T> | undefined)[] = Array.from({ length: slots });
  readonly #template = new Uint8Array(longest);
  /** The length of the template of the last `get`; 0: it has none. */
  #length = 0;
  #hash = 0;

  /** The hash of the template of the last `get`. */
  get hash(): number {
    return this.#hash;
  }

  /** The text of the last `get` has a template. */
  get hasTemplate(): boolean {
    return this.#length > 0;
  }

  /** The value for texts with the template of `buffer[start, end)`. */
  get(buffer: Uint8Array, start: number, end: number): T | undefined {
    this.#length = 0;
    if (end - start > longest || !this.#read(buffer, start, end)) return undefined;
    const entry = this.#entries[this.#hash & (slots - 1)];
    if (entry?.hash !== this.#hash || entry.bytes.length !== this.#length) return undefined;
    const { bytes } = entry;
    const template = this.#template;
    for (let at = 0; at < bytes.length; at++) if (bytes[at] !== template[at]) return undefined;
    return entry.value;
  }

  /** Sets the value for the text of the last `get`, if it has a template. */
  set(value: T): void {
    if (this.#length === 0) return;
    this.#entries[this.#hash & (slots - 1)] = {
      hash: this.#hash,
      bytes: this.#template.slice(0, this.#length),
      value,
    };
  }

  /** Computes the template. False: the text has none. */
  #read(buffer: Uint8Array, start: number, end: number): boolean {
    const template = this.#template;
    let length = 0;
    let hash = 0x811c9dc5 | 0;
    let hasLiterals = false;
    let hasStrings = false;
    let at = start;
    while (at < end) {
      const byte = buffer[at] ?? 0;
      const kind = charKinds[byte];
      const shown = kind === Char.Digit ? zero : byte;
      at++;
      template[length++] = shown;
      hash = Math.imul(hash ^ shown, 0x01000193);
      switch (kind) {
        case Char.Letter:
          // The rest of the name, with its digits.
          if (byte >= 0x80) return false;
          for (; at < end; at++) {
            const next = buffer[at] ?? 0;
            if (nameBytes[next] === 0) break;
            if (next >= 0x80) return false;
            template[length++] = next;
            hash = Math.imul(hash ^ next, 0x01000193);
          }
          // E'…', U&'…' and others: what a string means depends on the prefix.
          if (buffer[at] === quote || (buffer[at] === 0x26 && buffer[at + 1] === quote))
            return false;
          break;
        case Char.Digit:
          while (at < end && charKinds[buffer[at] ?? 0] === Char.Digit) at++;
          // 1e5, 0x1f, 1_000, or what is no number.
          if (at < end && nameBytes[buffer[at] ?? 0] !== 0) return false;
          hasLiterals = true;
          break;
        case Char.Quote:
          at = plainStringEnd(buffer, at, end);
          if (at < 0) return false;
          hasLiterals = hasStrings = true;
          template[length++] = quote;
          break;
        case Char.DoubleQuote:
          do {
            if (at === end) return false;
            const next = buffer[at++] ?? 0;
            if (next >= 0x80) return false;
            template[length++] = next;
            hash = Math.imul(hash ^ next, 0x01000193);
          } while (buffer[at - 1] !== 0x22);
          break;
        case Char.Operator:
          // Comments.
          if (byte === 0x2d && buffer[at] === byte) return false;
          if (byte === 0x2f && buffer[at] === 0x2a) return false;
          break;
        case Char.Dollar:
          // $1, and no quote.
          if (charKinds[buffer[at] ?? 0] !== Char.Digit) return false;
          for (; at < end && charKinds[buffer[at] ?? 0] === Char.Digit; at++) {
            template[length++] = buffer[at] ?? 0;
            hash = Math.imul(hash ^ (buffer[at] ?? 0), 0x01000193);
          }
          if (at < end && nameBytes[buffer[at] ?? 0] !== 0) return false;
          break;
        case Char.Other:
          return false;
        default:
      }
    }
    this.#length = length;
    this.#hash = hash;
    this.hasLiterals = hasLiterals;
    this.hasStrings = hasStrings;
    return true;
  }
}

/** The end of the string whose content begins at `at`, or -1: it has none, or is not plain ASCII. */
function plainStringEnd(buffer: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = buffer[at] ?? 0;
    if (byte >= 0x80 || byte === 0x5c || byte === 0) return -1;
    if (byte !== quote) continue;
    if (at + 1 === end || buffer[at + 1] !== quote) return at + 1;
    at++;
  }
  return -1;
}
