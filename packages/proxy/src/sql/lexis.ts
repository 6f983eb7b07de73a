import { distinct, union } from '../distinct.ts';
import type { Distinct } from '../distinct.ts';

/** What the meaning of the bytes of a text depends on. */
export const Lexis = distinct<'Lexis'>()({
  /** standard_conforming_strings is on, and no byte of a non-ASCII character looks like ASCII. */
  Standard: 0,
  /** standard_conforming_strings is off or unknown: a backslash may escape a quote. */
  Backslashes: 1,
  /** The second byte of a character may look like a quote or a backslash, or that is unknown. */
  UnsafeEncoding: 2,
});
export type Lexis = Distinct<'Lexis'>;

/** Client encodings in which every byte of a non-ASCII character is non-ASCII. */
const safeEncodings =
  /^(utf8|unicode|sqlascii|euccn|eucjp|eucjis2004|euckr|euctw|muleinternal|latin\d+|iso8859\d+|koi8|koi8[rtu]|win(dows)?(866|874|125[0-8])|win|alt|vscii|tcvn|tcvn5712|abc)$/;

/**
 * The lexis of a session, from its parameters as in ParameterStatus. `undefined`: unknown, which counts as the worst
 * case. With anything but `Lexis.Standard`, a text to which it matters (with a backslash, or with non-ASCII bytes) is
 * opaque.
 */
export function lexisOf(
  clientEncoding: string | undefined,
  standardConformingStrings: string | undefined,
): Lexis {
  // PostgreSQL compares only letters and digits of encoding names.
  const encoding = (clientEncoding ?? '').toLowerCase().replace(/[^a-z0-9]/g, '');
  return union(
    standardConformingStrings === 'on' ? Lexis.Standard : Lexis.Backslashes,
    safeEncodings.test(encoding) ? Lexis.Standard : Lexis.UnsafeEncoding,
  );
}
