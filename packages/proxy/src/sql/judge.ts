import { Token } from './normalizer.ts';
import { Word } from './words.ts';

/** Where a text stands within a statement. */
const Position = {
  /** The first word is still to come. */
  Start: 0,
  /** The same, after opening parentheses. */
  Opened: 1,
  Reading: 2,
  Writing: 3,
  /** The statement is the parser's to judge. */
  Unknown: 4,
} as const;

/** Where a text stands in INSERT INTO name, whose parenthesis is no call. */
const Target = { None: 0, Into: 1, Expected: 2, Named: 3 } as const;

/**
 * Judges a text by its tokens alone, one after the other. `isSure` when every statement is a SELECT,
 * VALUES, TABLE, INSERT, UPDATE, DELETE or MERGE that calls nothing but PostgreSQL's own harmless
 * functions, by their bare names, and holds no word that is the parser's to judge. Whatever is not
 * known to be harmless makes it unsure; it never guesses.
 */
export class Judge {
  isSure = true;
  /** With `isSure`: nothing but reads, with functions that a plain read may call. */
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

  /** Any token that has no method of its own: it cannot start a statement. */
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

  /** A plain word with its bits, after a token of kind `before`. */
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
      // Anywhere but in INSERT INTO and MERGE INTO it is SELECT INTO.
      if (target === Target.Into) this.#target = Target.Expected;
      else this.isSure = false;
    }
    // A data-modifying WITH.
    if ((bits & Word.Writes) !== 0 && this.#position === Position.Reading) this.isSure = false;
    // DISTINCT ON (…) is followed by an expression: `over (…)` would be a call there.
    if ((bits & Word.On) !== 0 && (last & Word.Distinct) !== 0) this.isSure = false;
    this.#mention(bits, before);
  }

  /** A quoted name, with the bits of the word it spells. */
  name(bits: number, before: number): void {
    const target = nextTarget(this.#target);
    this.other();
    this.#target = target;
    this.#mention(bits, before);
  }

  /** An opening parenthesis after a token of kind `last`, which came after one of kind `before`. */
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

/** Where INSERT INTO stands after one more name. */
function nextTarget(target: number): number {
  return target === Target.Expected ? Target.Named : Target.None;
}
