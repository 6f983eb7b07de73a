/** The maximum number of names in one text, and the number of bytes that are searched. */
const mostNames = 50;
const longestText = 65_536;

/**
 * Part of a name: ASCII, or non-ASCII, where the second byte of a character may look like ASCII in some encodings
 * (SJIS, BIG5, GBK, UHC, JOHAB, GB18030).
 */
const parts = /(?:[\x80-\xff][\x40-\x7e]?|[\w$])+/g;

/** The separator between two parts of a name. */
const dot = /^"?\s?\.\s?"?$/;
const longestDot = 5;

/**
 * Possible names of custom parameters (`app.tenant`) in a text that the proxy cannot parse, or that has them in a
 * value; one character per byte. A name that is not a parameter does no harm. Letters keep their case, because a byte
 * that looks like one may be half of a character.
 */
export function dottedNamesIn(text: string): string[] {
  const names = new Set<string>();
  const read = text.slice(0, longestText);
  let name = '';
  let hasDot = false;
  let end = -1;
  for (const { 0: part, index } of read.matchAll(parts)) {
    if (index - end <= longestDot && end >= 0 && dot.test(read.slice(end, index))) {
      name += `.${part}`;
      hasDot = true;
    } else {
      if (hasDot) names.add(name);
      if (names.size >= mostNames) return [...names];
      name = part;
      hasDot = false;
    }
    end = index + part.length;
  }
  if (hasDot) names.add(name);
  return [...names];
}
