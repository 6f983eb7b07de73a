import { bodyAt, headerLength, messageEnd } from './frame.ts';
import { FrontendCode } from './codes.ts';

/*
 * What the messages of a client hold (manual, "Message Formats"), by offsets into the buffer they came in. `at` is where a
 * message begins, `end` where it ends or where the buffer does.
 */

/** What Describe and Close are about, by their first byte. */
export const NamedKind = {
  Statement: 0x53, // S
  Portal: 0x50, // P
} as const;

/** Describe (F), Close (F): Byte1('D' or 'C') Int32 length, Byte1('S' statement or 'P' portal), String name. */
export function namesStatement(buffer: Buffer, at: number): boolean {
  return buffer[bodyAt(at)] === NamedKind.Statement;
}

/** Where the name in a Describe or Close begins. */
export function namedAt(at: number): number {
  return bodyAt(at) + 1;
}

/**
 * Where the first String of a message begins. Parse (F): String name, String query, Int16 n, Int32[n] types. Bind (F): String
 * portal, String statement, … Execute (F): String portal, Int32 rows. Describe and Close say first what they are about.
 */
export function firstStringAt(code: number, at: number): number {
  return code === FrontendCode.Describe || code === FrontendCode.Close ? namedAt(at) : bodyAt(at);
}

/** Where the String that begins at `start` has its zero byte; -1: not in the buffer. */
export function stringEnd(buffer: Buffer, start: number): number {
  return buffer.indexOf(0, start);
}

/** Whether the message at `at` is a Describe of the statement whose name is `buffer[start, end)`. */
export function describesStatement(
  buffer: Buffer,
  at: number,
  start: number,
  end: number,
): boolean {
  const name = namedAt(at);
  const nameEnd = name + end - start;
  return (
    nameEnd < buffer.length &&
    buffer[at] === FrontendCode.Describe &&
    namesStatement(buffer, at) &&
    buffer[nameEnd] === 0 &&
    buffer.compare(buffer, start, end, name, nameEnd) === 0
  );
}

/** Whether the requests from `start` on describe a portal, up to their Sync or as far as they have come. */
export function describesPortal(buffer: Buffer, start: number): boolean {
  for (let at = start; at + headerLength < buffer.length; at = messageEnd(buffer, at)) {
    if (buffer[at] === FrontendCode.Describe && buffer[bodyAt(at)] === NamedKind.Portal)
      return true;
    if (buffer[at] === FrontendCode.Sync) return false;
  }
  return false;
}

/** FunctionCall (F): Byte1('F') Int32 length, Int32 object id of the function, … -1: the buffer ends before it. */
export function calledFunction(buffer: Buffer, at: number, end: number): number {
  const body = bodyAt(at);
  return body + 4 > end ? -1 : buffer.readUInt32BE(body);
}

/*
 * Bind (F), behind the names of portal and statement: Int16 n, Int16[n] formats of the parameters, Int16 m, then m times
 * Int32 length (-1: NULL) and the bytes, Int16 k, Int16[k] formats of the columns.
 */

/** A parameter's value in a Bind. */
export interface BoundValue {
  readonly start: number;
  readonly end: number;
  readonly isBinary: boolean;
}

/** How many values a Bind has, whose formats begin at `from`; -1: the buffer ends before. */
export function countValues(buffer: Buffer, from: number, end: number): number {
  if (from + 2 > end) return -1;
  const at = from + 2 + 2 * buffer.readUInt16BE(from);
  return at + 2 > end ? -1 : buffer.readUInt16BE(at);
}

/** Where the length of a parameter stands; -1: it is not there. */
function valueAt(buffer: Buffer, from: number, end: number, parameter: number): number {
  const count = countValues(buffer, from, end);
  if (parameter > count) return -1;
  let at = from + 4 + 2 * buffer.readUInt16BE(from);
  for (let number = 1; at + 4 <= end; number++) {
    if (number === parameter) return at;
    at += 4 + Math.max(0, buffer.readInt32BE(at));
  }
  return -1;
}

/** Whether parameter $n is NULL; undefined when it cannot be read. */
export function isNullValue(
  buffer: Buffer,
  from: number,
  end: number,
  parameter: number,
): boolean | undefined {
  const at = valueAt(buffer, from, end, parameter);
  return at < 0 ? undefined : buffer.readInt32BE(at) < 0;
}

/** The value of parameter $n; null for NULL, and when it cannot be read. No format: text; one: it holds for all. */
export function boundValue(message: Buffer, from: number, parameter: number): BoundValue | null {
  const at = valueAt(message, from, message.length, parameter);
  if (at < 0) return null;
  const start = at + 4;
  const length = message.readInt32BE(at);
  if (length < 0 || start + length > message.length) return null;
  const formats = message.readUInt16BE(from);
  const index = formats === 1 ? 0 : parameter - 1;
  const isBinary = index < formats && message.readUInt16BE(from + 2 + 2 * index) === 1;
  return { start, end: start + length, isBinary };
}

/** An int4 in a Bind: four bytes when binary, else digits. Null when the value is none. */
export function readInt4(message: Buffer, { start, end, isBinary }: BoundValue): number | null {
  if (isBinary) return end - start === 4 ? message.readInt32BE(start) : null;
  const text = message.toString('latin1', start, end);
  return /^\d{1,10}$/.test(text) ? Number(text) : null;
}

/** Puts another number in its place, as long as the one that was there. */
export function writeInt4(
  message: Buffer,
  { start, end, isBinary }: BoundValue,
  value: number,
): void {
  if (isBinary) message.writeInt32BE(value, start);
  else message.write(String(value).padStart(end - start, '0'), start, 'latin1');
}

/** SASLInitialResponse (F), its body: String mechanism, Int32 length of the data, Byten data. Null: it is laid out otherwise. */
export function readSaslInitial(
  body: Buffer,
): { readonly mechanism: string; readonly data: string } | null {
  const nameEnd = body.indexOf(0);
  const data = nameEnd + 5;
  if (nameEnd < 0 || body.length < data) return null;
  if (body.readInt32BE(nameEnd + 1) !== body.length - data) return null;
  return { mechanism: body.toString('utf8', 0, nameEnd), data: body.toString('utf8', data) };
}
