/** The classes of bytes in PostgreSQL's lexer (scan.l). */
export const Char = {
  /** Starts no token: control characters, backslash, braces. */
  Other: 0,
  Space: 1,
  /** a-z, A-Z, _, and every byte of a non-ASCII character. */
  Letter: 2,
  Digit: 3,
  /** Any of ~ ! @ # ^ & | ` ? + - * / % < > = */
  Operator: 4,
  Quote: 5,
  DoubleQuote: 6,
  Dollar: 7,
  Open: 8,
  Close: 9,
  Comma: 10,
  Semicolon: 11,
  Dot: 12,
  /** [ ] and : */
  Punctuation: 13,
} as const;

const kinds = new Uint8Array(256);

const all = (characters: string, kind: number): void => {
  for (const byte of Buffer.from(characters, 'latin1')) kinds[byte] = kind;
};
// Vertical tab is white space only from PostgreSQL 16 on: left to the parser.
all(' \t\n\r\f', Char.Space);
all('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_', Char.Letter);
kinds.fill(Char.Letter, 0x80);
all('0123456789', Char.Digit);
all('~!@#^&|`?+-*/%<>=', Char.Operator);
all("'", Char.Quote);
all('"', Char.DoubleQuote);
all('$', Char.Dollar);
all('(', Char.Open);
all(')', Char.Close);
all(',', Char.Comma);
all(';', Char.Semicolon);
all('.', Char.Dot);
all('[]:', Char.Punctuation);

/** The class of each byte. */
export const charKinds: Readonly<Uint8Array> = kinds;

/** Letters folded to lower case as PostgreSQL folds keywords and unquoted names; other bytes unchanged. */
export const folded: Readonly<Uint8Array> = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte,
);

/** 1 for bytes that can continue a name: letters, digits and the dollar sign. */
export const nameBytes: Readonly<Uint8Array> = Uint8Array.from(kinds, (kind) =>
  kind === Char.Letter || kind === Char.Digit || kind === Char.Dollar ? 1 : 0,
);
