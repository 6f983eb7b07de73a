import { isUtf8 } from 'node:buffer';
import { deepestNesting, nestingOf } from './nesting.ts';
import { parse } from './parser.ts';

/** Longest text that is looked at, in bytes: a parse of so many takes some ten milliseconds. */
const longest = 64 * 1024;

/** Rows of operator characters longer than this cost the parser's lexer quadratic time. */
const operatorRun = /[~!@#^&|`?+\-*/%<>=]{257}/;

/**
 * Where each statement of the text in `buffer[start, end)` ends: at its semicolon, or at the end of the text. Counted from the
 * start of the text, in bytes. Null when that cannot be told.
 */
export function statementEnds(buffer: Buffer, start: number, end: number): number[] | null {
  if (end - start > longest) return null;
  const text = buffer.subarray(start, end);
  const bytes = text.toString('latin1');
  if (text.includes(0) || operatorRun.test(bytes) || nestingOf(bytes) > deepestNesting) return null;
  const isClear = isUtf8(text);
  const parsed = parse(isClear ? text.toString('utf8') : bytes);
  if (typeof parsed === 'string') return null;
  const ends = parsed.map(({ start: from, length }) => (length === 0 ? Infinity : from + length));
  return ends.map((at) => (isClear ? Math.min(at, text.length) : bytesBefore(text, at)));
}

/** A text that is not UTF-8 was given to the parser with a character for each byte, which takes two bytes beyond ASCII. */
function bytesBefore(text: Buffer, position: number): number {
  let at = 0;
  for (let taken = 0; at < text.length && taken < position; at++)
    taken += (text[at] ?? 0) < 0x80 ? 1 : 2;
  return at;
}
