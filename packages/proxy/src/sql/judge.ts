import { Token } from './normalizer.ts';
import { Word } from './words.ts';

/** The position within a statement. */
const Position = {
  /** Before the first word. */
  Start: 0,
  /** The same, after opening parentheses. */
  Opened: 1,
  Reading: 2,
  Writing: 3,
  /** The parser must decide about the statement. */
  Unknown: 4,
} as const;

/** The position in INSERT INTO name, whose parenthesis is no call. */
const Target = { None: 0, Into: 1, Expected: 2, Named: 3 } as const;

/**
 * Classifies a text by its tokens alone. `isSure` if every statement is a SELECT, VALUES, TABLE, INSERT, UPDATE, DELETE
 * or MERGE that calls only harmless built-in functions, by their unqualified names, and contains no word that the
 * parser must decide about. Anything that is not known to be harmless makes it unsure; it never guesses.
 */
export class Judge {
  isSure = true;
  /** With `isSure`: only reads, with functions that a plain read can call. */
  isPlain = true;
  /** With `isSure`: at least one statement writes. */
  writes = false;
  statements = 0;
  #position: number = Position.Start;
  #target: number = Target.None;
  /** Bits of the last token, if it is a word. */
  #last = 0;

  reset(): void {
    this.isSure = true;
    this.isPlain = true;
    this.writes = false;
    this.statements = 0;
    this.#position = Position.Start;
    this.#target = Target.None;
    this.#last = 0;
  }

  /** Any token without a method of its own: it cannot start a statement. */
  other(): void {
    if (this.#position <= Position.Opened) this.#enter(Position.Unknown);
    this.#last = 0;
    this.#target = Target.None;
  }

  dot(): void {
    const target = this.#target === Target.Named ? Target.Expected : Target.None;
    this.other();
    this.#target = target;
  }

  semicolon(): void {
    this.end();
    this.#position = Position.Start;
    this.#last = 0;
    this.#target = Target.None;
  }

  /** The end of the text. */
  end(): void {
    if (this.#position === Position.Opened) this.isSure = false;
  }

  /** An unquoted word with its bits, after a token of kind `before`. */
  word(bits: number, before: number): void {
    const last = this.#last;
    const target = this.#target;
    this.#last = bits;
    this.#target = nextTarget(target);
    if (this.#position <= Position.Opened) {
      if ((bits & Word.Reads) !== 0) this.#enter(Position.Reading);
      else if ((bits & Word.Writes) !== 0) this.#enter(Position.Writing);
      else this.#enter(Position.Unknown);
      if ((bits & Word.BeforeInto) !== 0) this.#target = Target.Into;
      return;
    }
    if (bits === 0) return;
    if ((bits & Word.Into) !== 0) {
      // Except in INSERT INTO and MERGE INTO, it is SELECT INTO.
      if (target === Target.Into) this.#target = Target.Expected;
      else this.isSure = false;
    }
    // A data-modifying WITH.
    if ((bits & Word.Writes) !== 0 && this.#position === Position.Reading) this.isSure = false;
    // DISTINCT ON (…) is followed by an expression: `over (…)` would be a call there.
    if ((bits & Word.On) !== 0 && (last & Word.Distinct) !== 0) this.isSure = false;
    this.#mention(bits, before);
  }

  /** A quoted name, with the bits of the corresponding word. */
  name(bits: number, before: number): void {
    const target = nextTarget(this.#target);
    this.other();
    this.#target = target;
    this.#mention(bits, before);
  }

  /** An opening parenthesis after a token of kind `last`, which followed one of kind `before`. */
  open(last: number, before: number): void {
    if (this.#position <= Position.Opened) {
      if (this.#position === Position.Start) this.statements += 1;
      this.#position = Position.Opened;
    } else if (this.#target !== Target.Named) {
      if (last === Token.Name) this.isSure = false;
      else if (last === Token.Word) this.#call(this.#last, before);
    }
    this.#last = 0;
    this.#target = Target.None;
  }

  #enter(position: number): void {
    if (this.#position === Position.Start) this.statements += 1;
    this.#position = position;
    if (position === Position.Unknown) this.isSure = false;
    if (position === Position.Writing) {
      this.writes = true;
      this.isPlain = false;
    }
  }

  /** A name may be a call even without parentheses: `row.f` is f(row). */
  #mention(bits: number, before: number): void {
    if ((bits & Word.Watched) !== 0) this.isSure = false;
    const isVolatile =
      (bits & (Word.HarmlessFunction | Word.PlainFunction)) === Word.HarmlessFunction;
    if (isVolatile && before === Token.Dot) this.isPlain = false;
  }

  /** A word before a parenthesis. */
  #call(bits: number, before: number): void {
    if (before === Token.Dot) this.isSure = false;
    else if ((bits & (Word.Keyword | Word.PlainFunction)) !== 0) return;
    else if ((bits & Word.HarmlessFunction) !== 0) this.isPlain = false;
    else if ((bits & Word.Window) === 0 || (before !== Token.Close && before !== Token.Row)) {
      this.isSure = false;
    }
  }
}

/** The position in INSERT INTO after one more name. */
function nextTarget(target: number): number {
  return target === Target.Expected ? Target.Named : Target.None;
}
