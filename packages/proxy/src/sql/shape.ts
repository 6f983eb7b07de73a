import { Lexer } from './lexer.ts';

/** Longest shape that is given out, in bytes. */
const longestShape = 1024;

/** Bytes of a text that are looked at for its shape: lists of constants take many and give few. */
const longestLook = 64 * 1024;

const lexer = new Lexer(longestShape, '?');

/**
 * The statement without any literal, for counters and logs: strings become '?', numbers ?, parameters $1,
 * lists of constants their first, comments vanish. Cut to 1 KiB. A text that does not end where it
 * should has the shape of its sound part, so that nothing that might be a secret is shown. The text begins at `start`, and
 * goes up to a zero byte or to the end of what has come.
 */
export function shapeAt(buffer: Buffer, start: number): string {
  const end = buffer.indexOf(0, start);
  return shapeOf(buffer, start, end < 0 ? buffer.length : end);
}

/** As `shapeAt`, for the text in `buffer[start, end)`. */
export function shapeOf(buffer: Buffer, start: number, end: number): string {
  lexer.scan(buffer, start, Math.min(end, start + longestLook));
  const { shape, reason } = lexer;
  const text = shape.bytes.toString('utf8', 0, Math.min(shape.length, longestShape));
  const isAll = shape.isWhole && reason === undefined && end - start <= longestLook;
  return isAll ? text : `${text}…`;
}
