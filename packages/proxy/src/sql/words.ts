import { harmlessFunctions, plainFunctions } from './known-names.ts';
import { loginRelations } from './login-statements.ts';
import {
  reloadFunction,
  sessionFunctions,
  sessionRelations,
  signalFunctions,
  sqlRunningFunctions,
} from './session-functions.ts';

/** The lexer's knowledge of a word. Bits, because `left` is a keyword and a function. */
export const Word = {
  /** Starts a statement that reads. */
  Reads: 1 << 0,
  /** Starts a statement that writes; inside one that reads, it may be a data-modifying WITH. */
  Writes: 1 << 1,
  /** INSERT or MERGE, after which INTO is no SELECT INTO. */
  BeforeInto: 1 << 2,
  Into: 1 << 3,
  Distinct: 1 << 4,
  On: 1 << 5,
  /** OVER and FILTER: after a closing parenthesis, their own is no call. */
  Window: 1 << 6,
  /** NULL, TRUE, FALSE, DEFAULT: constants, like a literal. */
  Constant: 1 << 7,
  /** Can never be a function's name: a parenthesis after it is no call. */
  Keyword: 1 << 8,
  /** A built-in function that a plain read can call. */
  PlainFunction: 1 << 9,
  /** A built-in function that does not affect the session. */
  HarmlessFunction: 1 << 10,
  /** The parser must decide about everything that contains this word. */
  Watched: 1 << 11,
  /** IN and VALUES. */
  List: 1 << 12,
} as const;

const words = (list: string): readonly string[] => list.trim().split(/\s+/);

/**
 * Reserved words, and those that can name a column but no function, in every supported version (PostgreSQL manual,
 * appendix "SQL Key Words").
 */
const keywords = words(`
  all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
  current_catalog current_date current_role current_time current_timestamp current_user default
  deferrable desc distinct do else end except false fetch foreign from group having in initially
  intersect into lateral leading limit localtime localtimestamp not null offset on only or order
  placing primary references returning select session_user some symmetric table then to trailing true
  union unique user using variadic when where window with
  between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping
  inout int integer interval least national nchar none nullif numeric out overlay position
  precision real row setof smallint substring time timestamp treat trim values varchar xmlattributes
  xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`);

/** FOR: row locks; the others affect sessions, or relations that show them or decide about logins. */
const watched = [
  'for',
  'pg_settings',
  ...sessionFunctions.keys(),
  ...sessionRelations,
  ...sqlRunningFunctions,
  ...signalFunctions,
  reloadFunction,
  ...loginRelations,
];

/** Every word that the lexer knows, with its bits. */
function wordBits(): Map<string, number> {
  const bits = new Map<string, number>();
  const add = (list: Iterable<string>, bit: number): void => {
    for (const word of list) bits.set(word, (bits.get(word) ?? 0) | bit);
  };
  add(keywords, Word.Keyword);
  add(words('select values table with'), Word.Reads);
  add(words('insert update delete merge'), Word.Writes);
  add(words('insert merge'), Word.BeforeInto);
  add(['into'], Word.Into);
  add(['distinct'], Word.Distinct);
  add(['on'], Word.On);
  add(words('over filter'), Word.Window);
  add(words('in values'), Word.List);
  add(words('null true false default'), Word.Constant);
  add(plainFunctions, Word.PlainFunction);
  add(harmlessFunctions, Word.HarmlessFunction);
  add(watched, Word.Watched);
  return bits;
}

/** No known word is longer; PostgreSQL truncates names to 63 bytes. */
export const longestWord = 63;

export const hashSeed = 0x811c9dc5 | 0;

/** One step of the hash that `WordTable.find` expects (FNV-1a). */
export function hashStep(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

/** Finds the bits of a word from its bytes, without creating a string. Open addressing. */
class WordTable {
  readonly #mask: number;
  readonly #hashes: Int32Array;
  readonly #bits: Int32Array;
  readonly #starts: Int32Array;
  readonly #bytes: Buffer;

  constructor(entries: ReadonlyMap<string, number>) {
    // At most a quarter full, so that a miss nearly always ends at the first slot.
    const size = 1 << Math.ceil(Math.log2(entries.size * 4));
    this.#mask = size - 1;
    this.#hashes = new Int32Array(size);
    this.#bits = new Int32Array(size);
    this.#starts = new Int32Array(size);
    // Each word, preceded by its length.
    this.#bytes = Buffer.from(
      [...entries.keys()].map((word) => String.fromCharCode(word.length) + word).join(''),
      'latin1',
    );
    let start = 0;
    for (const [word, bits] of entries) {
      let hash = hashSeed;
      for (let at = 0; at < word.length; at += 1) hash = hashStep(hash, word.charCodeAt(at));
      let slot = this.#slot(hash);
      while (this.#bits[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#hashes[slot] = hash;
      this.#bits[slot] = bits;
      this.#starts[slot] = start;
      start += word.length + 1;
    }
  }

  /** The bits of the lower-case word in `buffer[start, end)`, 0 if it is unknown. */
  find(buffer: Uint8Array, start: number, end: number, hash: number): number {
    for (let slot = this.#slot(hash); ; slot = (slot + 1) & this.#mask) {
      const bits = this.#bits[slot] ?? 0;
      if (bits === 0) return 0;
      if (this.#hashes[slot] === hash && this.#matches(slot, buffer, start, end)) return bits;
    }
  }

  #slot(hash: number): number {
    return (hash ^ (hash >>> 15)) & this.#mask;
  }

  #matches(slot: number, buffer: Uint8Array, start: number, end: number): boolean {
    let known = this.#starts[slot] ?? 0;
    if (this.#bytes[known] !== end - start) return false;
    for (let at = start; at < end; at += 1) {
      known += 1;
      if (this.#bytes[known] !== buffer[at]) return false;
    }
    return true;
  }
}

export const wordTable: WordTable = new WordTable(wordBits());
