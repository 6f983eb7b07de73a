import { bodyAt, headerLength, messageEnd } from './frame.ts';
import { FrontendCode } from './codes.ts';

/*
 * The contents of client messages (manual, "Message Formats"), as offsets into the received buffer. `at` is the start
 * of a message, `end` its end or the end of the buffer.
 */

/** The kind of object in Describe and Close, in their first byte. */
export const NamedKind = {
  Statement: 0x53, // S
  Portal: 0x50, // P
} as const;

/** Describe (F), Close (F): Byte1('D' or 'C') Int32 length, Byte1('S' statement or 'P' portal), String name. */
export function namesStatement(buffer: Buffer, at: number): boolean {
  return buffer[bodyAt(at)] === NamedKind.Statement;
}

/** The start of the name in a Describe or Close. */
export function namedAt(at: number): number {
  return bodyAt(at) + 1;
}

/**
 * The start of the first String of a message. Parse (F): String name, String query, Int16 n, Int32[n] types. Bind (F):
 * String portal, String statement, … Execute (F): String portal, Int32 rows. Describe and Close have the kind of object
 * before it.
 */
export function firstStringAt(code: number, at: number): number {
  return code === FrontendCode.Describe || code === FrontendCode.Close ? namedAt(at) : bodyAt(at);
}

/** The position of the zero byte of the String that begins at `start`; -1: not in the buffer. */
export function stringEnd(buffer: Buffer, start: number): number {
  return buffer.indexOf(0, start);
}

/** Whether the message at `at` is a Describe of the statement with the name `buffer[start, end)`. */
export function describesStatement(
  buffer: Buffer,
  at: number,
  start: number,
  end: number,
): boolean {
  const name = namedAt(at);
  const nameEnd = name + end - start;
  return (
    buffer[at] === FrontendCode.Describe &&
    namesStatement(buffer, at) &&
    buffer[nameEnd] === 0 &&
    buffer.compare(buffer, start, end, name, nameEnd) === 0
  );
}

/** Whether the requests from `start` on describe a portal, up to their Sync or the end of the buffer. */
export function describesPortal(buffer: Buffer, start: number): boolean {
  for (let at = start; at + headerLength < buffer.length; at = messageEnd(buffer, at)) {
    if (buffer[at] === FrontendCode.Describe && buffer[bodyAt(at)] === NamedKind.Portal)
      return true;
    if (buffer[at] === FrontendCode.Sync) return false;
  }
  return false;
}

/** FunctionCall (F): Byte1('F') Int32 length, Int32 OID of the function, … -1: the buffer ends before it. */
export function calledFunction(buffer: Buffer, at: number, end: number): number {
  const body = bodyAt(at);
  return body + 4 > end ? -1 : buffer.readUInt32BE(body);
}

/*
 * Bind (F), after the names of portal and statement: Int16 n, Int16[n] formats of the parameters, Int16 m, then m times
 * Int32 length (-1: NULL) and the bytes, Int16 k, Int16[k] formats of the columns.
 */

/** The value of a parameter in a Bind. */
export interface BoundValue {
  readonly start: number;
  readonly end: number;
  readonly isBinary: boolean;
}

/** The number of values in a Bind whose formats begin at `from`; -1: the buffer ends before. */
export function countValues(buffer: Buffer, from: number, end: number): number {
  if (from + 2 > end) return -1;
  const at = from + 2 + 2 * buffer.readUInt16BE(from);
  return at + 2 > end ? -1 : buffer.readUInt16BE(at);
}

/** The position of the length of a parameter; -1: it does not exist. */
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

/** Whether parameter $n is NULL; undefined if it cannot be read. */
export function isNullValue(
  buffer: Buffer,
  from: number,
  end: number,
  parameter: number,
): boolean | undefined {
  const at = valueAt(buffer, from, end, parameter);
  return at < 0 ? undefined : buffer.readInt32BE(at) < 0;
}

/**
 * The value of parameter $n; null for NULL, and if it cannot be read. Without a format it is text; a single format
 * applies to all.
 */
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

/** An int4 in a Bind: four bytes in binary format, otherwise digits. Null if the value is invalid. */
export function readInt4(message: Buffer, { start, end, isBinary }: BoundValue): number | null {
  if (isBinary) return end - start === 4 ? message.readInt32BE(start) : null;
  const text = message.toString('latin1', start, end);
  return /^\d{1,10}$/.test(text) ? Number(text) : null;
}

/** Replaces the number by another one of the same length. */
export function writeInt4(
  message: Buffer,
  { start, end, isBinary }: BoundValue,
  value: number,
): void {
  if (isBinary) message.writeInt32BE(value, start);
  else message.write(String(value).padStart(end - start, '0'), start, 'latin1');
}

/**
 * SASLInitialResponse (F), its body: String mechanism, Int32 length of the data, Byten data. Null: the format is
 * invalid.
 */
export function readSaslInitial(
  body: Buffer,
): { readonly mechanism: string; readonly data: string } | null {
  const nameEnd = body.indexOf(0);
  const data = nameEnd + 5;
  if (nameEnd < 0 || body.length < data) return null;
  if (body.readInt32BE(nameEnd + 1) !== body.length - data) return null;
  return { mechanism: body.toString('utf8', 0, nameEnd), data: body.toString('utf8', data) };
}
