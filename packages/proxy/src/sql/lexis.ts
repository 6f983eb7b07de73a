/** What the meaning of a text's bytes depends on beside the bytes. */
export const Lexis = {
  /** standard_conforming_strings is on, and no byte of a character beyond ASCII looks like ASCII. */
  Standard: 0,
  /** standard_conforming_strings is off, or not known: a backslash may or may not escape a quote. */
  Backslashes: 1,
  /** The second byte of a character may look like a quote or a backslash, or that is not known. */
  UnsafeEncoding: 2,
} as const;

/** Client encodings in which every byte of a character beyond ASCII is beyond ASCII too. */
const safeEncodings =
  /^(utf8|unicode|sqlascii|euccn|eucjp|eucjis2004|euckr|euctw|muleinternal|latin\d+|iso8859\d+|koi8|koi8[rtu]|win(dows)?(866|874|125[0-8])|win|alt|vscii|tcvn|tcvn5712|abc)$/;

/**
 * The lexis of a session, from its parameters as ParameterStatus reports them. `undefined`: not known,
 * which is taken for the worst. With anything but `Lexis.Standard` a text in which it matters (one with a
 * backslash, or with bytes beyond ASCII) is opaque.
 */
export function lexisOf(
  clientEncoding: string | undefined,
  standardConformingStrings: string | undefined,
): number {
  // As PostgreSQL compares encoding names: letters and digits only.
  const encoding = (clientEncoding ?? '').toLowerCase().replace(/[^a-z0-9]/g, '');
  return (
    (standardConformingStrings === 'on' ? 0 : Lexis.Backslashes) |
    (safeEncodings.test(encoding) ? 0 : Lexis.UnsafeEncoding)
  );
}
