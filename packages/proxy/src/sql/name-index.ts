/*
 * Finds which of many names a text mentions. Every word of the text counts, including those in literals and comments,
 * because quoted text may be run elsewhere, and quoting depends on parameters. So there are false positives but no
 * false negatives.
 */

const seed = 0x811c9dc5 | 0;

/** PostgreSQL truncates names to 63 bytes (NAMEDATALEN - 1). */
const longestName = 63;

/** The role of a byte in a word: 0 ends it, 1 continues it, 2 may begin it, 3 is non-ASCII, 4 is a dollar sign. */
const kinds = new Uint8Array(256);
/** Letters in lower case. */
const folded = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const char = String.fromCharCode(byte);
  folded[byte] = byte < 0x80 ? char.toLowerCase().charCodeAt(0) : byte;
  if (byte >= 0x80) kinds[byte] = 3;
  else if (/[a-z_]/i.test(char)) kinds[byte] = 2;
  else if (/\d/.test(char)) kinds[byte] = 1;
  else if (char === '$') kinds[byte] = 4;
}

/** The words of a text, as hashes; computed once and compared with many sets of names. */
export interface Words {
  /** The hashes of the lower-case words, in ascending order, without duplicates. */
  readonly hashes: Int32Array;
  /** A word has non-ASCII letters: it may be a name in any encoding. */
  readonly beyondAscii: boolean;
  /** A word has a dollar sign; its parts are among the hashes, but not the word itself. */
  readonly hasDollar: boolean;
  /** Names may have escapes: `U&"\0066"`. */
  readonly hasEscapedNames: boolean;
}

/** The words of `bytes[start, end)`. */
export function wordsIn(bytes: Uint8Array, start = 0, end: number = bytes.length): Words {
  const found = new Set<number>();
  let beyondAscii = false;
  let hasDollar = false;
  let hasEscapedNames = false;
  let at = start;
  while (at < end) {
    const kind = kinds[bytes[at] ?? 0] ?? 0;
    if (kind < 2 || kind === 4) {
      at += 1;
      continue;
    }
    let hash = seed;
    const from = at;
    for (; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      const next = kinds[byte] ?? 0;
      if (next === 0) break;
      if (next === 4) {
        // The end of a dollar-quoted string may directly follow a name.
        hasDollar = true;
        break;
      }
      if (next === 3) beyondAscii = true;
      if (at - from < longestName) hash = Math.imul(hash ^ (folded[byte] ?? 0), 0x01000193);
    }
    found.add(hash);
    if (at - from === 1 && folded[bytes[from] ?? 0] === 0x75 && bytes[at] === 0x26)
      hasEscapedNames = true;
  }
  return { hashes: Int32Array.from(found).toSorted(), beyondAscii, hasDollar, hasEscapedNames };
}

function hashOf(word: string): number {
  let hash = seed;
  for (let at = 0; at < Math.min(word.length, longestName); at += 1)
    hash = Math.imul(hash ^ (folded[word.charCodeAt(at) & 0xff] ?? 0), 0x01000193);
  return hash;
}

/** Values by name, found by the words of a text. */
export class NameIndex<T> {
  readonly #byHash = new Map<number, T[]>();
  readonly #beyondAscii: T[] = [];
  readonly #withDollar: T[] = [];
  readonly #withoutWord: T[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `name`: one character per byte. */
  add(name: string, value: T): void {
    this.#size++;
    // eslint-disable-next-line no-control-regex
    if (/[^\u0000-\u007f]/.test(name)) this.#beyondAscii.push(value);
    else if (name.includes('$')) this.#withDollar.push(value);
    else {
      // For a name like "my table" one word is enough: every mention of the name contains it.
      const [word] = /[a-z_]\w*/i.exec(name) ?? [];
      if (word === undefined) this.#withoutWord.push(value);
      else {
        const hash = hashOf(word);
        const before = this.#byHash.get(hash);
        if (before === undefined) this.#byHash.set(hash, [value]);
        else before.push(value);
      }
    }
  }

  /**
   * False: `bytes[start, end)` mentions none of the names, so `find` would find nothing. Most texts mention none, and
   * texts with different literals are all new, so nothing is allocated or cached here.
   */
  mayMention(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#withoutWord.length > 0) return true;
    let at = start;
    while (at < end) {
      const kind = kinds[bytes[at] ?? 0] ?? 0;
      at += 1;
      if (kind < 2 || kind === 4) continue;
      let hash = seed;
      const from = at - 1;
      let next = kind;
      for (let here = from; ; here += 1) {
        if (next === 3 && this.#beyondAscii.length > 0) return true;
        if (here - from < longestName)
          hash = Math.imul(hash ^ (folded[bytes[here] ?? 0] ?? 0), 0x01000193);
        at = here + 1;
        if (at >= end) break;
        next = kinds[bytes[at] ?? 0] ?? 0;
        if (next === 0) break;
        if (next === 4) {
          if (this.#withDollar.length > 0) return true;
          break;
        }
      }
      if (this.#byHash.has(hash)) return true;
      // U&"\0066"
      if (at - from === 1 && (bytes[from] === 0x55 || bytes[from] === 0x75) && bytes[at] === 0x26)
        return true;
    }
    return false;
  }

  /** The names that a text with these words may mention. */
  find(words: Words): T[] {
    const found = [...this.#withoutWord];
    if (words.hasEscapedNames) {
      for (const values of this.#byHash.values()) found.push(...values);
      found.push(...this.#beyondAscii, ...this.#withDollar);
      return found;
    }
    if (words.beyondAscii) found.push(...this.#beyondAscii);
    if (words.hasDollar) found.push(...this.#withDollar);
    for (const hash of words.hashes) {
      const values = this.#byHash.get(hash);
      if (values !== undefined) found.push(...values);
    }
    return found;
  }
}
