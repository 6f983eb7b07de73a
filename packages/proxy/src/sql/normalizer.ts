/** Kinds of tokens, four bits each, so that the last eight fit one integer. */
export const Token = {
  Word: 1,
  /** A quoted name. */
  Name: 2,
  /** A literal, a parameter, NULL, TRUE, FALSE or DEFAULT. */
  Constant: 3,
  Open: 4,
  Close: 5,
  /** The closing parenthesis of a list of constants only. */
  Row: 6,
  Comma: 7,
  Dot: 8,
  /** IN or VALUES: the parenthesis after it opens a list, not a call. */
  ListWord: 9,
  Other: 10,
} as const;

const constantComma = (Token.Constant << 4) | Token.Comma;
const openConstant = (Token.Open << 4) | Token.Constant;
const rowCommaOpenConstant = (Token.Row << 12) | (Token.Comma << 8) | openConstant;

/** A token of ordinary length can be written before the limit is checked. */
const slack = 64;

/**
 * Writes the normalized text, token by token. A list of constants keeps only its first element, a list of rows of
 * constants only its first row: `in (1, 2, 3)` and `values (1, 'a'), (2, 'b')` have the same normalized text as `in
 * (1)` and `values (1)`. The omitted parts have no effect on a session.
 */
export class Normalizer {
  readonly bytes: Buffer;
  length = 0;
  /** False after a token did not fit; nothing more is written. */
  isWhole = true;
  /** The last eight tokens, the newest in the lowest four bits. */
  history = 0;
  readonly #limit: number;
  #constantEnd = 0;
  #rowEnd = 0;

  /** `limit`: the longest normalized text, in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
    this.bytes = Buffer.allocUnsafeSlow(limit + slack);
  }

  clear(): void {
    this.length = 0;
    this.isWhole = true;
    this.history = 0;
  }

  /** The kind of the last token, or of an earlier one. */
  last(back = 0): number {
    return (this.history >>> (4 * back)) & 0xf;
  }

  space(): void {
    if (this.length > 0) this.bytes[this.length++] = 0x20;
  }

  /** A token of one byte. */
  byte(byte: number, kind: number): void {
    this.bytes[this.length++] = byte;
    this.#added(kind);
  }

  /** A token in `buffer[start, end)`. */
  copy(buffer: Uint8Array, start: number, end: number, kind: number): void {
    if (this.length + end - start > this.#limit) this.isWhole = false;
    else {
      for (let at = start; at < end; at += 1) this.bytes[this.length++] = buffer[at] ?? 0;
    }
    this.#added(kind);
  }

  /** A token whose bytes, at most 64, were already written at `length`. */
  written(count: number, kind: number): void {
    this.length += count;
    this.#added(kind);
  }

  /**
   * Called before a constant is written. True if it continues a list of constants: then its comma is removed, and it is
   * not written.
   */
  joinsConstants(): boolean {
    if ((this.history & 0xff) !== constantComma) return false;
    // Some functions, such as NULLIF, have a fixed number of arguments.
    if (
      this.last(2) === Token.Open &&
      (this.last(3) === Token.Word || this.last(3) === Token.Name)
    ) {
      return false;
    }
    this.history >>>= 4;
    this.length = this.#constantEnd;
    return true;
  }

  /** Called after a constant was written. */
  constantWritten(): void {
    this.#constantEnd = this.length;
  }

  /** A closing parenthesis. */
  close(): void {
    if ((this.history & 0xffff) === rowCommaOpenConstant) {
      this.history >>>= 12;
      this.length = this.#rowEnd;
    } else if ((this.history & 0xff) === openConstant) {
      this.byte(0x29, Token.Row);
      this.#rowEnd = this.length;
    } else {
      this.byte(0x29, Token.Close);
    }
  }

  #added(kind: number): void {
    this.history = (this.history << 4) | kind;
    if (this.length > this.#limit) this.isWhole = false;
    // Truncated, so that there is slack for the next token.
    if (!this.isWhole) this.length = Math.min(this.length, this.#limit);
  }
}
