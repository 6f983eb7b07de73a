import { isUtf8 } from 'node:buffer';
import { isTooDeep } from './nesting.ts';
import { parse } from './parser.ts';

/** The longest text that is parsed, in bytes; that takes up to 40 milliseconds. */
const longest = 24 * 1024;

/**
 * The end of each statement of the text in `buffer[start, end)`: its semicolon, or the end of the text, as byte offsets
 * within the text. Null if unknown.
 */
export function statementEnds(buffer: Buffer, start: number, end: number): number[] | null {
  if (end - start > longest) return null;
  const text = buffer.subarray(start, end);
  const bytes = text.toString('latin1');
  if (text.includes(0) || isTooDeep(bytes)) return null;
  const isClear = isUtf8(text);
  const parsed = parse(isClear ? text.toString('utf8') : bytes);
  if (typeof parsed === 'string') return null;
  const ends = parsed.map(({ start: from, length }) => (length === 0 ? Infinity : from + length));
  return ends.map((at) => (isClear ? Math.min(at, text.length) : bytesBefore(text, at)));
}

/** In a text that is not UTF-8, the parser got one character per byte, which takes two bytes for non-ASCII ones. */
function bytesBefore(text: Buffer, position: number): number {
  let at = 0;
  for (let taken = 0; at < text.length && taken < position; at++)
    taken += (text[at] ?? 0) < 0x80 ? 1 : 2;
  return at;
}
