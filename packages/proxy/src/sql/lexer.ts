import { Char, charKinds, folded, nameBytes } from './characters.ts';
import type { OpaqueReason } from './effects.ts';
import { Judge } from './judge.ts';
import { isKnownOperator } from './operators.ts';
import { Normalizer, Token } from './normalizer.ts';
import * as ends from './token-ends.ts';
import { Word, hashSeed, hashStep, longestWord, wordTable } from './words.ts';

/** The placeholders for a string and a parameter in the normalized text. */
const stringPlaceholder = Buffer.from("'?'");
const parameterPlaceholder = Buffer.from('$1');

const quote = 0x27;
const backslash = 0x5c;

const nothing = Buffer.alloc(0);

/** How the last token continues after a line break, if it is a string. */
const Str = { None: 0, Plain: 1, Escapes: 2 } as const;

/**
 * Scans a text once, according to PostgreSQL's lexical rules (scan.l) with standard_conforming_strings on, and produces
 * two results:
 *
 * - the **normalized text**: every literal is replaced, lists of constants are shortened, comments are removed, white
 *   space becomes one space, and unquoted names are folded. Texts with the same normalized text have the same effects
 *   on a session, except for those of their literals. The normalized text is SQL, so it can be parsed;
 * - a **verdict** from the tokens alone: see `Judge`.
 *
 * One instance is reused; its results are valid until the next `scan`.
 */
export class Lexer {
  readonly normalized: Normalizer;
  readonly judge: Judge = new Judge();
  /** Set if the text contains a zero byte, or an unterminated literal or comment. */
  reason: OpaqueReason | undefined;
  /** True if the normalized text does not represent the text: only the text itself can be parsed. */
  needsText = false;

  readonly #numeral: number;
  readonly #stopsIfUncertain: boolean;
  #buffer: Buffer = nothing;
  #at = 0;
  #end = 0;
  #string: number = Str.None;
  /** White space or comments since the last token, including a line break, or a block comment. */
  #gap = false;
  #gapBreaks = false;
  #gapBlock = false;
  /** The hash of the word that `#foldWord` has written. */
  #hash = 0;

  /**
   * `limit`: the longest normalized text, in bytes. `numeral`: the placeholder for a number. With `stopsIfUncertain`,
   * it stops at a literal that ends elsewhere under another standard_conforming_strings or client encoding, because the
   * rest might be its content.
   */
  constructor(limit: number, numeral: string, stopsIfUncertain = false) {
    this.normalized = new Normalizer(limit);
    this.#numeral = numeral.charCodeAt(0);
    this.#stopsIfUncertain = stopsIfUncertain;
  }

  /** Scans `buffer[start, end)`. */
  scan(buffer: Buffer, start: number, end: number): void {
    this.normalized.clear();
    this.judge.reset();
    this.reason = undefined;
    this.needsText = false;
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
    this.#string = Str.None;
    this.#endGap();
    while (this.#at < end && this.reason === undefined && !this.#isDecided)
      this.#readToken(buffer[this.#at] ?? 0);
    this.judge.end();
    // Do not keep the connection's buffer alive.
    this.#buffer = nothing;
  }

  /**
   * The judge is not sure, and the normalized text is too long for the parser: the rest of the text cannot change
   * either.
   */
  get #isDecided(): boolean {
    return !this.judge.isSure && !this.normalized.isWhole && !this.#stopsIfUncertain;
  }

  #readToken(byte: number): void {
    switch (charKinds[byte]) {
      case Char.Space:
        this.#gap = true;
        if (byte === 0x0a || byte === 0x0d) this.#gapBreaks = true;
        this.#at += 1;
        break;
      case Char.Letter:
        this.#readWord(byte);
        break;
      case Char.Digit:
        this.#readNumber();
        break;
      case Char.Operator:
        this.#readOperator(byte);
        break;
      case Char.Quote:
        this.#readString();
        break;
      case Char.DoubleQuote:
        this.#readName();
        break;
      case Char.Dollar:
        this.#readDollar();
        break;
      case Char.Open:
        this.judge.open(this.normalized.last(), this.normalized.last(1));
        this.#single(byte, Token.Open);
        break;
      case Char.Close:
        this.judge.other();
        this.#space();
        this.normalized.close();
        this.#at += 1;
        break;
      case Char.Comma:
        this.judge.other();
        this.#single(byte, Token.Comma);
        break;
      case Char.Dot:
        if (charKinds[this.#peek(1)] === Char.Digit) this.#readNumber();
        else {
          this.judge.dot();
          this.#single(byte, Token.Dot);
        }
        break;
      case Char.Semicolon:
        this.judge.semicolon();
        this.#single(byte, Token.Other);
        break;
      case Char.Punctuation:
        this.judge.other();
        this.#single(byte, Token.Other);
        break;
      default:
        if (byte === 0) this.reason = 'zero byte';
        this.#markUncertain();
        this.judge.other();
        this.#single(byte, Token.Other);
    }
  }

  /** The byte at this distance, or 0 beyond the end. */
  #peek(ahead: number): number {
    const at = this.#at + ahead;
    return at < this.#end ? (this.#buffer[at] ?? 0) : 0;
  }

  #markUncertain(): void {
    this.judge.isSure = false;
  }

  #endGap(): void {
    this.#gap = false;
    this.#gapBreaks = false;
    this.#gapBlock = false;
  }

  /**
   * Separates a word or constant from the previous one: a placeholder must not merge with its neighbor, as in
   * `select.5` or `'a'e'b'`.
   */
  #part(): void {
    const last = this.normalized.last();
    if (last === Token.Word || last === Token.ListWord || last === Token.Constant) this.#gap = true;
    this.#space();
  }

  /** White space and comments become one space. Called before every token that is written. */
  #space(): void {
    if (this.#gap) this.normalized.space();
    this.#endGap();
    this.#string = Str.None;
  }

  /** A token of one byte. */
  #single(byte: number, kind: number): void {
    this.#space();
    this.normalized.byte(byte, kind);
    this.#at += 1;
  }

  /** True if a constant is to be written, false if it is omitted in a list of constants. */
  #writesConstant(): boolean {
    this.judge.other();
    const vanishes = this.normalized.joinsConstants();
    if (vanishes) {
      this.#endGap();
      this.#string = Str.None;
    } else {
      this.#part();
    }
    return !vanishes;
  }

  /** A string or parameter that ends at `end`, or has no end. */
  #constant(normalized: Uint8Array, end: number): void {
    if (end < 0) {
      this.reason = 'syntax';
      return;
    }
    this.#at = end;
    if (!this.#writesConstant()) return;
    this.normalized.copy(normalized, 0, normalized.length, Token.Constant);
    this.normalized.constantWritten();
  }

  #readNumber(): void {
    this.#at = ends.endOfNumber(this.#buffer, this.#at, this.#end);
    this.#readJunk();
    if (!this.#writesConstant()) return;
    this.normalized.byte(this.#numeral, Token.Constant);
    this.normalized.constantWritten();
  }

  /** Letters directly after a number: an error, but before version 15 an alias. */
  #readJunk(): void {
    if (charKinds[this.#peek(0)] === Char.Letter) this.#markUncertain();
  }

  /** A string in single quotes: a new one, or the continuation of the last one after a line break. */
  #readString(): void {
    const last = this.#string;
    const goesOn = last !== Str.None && this.#gapBreaks && !this.#gapBlock;
    const escapes = goesOn && last === Str.Escapes;
    const end = ends.endOfString(this.#buffer, this.#at + 1, this.#end, escapes);
    if (this.#stopsIfUncertain && this.#isUncertain(end, escapes)) return;
    if (goesOn && end >= 0) {
      this.#at = end;
      this.#endGap();
    } else {
      this.#constant(stringPlaceholder, end);
      this.#string = Str.Plain;
    }
  }

  /** Sets `reason` if the string up to `end` might end elsewhere. */
  #isUncertain(end: number, escapes: boolean): boolean {
    const literal = this.#buffer.subarray(this.#at, end < 0 ? this.#end : end);
    let before = 0;
    for (const byte of literal) {
      // With escapes, only a backslash that may be the second byte of a character.
      if (byte === backslash && (!escapes || before >= 0x80)) {
        this.reason = 'backslash';
        return true;
      }
      before = byte;
    }
    return false;
  }

  /** $1, or a string between $tag$ and $tag$. */
  #readDollar(): void {
    if (charKinds[this.#peek(1)] === Char.Digit) {
      this.#constant(parameterPlaceholder, ends.endOfDigits(this.#buffer, this.#at + 1, this.#end));
      this.#readJunk();
      return;
    }
    const end = ends.endOfDollarString(this.#buffer, this.#at, this.#end);
    if (end !== this.#at) this.#constant(stringPlaceholder, end);
    else {
      this.#markUncertain();
      this.judge.other();
      this.#single(this.#peek(0), Token.Other);
    }
  }

  #readOperator(byte: number): void {
    if (ends.startsComment(this.#buffer, this.#at, this.#end)) {
      const end = ends.endOfComment(this.#buffer, this.#at, this.#end);
      if (end < 0) this.reason = 'syntax';
      else this.#at = end;
      this.#gap = true;
      if (byte === 0x2f) this.#gapBlock = true;
      return;
    }
    const end = ends.endOfOperator(this.#buffer, this.#at, this.#end);
    if (!isKnownOperator(this.#buffer, this.#at, end)) this.#markUncertain();
    this.judge.other();
    this.#space();
    this.normalized.copy(this.#buffer, this.#at, end, Token.Other);
    this.#at = end;
  }

  /** A quoted name. Its bytes are looked up unchanged: no known word contains a quote. */
  #readName(): void {
    const start = this.#at;
    const end = ends.endOfName(this.#buffer, start + 1, this.#end);
    if (end < 0) {
      this.reason = 'syntax';
      return;
    }
    let hash = hashSeed;
    for (let at = start + 1; at < end - 1; at += 1) hash = hashStep(hash, this.#buffer[at] ?? 0);
    const bits = wordTable.find(this.#buffer, start + 1, end - 1, hash);
    this.judge.name(bits, this.normalized.last());
    this.#space();
    this.normalized.copy(this.#buffer, start, end, Token.Name);
    this.#at = end;
  }

  #readWord(first: number): void {
    const next = this.#peek(1);
    if (next === quote && (first | 0x20) === 0x65) {
      const end = ends.endOfString(this.#buffer, this.#at + 2, this.#end, true);
      if (this.#stopsIfUncertain && this.#isUncertain(end, true)) return;
      this.#constant(stringPlaceholder, end);
      this.#string = Str.Escapes;
      return;
    }
    // U&"…" has a name in code points, with the escape character after UESCAPE.
    if (next === 0x26 && (first | 0x20) === 0x75) {
      this.#markUncertain();
      this.needsText = true;
    }
    this.#part();
    const start = this.#at;
    const length = this.#foldWord(start);
    let end = start + length;
    if (end < this.#end && nameBytes[this.#buffer[end] ?? 0] === 1) {
      // Longer than any known word.
      while (end < this.#end && nameBytes[this.#buffer[end] ?? 0] === 1) end += 1;
      this.judge.word(0, this.normalized.last());
      this.normalized.copy(this.#buffer, start, end, Token.Word);
    } else {
      this.#knownWord(length);
    }
    this.#at = end;
  }

  /** Writes the start of a word, folded, at the end of the normalized text, and sets `#hash`. */
  #foldWord(start: number): number {
    const buffer = this.#buffer;
    const { bytes, length } = this.normalized;
    const stop = Math.min(this.#end, start + longestWord);
    let hash = hashSeed;
    let at = start;
    do {
      const byte = folded[buffer[at] ?? 0] ?? 0;
      bytes[length + at - start] = byte;
      hash = hashStep(hash, byte);
      at += 1;
    } while (at < stop && nameBytes[buffer[at] ?? 0] === 1);
    this.#hash = hash;
    return at - start;
  }

  /** Classifies and keeps the word that `#foldWord` has written. */
  #knownWord(length: number): void {
    const normalized = this.normalized;
    const bits = wordTable.find(
      normalized.bytes,
      normalized.length,
      normalized.length + length,
      this.#hash,
    );
    this.judge.word(bits, normalized.last());
    if ((bits & Word.Constant) === 0) {
      const isList = (bits & Word.List) !== 0 && normalized.last() !== Token.Dot;
      normalized.written(length, isList ? Token.ListWord : Token.Word);
    } else if (!normalized.joinsConstants()) {
      normalized.written(length, Token.Constant);
      normalized.constantWritten();
    }
  }
}
